"""Whether all that we depend on answers, in words: asked side by side, each for a bounded time."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

from pipeline.database.engine import ping
from pipeline.errors import RostrumError
from pipeline.services import Services
from pipeline.watch import Watch

SECONDS = 5.0
"""Who takes longer does not answer, as far as anybody who looks is concerned."""

Asked = Mapping[str, Callable[[Services], None]]


def check(services: Services, *, seconds: float = SECONDS) -> dict[str, str | None]:
    """Database, storage and queue: None where it answers, else a sentence that says what is wrong.

    Cheap enough to be asked every few seconds.
    """
    return _answers(services, _PARTS, seconds)


def check_vendors(services: Services, *, seconds: float = SECONDS) -> dict[str, str | None]:
    """The same of transcription and analysis: whether each takes our key and knows our model.

    Costs nothing, but is limited by the vendors: for when somebody asks.
    """
    return _answers(services, _VENDORS, seconds)


_PARTS: Asked = {
    "database": lambda services: ping(services.engine),
    "storage": lambda services: services.storage.ping(),
    "queue": lambda services: services.queue.ping(),
}
_VENDORS: Asked = {
    "transcription": lambda services: services.transcriber.ping(),
    "analysis": lambda services: services.analyst.ping(),
}


def _answers(services: Services, asked: Asked, seconds: float) -> dict[str, str | None]:
    with ThreadPoolExecutor(len(asked)) as threads:
        faults = threads.map(lambda name: _fault(services, name, asked[name], seconds), asked)
        return dict(zip(asked, faults, strict=True))


def _fault(
    services: Services, name: str, ask: Callable[[Services], None], seconds: float
) -> str | None:
    """What is wrong; the wait for an answer is left behind when the time is over."""
    watch = Watch(ends_at=time.monotonic() + seconds)
    try:
        watch.within(seconds, f"The {name}", lambda: ask(services))
    except RostrumError as error:
        return error.message
    return None
