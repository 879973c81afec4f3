"""How much there is to do: what an operator watches, for Prometheus."""

from __future__ import annotations

from datetime import timedelta

from pipeline.database import backlog as stored
from pipeline.database.backlog import Backlog
from pipeline.database.engine import transaction
from pipeline.services import Services


def backlog(services: Services) -> Backlog:
    """What waits, what is worked on, and which recordings outlived their purpose.

    Raises:
        DatabaseUnavailable, ConfigurationMissing: it cannot be told.
    """
    settings = services.settings
    with transaction(services.engine) as db:
        return stored.read(
            db,
            now=services.now(),
            retention=timedelta(hours=settings.audio_retention_hours),
        )
