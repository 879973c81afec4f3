"""`python -m pipeline.schedule` creates or updates the QStash schedule of the sweeper."""

from __future__ import annotations

import sys

from pipeline.errors import RostrumError
from pipeline.log_lines import configure
from pipeline.services import Services
from pipeline.settings import Settings

EVERY_MINUTE = "* * * * *"


def schedule_sweep(services: Services, *, cron: str = EVERY_MINUTE) -> None:
    """Let QStash call the sweeper; doing it again changes nothing.

    Raises:
        QueueUnavailable, ConfigurationMissing: there is no schedule.
    """
    services.queue.schedule_sweep(cron=cron)


if __name__ == "__main__":
    configure()
    try:
        schedule_sweep(Services(Settings()))
    except RostrumError as error:
        sys.exit(error.message)
    print("The sweeper is scheduled every minute.")  # noqa: T201 - the command's answer
