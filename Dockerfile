# syntax=docker/dockerfile:1

# The same image is the server and the worker: `docker run IMAGE serve`, `docker run IMAGE worker`.

FROM python:3.11-slim-bookworm AS build
WORKDIR /build
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY src src
# The environment has no pip of its own, so none is in the final image's either.
RUN --mount=type=cache,target=/root/.cache/pip \
    python -m venv --without-pip /opt/bugflow \
    && python -m pip --python /opt/bugflow/bin/python install --constraint constraints.txt '.[s3]'

FROM python:3.11-slim-bookworm
LABEL org.opencontainers.image.title="BugFlow" \
      org.opencontainers.image.licenses="Apache-2.0"
# LightGBM needs the OpenMP library of GCC.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends libgomp1 && rm -rf /var/lib/apt/lists/*
RUN useradd --system --uid 10001 --user-group --home-dir /var/lib/bugflow --create-home bugflow \
    && chmod 0700 /var/lib/bugflow
COPY --from=build /opt/bugflow /opt/bugflow
ENV PATH=/opt/bugflow/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    BUGFLOW_HOME=/var/lib/bugflow \
    BUGFLOW_HOST=0.0.0.0 \
    BUGFLOW_LOG_FORMAT=json
WORKDIR /var/lib/bugflow
VOLUME /var/lib/bugflow
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen(f'http://127.0.0.1:{os.environ.get(\"BUGFLOW_PORT\", 8000)}/health', timeout=4)"]
ENTRYPOINT ["bugflow"]
CMD ["serve"]
