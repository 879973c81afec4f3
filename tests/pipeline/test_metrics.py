"""What holds of every figure, whatever is said; and how bands are configured."""

from __future__ import annotations

import time
from dataclasses import replace
from math import isfinite

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from pipeline.speech.bands import Bands
from pipeline.speech.fillers import Moment
from pipeline.speech.metric import Measurement, Metric, with_unit
from pipeline.speech.metrics import measure, rests_on
from pipeline.speech.transcript import Segment, Silence, Transcript, Word, unheard_in
from pipeline.speech.words import sentences_of
from tests.talks import long_talk
from tests.world import make_settings

VOCABULARY = tuple(
    "um uh I mean, you know, like so maybe things very the the and then we 12 12 it’s 😀 مرحبا "  # noqa: SIM905 - a sentence reads better
    "don't Mr. stop. Really? village river built — I MEAN basically, …".split()
)


@st.composite
def talks(draw: st.DrawFn, *, shortest: int = 1) -> Transcript:
    """Segments of any words, timed or not, with gaps that were measured as silence."""
    timed = draw(st.booleans())
    lines = draw(
        st.lists(
            st.lists(st.sampled_from(VOCABULARY), min_size=1, max_size=25),
            min_size=shortest,
            max_size=12,
        )
    )
    segments, silences, clock = [], [], draw(st.floats(0, 5))
    for index, line in enumerate(lines):
        words, begin = [], clock
        for word in line:
            long = draw(st.floats(0, 2))
            words.append(Word(word, clock, clock + long))
            clock += long
        segments.append(
            Segment(
                index,
                " ".join(line),
                begin if timed else None,
                clock if timed else None,
                draw(st.booleans()),
                tuple(words) if timed else (),
            )
        )
        gap = draw(st.floats(0, 4))
        silences.append(Silence(clock, clock + gap))
        clock += gap
    return Transcript(tuple(segments), "en", clock, "test", tuple(silences))


def figures(metric: Metric) -> list[float]:
    held = [metric.value, metric.numerator, metric.denominator, metric.low, metric.high]
    held += [point.value for point in metric.series]
    return [value for value in held if value is not None]


@given(transcript=talks())
@settings(max_examples=200, deadline=None)
def test_no_figure_is_ever_negative_infinite_or_no_number(transcript: Transcript) -> None:
    measured = measure(transcript)

    for metric in measured.metrics:
        for value in figures(metric):
            assert isfinite(value), metric
            assert value >= 0, metric
        assert metric.denominator is None or metric.denominator > 0
        assert "nan" not in metric.label
    assert measured.metrics or measured.note


@given(transcript=talks(shortest=8))
@settings(max_examples=100, deadline=None)
def test_every_moment_lies_in_the_transcript(transcript: Transcript) -> None:
    for metric in measure(transcript).metrics:
        for moment in metric.moments:
            assert transcript.text[moment.start_offset : moment.end_offset] == moment.text
            assert moment.text
            words = transcript.segments[moment.segment].text.split()
            assert moment.text.split()[0].strip(",.?—…") in " ".join(words)
            if moment.start is not None and moment.end is not None:
                assert 0 <= moment.start <= moment.end <= transcript.duration
            assert (moment.start is not None) == transcript.has_times


def later(transcript: Transcript, seconds: float) -> Transcript:
    """The same talk after a silence."""
    return replace(
        transcript,
        duration=transcript.duration + seconds,
        silences=(
            Silence(0, seconds),
            *(Silence(s.start + seconds, s.end + seconds) for s in transcript.silences),
        ),
        segments=tuple(
            replace(
                segment,
                start=None if segment.start is None else segment.start + seconds,
                end=None if segment.end is None else segment.end + seconds,
                words=tuple(
                    Word(w.text, (w.start or 0) + seconds, (w.end or 0) + seconds)
                    for w in segment.words
                ),
            )
            for segment in transcript.segments
        ),
    )


def values(measured: Measurement) -> dict[str, float]:
    return {metric.name: metric.value for metric in measured.metrics}


@given(
    words=st.lists(st.sampled_from(VOCABULARY), min_size=60, max_size=160),
    seconds=st.integers(1, 90),
)
@settings(max_examples=100, deadline=None)
def test_silence_before_and_after_a_talk_changes_no_figure(words: list[str], seconds: int) -> None:
    """Words of half a second each: sums of them lose no digit when they are shifted."""
    timed = tuple(Word(word, i * 0.5, i * 0.5 + 0.5) for i, word in enumerate(words))
    end = len(words) * 0.5
    plain = Transcript((Segment(0, " ".join(words), 0, end, False, timed),), "en", end, "test")
    before = later(plain, float(seconds))
    after = replace(plain, duration=end + seconds, silences=(Silence(end, end + seconds),))

    assert values(measure(before)) == values(measure(plain))
    assert values(measure(after)) == values(measure(plain))


