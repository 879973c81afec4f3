"""What of an engine's answer is believed, what is marked, and what is cut."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pipeline.audio import Part
from pipeline.speech.transcript import Segment, Silence, Word
from pipeline.transcribe.gate import gated
from pipeline.transcribe.heard import Heard, HeardSegment
from pipeline.transcribe.prompt import FILLERS, prompt_for, version_for

PART = Part(0, 0.0, 60.0, follows_speech=False)
SURE = HeardSegment(
    text="I work in a small hospital.",
    start=0.0,
    end=4.0,
    no_speech_prob=0.01,
    avg_logprob=-0.2,
    compression_ratio=1.3,
)


def heard(*segments: HeardSegment, words: tuple[Word, ...] = ()) -> Heard:
    return Heard(" ".join(s.text for s in segments), "en", segments, words)


def in_a_row(*texts: str, **figures: Any) -> Heard:
    made = [
        replace(SURE, text=text, start=2.0 * i, end=2.0 * i + 2, **figures)
        for i, text in enumerate(texts)
    ]
    return heard(*made)


def texts(segments: tuple[Segment, ...]) -> list[str]:
    return [segment.text for segment in segments]


@pytest.mark.parametrize(
    ("figures", "kept", "suspect"),
    [
        ({}, True, False),
        ({"no_speech_prob": 0.7, "avg_logprob": -1.1}, False, False),
        ({"no_speech_prob": 0.7, "avg_logprob": -0.5}, True, False),
        ({"no_speech_prob": 0.5, "avg_logprob": -1.1}, True, True),
        ({"avg_logprob": -0.81}, True, True),
        ({"avg_logprob": -0.8}, True, False),
        ({"compression_ratio": 2.41}, True, True),
        ({"compression_ratio": 2.4}, True, False),
    ],
)
def test_the_engines_own_doubts_drop_or_mark_a_segment(
    figures: dict[str, Any], *, kept: bool, suspect: bool
) -> None:
    found = gated(heard(replace(SURE, **figures)), PART, ())

    assert bool(found) is kept
    assert all(segment.suspect is suspect for segment in found)


def test_words_written_over_measured_silence_are_marked_and_kept() -> None:
    found = gated(heard(SURE), PART, (Silence(0.2, 5.0),))

    assert texts(found) == [SURE.text]
    assert found[0].suspect


def test_a_pause_within_a_segment_is_no_reason_for_doubt() -> None:
    assert not gated(heard(SURE), PART, (Silence(1.0, 3.5),))[0].suspect


def test_times_are_those_of_the_whole_recording() -> None:
    part = replace(PART, start=600.0, end=660.0)
    said = (Word("I", 0.1, 0.2), Word("work", 0.3, 0.6))

    (segment,) = gated(heard(SURE, words=said), part, ())

    assert (segment.start, segment.end) == (600.0, 604.0)
    assert segment.words == (Word("I", 600.1, 600.2), Word("work", 600.3, 600.6))


def test_a_word_beside_its_segment_is_neither_lost_nor_doubled() -> None:
    one, other = SURE, replace(SURE, start=5.0, end=9.0)
    said = (Word("a", 4.0, 4.3), Word("b", 4.7, 4.9), Word("c", 9.0, 9.4))

    found = gated(heard(one, other, words=said), PART, ())

    assert [[word.text for word in segment.words] for segment in found] == [["a"], ["b", "c"]]


def test_the_words_of_a_dropped_segment_go_with_it() -> None:
    invented = replace(SURE, start=5.0, end=9.0, no_speech_prob=0.9, avg_logprob=-1.5)
    said = (Word("I", 0.1, 0.2), Word("Thanks", 6.0, 6.5))

    (segment,) = gated(heard(SURE, invented, words=said), PART, ())

    assert [word.text for word in segment.words] == ["I"]


def test_one_sentence_over_and_over_is_said_once_and_marked() -> None:
    found = gated(in_a_row("We began.", *["Thank you."] * 7, "We ended."), PART, ())

    assert texts(found) == ["We began.", "Thank you.", "We ended."]
    assert [segment.suspect for segment in found] == [False, True, False]
    assert [segment.index for segment in found] == [0, 1, 2]


def test_a_loop_that_goes_through_several_sentences_is_cut_too() -> None:
    found = gated(in_a_row("Is it?", "It is.", *["A b c.", "D e f."] * 4, "End."), PART, ())

    assert texts(found) == ["Is it?", "It is.", "A b c.", "D e f.", "End."]


def test_the_same_sentence_twice_is_what_a_learner_may_say() -> None:
    assert texts(gated(in_a_row("I think so.", "I think so."), PART, ())) == ["I think so."] * 2


def test_twice_is_enough_where_the_engine_itself_saw_a_loop() -> None:
    found = gated(in_a_row("I think so.", "I think so.", compression_ratio=3.0), PART, ())

    assert texts(found) == ["I think so."]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "And then " + "I'm sorry, " * 9 + "we went on.",
            "And then I'm sorry, we went on.",
        ),
        ("So " + "very " * 8 + "slow.", "So very slow."),
        ("We, we, we had a plan.", "We, we, we had a plan."),
        ("no, no, no, no, I said", "no, no, no, no, I said"),
        ("in the end in the end in the end in the end", "in the end"),
    ],
)
def test_a_phrase_over_and_over_in_one_segment_is_said_once(text: str, expected: str) -> None:
    (segment,) = gated(heard(replace(SURE, text=text)), PART, ())

    assert segment.text == expected
    assert segment.suspect is (text != expected)


def test_the_timed_words_of_a_loop_go_with_its_text() -> None:
    text = "So very very very very very very very slow."
    said = tuple(Word(w, i / 10, i / 10 + 0.1) for i, w in enumerate(text.strip(".").split()))

    (segment,) = gated(heard(replace(SURE, text=text), words=said), PART, ())

    assert [word.text for word in segment.words] == ["So", "very", "slow"]
    assert segment.words[-1].start == pytest.approx(0.8)


def test_an_answer_without_times_is_laid_over_the_measured_speech() -> None:
    part = replace(PART, start=100.0, end=130.0)
    silences = (Silence(100, 105), Silence(110, 120))
    two = Heard("First words here. Later words then.", "en", None)

    first, second = gated(two, part, silences)

    assert first.estimated
    assert second.estimated
    assert first.start == pytest.approx(105)
    assert second.end == pytest.approx(130)
    assert 110 < (first.end or 0) + 5 < 130
    assert (second.start or 0) >= (first.end or 0)
    assert first.words == ()


def test_a_sentence_ends_before_the_pause_and_the_next_begins_after_it() -> None:
    silences = (Silence(10, 50),)
    even = Heard("Aaaa bbb. Cccc ddd.", "en", None)

    first, second = gated(even, PART, silences)

    assert first.end == pytest.approx(10)
    assert second.start == pytest.approx(50)


def test_a_loop_is_cut_from_an_answer_without_times_too() -> None:
    assert texts(gated(Heard("Yes I do. " * 9, "en", None), PART, ())) == ["Yes I do."]


def test_english_is_asked_for_with_its_fillers_and_other_languages_without() -> None:
    assert prompt_for("en") == prompt_for("auto") == FILLERS
    assert prompt_for("de") is None
    assert version_for("en").startswith("fillers-")
    assert version_for("de") == "none"


def test_the_end_of_the_part_before_is_carried_in_whole_words() -> None:
    told = prompt_for("en", carried="word " * 100 + "the end")

    assert told is not None
    assert told.startswith(FILLERS + " word")
    assert told.endswith("the end")
    assert len(told) < 250
