# The proxy as an image: `docker build -t strangler .`, see deploy/README.md.
# To pin the base exactly, build with --build-arg BASE=python:3.12-slim@sha256:...
ARG BASE=python:3.12-slim

FROM ${BASE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
COPY requirements.lock requirements-runtime.lock ./
# Of the development packages, only the build backend is needed, with its hashes.
RUN sed -n '/^setuptools==/,/[^\\]$/p' requirements.lock > /tmp/backend.lock \
 && python -m venv /opt/strangler \
 && /opt/strangler/bin/pip install --require-hashes -r requirements-runtime.lock \
 && python -m pip install --require-hashes -r /tmp/backend.lock
COPY pyproject.toml README.md LICENSE ./
COPY strangler strangler
RUN python -m pip wheel --no-deps --no-build-isolation --wheel-dir /dist . \
 && /opt/strangler/bin/pip install --no-deps --no-index /dist/*.whl \
 && /opt/strangler/bin/pip uninstall --yes pip

FROM ${BASE}
ENV PATH=/opt/strangler/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
COPY --from=build /opt/strangler /opt/strangler
COPY deploy/healthcheck.py /opt/strangler/healthcheck.py
# Numbers, so that Kubernetes' runAsNonRoot can see that it is not root. The volume takes over its folder's owner.
RUN mkdir --mode=0700 /var/lib/strangler && chown 10001:10001 /var/lib/strangler && mkdir /etc/strangler
USER 10001:10001
VOLUME /var/lib/strangler
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 \
  CMD ["python", "-I", "-S", "/opt/strangler/healthcheck.py", "/var/lib/strangler"]
ENTRYPOINT ["strangler"]
CMD ["serve", "-c", "/etc/strangler/routes.yaml", "--listen", "0.0.0.0:8080", "--state-dir", "/var/lib/strangler"]
