# One image, several commands. Issue 7 hardens it: size, health checks, read-only file system.
FROM python:3.11-slim

WORKDIR /rostrum
COPY requirements.txt ./
RUN pip install --no-cache-dir --require-hashes -r requirements.txt

COPY alembic.ini ./
COPY .streamlit/config.toml ./.streamlit/config.toml
COPY pipeline ./pipeline
COPY backend ./backend
COPY dashboard ./dashboard

USER nobody
CMD ["uvicorn", "--factory", "backend.app:create_app", "--host=0.0.0.0", "--port=8000"]