HEDGED = "Maybe we built a very small bridge over things."
FREE_OF_PAUSES = {
    "articulation_rate",
    "hedges",
    "vague_words",
    "weak_intensifiers",
    "opener_share",
    "sentence_median",
    "sentence_p90",
    "lexical_diversity",
}


@given(at=st.integers(1, 19), seconds=st.integers(1, 20))
@settings(deadline=None)
def test_silence_within_a_talk_changes_only_what_time_is_part_of(at: int, seconds: int) -> None:
    """Twenty sentences; a pause between two of them grows."""

    def told(pause: float) -> Transcript:
        segments, clock = [], 0.0
        silences = []
        for index in range(20):
            words = []
            for word in HEDGED.split():
                words.append(Word(word, clock, clock + 0.5))
                clock += 0.5
            segments.append(
                Segment(
                    index,
                    " ".join(word.text for word in words),
                    words[0].start,
                    clock,
                    False,
                    tuple(words),
                )
            )
            gap = pause if index + 1 == at else 0.5
            silences.append(Silence(clock, clock + gap))
            clock += gap
        return Transcript(tuple(segments), "en", clock, "test", tuple(silences))

    short, long = values(measure(told(0.5))), values(measure(told(0.5 + seconds)))

    assert {name: long[name] for name in FREE_OF_PAUSES} == {
        name: short[name] for name in FREE_OF_PAUSES
    }
    assert long["pace"] < short["pace"]
    assert long["pause_share"] > short["pause_share"]


SENTENCE = "We built a small bridge over the cold river last spring."


def steady(count: int = 10, *, language: str = "en", gap: float = 0.0) -> Transcript:
    """Sentences of eleven words, half a second each."""
    segments, silences, clock = [], [], 0.0
    for index in range(count):
        words = []
        for word in SENTENCE.split():
            words.append(Word(word, clock, clock + 0.5))
            clock += 0.5
        segments.append(Segment(index, SENTENCE, words[0].start, clock, False, tuple(words)))
        if gap:
            silences.append(Silence(clock, clock + gap))
            clock += gap
    return Transcript(tuple(segments), language, clock, "test", tuple(silences))


def named(transcript: Transcript, name: str, bands: Bands | None = None) -> Metric:
    measured = measure(transcript, bands or Bands())
    return next(metric for metric in measured.metrics if metric.name == name)


def test_pace_has_its_course_in_windows_of_thirty_seconds() -> None:
    series = named(steady(), "pace").series

    assert [(point.start, point.end) for point in series] == [(0, 30), (10, 40), (20, 50)]
    assert {point.value for point in series} == {120}


def test_pauses_are_sorted_by_length_and_lead_to_the_words_beside_them() -> None:
    transcript = steady(gap=1.5)

    long = named(transcript, "pauses_long")
    assert (long.value, long.numerator, long.denominator) == (9, 9, 9), "the last ends the talk"
    assert named(transcript, "pauses_very_long").value == 0
    first: Moment = long.moments[0]
    assert (first.text, first.start, first.end) == ("spring. We", 5.5, 7.0)
    assert named(transcript, "pause_longest").moments[0].text == "spring. We"


def test_long_sentences_and_openers_have_their_places() -> None:
    endless = " ".join(["we walked and"] * 13) + " slept."
    transcript = Transcript(
        (*steady().segments, Segment(10, endless.capitalize(), 55.0, 75.0)), "en", 75.0, "test"
    )

    (long,) = named(transcript, "sentence_p90").moments
    assert long.text == endless.capitalize()[:-1]
    assert len(named(transcript, "opener_share").moments) == 11


def test_a_restart_breaks_off_a_sentence_that_had_begun() -> None:
    lines = ("I went, I mean, we went out.", "I mean it.", "You know what I mean by that.")
    said = tuple(Segment(i, line) for i, line in enumerate((*lines, *[SENTENCE] * 5)))
    transcript = Transcript(said, "en", 60.0, "test")

    (restart,) = named(transcript, "restarts_per_minute").moments
    assert (restart.text, restart.segment) == ("I mean", 0)


