"""How fast the dashboard is on 100,000 sessions, in a real browser: `make bench-dashboard`."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median

import psutil
from playwright.sync_api import Browser, Page
from sqlalchemy import func, select

from benchmarks.browsing import Refused, Taken, browsing, drawn, filtered, opened, person
from benchmarks.record import introduce, keep, machine, say
from benchmarks.statements import Log
from benchmarks.table import heading, row
from local.objects import running_objects
from local.postgres import running_postgres
from pipeline import review
from pipeline.database.engine import transaction
from pipeline.database.models import SpeakingSession
from pipeline.services import Services
from pipeline.status import Status
from seeding.fill import fill
from tests.dashboard.live import LiveDashboard, running_dashboard, settings_behind
from tests.databases import migrate
from tests.folders import open_folder
from tests.standins import running_qstash

PACKAGES = ("sqlalchemy", "streamlit")
SESSIONS = 100_000
ROUNDS = 9
PAINT_GOAL, QUERY_GOAL_MS, MEMORY_GOAL_MB = 1.0, 100.0, 400.0
PEOPLE, TURNS = 10, 5
HOUR_SECONDS, TICK_SECONDS = 3600, 3


@dataclass(frozen=True)
class Surroundings:
    """A dashboard on a seeded database."""

    live: LiveDashboard
    services: Services
    log: Log
    browser: Browser
    learners: tuple[str, ...]
    """Those with most sessions, first."""
    sessions: tuple[str, ...]
    """Completed ones, of different learners."""


@dataclass
class Figures:
    """What was measured, as the artifact keeps it."""

    sessions: int
    pages: list[dict[str, object]] = field(default_factory=list)
    people: dict[str, object] = field(default_factory=dict)
    memory: dict[str, object] = field(default_factory=dict)


@contextmanager
def surroundings(sessions: int, kept: Path | None) -> Iterator[Surroundings]:
    """Everything that is looked at; the database is seeded unless `kept` holds one already."""
    with ExitStack() as opened_parts:
        enter = opened_parts.enter_context
        folder = enter(open_folder())
        cluster = kept or folder / "postgres"
        cluster.mkdir(parents=True, exist_ok=True)
        cluster.chmod(0o711)
        url = enter(running_postgres(cluster, durable=False))
        migrate(url)
        objects = enter(running_objects(folder / "objects"))
        queue = f"{url.rpartition('/')[0]}/postgres"
        qstash = enter(running_qstash(queue, folder / "qstash.log"))
        settings = settings_behind(database_url=url, objects=objects, queue_url=qstash.url)
        services = Services(settings)
        opened_parts.callback(services.close)
        begun = time.monotonic()
        filled = fill(services, sessions=sessions)
        if filled.added:
            say(f"Seeded with {filled.insights:,} insights in {time.monotonic() - begun:.0f} s.")
        log = Log(url, cluster / "postgres.log")
        live = enter(running_dashboard(settings, folder / "dashboard.log"))
        learners = _learners(services)
        yield Surroundings(
            live, services, log, enter(browsing()), learners, _completed(services, learners)
        )


def _learners(services: Services) -> tuple[str, ...]:
    count = func.count().desc()
    with transaction(services.engine) as db:
        grouped = select(SpeakingSession.learner_id).group_by(SpeakingSession.learner_id)
        return tuple(db.scalars(grouped.order_by(count, SpeakingSession.learner_id).limit(50)))


def _completed(services: Services, learners: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(
        str(row.id)
        for learner in learners
        for row in review.list_sessions(
            services, user_id=learner, status=Status.COMPLETED, limit=1
        ).sessions
    )


def measure_pages(around: Surroundings, figures: Figures) -> None:
    """Each page by its link in a browser that has been there before, and a filter's change."""
    url = around.live.url
    learner = f"{url}/learner?id="
    links: dict[str, Callable[[int], str]] = {
        "Sessions": lambda _: url,
        "Session": lambda i: f"{url}/session?id={around.sessions[i % len(around.sessions)]}",
        "Learner": lambda i: f"{learner}{around.learners[i % len(around.learners)]}",
        "Operations": lambda _: f"{url}/operations",
    }
    heading(
        f"Page, {ROUNDS} rounds",
        "first useful paint, median",
        f"goal {PAINT_GOAL:g} s",
        "slowest",
        "drawn whole, median",
        "queries",
        "slowest query",
        f"goal {QUERY_GOAL_MS:g} ms",
    )
    with person(around.browser) as page:
        for name, link in links.items():
            opened(page, link(0))
            _page(around, figures, name, lambda i, go=link: opened(page, go(i)))  # type: ignore[misc] # bound now
        opened(page, url)
        _page(around, figures, "Filter changed", lambda i: _filter(around, page, i))


def _filter(around: Surroundings, page: Page, turn: int) -> Taken:
    return filtered(page, "Learner", around.learners[turn % len(around.learners)])


