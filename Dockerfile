FROM python:3.11-slim-bookworm AS build

# Options for pip, such as a mirror: docker build --build-arg PIP_ARGS="..." .
ARG PIP_ARGS=""

# A compiler for the decoding engine's kernels, if one can be had.
RUN { apt-get update && apt-get install -y --no-install-recommends g++; } || echo "no compiler"

WORKDIR /src
RUN python -m venv --without-pip /opt/venv
# Before the code, so that a change of code installs nothing anew.
COPY pyproject.toml constraints.txt LICENSE ./
RUN touch README.md \
    && python -m pip --python /opt/venv/bin/python --no-cache-dir --disable-pip-version-check \
        install ${PIP_ARGS} -c constraints.txt '.[postgres]'

WORKDIR /app
COPY LICENSE ./
COPY vocab vocab
COPY chatbot chatbot
COPY api api
# The decoding engine's kernels; without them it is slower, and nothing else changes.
RUN python -m chatbot.decoding.native || echo "no native kernels"
# A checkpoint that its owner alone may read would be closed to the service's user.
RUN chmod -R a+rX . && python -m compileall -q .


FROM python:3.11-slim-bookworm

ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    XIANLIAO_HOST=0.0.0.0 \
    XIANLIAO_PORT=8000 \
    XIANLIAO_DATA_DIR=/data

RUN groupadd --system --gid 10001 xianliao \
    && useradd --system --uid 10001 --gid xianliao --home-dir /data --shell /usr/sbin/nologin xianliao \
    && install -d -o xianliao -g xianliao /data
COPY --from=build /opt/venv /opt/venv
COPY --from=build /app /app

WORKDIR /app
USER 10001:10001
VOLUME /data
EXPOSE 8000

# http.client, not urllib: it never goes through a proxy named in the environment.
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 CMD ["python", "-c", "\
import http.client, os, sys;\
ask = http.client.HTTPConnection('127.0.0.1', int(os.environ['XIANLIAO_PORT']), timeout=4);\
ask.request('GET', '/readyz');\
sys.exit(ask.getresponse().status != 200)"]

CMD ["python", "-m", "api"]
