"""What the transcript's script is given: lines cut at their marks, and places as it counts them."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest

from dashboard.components.place import Hand
from dashboard.components.transcript import marks_of, point_of, talk_of
from pipeline.session import Example
from tests.browser.talks_shown import (
    HOSTILE,
    hostile_talk,
    insight,
    insights_of,
    plain_talk,
    shown,
)
from tests.browser.talks_shown import (
    talk_of as spoken,
)
from tests.talks import LINES

TALK = plain_talk()
SHOWN = shown(TALK)
INSIGHTS = insights_of(TALK)


def texts(data: dict[str, object]) -> list[str]:
    lines = data["lines"]
    assert isinstance(lines, list)
    return ["".join(part["text"] for part in line["parts"]) for line in lines]


def test_marks_cut_a_line_without_losing_a_character() -> None:
    data = talk_of(SHOWN, INSIGHTS)

    assert texts(data) == list(LINES)
    marked = {
        number: "".join(
            part["text"]
            for line in data["lines"]
            for part in line["parts"]
            if number in part.get("marks", ())
        )
        for number in range(len(data["marks"]))
    }
    assert marked == {
        number: mark.insight.examples[mark.quote].text
        for number, mark in enumerate(marks_of(INSIGHTS))
    }


def test_words_of_two_marks_name_both() -> None:
    data = talk_of(SHOWN, INSIGHTS)

    pieces = [(part["text"], part.get("marks")) for part in data["lines"][2]["parts"]]
    assert pieces[:3] == [
        ("And then, um, ", [1]),
        ("we made a plan", [1, 2]),
        (", you know", [2]),
    ]


def test_a_mark_over_two_segments_is_one_mark_with_words_in_both() -> None:
    talk = spoken(("We began it all", "and ended it too."))
    one = insight(0, "Restarts", "low", talk, "it all and ended")

    data = talk_of(shown(talk), (one,))

    assert len(data["marks"]) == 1
    assert [line["parts"] for line in data["lines"]] == [
        [{"text": "We began "}, {"text": "it all", "marks": [0]}],
        [{"text": "and ended", "marks": [0]}, {"text": " it too."}],
    ]


def test_a_mark_names_its_insight_its_card_and_its_quote() -> None:
    first = talk_of(SHOWN, INSIGHTS, page="review")["marks"][0]

    assert first == {
        "insight": str(INSIGHTS[0].id),
        "name": "Filler words (▲ High)",
        "card": "review_insight_0",
        "quote": "review_quote_0_0",
    }


def test_times_that_are_reckoned_and_words_that_are_hard_to_hear_say_so() -> None:
    segments = tuple(replace(each, estimated=True) for each in SHOWN.segments)

    lines = talk_of(replace(SHOWN, segments=segments), ())["lines"]

    assert {line["time"][:2] for line in lines} == {"≈ "}
    assert all(line["estimated"] for line in lines)
    assert [number for number, line in enumerate(lines) if line.get("suspect")] == [4]


def test_a_talk_without_times_or_words_is_drawn_all_the_same() -> None:
    nothing = shown(spoken(("",)))
    untimed = tuple(replace(each, start=None, end=None) for each in nothing.segments)

    assert talk_of(replace(nothing, segments=untimed), ())["lines"] == [
        {"time": "", "parts": [{"text": ""}]}
    ]
    assert talk_of(replace(nothing, segments=()), ())["lines"] == []


def hand_on(quote: Example, of: UUID | None) -> Hand:
    return Hand(None, of, (quote.start_offset, quote.end_offset), 3)


def test_a_place_is_counted_in_utf_16_units() -> None:
    """Python counts characters, JavaScript those of more than 16 bits twice."""
    talk = hostile_talk()
    (found,) = insights_of(talk)
    quote = found.examples[1]

    point = point_of(hand_on(quote, found.id), shown(talk), (found,))

    units = talk.text.encode("utf-16-le")
    assert units[2 * point["start"] : 2 * point["end"]].decode("utf-16-le") == quote.text
    assert point["start"] > quote.start_offset
    assert texts(talk_of(shown(talk), (found,))) == list(HOSTILE)


def test_a_quote_in_hand_names_its_mark_and_other_places_none() -> None:
    quote = INSIGHTS[1].examples[1]

    assert point_of(hand_on(quote, INSIGHTS[1].id), SHOWN, INSIGHTS)["mark"] == 3
    assert point_of(hand_on(quote, INSIGHTS[0].id), SHOWN, INSIGHTS)["mark"] is None
    moment = Hand(None, None, (0, 5), 1)
    assert point_of(moment, SHOWN, INSIGHTS) == {
        "insight": None,
        "mark": None,
        "start": 0,
        "end": 5,
        "turn": 1,
    }


@pytest.mark.parametrize("transcript", [SHOWN, None])
def test_empty_hands_point_nowhere(transcript: object) -> None:
    point = point_of(Hand(), SHOWN if transcript else None, INSIGHTS)

    assert (point["insight"], point["mark"], point["start"], point["end"]) == (None,) * 4
