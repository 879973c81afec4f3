"""The steps as one Procrastinate job: a row in Postgres that a worker holds while it works.

As its documentation has it: woken by LISTEN, a heartbeat, and a periodic task (here of each minute)
that tries again what a worker without a heartbeat held. A job that is tried again begins at its
first line: so it looks for the transcript before it asks for one, or a session whose recording is
deleted could never end. There are threads for as many jobs as are taken at once: asyncio has six
on two cores.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

from procrastinate import App, JobContext, PsycopgConnector

from benchmarks.peers.job import Job
from benchmarks.peers.steps import Steps
from benchmarks.peers.worker import Order, ordered
from pipeline.settings import Settings

TASK = QUEUE = "peers"
EACH_MINUTE = "* * * * *"


def register(app: App, steps: Steps) -> None:
    """Declare the job, and the task that tries stalled ones again."""

    @app.task(name=TASK, queue=QUEUE)
    def process(**told: str) -> None:
        job = Job(**told)
        transcript = steps.stored_transcript(job)
        if transcript is None:
            steps.fetch(job)
            transcript = steps.transcribe(job)
            steps.store_transcript(job, transcript)
        steps.delete_audio(job)
        steps.analyse(job, transcript)

    @app.periodic(cron=EACH_MINUTE)
    @app.task(queueing_lock="stalled", queue=QUEUE, pass_context=True)
    async def retry_stalled(context: JobContext, timestamp: int) -> None:
        del timestamp
        manager = context.app.job_manager
        for job in await manager.get_stalled_jobs():
            await manager.retry_job(job)


async def work(app: App, order: Order) -> None:
    """Take jobs until told to stop."""
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(order.at_once))
    async with app.open_async():
        order.ready()
        await app.run_worker_async(queues=[QUEUE], concurrency=order.at_once)


def main() -> None:
    """Work until told to stop."""
    order, settings = ordered(), Settings()
    url = settings.require("DATABASE_URL").replace("+psycopg", "")
    with closing(Steps.on(settings, order.folder, at_once=order.at_once)) as steps:
        app = App(connector=PsycopgConnector(conninfo=url))
        register(app, steps)
        asyncio.run(work(app, order))


if __name__ == "__main__":
    main()
