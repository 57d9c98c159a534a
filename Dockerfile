# syntax=docker/dockerfile:1
# The service alone: PostgreSQL, Redis and the proxy are their own containers (compose.yaml).

FROM python:3.13-slim-trixie AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
RUN python -m venv --without-scm-ignore-files /opt/bountyexpo
# What changes seldom comes first, so that a change of the code installs nothing anew.
COPY requirements/runtime.lock requirements/runtime.lock
RUN /opt/bountyexpo/bin/pip install --require-hashes --only-binary=:all: -r requirements/runtime.lock
COPY pyproject.toml README.md ./
COPY bountyexpo bountyexpo
RUN /opt/bountyexpo/bin/pip install --no-deps --no-build-isolation . \
    && /opt/bountyexpo/bin/pip uninstall --yes pip \
    && /opt/bountyexpo/bin/python -m compileall -q /opt/bountyexpo/lib

FROM python:3.13-slim-trixie
# The folder holds the embedded database and the emulators' secrets where nothing real is configured.
RUN groupadd --system --gid 10001 bountyexpo \
    && useradd --system --uid 10001 --gid bountyexpo --home-dir /data --no-create-home \
        --shell /usr/sbin/nologin bountyexpo \
    && install --directory --owner=bountyexpo --group=bountyexpo --mode=0700 /data
COPY --from=build /opt/bountyexpo /opt/bountyexpo
# Nothing is written outside of /data and /tmp: run it with a read-only root.
ENV PATH=/opt/bountyexpo/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    BOUNTYEXPO_DATA=/data \
    PORT=3001
WORKDIR /data
VOLUME ["/data"]
USER 10001:10001
EXPOSE 3001
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["bountyexpo", "doctor", "--ready"]
ENTRYPOINT ["bountyexpo"]
CMD ["serve"]
