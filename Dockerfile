# The product's image: web server, worker, clock and commands are one image with different commands
# (docker-compose.yml). Build it with:  docker build --target runtime -t pvc:local .
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

# ---------------------------------------------------------------------------- what is built stays behind
FROM ${PYTHON_IMAGE} AS build
WORKDIR /app
COPY requirements/server.txt requirements/
# pip compiles what it installs; nothing is compiled from C, so no build tools are needed.
RUN python -m venv --without-pip /venv \
    && pip --python /venv/bin/python --disable-pip-version-check --no-cache-dir install --quiet \
        --require-hashes --only-binary=:all: --requirement requirements/server.txt
# .dockerignore names what the image holds.
COPY . .
RUN python -m compileall -q .

# ---------------------------------------------------------------------------- what is shipped
FROM ${PYTHON_IMAGE} AS runtime
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Prompt version control" \
      org.opencontainers.image.description="A self-hosted server that gives prompts what git and code review give to code." \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# MALLOC_ARENA_MAX: few heaps for many threads, so that what a large answer needed goes back to the system.
ENV PATH=/venv/bin:$PATH \
    DJANGO_SETTINGS_MODULE=pvc.settings \
    PYTHONUNBUFFERED=1 \
    MALLOC_ARENA_MAX=2
RUN useradd --system --uid 10001 --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin pvc \
    && install --directory --owner pvc --group pvc /anchors
COPY --from=build /venv /venv
COPY --from=build /app /app
WORKDIR /app
# A number, so that an orchestrator can see that it is not root.
USER 10001
EXPOSE 8000
CMD ["granian", "--interface", "wsgi", "--host", "0.0.0.0", "--port", "8000", "--blocking-threads", "8", "--blocking-threads-idle-timeout", "600", "--no-ws", "pvc.wsgi:application"]
