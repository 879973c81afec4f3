"""Flow control: so many deliveries of a key at once, the waiting ones in the order they came.

In memory: a single server owns the database, and what a killed server had in hand waits in the
job table and lines up again.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Turns:
    """The lanes of all keys."""

    def __init__(self) -> None:
        self._lanes: dict[str, _Lane] = {}

    @asynccontextmanager
    async def turn(self, key: str | None, *, parallelism: int | None) -> AsyncIterator[None]:
        """Wait until fewer than `parallelism` are inside, then be inside for the block.

        Without a key there is nothing to wait for.
        """
        if key is None or parallelism is None:
            yield
            return
        lane = self._lanes.setdefault(key, _Lane())
        try:
            await lane.enter(parallelism)
            try:
                yield
            finally:
                lane.leave()
        finally:
            if lane.is_empty:
                self._lanes.pop(key, None)


class _Lane:
    def __init__(self) -> None:
        self._inside = 0
        self._waiting: deque[tuple[asyncio.Future[None], int]] = deque()

    @property
    def is_empty(self) -> bool:
        return not self._inside and not self._waiting

    async def enter(self, parallelism: int) -> None:
        if not self._waiting and self._inside < parallelism:
            self._inside += 1
            return
        place = (asyncio.get_running_loop().create_future(), parallelism)
        self._waiting.append(place)
        try:
            await place[0]
        except asyncio.CancelledError:
            self._give_up(place)
            raise

    def leave(self) -> None:
        self._inside -= 1
        self._let_in()

    def _give_up(self, place: tuple[asyncio.Future[None], int]) -> None:
        if not place[0].cancelled():
            # It was let in at the very moment that it was told to stop.
            self._inside -= 1
        elif place in self._waiting:
            self._waiting.remove(place)
        self._let_in()

    def _let_in(self) -> None:
        """Let in from the front only: nobody overtakes."""
        while self._waiting and self._inside < self._waiting[0][1]:
            entered, _ = self._waiting.popleft()
            if not entered.done():
                self._inside += 1
                entered.set_result(None)
