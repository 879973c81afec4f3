"""The one composition root: from settings to the clients that the use-cases work with.

Each client is made when first asked for, once, and only then is its setting required.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property

from sqlalchemy import Engine

from pipeline import audio
from pipeline.analyze.client import Analyst, ClaudeAnalyst
from pipeline.database import engine as engines
from pipeline.errors import RostrumError
from pipeline.meters import Meters
from pipeline.queue import Queue
from pipeline.settings import Settings
from pipeline.storage import Storage
from pipeline.transcribe.heard import Transcriber
from pipeline.transcribe.whisper import WhisperTranscriber
from pipeline.watch import Watches

log = logging.getLogger(__name__)


def utc_now() -> datetime:
    """The time, with its zone."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Services:
    """What the use-cases need. Safe to share between threads."""

    settings: Settings
    now: Callable[[], datetime] = utc_now
    """Decides leases, sweeps and tokens; tests pass their own."""
    watches: Watches = field(default_factory=Watches)
    """Over the deliveries that this process has in hand."""
    meters: Meters = field(default_factory=Meters)
    """What this process counts."""

    @cached_property
    def engine(self) -> Engine:
        """Postgres."""
        return engines.create(self.settings.require("DATABASE_URL"))

    @cached_property
    def storage(self) -> Storage:
        """Audio in R2."""
        return Storage.connect(self.settings)

    @cached_property
    def queue(self) -> Queue:
        """QStash."""
        return Queue.connect(self.settings)

    @cached_property
    def transcriber(self) -> Transcriber:
        """Whisper."""
        return WhisperTranscriber.connect(self.settings)

    @cached_property
    def analyst(self) -> Analyst:
        """Claude."""
        return ClaudeAnalyst.connect(self.settings)

    def prepare(self) -> None:
        """Load and make all that a delivery needs, so that the first one need not wait for it.

        What is not configured, or cannot be made now, is left to whoever needs it.
        """
        parts: dict[str, Callable[[], object]] = {
            "analyst": lambda: self.analyst,
            "transcriber": lambda: self.transcriber,
            "storage": lambda: self.storage,
            "queue": lambda: self.queue,
            "decoding": audio.get_ready,
            "database": lambda: engines.ping(self.engine),
        }
        for name, make in parts.items():
            try:
                make()
            except (RostrumError, OSError, RuntimeError) as error:
                log.info("not_prepared", extra={"part": name, "reason": type(error).__name__})
        log.info("prepared")

    def close(self) -> None:
        """Give back the connections of those clients that were made."""
        made = self.__dict__
        for name in ("storage", "queue", "transcriber", "analyst"):
            if name in made:
                made[name].close()
        if "engine" in made:
            self.engine.dispose()
