# The digest decides, the one of the index for all architectures; the tag before it only says to a
# reader what it was. Repairs of Python and Debian come with a new digest alone. To renew both:
#   docker buildx imagetools inspect python:3.11-slim-bookworm              (Digest, on top)
#   docker run --rm --pull always python:3.11-slim-bookworm python --version
ARG BASE=python:3.11.17-slim-bookworm@sha256:0a310eeecf4e1f5a0743f9a6520c90c88d089c903ca5fd283f501e3a805f5f89

# What the service needs, each file checked against requirements.txt.
FROM ${BASE} AS build
WORKDIR /app
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
COPY requirements.txt ./
RUN python -m venv venv
# Wheels only: the slim base has no compiler, and a source package's setup would run as root.
# The lock is complete: nothing is resolved, and what it lacked would fail here.
RUN venv/bin/python -m pip install --no-deps --require-hashes --only-binary=:all: -r requirements.txt && venv/bin/python -m pip check
# The service needs no installer, and an intruder must not find one.
RUN venv/bin/python -m pip uninstall --yes --quiet setuptools pip
COPY hooks/ hooks/
# What the preview follows: the definition by which the API server judges syncers, and the controllers.
COPY crds/configmapsyncers.config.example.com.yaml crds/
COPY metacontroller/registration/compositecontroller.yaml metacontroller/registration/
COPY metacontroller/components/adoption/decoratorcontroller.yaml metacontroller/components/adoption/

# A broken image does not build: here the service answers a recorded request.
FROM build AS tried
ENV PATH=/app/venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1
COPY tests/smoke.py ./
COPY tests/cases/sync/targets/new-syncer-desires-a-copy-in-every-target/request.json ./
USER 65532:65532
RUN python smoke.py request.json -- python -m hooks

# What was tried, and nothing else.
FROM ${BASE}
WORKDIR /app
# A root file system may be mounted read-only, and a log line must not wait in a buffer.
ENV PATH=/app/venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
# From any folder the code is found, and no folder's own code is taken for it.
ENV PYTHONPATH=/app PYTHONSAFEPATH=1
COPY --from=tried /app/venv/ venv/
COPY --from=tried /app/hooks/ hooks/
COPY --from=tried /app/crds/ crds/
COPY --from=tried /app/metacontroller/ metacontroller/
USER 65532:65532
EXPOSE 8080
# Without arguments it serves; `preview …` shows what syncers do.
ENTRYPOINT ["python", "-m", "hooks"]
