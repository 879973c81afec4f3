"""The habits that code can find in a talk, each counted and located."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from local.analyst_coach import Coach, Habit, Severity
from local.analyst_slips import slips_in
from pipeline.speech.fillers import SOUNDS, Moment, fillers_in
from pipeline.speech.habits import (
    BASIC_CONNECTORS,
    HEDGES,
    INTENSIFIERS,
    LONG_SENTENCE_WORDS,
    RICH_CONNECTORS,
    VAGUE,
    commonest_opener,
    moments_of,
    repeats_in,
)

QUOTED_WORDS = 14
"""Of a long sentence: enough to see it run on."""
SEQUENCE = frozenset({"and", "then", "so", "but"})
"""Openers that make a list of a talk; “I” or “the” is how sentences begin."""
HANGING = frozenset(
    [
        "a",
        "an",
        "the",
        "my",
        "your",
        "his",
        "her",
        "our",
        "their",
        "of",
        "to",
        "with",
        "about",
        "because",
        "and",
        "or",
        "when",
        "where",
        "which",
        "is",
        "i",
        "than",
        "from",
        "for",
    ]
)
"""No sentence ends here unless it breaks off."""
OPENING_WORDS = 3
LEAST_FRAGMENT_WORDS = 5
CHOPPY_WORDS = 5
CHOPPY_SENTENCES = 8


def _fillers(coach: Coach) -> Iterable[Habit]:
    # "I mean" begins a sentence anew: that is a restart.
    found = [m for m in fillers_in(coach.talk) if m.text.casefold() != "i mean"]
    yield Habit(
        key="vocabulary.fillers",
        name="Filler words",
        count=len(found),
        weight=coach.per_hundred(len(found)) / 3,
        spots=coach.spots(found),
        detail=f"{_tally(found)}. Each one draws attention away from your point.",
        suggestion="When you look for a word, close your mouth and pause for one breath.",
        focus=f"Halve your fillers: at most {max(1, len(found) // 2)} in a talk of this length.",
    )


def _tally(moments: Sequence[Moment]) -> str:
    """“8 times: “um” 4, “uh” 2 and others”."""
    counted = Counter(moment.text.casefold() for moment in moments).most_common()
    named = ", ".join(f"“{text}” {count}" for text, count in counted[:3])
    return f"{len(moments)} times: {named}{' and others' if len(counted) > 3 else ''}"  # noqa: PLR2004 - three are named


def _repeats(coach: Coach) -> Iterable[Habit]:
    found = [moment for moment in repeats_in(coach.talk) if moment.kind == "repeat"]
    yield Habit(
        key="vocabulary.repetition",
        name="Words said twice in a row",
        count=len(found),
        weight=coach.per_hundred(len(found)) / 1.5,
        spots=coach.spots(found),
        detail=f"{len(found)} times a word comes twice in a row, which sounds like a false start.",
        suggestion="Begin the sentence only when you know its first three words.",
        focus="Say no word twice in a row in your next talk.",
        worst="medium",
    )


def _phrases(
    key: str,
    name: str,
    phrases: tuple[tuple[str, ...], ...],
    *,
    usual: float,
    advice: Sequence[str],
    worst: Severity = "medium",
) -> Callable[[Coach], Iterable[Habit]]:
    effect, suggestion, focus = advice

    def rule(coach: Coach) -> Iterable[Habit]:
        found = moments_of(coach.talk, phrases, kind=key)
        yield Habit(
            key=key,
            name=name,
            count=len(found),
            weight=coach.per_hundred(len(found)) / usual,
            spots=coach.spots(found),
            detail=f"{_tally(found)}. {effect}",
            suggestion=suggestion,
            focus=focus.format(most=max(1, len(found) // 2)),
            worst=worst,
        )

    return rule


def _openers(coach: Coach) -> Iterable[Habit]:
    opener = commonest_opener(coach.talk.text)
    if opener is None or opener.total < 5 or opener.sentences < 3:  # noqa: PLR2004 - below that there is no series
        return
    least = 0.2 if opener.word in SEQUENCE else 0.5
    share = opener.sentences / opener.total
    if share <= least:
        return
    starts = [coach.first_word(sentence) for sentence in coach.sentences]
    spots = tuple((i, i + 1) for i in starts if i is not None and coach.talk.keys[i] == opener.word)
    followers = Counter(
        coach.talk.keys[first + 1] for first, _ in spots if first + 1 < len(coach.at)
    )
    after, times = followers.most_common(1)[0]
    heard = f"{opener.word} {after}" if times > len(spots) / 2 else opener.word
    yield Habit(
        key="structure.same_openers",
        name=f"Sentences that begin with “{heard.capitalize()}”",
        count=opener.sentences,
        weight=share / 0.3,
        spots=spots,
        detail=f"{opener.sentences} of {opener.total} sentences begin with “{opener.word}”, so "
        "your ideas sound like one long list.",
        suggestion="Open with the person, the time or the result: “After the tests, …”.",
        focus=f"Begin at most one sentence in five with “{opener.word}”.",
        worst="medium",
    )


def _run_ons(coach: Coach) -> Iterable[Habit]:
    lengths = {
        sentence: sum(key not in SOUNDS for key in coach.talk.keys[slice(*sentence)])
        for sentence in coach.sentences
    }
    long = [sentence for sentence, words in lengths.items() if words > LONG_SENTENCE_WORDS]
    yield Habit(
        key="structure.run_ons",
        name="Run-on sentences",
        count=len(long),
        weight=len(long),
        spots=tuple((first, first + QUOTED_WORDS) for first, _ in long),
        detail=f"{len(long)} sentences have more than {LONG_SENTENCE_WORDS} words; the longest "
        f"has {max(lengths.values(), default=0)}. A listener has to hold too much at once.",
        suggestion="One thought, one sentence: stop, breathe, and begin the next.",
        focus="Keep every sentence below 25 words.",
    )


def _connectors(coach: Coach) -> Iterable[Habit]:
    keys = coach.talk.keys
    basic = [i for i, key in enumerate(keys) if key in BASIC_CONNECTORS]
    rich = sum(key in RICH_CONNECTORS for key in keys)
    if len(basic) < 8 or coach.per_hundred(len(basic)) < 9 or rich > len(basic) / 6:  # noqa: PLR2004 - house values: often, and one rich in six
        return
    # Quotes from within sentences: how they begin is another habit.
    openings = {first + i for first, _ in coach.sentences for i in range(OPENING_WORDS)}
    inside = [i for i in basic if i not in openings]
    yield Habit(
        key="vocabulary.limited_connectors",
        name="Ideas joined by “and”, “so” and “but”",
        count=len(basic),
        weight=coach.per_hundred(len(basic)) / 8,
        spots=tuple((i, i + 1) for i in inside or basic),
        detail=f"{len(basic)} simple connectors and {rich} that show how ideas relate, so the "
        "logic stays for the listener to guess.",
        suggestion="Replace some by “because”, “although” or “as a result”.",
        focus="Use three different connectors that show a reason or a contrast.",
        worst="medium",
    )


def _slips(coach: Coach) -> Iterable[Habit]:
    for slip, places in slips_in(coach.talk.text):
        spots = tuple(coach.covering(begin, end) for begin, end in places)
        yield Habit(
            key=slip.key,
            name=slip.name,
            count=len(spots),
            weight=len(spots) / 2,
            spots=spots,
            detail=f"{len(spots)} times, as in “{coach.text(*spots[0])}”. You are understood, but "
            "it catches the ear.",
            suggestion=slip.hint,
            focus=f"Get this right each time: {slip.name.lower()}.",
            worst="medium",
        )


def _restarts(coach: Coach) -> Iterable[Habit]:
    found = [moment for moment in repeats_in(coach.talk) if moment.kind == "restart"]
    yield Habit(
        key="structure.restarts",
        name="Sentences begun again",
        count=len(found),
        weight=coach.per_hundred(len(found)) / 2,
        spots=coach.spots(found),
        detail=f"{len(found)} times you break off with “I mean” and begin again, so listeners have "
        "to forget the first half.",
        suggestion="Finish the sentence that you began, even if another one would be nicer.",
        focus="No “I mean” in your next talk.",
        worst="medium",
    )


def _fragments(coach: Coach) -> Iterable[Habit]:
    broken = [
        (end - LEAST_FRAGMENT_WORDS, end)
        for first, end in coach.sentences
        if end - first >= LEAST_FRAGMENT_WORDS and coach.talk.keys[end - 1] in HANGING
    ]
    yield Habit(
        key="structure.fragments",
        name="Sentences that break off",
        count=len(broken),
        weight=len(broken),
        spots=tuple(broken),
        detail=f"{len(broken)} sentences stop before they say something, so their point is lost.",
        suggestion="Decide on the last word of a sentence before you say its first.",
        focus="End every sentence that you begin.",
    )


def _choppy(coach: Coach) -> Iterable[Habit]:
    lengths = [end - first for first, end in coach.sentences]
    short = sum(length <= CHOPPY_WORDS for length in lengths)
    if len(lengths) < CHOPPY_SENTENCES or short < len(lengths) * 0.75:
        return
    yield Habit(
        key="structure.choppy",
        name="Choppy sentences",
        count=short,
        weight=1,
        spots=tuple((i, i + QUOTED_WORDS) for i in range(0, len(coach.at), QUOTED_WORDS)),
        detail=f"{short} of {len(lengths)} sentences have at most {CHOPPY_WORDS} words: your talk "
        "sounds like a list of facts.",
        suggestion="Join two short sentences by “because”, “while” or “which”.",
        focus="Speak at least five sentences of ten words or more.",
        worst="medium",
    )


RULES: tuple[Callable[[Coach], Iterable[Habit]], ...] = (
    _fillers,
    _fragments,
    _run_ons,
    _phrases(
        "vocabulary.hedging",
        "Hedging",
        HEDGES,
        usual=2.5,
        advice=(
            "Your points sound less certain than they are.",
            "State the fact first; add a doubt only where you really have one.",
            "Say “maybe”, “I think” and the like at most {most} times.",
        ),
        worst="high",
    ),
    _restarts,
    _slips,
    _openers,
    _phrases(
        "vocabulary.vague_words",
        "Vague words",
        VAGUE,
        usual=1.5,
        advice=(
            "Listeners cannot see what you mean.",
            "Name the thing: a tool, a number, a person.",
            "Say “stuff”, “thing” and the like at most {most} times.",
        ),
    ),
    _phrases(
        "vocabulary.weak_intensifiers",
        "Weak intensifiers",
        INTENSIFIERS,
        usual=2.0,
        advice=(
            "They stand in for stronger words, and so often they lose their force.",
            "Swap two words for one: not “very important” but “essential”.",
            "Say “very”, “really” and the like at most {most} times.",
        ),
    ),
    _repeats,
    _connectors,
    _choppy,
)
"""The more a habit costs a listener, the earlier it stands."""