def _page(around: Surroundings, figures: Figures, name: str, take: Callable[[int], Taken]) -> None:
    """Several turns, each with what it asked of the database."""
    taken, counts, slowest = [], [], (0.0, "")
    for turn in range(ROUNDS):
        around.log.forget()
        taken.append(take(turn))
        asked = around.log.since()
        counts.append(len(asked))
        slowest = max([slowest, *((s.milliseconds, s.sql) for s in asked)])
    useful = [one.useful for one in taken]
    figures.pages.append(
        {
            "page": name,
            "useful_seconds": useful,
            "whole_seconds": [one.whole for one in taken],
            "queries": counts,
            "slowest_query_ms": slowest[0],
            "slowest_query": slowest[1],
        }
    )
    fewest, most = min(counts), max(counts)
    row(
        name,
        f"{median(useful):.2f} s",
        _verdict(holds=median(useful) < PAINT_GOAL),
        f"{max(useful):.2f} s",
        f"{median(one.whole for one in taken):.2f} s",
        str(most) if fewest == most else f"{fewest}–{most}",
        f"{slowest[0]:.0f} ms",
        _verdict(holds=slowest[0] <= QUERY_GOAL_MS),
    )


def measure_people(around: Surroundings, figures: Figures) -> None:
    """Ten people open ten learners at once, again and again; none may see another's."""
    learners = around.learners[:PEOPLE]
    seconds: list[float] = []
    strays = 0
    with ExitStack() as contexts:
        pages = [contexts.enter_context(person(around.browser)) for _ in learners]
        for page in pages:
            # Fills the browser's cache, by a page that does not poll meanwhile.
            opened(page, f"{around.live.url}/learner")
        for turn in range(TURNS):
            shown = [learners[(i + turn) % PEOPLE] for i in range(PEOPLE)]
            for page, learner in zip(pages, shown, strict=True):
                page.goto(f"{around.live.url}/learner?id={learner}", wait_until="commit")
            seconds += [drawn(page).useful for page in pages]
            strays += sum(
                _sees_another(page, learner, learners)
                for page, learner in zip(pages, shown, strict=True)
            )
    figures.people = {"people": PEOPLE, "seconds": seconds, "saw_another": strays}
    heading(f"{PEOPLE} people at once, {TURNS} turns", "figure", "goal")
    row("Learner, first useful paint, median", f"{median(seconds):.2f} s", "")
    row("somebody saw another's learner", str(strays), _verdict(holds=strays == 0))


def _sees_another(page: Page, own: str, learners: tuple[str, ...]) -> bool:
    """Whether any other learner is named where only one's own may be; or one's own is not."""
    text: str = page.evaluate(
        "() => document.querySelector('[data-testid=stMain]').innerHTML + ' ' +"
        "[...document.querySelectorAll('input')].map((box) => box.value).join(' ')"
    )
    named = {learner for learner in learners if _is_named(learner, text)}
    return named != {own}


def _is_named(learner: str, text: str) -> bool:
    """`seed-amara` is not named by `seed-amara-0001`."""
    return any(not after.startswith("-") for after in text.split(learner)[1:])


def measure_memory(around: Surroundings, figures: Figures) -> None:
    """An hour before the list and before Operations: the browser's clock runs, as fast as it can.

    Each page's own timers fire as they would in an hour; the dashboard answers each time.
    """
    process = psutil.Process(around.live.pid)
    before = peak = _megabytes(process)
    sent = 0

    def count(_payload: object) -> None:
        nonlocal sent
        sent += 1

    with ExitStack() as contexts:
        pages = [contexts.enter_context(person(around.browser)) for _ in range(2)]
        for page, path in zip(pages, ("", "/operations"), strict=True):
            page.on("websocket", lambda socket: socket.on("framesent", count))
            page.clock.install()
            opened(page, f"{around.live.url}{path}")
        sent = 0
        for _ in range(HOUR_SECONDS // TICK_SECONDS):
            for page in pages:
                page.clock.run_for(1000 * TICK_SECONDS)
            peak = max(peak, _megabytes(process))
        after = _megabytes(process)
    figures.memory = {"before_mb": before, "after_mb": after, "peak_mb": peak, "polls": sent}
    heading("Memory of the dashboard, an hour of polling", "figure", "goal")
    row("polls by two pages", f"{sent:,}", "")
    row("before", f"{before:.0f} MB", "")
    row("after", f"{after:.0f} MB", "")
    row("peak", f"{peak:.0f} MB", _verdict(holds=peak < MEMORY_GOAL_MB))


def _megabytes(process: psutil.Process) -> float:
    held: int = process.memory_info().rss
    return held / 1024**2


def _verdict(*, holds: bool) -> str:
    return "holds" if holds else "**missed**"


def main() -> None:
    """Measure, print, and keep the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.dashboard", description=__doc__)
    measures = {"pages": measure_pages, "people": measure_people, "memory": measure_memory}
    parser.add_argument("measure", nargs="*", choices=[*measures, []], help="all unless named")
    parser.add_argument("--sessions", type=int, default=SESSIONS)
    parser.add_argument("--on", type=Path, help="a folder that keeps the database for next time")
    asked = parser.parse_args()
    taken_with, figures = machine(*PACKAGES), Figures(asked.sessions)
    introduce(taken_with)
    say(f"{asked.sessions:,} sessions")
    try:
        with surroundings(asked.sessions, asked.on) as around:
            for name in asked.measure or measures:
                measures[name](around, figures)
    except Refused as refusal:
        sys.exit(str(refusal))
    keep("dashboard", taken_with, asdict(figures))


if __name__ == "__main__":
    main()
