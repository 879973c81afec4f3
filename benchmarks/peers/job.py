"""What an engine is told of a session: ids only, as JSON can hold them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from uuid import UUID

from pipeline.storage import audio_key


@dataclass(frozen=True, slots=True)
class Job:
    """One session whose recording waits in storage."""

    session_id: str
    run_id: str
    learner_id: str

    @property
    def audio_key(self) -> str:
        """Where the recording lies."""
        return audio_key(UUID(self.session_id))

    def told(self) -> dict[str, str]:
        """For an engine's message."""
        return asdict(self)
