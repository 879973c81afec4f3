"""The list's filters and saved views. The address bar is the one truth: widgets show it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any

import streamlit as st

from dashboard.links import CATEGORIES, LONGEST, ME, SEVERITIES, SOURCES, TODAY, SessionsLink
from dashboard.wording import WORDS
from pipeline.criteria import ReviewNeed
from pipeline.listed import Offered
from pipeline.speech.catalogue import PATTERNS
from pipeline.status import Status

VIEWS: Mapping[str, Mapping[str, str]] = {
    "Needs review": {"review": ReviewNeed.NEEDED},
    "Mine": {"reviewer": ME},
    "Failed today": {"status": Status.FAILED, "from": TODAY},
    "Stuck": {"stuck": "yes"},
    "Low evidence": {"evidence": "80"},
    "Audio held": {"audio": "held"},
    "Test uploads": {"source": "test"},
}
"""Saved views: name → the filters that it sets, and no others."""
VIEW = "sessions_view"
"""Drawn on every run of the page, so its state is there unless one comes from another page."""
REVIEWS = {
    ReviewNeed.NEEDED: "Needed",
    ReviewNeed.IN_HAND: "In hand",
    ReviewNeed.DONE: "Done",
}
_ABOVE = ("status", "learner", "q")
"""Filters that are always in sight."""


def draw_filters(link: SessionsLink, offered: Offered, *, now: datetime) -> None:
    """Draw the views and all filters; each writes to the address bar when it is changed."""
    chosen = next((name for name, query in VIEWS.items() if query == link.query), None)
    st.session_state[VIEW] = chosen
    st.pills("Saved views", list(VIEWS), key=VIEW, on_change=_open_view)
    status, learner, search, clear = st.columns([2, 2, 3, 1], vertical_alignment="bottom")
    with status:
        _select(link, "status", "Status", Status, WORDS.__getitem__)
    with learner:
        _text(link, "learner", "Learner")
    with search:
        _text(link, "q", "Search titles and learners")
    count = len(link.query)
    clear.button(
        f"Clear ({count})" if count else "Clear",
        key="sessions_clear",
        on_click=st.query_params.clear,
        disabled=not count,
        help="Take all filters away" if count else "No filter is set",
    )
    # Its label must not change with the filters: that would close it under the reader's hand.
    with st.expander("More filters", key="sessions_more"):
        _draw_more(link, offered, now=now)
    hidden = [name for name in link.query if name not in _ABOVE]
    if hidden:
        st.caption(f"More filters that are set: {', '.join(hidden)}")


def _draw_more(link: SessionsLink, offered: Offered, *, now: datetime) -> None:
    when, result, found, rest = st.columns(4)
    with when:
        _day(link, "from", "Created from (UTC)", now=now)
        _day(link, "until", "Created until (UTC)", now=now)
        _select(link, "error", "Error code", offered.error_codes)
        _select(link, "source", "Source", SOURCES)
    with result:
        _select(link, "review", "Review", ReviewNeed, REVIEWS.__getitem__)
        _select(link, "reviewer", "Reviewer", (ME, *offered.reviewers), _person)
        _select(link, "model", "Model", offered.models)
        _select(link, "prompt", "Prompt version", offered.prompt_versions)
    with found:
        _select(link, "category", "Category", CATEGORIES)
        _select(link, "pattern", "Pattern", offered.pattern_keys, _pattern)
        _select(link, "severity", "Severity", SEVERITIES)
        _text(link, "words", "Words in the transcript")
    with rest:
        _percent(link, "suspect", "Suspect segments above %")
        _percent(link, "evidence", "Evidence found below %")
        _toggle(link, "audio", "Audio still held", "held")
        _toggle(link, "stuck", "Stuck", "yes")


def _select(
    link: SessionsLink,
    name: str,
    label: str,
    options: Iterable[str],
    format_option: Callable[[Any], str] = str,
) -> None:
    """One of `options`, or all; a value of the address bar is shown though nobody offers it."""
    held = link.query.get(name)
    offered = list(dict.fromkeys([*options, *([held] if held else [])]))
    _show(name, held)
    st.selectbox(
        label,
        offered,
        None,
        format_func=format_option,
        placeholder="All",
        key=_key(name),
        on_change=_change,
        args=(name,),
    )


def _person(reviewer: str) -> str:
    return "Me" if reviewer == ME else reviewer


def _pattern(key: str) -> str:
    return f"{PATTERNS[key].name} ({key})" if key in PATTERNS else key


def _text(link: SessionsLink, name: str, label: str) -> None:
    _show(name, link.query.get(name, ""))
    st.text_input(label, key=_key(name), max_chars=LONGEST, on_change=_change, args=(name,))


def _day(link: SessionsLink, name: str, label: str, *, now: datetime) -> None:
    held = link.query.get(name)
    today = now.astimezone(UTC).date()
    _show(name, today if held == TODAY else date.fromisoformat(held) if held else None)
    st.date_input(
        label,
        None,
        min_value=date.min,
        max_value=date.max,
        key=_key(name),
        format="YYYY-MM-DD",
        on_change=_change,
        args=(name,),
    )


def _percent(link: SessionsLink, name: str, label: str) -> None:
    held = link.query.get(name)
    _show(name, int(held) if held else None)
    st.number_input(
        label,
        0,
        100,
        None,
        step=5,
        key=_key(name),
        placeholder="All",
        on_change=_change,
        args=(name,),
    )


def _toggle(link: SessionsLink, name: str, label: str, value: str) -> None:
    _show(name, name in link.query)
    st.toggle(label, key=_key(name), on_change=_change, args=(name, value))


def _key(name: str) -> str:
    return f"sessions_filter_{name}"


def _show(name: str, value: object) -> None:
    st.session_state[_key(name)] = value


def _change(name: str, switched_on: str | None = None) -> None:
    """Put one filter into the address bar, and leave the others as they are."""
    value = st.session_state[_key(name)]
    if switched_on is not None:
        value = switched_on if value else None
    text = "" if value is None else str(value)
    st.query_params.from_dict(SessionsLink.of({**SessionsLink.read().query, name: text}).query)


def _open_view() -> None:
    st.query_params.from_dict(VIEWS.get(st.session_state[VIEW], {}))
