# One image, several commands: backend (the default), dashboard, migrations, schedule, one sweep.
# It runs as nobody on a read-only file system; only /tmp is written to.
FROM python:3.11.14-slim-bookworm AS build

WORKDIR /rostrum
COPY requirements.txt ./
# Wheels alone: nothing is compiled, so no compiler is needed in either stage.
RUN python -m venv /venv \
 && /venv/bin/pip install --no-cache-dir --only-binary=:all: --require-hashes -r requirements.txt \
 && /venv/bin/pip uninstall --yes --quiet pip setuptools

COPY alembic.ini ./
COPY .streamlit/config.toml ./.streamlit/config.toml
COPY pipeline ./pipeline
COPY backend ./backend
COPY dashboard ./dashboard
COPY samples/sample.ogg ./samples/sample.ogg
# Bytecode is made here: there is nowhere to write it later.
RUN /venv/bin/python -m compileall -q /venv/lib /rostrum/pipeline /rostrum/backend /rostrum/dashboard

FROM python:3.11.14-slim-bookworm

RUN python -m pip uninstall --yes --quiet pip setuptools wheel
COPY --from=build /venv /venv
COPY --from=build /rostrum /rostrum

WORKDIR /rostrum
ENV PATH=/venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 HOME=/tmp
USER 65534:65534
EXPOSE 8000
# The worker has STOP_GRACE_SECONDS to end what it began: give the container more than that.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/healthz', timeout=2)"]
CMD ["uvicorn", "--factory", "backend.app:create_app", "--host=0.0.0.0", "--port=8000"]
