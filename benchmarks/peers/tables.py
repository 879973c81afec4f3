"""The figures as tables: every engine's, and ours to each peer's."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from statistics import median
from typing import TypeAlias

from benchmarks.load.usage import DECODERS
from benchmarks.peers import recovery
from benchmarks.peers.engines import ENGINES, OURS, PEERS, Engine
from benchmarks.peers.recovery import Recovered
from benchmarks.peers.throughput import Window
from benchmarks.record import say
from benchmarks.table import heading, row

Windows: TypeAlias = dict[int, dict[str, list[Window]]]
"""By how many at once, by engine: one of each round."""


def show(windows: Windows) -> None:
    """All figures of all windows, and ours to each peer's inside each round."""
    at_once = [f"{number} at once" for number in windows]
    _table("Sessions a minute", at_once, windows, _pace)
    _ratios("Ours to theirs: sessions a minute", at_once, windows, _pace)
    _table("Processor, ms for each session, decoding included", at_once, windows, _whole)
    _table("The same without decoding", at_once, windows, _machinery)
    _ratios("Ours to theirs: processor", at_once, windows, _whole)
    _ratios("Ours to theirs: processor without decoding", at_once, windows, _machinery)
    heading("Of it, ms for each session", *(engine.name for engine in ENGINES))
    for number, by_engine in windows.items():
        parts = dict.fromkeys(
            part for windows in by_engine.values() for one in windows for part in one.processor
        )
        for part in (part for part in parts if part != DECODERS):
            row(
                f"{number} at once: {part}",
                *(_part(by_engine[engine.name], part) for engine in ENGINES),
            )
    _table("Statements of a session", at_once, windows, lambda one: one.statements)
    _table("Of them the local queue's", at_once, windows, lambda one: one.of_them_queue)
    _table("Commands of Redis", at_once, windows, lambda one: one.redis_commands)
    _table("WAL of a session, kB", at_once, windows, lambda one: one.wal_bytes / 1000)
    others = [one.others for by in windows.values() for each in by.values() for one in each]
    say(f"\nAll else on this machine took {100 * median(others):.0f} % (at most {_most(others)}).")


def _pace(window: Window) -> float:
    return window.sessions_a_minute


def _whole(window: Window) -> float:
    return window.whole


def _machinery(window: Window) -> float:
    return window.machinery


def _most(shares: Iterable[float]) -> str:
    return f"{100 * max(shares):.0f} %"


def _part(windows: list[Window], part: str) -> str:
    if part not in windows[0].processor:
        return ""
    return f"{median(one.processor[part] for one in windows):.0f}"


def _table(
    name: str, columns: list[str], windows: Windows, figure: Callable[[Window], float]
) -> None:
    def of(engine: Engine, by_engine: dict[str, list[Window]]) -> list[float]:
        return [figure(window) for window in by_engine[engine.name]]

    _spreads(name, columns, windows, ENGINES, of, digits=0)


def _ratios(
    name: str, columns: list[str], windows: Windows, figure: Callable[[Window], float]
) -> None:
    """Inside each round, so that what else the machine does is on both sides."""

    def of(peer: Engine, by_engine: dict[str, list[Window]]) -> list[float]:
        rounds = zip(by_engine[OURS.name], by_engine[peer.name], strict=True)
        return [figure(ours) / figure(theirs) for ours, theirs in rounds]

    _spreads(name, columns, windows, PEERS, of, digits=2)


def _spreads(
    name: str,
    columns: list[str],
    windows: Windows,
    engines: Iterable[Engine],
    of: Callable[[Engine, dict[str, list[Window]]], list[float]],
    *,
    digits: int,
) -> None:
    heading(f"{name} (median, least to most)", *columns)
    for engine in engines:
        row(engine.name, *(_spread(of(engine, each), digits) for each in windows.values()))


def _spread(figures: list[float], digits: int) -> str:
    least, most = min(figures), max(figures)
    return f"{median(figures):.{digits}f} ({least:.{digits}f} to {most:.{digits}f})"


def show_kills(found: dict[str, Recovered]) -> None:
    """One line for each engine."""
    heading(
        f"kill -9 amid {recovery.SESSIONS} sessions, {recovery.AT_ONCE} at once",
        *("s until all are completed", "lost", "vendor calls repeated", "without one transcript"),
    )
    for name, one in found.items():
        row(
            name,
            f"{one.seconds:.0f}",
            str(one.lost),
            str(one.repeated_calls),
            str(one.odd_sessions),
        )
