"""`celery --app benchmarks.peers.celery_app` looks for an application made at import."""

from __future__ import annotations

from benchmarks.peers.celery_worker import worker_app

app = worker_app()