def test_a_word_that_ends_one_sentence_and_begins_the_next_is_no_repeat() -> None:
    said = ("That is all I know. Know that it is it.", *[SENTENCE] * 6)
    transcript = Transcript(
        tuple(Segment(i, line) for i, line in enumerate(said)), "en", 60.0, "test"
    )

    assert named(transcript, "repeats_per_minute").value == 0


def test_of_another_language_nothing_is_counted_by_english_lists() -> None:
    measured = measure(steady(language="de"))

    assert "Not in English" in str(measured.note)
    assert not {"fillers_per_minute", "hedges", "restarts_per_minute"} & set(values(measured))
    assert {"pace", "lexical_diversity"} <= set(values(measured))


def test_abbreviations_and_figures_end_no_sentence() -> None:
    text = "Mr. Smith paid 3.5 million in the U.S. last year. Then he left."

    assert sentences_of(text) == (
        "Mr. Smith paid 3.5 million in the U.S. last year.",
        "Then he left.",
    )


def test_bands_are_configured_and_kept_with_the_figure() -> None:
    settings = make_settings(metric_bands={"pace": [100, 110]})

    pace = named(steady(), "pace", settings.bands)

    assert (pace.value, pace.band, pace.low, pace.high) == (120, "above", 100, 110)
    assert settings.bands.fillers == (5, 12), "what is not named stays"


def test_bands_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METRIC_BANDS", '{"fillers": [2, 6]}')

    assert make_settings().bands.fillers == (2, 6)


@pytest.mark.parametrize(
    "wrong",
    [
        {"pace": [160, 120]},
        {"pace": [120]},
        {"pace": [-1, 5]},
        {"fillers": ["many", 3]},
        {"opener_noted_above": float("inf")},
        {"speed": [1, 2]},
        [],
    ],
)
def test_a_band_that_makes_no_sense_is_refused(wrong: object) -> None:
    with pytest.raises(ValidationError, match="metric_bands"):
        make_settings(metric_bands=wrong)


def test_a_line_says_what_the_figures_rest_on() -> None:
    segments = (Segment(0, "a", suspect=True), Segment(1, "b"))

    assert rests_on("whisper-1", segments, (), has_times=False) == (
        "Transcribed by whisper-1, words without times; 1 of 2 segments (50 %) were hard to hear."
    )


@pytest.mark.parametrize(
    ("silences", "unheard"),
    [
        ((), (Silence(8.0, 20.0),)),
        ((Silence(10, 12),), (Silence(8.0, 20.0),)),
        ((Silence(9, 19),), ()),
        ((Silence(9, 13), Silence(15, 25)), ()),
    ],
)
def test_sound_that_was_left_without_words_is_said(
    silences: tuple[Silence, ...], unheard: tuple[Silence, ...]
) -> None:
    """Whisper at times leaves out the rest of a window: measured sound, and no word."""
    spoken = (Word("before", 7.0, 8.0), Word("after", 20.0, 21.0))
    segments = tuple(Segment(n, word.text, words=(word,)) for n, word in enumerate(spoken))

    line = rests_on("whisper-1", segments, silences, has_times=True)

    assert unheard_in(segments, silences) == unheard
    assert ("12 seconds of sound were left without words" in line) is bool(unheard)


def test_what_was_left_unheard_in_two_hours_is_found_in_a_fraction_of_a_second() -> None:
    """Each reader of a session waits for it: 18,000 words beside 1,500 silences."""
    transcript = long_talk(hours=2)
    begun = time.process_time()
    assert unheard_in(transcript.segments, transcript.silences) == ()
    assert time.process_time() - begun < 1


def test_two_hours_of_talk_are_measured_in_a_fraction_of_a_second() -> None:
    """By the clock of this process alone: the machine may be busy with other things."""
    transcript = long_talk(hours=2)
    took = []
    for _ in range(5):
        begun = time.process_time()
        measure(transcript)
        took.append(time.process_time() - begun)

    assert min(took) < 0.3


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [
        (161.537, "words/min", "162 words/min"),
        (2.884, "per min", "2.88 per min"),
        (0.524, "s", "0.524 s"),
        (0.0, "pauses", "0 pauses"),
        (1.0, "pauses", "1 pause"),
        (1.0, "per 100 words", "1 per 100 words"),
        (12.0, "pauses", "12 pauses"),
        (4185.0, "words", "4,185 words"),
    ],
)
def test_a_figure_is_read_out_in_three_digits(value: float, unit: str, said: str) -> None:
    assert with_unit(value, unit) == said
