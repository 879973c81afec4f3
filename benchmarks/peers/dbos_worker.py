"""The steps as a DBOS workflow: each step's result is recorded in Postgres before the next begins.

As its documentation has it: a queue with a limit for each worker, its tables in the application's
database, recovery of what this executor had under way as soon as it is there again. The queue is
looked at ten times a second instead of once, in DBOS's favour: by default no worker begins more
than its limit within a second.
"""

from __future__ import annotations

import signal
from contextlib import closing

from dbos import DBOS

from benchmarks.peers.job import Job
from benchmarks.peers.steps import Steps
from benchmarks.peers.worker import ordered
from pipeline.settings import Settings

NAME = WORKFLOW = QUEUE = "peers"
POLL_SECONDS = 0.1


def main() -> None:
    """Work until told to stop."""
    order, settings = ordered(), Settings()
    with closing(Steps.on(settings, order.folder, at_once=order.at_once)) as steps:

        def process(told: dict[str, str]) -> None:
            job = Job(**told)
            DBOS.run_step(None, steps.fetch, job)
            transcript = DBOS.run_step(None, steps.transcribe, job)
            DBOS.run_step(None, steps.store_transcript, job, transcript)
            DBOS.run_step(None, steps.delete_audio, job)
            DBOS.run_step(None, steps.analyse, job, transcript)

        DBOS(config={"name": NAME, "system_database_url": settings.require("DATABASE_URL")})
        DBOS.workflow(name=WORKFLOW)(process)
        DBOS.launch()
        DBOS.register_queue(
            QUEUE,
            worker_concurrency=order.at_once,
            polling_interval_sec=POLL_SECONDS,
            on_conflict="always_update",
        )
        order.ready()
        signal.sigwait({signal.SIGTERM})
        DBOS.destroy()


if __name__ == "__main__":
    main()
