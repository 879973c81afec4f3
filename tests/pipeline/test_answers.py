"""Answers as models give them, from files: what stands of each, and what is dropped, and why.

Each file of `tests/answers/` is a message as Anthropic's API sends it. Both rounds, the
question and its repair, get the same one: so it shows what is left when a repair does not help.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest

from pipeline.analyze.client import ClaudeAnalyst
from pipeline.analyze.judgement import judge
from pipeline.errors import AnalysisInvalid, AnalysisRejected
from pipeline.finding import Judgement
from pipeline.speech.transcript import Segment, Transcript
from tests.answers import NAMES, message
from tests.standins import StandIn
from tests.talks import LINES
from tests.world import make_settings

TALK = Transcript(tuple(Segment(i, line) for i, line in enumerate(LINES)), "en", 48.0, "test")
FILLERS, INTENSIFIERS = "vocabulary.fillers", "vocabulary.weak_intensifiers"
BOTH = (FILLERS, INTENSIFIERS)


@dataclass(frozen=True)
class Stands:
    """What is left of an answer."""

    keys: tuple[str, ...]
    dropped: tuple[tuple[str, str], ...] = ()
    """Kind, and a part of the reason."""
    rounds: int = 1
    strengths: int = 1


NOT_SAID = ("quote", "not in the transcript")
UNPROVEN = ("insight", "none of its quotes")

EXPECTED: dict[str, Stands | type[Exception]] = {
    "valid": Stands(BOTH),
    "nothing_to_say": Stands(()),
    "fenced": Stands(BOTH),
    "prose_before": Stands(BOTH),
    "thinking_first": Stands(BOTH),
    "nulls": Stands((INTENSIFIERS,), (("insight", "suggestion: "),), rounds=2),
    "null_lists": Stands((INTENSIFIERS,), (("insight", "examples: "),), rounds=2, strengths=0),
    "unstorable_and_invalid": Stands((INTENSIFIERS,), (("insight", "frequency: "),), rounds=2),
    "null_in_a_quote": Stands(BOTH, (("quote", "quote: "),), rounds=2),
    "four_quotes": Stands(BOTH, (("quote", "more than the rules allow"),), rounds=2),
    "six_insights": Stands(
        (
            FILLERS,
            "vocabulary.vague_words",
            "structure.restarts",
            "structure.no_conclusion",
            "grammar.tense",
        ),
        (("insight", "more than the rules allow"),),
        rounds=2,
    ),
    "frequency_2_5": Stands((INTENSIFIERS,), (("insight", "frequency: "),), rounds=2),
    "frequency_as_text": Stands(BOTH),
    "unknown_key": Stands(BOTH, rounds=2),
    "unknown_pattern": Stands(("other", INTENSIFIERS)),
    "truncated": AnalysisInvalid,
    "truncated_at_a_brace": AnalysisInvalid,
    "paused": AnalysisInvalid,
    "refusal": AnalysisRejected,
    "refusal_with_words": AnalysisRejected,
    "too_long_for_the_model": AnalysisRejected,
    "empty": AnalysisInvalid,
    "empty_text": AnalysisInvalid,
    "empty_object": AnalysisInvalid,
    "a_list": AnalysisInvalid,
    "nested_without_end": AnalysisInvalid,
    "control_characters": Stands(BOTH),
    "lone_surrogate": Stands(BOTH),
    "quote_altered_by_one_word": Stands(BOTH, (NOT_SAID,)),
    "quote_invented": Stands((INTENSIFIERS,), (NOT_SAID, UNPROVEN)),
    "quote_stitched": Stands(BOTH, (NOT_SAID,)),
    "quote_in_other_case": Stands(BOTH),
    "quote_with_curly_marks": Stands(BOTH),
    "quote_of_two_words": Stands((INTENSIFIERS,), (("quote", "fewer than 3 words"), UNPROVEN)),
    "quote_twice": Stands(BOTH, (("quote", "the same words"),)),
    "quote_in_wrong_segment": Stands(BOTH),
    "strength_invented": Stands((FILLERS,), (("strength", "not in the transcript"),), strengths=0),
}


@pytest.fixture
def claude(analyst: StandIn) -> Iterator[ClaudeAnalyst]:
    settings = make_settings(anthropic_api_key="k", anthropic_base_url=analyst.url)
    client = ClaudeAnalyst.connect(settings)
    yield client
    client.close()


def judged(claude: ClaudeAnalyst, analyst: StandIn, *rounds: dict[str, Any]) -> Judgement:
    analyst.misbehave(*rounds)
    return judge(claude.analyze(TALK), TALK)


def test_every_file_is_expected_and_every_expectation_has_its_file() -> None:
    assert set(NAMES) == set(EXPECTED)


@pytest.mark.parametrize("name", [n for n, e in EXPECTED.items() if isinstance(e, Stands)])
def test_what_stands_of_an_answer(name: str, claude: ClaudeAnalyst, analyst: StandIn) -> None:
    expected = EXPECTED[name]
    assert isinstance(expected, Stands)

    found = judged(claude, analyst, message(name), message(name))

    assert tuple(finding.pattern_key for finding in found.evidence.findings) == expected.keys
    assert len(found.evidence.strengths) == expected.strengths
    assert [dropped.kind for dropped in found.evidence.dropped] == [k for k, _ in expected.dropped]
    for dropped, (_, reason) in zip(found.evidence.dropped, expected.dropped, strict=True):
        assert reason in dropped.reason
    assert len(analyst.calls()) == expected.rounds
    quotes = [quote for finding in found.evidence.findings for quote in finding.examples]
    quotes += [strength.quote for strength in found.evidence.strengths]
    for quote in quotes:
        assert TALK.text[quote.start_offset : quote.end_offset] == quote.text


@pytest.mark.parametrize("name", [n for n, e in EXPECTED.items() if isinstance(e, type)])
def test_an_answer_of_which_nothing_stands_is_a_clear_code(
    name: str, claude: ClaudeAnalyst, analyst: StandIn
) -> None:
    expected = EXPECTED[name]
    assert isinstance(expected, type)

    with pytest.raises(expected):
        judged(claude, analyst, message(name), message(name))

    assert len(analyst.calls()) == (1 if expected is AnalysisRejected else 2)


@pytest.mark.parametrize(
    "broken",
    ["truncated", "paused", "empty", "nulls", "six_insights", "unknown_key", "nested_without_end"],
)
def test_a_repair_that_helps_leaves_nothing_dropped(
    broken: str, claude: ClaudeAnalyst, analyst: StandIn
) -> None:
    found = judged(claude, analyst, message(broken), message("valid"))

    assert tuple(finding.pattern_key for finding in found.evidence.findings) == BOTH
    assert found.evidence.dropped == ()
    assert (found.input_tokens, found.output_tokens, found.cache_read_tokens) == (3800, 800, 3000)


@pytest.mark.parametrize("stopped", ["max_tokens", "pause_turn", "tool_use"])
def test_an_answer_that_was_cut_off_is_asked_for_again_though_it_looks_whole(
    claude: ClaudeAnalyst, analyst: StandIn, stopped: str
) -> None:
    found = judged(
        claude, analyst, message("nothing_to_say", stop_reason=stopped), message("valid")
    )

    assert len(found.evidence.findings) == 2


def test_what_was_dropped_can_be_stored(claude: ClaudeAnalyst, analyst: StandIn) -> None:
    broken = message("unstorable_and_invalid")

    (dropped,) = judged(claude, analyst, broken, broken).evidence.dropped

    assert dropped.name == "Um "
    assert dropped.answer["pattern"] == "Um "


def test_a_refused_repair_leaves_what_the_first_answer_had(
    claude: ClaudeAnalyst, analyst: StandIn
) -> None:
    found = judged(claude, analyst, message("frequency_2_5"), message("refusal"))

    assert [finding.pattern_key for finding in found.evidence.findings] == [INTENSIFIERS]


def test_a_refused_repair_of_nothing_is_a_refusal(claude: ClaudeAnalyst, analyst: StandIn) -> None:
    with pytest.raises(AnalysisRejected):
        judged(claude, analyst, message("empty"), message("refusal"))


def test_a_quote_with_one_word_wrong_is_shown_in_the_transcripts_words(
    claude: ClaudeAnalyst, analyst: StandIn
) -> None:
    found = judged(claude, analyst, message("quote_altered_by_one_word"))

    (quote,) = found.evidence.findings[0].examples
    assert quote.status == "repaired"
    assert quote.text.endswith("dates and things like that")
    assert quote.claimed.endswith("dates and times like that")


def test_each_round_costs_what_the_model_that_answered_it_costs(
    claude: ClaudeAnalyst, analyst: StandIn
) -> None:
    newer = message("empty")
    older = message("valid", model="claude-haiku-4-5-20251001")

    found = judged(claude, analyst, newer, older)

    # 1,900 read, 1,500 from the cache, 400 written; a tenth of the price ten times dearer.
    assert found.cost_usd == Decimal("0.000405") + Decimal("0.00405")
    assert found.model == "claude-haiku-4-5-20251001"


def test_the_cost_is_unknown_if_that_of_one_round_is(
    claude: ClaudeAnalyst, analyst: StandIn
) -> None:
    found = judged(claude, analyst, message("empty", model="claude-new"), message("valid"))

    assert found.cost_usd is None
    assert found.model == "claude-haiku-5-5"


def test_the_model_is_told_which_rule_its_answer_breaks(
    claude: ClaudeAnalyst, analyst: StandIn
) -> None:
    """The stand-in answers the repair itself: a request in a wrong form would be refused."""
    found = judged(claude, analyst, message("frequency_2_5"))

    assert found.model == "rostrum-rules-1"
    assert len(analyst.calls()) == 2
