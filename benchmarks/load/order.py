"""What the load generator is told: where to call, who calls how often, and from when to when."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Order:
    """One window of load."""

    api_url: str
    api_token: str
    dashboard_url: str
    recording: str
    """Path of what every learner sends."""
    results: str
    """Path of what is written at the end."""
    learner_prefix: str
    learners: int
    """More than can be processed at once, so that the queue never runs dry."""
    sessions_shown: tuple[dict[str, str], ...]
    """Ids of completed sessions and of their learners, as `session` and `learner`."""
    begins_at: float
    """Unix seconds."""
    ends_at: float
    learner_seconds: float = 3.0
    """Between two requests of one learner."""
    readers: int = 4
    reader_seconds: float = 1.0
    coaches: int = 2
    coach_seconds: float = 4.0

    @property
    def people(self) -> int:
        """All of them."""
        return self.learners + self.readers + self.coaches

    def as_json(self) -> str:
        """For a variable of the environment."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Order:
        """What `as_json` wrote."""
        return cls(**json.loads(text))
