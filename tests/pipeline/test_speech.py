"""Words, fillers, metrics and located quotes: pure, by hand-counted cases and by properties."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz.distance import Indel

from pipeline.speech.catalogue import OTHER, PATTERNS
from pipeline.speech.counts import count_pattern
from pipeline.speech.fillers import Talk, fillers_in
from pipeline.speech.metric import Metric
from pipeline.speech.metrics import measure
from pipeline.speech.quotes import QuoteIndex, locate
from pipeline.speech.transcript import Segment, Silence, Transcript, Word
from pipeline.speech.words import count_words, sentences_of, tokens_of


def talk(
    *lines: str,
    timed: bool = False,
    suspect: tuple[int, ...] = (),
    silences: tuple[Silence, ...] = (),
    per_word: float = 0.5,
) -> Transcript:
    """Lines said one after the other, a word every half second where it is timed."""
    segments, clock = [], 0.0
    for index, line in enumerate(lines):
        words = []
        begin = clock
        for token in tokens_of(line):
            words.append(Word(token.text, clock, clock + per_word))
            clock += per_word
        segments.append(
            Segment(
                index=index,
                text=line,
                start=begin if timed else None,
                end=clock if timed else None,
                suspect=index in suspect,
                words=tuple(words) if timed else (),
            )
        )
    return Transcript(tuple(segments), "en", clock, "test", silences)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("   ", 0),
        ("...", 0),
        ("one", 1),
        ("don't stop", 2),
        ("don’t stop", 2),
        ("a well-known idea", 3),
        ("In 2026, 3 of 4.", 5),
        ("😀 hello", 1),
    ],
)
def test_words_are_counted_as_people_count_them(text: str, count: int) -> None:
    assert count_words(text) == count


def test_sentences_end_at_their_punctuation() -> None:
    assert sentences_of("One. Two? “Three!” Four") == ("One.", "Two?", "“Three!”", "Four")
    assert sentences_of("") == ()


@pytest.mark.parametrize(
    ("line", "fillers"),
    [
        ("Um, I went home.", ["Um"]),
        ("I, uh, went, hmm, home.", ["uh", "hmm"]),
        ("I like it so much.", []),
        ("It was, like, huge.", ["like"]),
        ("So, we began.", ["So"]),
        ("You know the answer.", []),
        ("It was, you know, hard.", ["you know"]),
        ("I mean, we tried.", ["I mean"]),
        ("Basically we won.", []),
        ("It was basically done.", []),
    ],
)
def test_fillers_are_sounds_and_words_that_are_set_off(line: str, fillers: list[str]) -> None:
    assert [moment.text for moment in fillers_in(Talk(talk(line)))] == fillers


def test_a_pause_sets_a_filler_off_as_a_comma_does() -> None:
    line = "We went there like forty times"
    silences = (Silence(1.2, 1.5), Silence(2.0, 2.4))

    assert fillers_in(Talk(talk(line, timed=True))) == ()
    (found,) = fillers_in(Talk(talk(line, timed=True, silences=silences)))
    assert (found.text, found.start, found.end) == ("like", 1.5, 2.0)


def by_name(transcript: Transcript) -> dict[str, Metric]:
    return {metric.name: metric for metric in measure(transcript).metrics}


SENTENCE = "We built a small bridge over the cold river last spring."


def test_pace_is_words_a_minute_from_first_word_to_last() -> None:
    pace = by_name(talk(*[SENTENCE] * 8, timed=True))["pace"]

    assert pace.value == pytest.approx(120)
    assert (pace.numerator, pace.denominator) == (88, 44)
    assert pace.band == "within"


def test_articulation_leaves_pauses_out() -> None:
    silences = (Silence(10, 12), Silence(20, 20.2))
    metrics = by_name(talk(*[SENTENCE] * 8, timed=True, silences=silences))

    assert metrics["articulation_rate"].value == pytest.approx(60 * 88 / 42, abs=0.01)
    assert metrics["pauses"].value == 1, "a fifth of a second is no pause"
    assert metrics["pause_longest"].value == 2


def test_silence_before_and_after_the_talk_changes_nothing() -> None:
    plain = measure(talk(*[SENTENCE] * 8, timed=True))
    quiet = measure(talk(*[SENTENCE] * 8, timed=True, silences=(Silence(44, 60),)))

    assert plain == quiet


@pytest.mark.parametrize("transcript", [talk("One two three.", timed=True), talk(), talk("Um.")])
def test_a_short_talk_gets_no_rates_but_a_reason(transcript: Transcript) -> None:
    measured = measure(transcript)

    assert measured.metrics == ()
    assert measured.note is not None
    assert measured.note.startswith("Too short to tell")


def test_fillers_have_their_moments() -> None:
    lines = [SENTENCE] * 8 + ["Um, and, uh, we won."]
    fillers = by_name(talk(*lines, timed=True))["fillers_per_minute"]

    assert [moment.text for moment in fillers.moments] == ["Um", "uh"]
    assert fillers.moments[0].start == 44.0
    assert fillers.band == "fine"


def test_openers_and_repeats_are_counted() -> None:
    lines = ["And then we went out."] * 6 + [SENTENCE] * 4 + ["The the end was was near."]
    metrics = by_name(talk(*lines, timed=True))

    assert metrics["opener_share"].value == pytest.approx(100 * 6 / 11, abs=0.01)
    assert metrics["opener_share"].band == "noted"
    assert [m.text for m in metrics["repeats_per_minute"].moments] == ["The the", "was was"]


def test_without_times_less_is_said() -> None:
    measured = measure(talk(*[SENTENCE] * 8))

    assert "pace_variation" not in {metric.name for metric in measured.metrics}
    assert measured.note is not None


@pytest.mark.parametrize(
    ("key", "line", "count"),
    [
        ("vocabulary.fillers", "Um, yes, uh, no.", 2),
        ("vocabulary.repetition", "the the cat sat sat", 2),
        ("vocabulary.hedging", "Maybe I think it is kind of fine", 3),
        ("vocabulary.weak_intensifiers", "very very good, really", 3),
        ("vocabulary.vague_words", "things and stuff", 2),
        ("structure.same_openers", "And we ate. And we left. But it rained.", 2),
        ("grammar.articles", "I saw cat", None),
        ("other", "anything", None),
    ],
)
def test_code_counts_what_code_can_count(key: str, line: str, count: int | None) -> None:
    assert count_pattern(key, Talk(talk(line))) == count


def test_the_catalogue_has_stable_keys_in_three_categories() -> None:
    assert 35 <= len(PATTERNS) <= 50
    assert OTHER not in PATTERNS
    for key, pattern in PATTERNS.items():
        assert key == pattern.key
        assert re.fullmatch(r"(grammar|vocabulary|structure)\.[a-z_]+", key)
        assert pattern.category == key.split(".")[0]


STORY = talk(
    "The first line is about boats.",
    "It’s a “quiet” morning on the lake, and nobody speaks.",
    "And then the first line comes again.",
    timed=True,
    suspect=(2,),
)


@pytest.mark.parametrize(
    "quote",
    [
        "a quiet morning on the lake",
        "A QUIET MORNING",
        "it's a 'quiet' morning",
        "  a   quiet\nmorning ",
        "lake, and nobody speaks.",
        "speaks And then the",
    ],
)
def test_a_quote_is_found_whatever_its_case_marks_and_spaces(quote: str) -> None:
    found = locate(quote, STORY)

    assert found is not None
    assert found.status == "verified"
    assert found.text == STORY.text[found.start_offset : found.end_offset]
    assert found.start is not None


@pytest.mark.parametrize(
    "quote",
    [
        "",
        "the lake",
        "nobody ever swims here",
        "boats on the lake and the first line",
        "quiet on speaks lake",
    ],
)
def test_what_was_never_said_is_not_found(quote: str) -> None:
    assert locate(quote, STORY) is None


def test_a_quote_with_one_word_wrong_is_repaired_with_the_transcripts_words() -> None:
    line = "we talked to the old people of the village about their long lives"
    found = locate(line.replace("their", "there"), talk(line))

    assert found is not None
    assert found.status == "repaired"
    assert found.text == line
    assert "there" in found.claimed


def test_the_claimed_segment_decides_between_two_places() -> None:
    assert (locate("the first line", STORY) or pytest.fail("lost")).segment == 0
    hinted = QuoteIndex(STORY).locate("the first line", segment=2)

    assert hinted is not None
    assert hinted.segment == 2
    assert hinted.suspect


def test_a_quote_over_a_seam_is_suspect_only_if_all_of_it_is() -> None:
    found = locate("nobody speaks and then the", STORY)

    assert found is not None
    assert not found.suspect


WORDS = st.lists(
    st.sampled_from("the a river boat talks quickly über naïve 12 don't we saw it".split()),  # noqa: SIM905 - a sentence reads better
    min_size=6,
    max_size=60,
)


@given(words=WORDS, data=st.data())
def test_every_cut_of_a_transcript_is_found_at_its_offsets(
    words: list[str], data: st.DataObject
) -> None:
    half = len(words) // 2
    transcript = talk(" ".join(words[:half]), " ".join(words[half:]))
    begin = data.draw(st.integers(0, len(words) - 3))
    end = data.draw(st.integers(begin + 3, len(words)))
    quote = ", ".join(words[begin:end]).upper()

    found = locate(quote, transcript)

    assert found is not None
    assert found.status == "verified"
    assert transcript.text[found.start_offset : found.end_offset] == found.text
    assert count_words(found.text) == end - begin


FEW_WORDS = st.lists(st.sampled_from("a b c d e f g h i j".split()), min_size=3, max_size=24)  # noqa: SIM905 - letters stand for words
CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["add", "leave", "swap"]), st.integers(0, 23), st.sampled_from("abz")
    ),
    max_size=4,
)


@given(said=FEW_WORDS, begin=st.integers(0, 12), length=st.integers(3, 20), changes=CHANGES)
def test_a_quote_is_located_just_if_some_window_of_words_is_similar_enough(
    said: list[str], begin: int, length: int, changes: list[tuple[str, int, str]]
) -> None:
    """Compared with trying every window there is."""
    claimed = (said[begin:] or said)[:length]
    for kind, place, word in changes:
        at = place % len(claimed)
        claimed[at : at + (kind != "add")] = [] if kind == "leave" and len(claimed) > 1 else [word]
    windows = [said[b:e] for b in range(len(said)) for e in range(b + 3, len(said) + 1)]
    best = max(Indel.normalized_similarity(claimed, window) for window in windows)

    found = locate(" ".join(claimed), talk(" ".join(said)))

    if len(claimed) < 3 or best < 0.90:
        assert found is None
    else:
        assert found is not None
        assert Indel.normalized_similarity(claimed, found.text.split()) == best
        assert " ".join(said)[found.start_offset : found.end_offset] == found.text
        assert found.status == ("verified" if best == 1 else "repaired")


def test_of_two_similar_places_the_claimed_segment_is_meant() -> None:
    line = "we talked to the old people of the village about their {} lives"
    transcript = talk(line.format("long"), line.format("short"))

    found = locate(line.format("good"), transcript, segment=1)

    assert found is not None
    assert found.segment == 1


@pytest.mark.parametrize("quote", ["we met at the café", "it isnʼt far", "it isn‘t far"])
def test_accents_and_apostrophes_of_any_kind_are_the_same(quote: str) -> None:
    assert locate(quote, talk("We met at the cafe\u0301, it isn't far.")) is not None


def test_five_quotes_are_located_quickly_in_a_very_long_talk() -> None:
    lines = [f"Sentence number {n} speaks of river {n * 7} and boat {n * 3}." for n in range(2_000)]
    transcript = talk(*lines)
    begun = time.perf_counter()
    index = QuoteIndex(transcript)
    found = [index.locate(f"number {n} speaks of river {n * 7}") for n in (1, 500, 900, 1500, 1999)]

    assert all(found)
    assert time.perf_counter() - begun < 1.0
