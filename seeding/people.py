"""Twenty made-up learners: how they speak, and whether half a year of practice changes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from seeding.marked import LEARNER_PREFIX


@dataclass(frozen=True, slots=True)
class Person:
    """One learner. Pairs are how it was in the first session and how it is in the last."""

    name: str
    share: float
    """Of the sessions, against the others'."""
    pace: tuple[float, float]
    """Words a minute."""
    unheard: float
    """Of the segments, those that are hard to hear."""
    habits: Mapping[str, tuple[float, float]]
    """Pattern key → how likely it shows where it can: at a word for what is put between words, at
    a sentence for how sentences are built, at a prepared place for what goes wrong there."""

    def user_id(self, copy: int) -> str:
        """The company's id; further copies of the same person have a number."""
        return f"{LEARNER_PREFIX}{self.name}" + (f"-{copy:04}" if copy else "")


FILLERS, REPEATS = "vocabulary.fillers", "vocabulary.repetition"
HEDGES, RESTARTS = "vocabulary.hedging", "structure.restarts"
OPENERS, RUN_ONS = "structure.same_openers", "structure.run_ons"
VAGUE, WEAK = "vocabulary.vague_words", "vocabulary.weak_intensifiers"
PAIRS, VERBS = "vocabulary.collocations", "vocabulary.basic_verbs"
TENSE, ARTICLES, SMALL = "grammar.tense", "grammar.articles", "grammar.prepositions"
AGREEMENT, FORMS, IFS = (
    "grammar.subject_verb_agreement",
    "grammar.verb_forms",
    "grammar.conditionals",
)
COUNTED, PLURALS, MORE = "grammar.countability", "grammar.plurals", "grammar.comparison"


PEOPLE = (
    Person("amara", 1.6, (168, 148), 0.02, {
            FILLERS: (0.08, 0.015), HEDGES: (0.5, 0.1), TENSE: (0.9, 0.3),
            WEAK: (0.9, 0.4), VAGUE: (0.8, 0.3), SMALL: (0.7, 0.5)}),
    Person("bruno", 1.2, (118, 126), 0.04, {
            ARTICLES: (0.9, 0.8), SMALL: (0.9, 0.6), AGREEMENT: (0.9, 0.3),
            PLURALS: (0.9, 0.4), FILLERS: (0.04, 0.03), FORMS: (0.8, 0.5)}),
    Person("chiara", 1.0, (152, 150), 0.03, {
            OPENERS: (0.6, 0.15), RUN_ONS: (0.5, 0.3), WEAK: (0.9, 0.8),
            PAIRS: (0.9, 0.9), HEDGES: (0.2, 0.3)}),
    Person("dmitri", 1.4, (132, 138), 0.05, {
            ARTICLES: (1.0, 0.9), FORMS: (0.9, 0.4), IFS: (1.0, 0.4),
            MORE: (0.9, 0.5), REPEATS: (0.03, 0.01), TENSE: (0.8, 0.6)}),
    Person("elif", 0.9, (141, 144), 0.02, {
            SMALL: (0.9, 0.9), COUNTED: (1.0, 0.8), RESTARTS: (0.4, 0.1),
            FILLERS: (0.05, 0.05), VAGUE: (0.7, 0.6)}),
    Person("farid", 1.1, (181, 172), 0.09, {
            FILLERS: (0.06, 0.07), REPEATS: (0.05, 0.05), RUN_ONS: (0.7, 0.6),
            AGREEMENT: (0.7, 0.7), OPENERS: (0.3, 0.4)}),
    Person("greta", 0.7, (126, 130), 0.01, {
            TENSE: (0.6, 0.1), IFS: (0.9, 0.2), MORE: (0.8, 0.1),
            PAIRS: (0.7, 0.2), HEDGES: (0.3, 0.05)}),
    Person("hiro", 1.5, (104, 121), 0.06, {
            ARTICLES: (0.9, 0.5), PLURALS: (1.0, 0.6), FILLERS: (0.05, 0.02),
            AGREEMENT: (0.8, 0.4), VERBS: (1.0, 0.7), SMALL: (0.6, 0.4)}),
    Person("ines", 1.0, (149, 151), 0.02, {
            HEDGES: (0.6, 0.6), VAGUE: (0.9, 0.9), WEAK: (1.0, 0.9),
            RESTARTS: (0.3, 0.3), PAIRS: (0.7, 0.7)}),
    Person("jonas", 0.6, (138, 141), 0.03, {
            FORMS: (0.7, 0.3), COUNTED: (1.0, 0.2), SMALL: (0.5, 0.4),
            FILLERS: (0.03, 0.01), IFS: (0.8, 0.6)}),
    Person("kavya", 1.3, (174, 158), 0.04, {
            OPENERS: (0.7, 0.3), FILLERS: (0.04, 0.03), TENSE: (0.7, 0.4),
            RUN_ONS: (0.6, 0.2), MORE: (0.7, 0.4), VAGUE: (0.5, 0.3)}),
    Person("liam", 0.5, (155, 153), 0.02, {
            FILLERS: (0.09, 0.08), WEAK: (0.8, 0.7), HEDGES: (0.4, 0.4),
            VAGUE: (0.9, 0.8)}),
    Person("mei", 1.2, (112, 125), 0.07, {
            ARTICLES: (0.9, 0.7), PLURALS: (0.9, 0.3), TENSE: (0.9, 0.4),
            AGREEMENT: (0.7, 0.3), REPEATS: (0.02, 0.02), COUNTED: (0.9, 0.6)}),
    Person("noor", 0.9, (143, 146), 0.03, {
            SMALL: (0.8, 0.2), FORMS: (0.9, 0.2), PAIRS: (0.9, 0.3),
            RESTARTS: (0.5, 0.1), FILLERS: (0.05, 0.01)}),
    Person("oskar", 0.8, (129, 128), 0.12, {
            TENSE: (0.5, 0.7), ARTICLES: (0.8, 0.9), REPEATS: (0.03, 0.05),
            FILLERS: (0.03, 0.06), WEAK: (0.5, 0.7)}),
    Person("paula", 1.0, (147, 149), 0.02, {
            MORE: (1.0, 0.3), IFS: (1.0, 0.5), VERBS: (1.0, 0.4),
            COUNTED: (1.0, 0.6), OPENERS: (0.3, 0.1), WEAK: (0.6, 0.3)}),
    Person("rafael", 1.1, (163, 155), 0.05, {
            RUN_ONS: (0.8, 0.4), OPENERS: (0.4, 0.2), PAIRS: (0.8, 0.5),
            FILLERS: (0.05, 0.02), FORMS: (0.6, 0.4)}),
    Person("sofia", 0.7, (136, 139), 0.02, {
            HEDGES: (0.3, 0.1), VAGUE: (0.6, 0.2), SMALL: (0.5, 0.3),
            TENSE: (0.4, 0.3), PLURALS: (0.5, 0.2)}),
    Person("tomasz", 1.0, (144, 140), 0.03, {
            ARTICLES: (1.0, 0.6), SMALL: (0.8, 0.7), AGREEMENT: (0.5, 0.5),
            RESTARTS: (0.3, 0.2), FILLERS: (0.04, 0.04), MORE: (0.8, 0.6)}),
    Person("yara", 0.5, (158, 156), 0.04, {
            FILLERS: (0.03, 0.02), OPENERS: (0.5, 0.5), WEAK: (0.7, 0.5),
            FORMS: (0.6, 0.4), AGREEMENT: (0.6, 0.3)}),
)  # fmt: skip
"""Some improve, some do not, one or two get worse: as it is."""
