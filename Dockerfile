# The proxy alone, for your own upstreams: mount the folder of routes.yaml at /etc/strangler. See deploy/README.md.
FROM python:3.12-slim

ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /opt/strangler

# Because the versions change less often than the code, they are a layer of their own. Of the development packages only
# the build backend is needed; it comes from the tested lock with its hashes, like all the rest.
COPY requirements.lock requirements-runtime.lock ./
RUN sed -n '/^setuptools==/,/[^\\]$/p' requirements.lock > /tmp/backend.lock \
 && pip install --require-hashes -r requirements-runtime.lock \
 && pip install --require-hashes -r /tmp/backend.lock

COPY LICENSE README.md pyproject.toml ./
COPY strangler strangler
RUN pip install --no-deps --no-build-isolation . \
 && pip uninstall --yes setuptools \
 && rm -rf build *.egg-info strangler

COPY deploy/healthcheck.py ./
# A number, so that a cluster can check that it is not root; the state directory is the one place it writes to.
RUN groupadd --gid 10001 strangler \
 && useradd --uid 10001 --gid 10001 --no-create-home --shell /usr/sbin/nologin strangler \
 && install -d -o 10001 -g 10001 -m 0700 /var/lib/strangler
USER 10001:10001
VOLUME /var/lib/strangler
WORKDIR /var/lib/strangler

EXPOSE 8080
# The admin port stays on the container's loopback. Alive is enough: a proxy that is not ready yet must not be restarted.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
  CMD ["python", "-I", "-S", "/opt/strangler/healthcheck.py", "/var/lib/strangler"]

# SIGTERM drains for 25 s, so stop it with a few seconds more: docker stop --time 40.
ENTRYPOINT ["strangler"]
CMD ["serve", "-c", "/etc/strangler/routes.yaml", "--listen", "0.0.0.0:8080", "--state-dir", "/var/lib/strangler"]
