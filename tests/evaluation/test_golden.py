"""The golden set keeps its promises: every pattern, every label in the words of its talk."""

from __future__ import annotations

from collections import Counter

import pytest

from evaluation.golden import Case, load
from pipeline.speech.catalogue import PATTERNS
from pipeline.speech.quotes import QuoteIndex

CASES = load()


def test_there_are_enough_talks_of_every_kind_and_each_has_its_own_id() -> None:
    kinds = Counter(case.kind for case in CASES)

    assert len(CASES) >= 60
    assert len({case.id for case in CASES}) == len(CASES)
    assert kinds["good"] >= 8
    assert min(kinds[kind] for kind in ("near_empty", "odd", "hostile", "accent")) >= 4
    assert all(not case.patterns for case in CASES if case.kind == "good")


def test_every_pattern_of_the_catalogue_is_labelled_somewhere() -> None:
    assert {label.key for case in CASES for label in case.patterns} == PATTERNS.keys()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_every_label_is_in_the_words_of_its_talk(case: Case) -> None:
    index = QuoteIndex(case.transcript)
    for label in case.patterns:
        for quote in label.quotes:
            found = index.locate(quote)
            assert found is not None, quote
            assert found.status == "verified", quote
            assert not found.suspect, quote
    assert set(case.tolerated) <= PATTERNS.keys()
    assert not set(case.tolerated) & {label.key for label in case.patterns}
