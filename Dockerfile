# One image for the API, the worker and the upgrade: the command says which. docs/deployment.md
ARG PYTHON_IMAGE=python:3.13-slim

FROM ${PYTHON_IMAGE} AS build
WORKDIR /source
COPY requirements-dev.lock ./
# The pip that is locked takes hashes from a constraints file; the image's may not yet.
# The secret, if given, is a pip.conf that names another index; it stays out of the image.
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    --mount=type=cache,target=/root/.cache/pip \
    python -m venv /build && \
    sed -n '/^pip==/,/# via/p' requirements-dev.lock > pip.lock && \
    /build/bin/pip install --require-hashes --requirement pip.lock
COPY . ./
# The wheel brings the names of what it needs, the lock their versions and hashes: the embedded server stays out.
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    --mount=type=cache,target=/root/.cache/pip \
    /build/bin/pip wheel --no-deps --build-constraint requirements-dev.lock --wheel-dir /wheel . && \
    python -m venv --without-pip /opt/broadcast-manager && \
    wheel=$(echo /wheel/*.whl) && \
    /build/bin/pip --python /opt/broadcast-manager/bin/python install --require-hashes --constraint requirements.lock \
        "broadcast-manager[web] @ file://$wheel#sha256=$(sha256sum "$wheel" | cut -d ' ' -f 1)"

FROM ${PYTHON_IMAGE}
COPY --from=build /opt/broadcast-manager /opt/broadcast-manager
ENV PATH=/opt/broadcast-manager/bin:$PATH \
    PYTHONUNBUFFERED=1
# A number, so that Kubernetes' runAsNonRoot can see that it is not root.
USER 10001:10001
EXPOSE 8080
# Of the API. A worker has no such address, and is run with --no-healthcheck: docs/deployment.md
HEALTHCHECK --interval=10s --timeout=6s --start-period=20s --retries=3 \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8080/api/health', timeout=5)"]
ENTRYPOINT ["broadcast-manager"]
CMD ["api", "--host", "0.0.0.0"]
