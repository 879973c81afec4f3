"""The wording of the made-up feedback: one entry a pattern, written for the purpose."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.analyze.schema import InsightAnswer, Quote
from seeding import people


@dataclass(frozen=True, slots=True)
class Advice:
    """What is said of one pattern."""

    detail: str
    suggestion: str
    focus: str


ADVICE: Mapping[str, Advice] = {
    people.FILLERS: Advice(
        "Filler words stand where a pause would do, and draw attention away from your point.",
        "When you look for a word, close your mouth and pause for one breath.",
        "Halve your filler words in the next talk.",
    ),
    people.REPEATS: Advice(
        "A word comes twice in a row, which sounds like a false start.",
        "Begin the sentence only when you know its first three words.",
        "Say no repeated word in your next talk.",
    ),
    people.HEDGES: Advice(
        "Statements that you are sure of begin with “I think”, and lose their force.",
        "Say the fact first; keep “I think” for what is an opinion.",
        "Use hedging at most once in the next talk.",
    ),
    people.RESTARTS: Advice(
        "Sentences are begun, broken off with “I mean”, and begun again.",
        "Finish the sentence that you began, even if another would be nicer.",
        "Make the next talk without restarts.",
    ),
    people.OPENERS: Advice(
        "Many sentences open with “And then”, so the talk sounds like a list.",
        "Open with the person, the time or the result.",
        "Begin at most one sentence in five with the same openers.",
    ),
    people.RUN_ONS: Advice(
        "Several thoughts hang together in one long sentence, and listeners lose the thread.",
        "One thought, one sentence: stop, breathe, and begin the next.",
        "Split every run-on sentence: none above 25 words.",
    ),
    people.VAGUE: Advice(
        "Words such as “thing” and “stuff” stand where you know the precise word.",
        "Name it: the report, the invoice, the red button.",
        "Replace each of the vague words by a precise one.",
    ),
    people.WEAK: Advice(
        "“Very” and “really” pile up, and each one says less than one strong word.",
        "Choose the stronger word: exhausted, delighted, freezing.",
        "Give the next talk without weak intensifiers.",
    ),
    people.PAIRS: Advice(
        "Some words are put together that English keeps apart.",
        "Learn words in pairs: make a mistake, make progress, apologise.",
        "Use five collocations from your list in the next talk.",
    ),
    people.VERBS: Advice(
        "“Do”, “make” and “have” carry sentences that a precise verb would carry better.",
        "Look for the verb inside the noun: decide, not make a decision.",
        "Replace three basic verbs by precise ones.",
    ),
    people.TENSE: Advice(
        "The time of the verb does not fit a story that is over.",
        "When you say when it happened, use the simple past: “in March we changed”.",
        "Tell the next story in the past tenses from start to end.",
    ),
    people.ARTICLES: Advice(
        "“A” and “an” are mixed up, which makes listeners stumble.",
        "Say “an” before the sound of a vowel: an hour, an app, an old house.",
        "Get the articles right before every vowel.",
    ),
    people.SMALL: Advice(
        "The small word after the verb is another one in English.",
        "Learn the verb with its preposition: depend on, ask for, interested in.",
        "Use three verbs with the right prepositions.",
    ),
    people.AGREEMENT: Advice(
        "The verb does not agree with who does it.",
        "Stop at each “he”, “she” and “it”, and listen for the s.",
        "Get verb agreement right in every sentence.",
    ),
    people.FORMS: Advice(
        "After some verbs stands “to”, after others the form with -ing.",
        "Learn the pairs: enjoy doing, avoid doing, decide to do.",
        "Use the right verb forms after enjoy, suggest and decide.",
    ),
    people.IFS: Advice(
        "“Would” stands in the half of the sentence that begins with “if”.",
        "Put the past after “if”, and “would” into the other half.",
        "Say three conditionals without “would” after “if”.",
    ),
    people.COUNTED: Advice(
        "Words without a plural are given one.",
        "Say “some advice”, “a piece of news”, “more equipment”.",
        "Use three words that cannot be counted nouns.",
    ),
    people.PLURALS: Advice(
        "After a number the noun keeps its singular form.",
        "After every number above one, listen for the s.",
        "Make all plurals heard.",
    ),
    people.MORE: Advice(
        "“More” and the ending -er come together, or the wrong one of both.",
        "Short words take -er, long ones take “more”, none takes both.",
        "Make three comparisons with one form each.",
    ),
    "grammar.aspect": Advice(
        "A state is told in the continuous form.",
        "Know, want and need have no form with -ing.",
        "Use know, want and need in the simple form.",
    ),
    "grammar.questions": Advice(
        "An indirect question takes another order of words.",
        "Say “asked whether he could”.",
        "Ask two indirect questions in the next talk.",
    ),
    "grammar.modals": Advice(
        "“Must” is followed by “to”.",
        "After must, can and should the verb stands alone.",
        "Use must and should without “to”.",
    ),
}

INVENTED = InsightAnswer(
    category="structure",
    pattern_key="structure.digression",
    pattern="Digression",
    detail="The talk leaves its topic in the middle.",
    frequency=2,
    severity="medium",
    examples=[Quote(quote="but that is a different story for another evening", segment=0)],
    suggestion="Cut what does not serve your point.",
)
"""A habit that nobody has, with words that nobody said: evidence is asked for because of these."""

PRAISE = (
    "You say at once what your talk is about.",
    "You give a concrete detail that listeners can see before them.",
    "You say this sentence fluently, in one breath.",
    "You show how two ideas relate.",
    "You make listeners curious about what comes next.",
    "You use a figure, and it makes your point believable.",
)
