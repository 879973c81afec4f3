"""Whether database, storage and queue answer, in words."""

from __future__ import annotations

from collections.abc import Callable

from pipeline.database.engine import ping
from pipeline.errors import RostrumError
from pipeline.services import Services


def check(services: Services) -> dict[str, str | None]:
    """Each part by name: None where it answers, else a sentence that says what is wrong."""
    parts = {"database": _ask_database, "storage": _ask_storage, "queue": _ask_queue}
    return {name: _fault(ask, services) for name, ask in parts.items()}


def _fault(ask: Callable[[Services], None], services: Services) -> str | None:
    try:
        ask(services)
    except RostrumError as error:
        return error.message
    return None


def _ask_database(services: Services) -> None:
    ping(services.engine)


def _ask_storage(services: Services) -> None:
    services.storage.ping()


def _ask_queue(services: Services) -> None:
    services.queue.ping()
