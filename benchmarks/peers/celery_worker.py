"""The steps as a Celery chain: five tasks, each handed from one to the next through Redis.

As its documentation has it where work must not be lost: acknowledged late, rejected when a worker
is lost, one message fetched ahead for each thread. A pool of threads, in Celery's favour: prefork,
its default, took a fifth more processor time here, since each process needs decoders of its own.
Results are stored in Redis, too, which writes each change to its log and syncs that each second.
What a killed worker held comes again after the visibility timeout, an hour by default; here a
minute. The last task reads the transcript from Postgres, so that Redis carries it once.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from celery import Celery, chain
from celery.signals import worker_init, worker_ready

from benchmarks.peers.job import Job
from benchmarks.peers.steps import Steps
from benchmarks.peers.worker import READY
from pipeline.settings import Settings

REDIS_URL, FOLDER, AT_ONCE = "PEERS_REDIS_URL", "PEERS_FOLDER", "PEERS_AT_ONCE"
"""Names of variables."""
VISIBILITY_SECONDS = 60

_opened: list[Steps] = []
"""Those of this process."""


def make_app(redis_url: str) -> Celery:
    """The application; its tasks are sent by name."""
    app = Celery("peers", broker=redis_url, backend=redis_url)
    app.conf.update(
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        worker_prefetch_multiplier=1,
        broker_transport_options={"visibility_timeout": VISIBILITY_SECONDS},
        broker_connection_retry_on_startup=True,
    )
    return app


def send(app: Celery, job: Job) -> None:
    """Begin the chain of one session."""
    told = job.told()
    names = ("fetch", "transcribe", "delete_audio", "analyse")
    fetch, transcribe, delete_audio, analyse = (
        app.signature(name, args=[told], immutable=True) for name in names
    )
    store_transcript = app.signature("store_transcript", args=[told])
    chain(fetch, transcribe, store_transcript, delete_audio, analyse).apply_async()


def fetch(told: dict[str, str]) -> None:
    """Bring the recording here."""
    _steps().fetch(Job(**told))


def transcribe(told: dict[str, str]) -> dict[str, Any]:
    """Hear it."""
    return _steps().transcribe(Job(**told))


def store_transcript(transcript: dict[str, Any], told: dict[str, str]) -> None:
    """Commit what was heard."""
    _steps().store_transcript(Job(**told), transcript)


def delete_audio(told: dict[str, str]) -> None:
    """Let the recording go."""
    _steps().delete_audio(Job(**told))


def analyse(told: dict[str, str]) -> None:
    """Ask Claude, and commit all of it."""
    job = Job(**told)
    transcript = _steps().stored_transcript(job)
    if transcript is None:
        raise LookupError("There is no transcript of this run.")
    _steps().analyse(job, transcript)


def _steps() -> Steps:
    return _opened[0]


def _begin(**_sender: object) -> None:
    """Before the first task; the end of the process is theirs."""
    at_once = int(os.environ[AT_ONCE])
    _opened.append(Steps.on(Settings(), Path(os.environ[FOLDER]), at_once=at_once))


def _told_to_work(**_sender: object) -> None:
    (Path(os.environ[FOLDER]) / READY).touch()


def worker_app() -> Celery:
    """What `celery --app` is given: the application with its tasks."""
    app = make_app(os.environ[REDIS_URL])
    for task in (fetch, transcribe, store_transcript, delete_audio, analyse):
        app.task(name=task.__name__)(task)
    worker_init.connect(_begin, weak=False)
    worker_ready.connect(_told_to_work, weak=False)
    return app
