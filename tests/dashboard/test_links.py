"""Deep links: what the address bar holds is read for what it means, and nonsense is left out."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime

import pytest

from dashboard.links import SessionsLink
from pipeline.criteria import Criteria
from tests.dashboard.session_list import EVERY
from tests.rows import ANN, BOB

NOW = datetime(2026, 3, 1, 22, 30, tzinfo=UTC)


def test_every_filter_of_the_list_has_a_name_in_the_address_bar() -> None:
    asked = SessionsLink.of(EVERY).criteria(me=BOB, now=NOW)

    unset = [field.name for field in fields(Criteria) if not getattr(asked, field.name)]
    assert unset == []
    assert asked.count == len(EVERY) == len(fields(Criteria))


def test_what_is_read_is_written_back_the_same() -> None:
    assert SessionsLink.of(EVERY).query == EVERY
    assert SessionsLink.of({"q": "  talk "}).query == {"q": "talk"}
    assert SessionsLink.of({"suspect": "007"}).query == {"suspect": "7"}


def test_days_are_whole_and_those_of_utc() -> None:
    asked = SessionsLink.of({"from": "today", "until": "2026-03-04"}).criteria(me=ANN, now=NOW)

    assert asked.created_from == datetime(2026, 3, 1, tzinfo=UTC)
    assert asked.created_until == datetime(2026, 3, 5, tzinfo=UTC), "the day itself belongs to it"


def test_percentages_are_shares() -> None:
    asked = SessionsLink.of({"suspect": "20", "evidence": "100"}).criteria(me=ANN, now=NOW)

    assert (asked.suspect_above, asked.evidence_below) == (0.2, 1)


def test_me_is_whoever_looks() -> None:
    mine = SessionsLink.of({"reviewer": "me"})

    assert mine.criteria(me=ANN, now=NOW).reviewer == ANN
    assert mine.criteria(me=BOB, now=NOW).reviewer == BOB


@pytest.mark.parametrize(
    "tampered",
    [
        {"status": "NONSENSE"},
        {"status": "failed"},
        {"learner": "x" * 500},
        {"q": "a\x00b"},
        {"q": "line\nbreak"},
        {"words": "   "},
        {"zzz": "1"},
        {"from": "2026-13-45"},
        {"from": "0001-01-01"},
        {"until": "9999-12-31"},
        {"until": "tomorrow"},
        {"source": "app' OR 1=1"},
        {"review": "never"},
        {"category": "poetry"},
        {"severity": "fatal"},
        {"suspect": "-1"},
        {"suspect": "101"},
        {"evidence": "1e9"},
        {"evidence": "٣"},
        {"audio": "yes"},
        {"stuck": ""},
    ],
)
def test_what_makes_no_sense_is_left_out(tampered: dict[str, str]) -> None:
    link = SessionsLink.of(tampered)

    assert link.query == {}
    assert link.criteria(me=ANN, now=NOW) == Criteria()
