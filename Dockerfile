# The proxy alone, for your own upstreams: mount a routes file at /etc/strangler/routes.yaml.
FROM python:3.12-slim

ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
WORKDIR /opt/strangler

# Because the versions change less often than the code, they are a layer of their own.
COPY requirements-runtime.lock ./
RUN pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements-runtime.lock

COPY LICENSE README.md pyproject.toml ./
COPY strangler strangler
# setuptools, which builds the package, is fetched for this step alone and is not part of the image.
RUN pip install --no-cache-dir --disable-pip-version-check --no-deps . \
 && rm -rf build *.egg-info

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
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:9900/healthz', timeout=2)"]

# SIGTERM drains for 10 s, as long as `docker stop` waits by default.
ENTRYPOINT ["strangler"]
CMD ["serve", "-c", "/etc/strangler/routes.yaml", "--listen", "0.0.0.0:8080", "--admin", "127.0.0.1:9900", "--state-dir", "/var/lib/strangler"]
