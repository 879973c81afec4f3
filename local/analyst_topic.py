"""What a talk is about, in the learner's own words where they say so."""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise

from pipeline.speech.fillers import SOUNDS, Talk

_CUE = re.compile(
    r"\b(?:(?:talk|speak|tell (?:you|us)|explain(?: to you)?|is) about|"
    r"(?:tell you|explain(?: to you)?|show you)(?= (?:how|why|what)\b)|give you)\s+"
    r"(?P<topic>[^,.;:!?…]+)",
    re.IGNORECASE,
)
LABEL_WORDS = 5
LEAST_LABEL_WORDS = 3
CUE_SENTENCES = 3
"""A speaker names the topic early, or not at all."""
_JOINTS = frozenset({"that", "which", "who", "because", "when", "where", "while", "and"})
_DANGLING = frozenset({"a", "an", "the", "of", "in", "on", "at", "to", "for", "with", "from", "i"})
_COMMON = """
    a about above after again all almost also always am an and another any anybody anything are as
    at away back be because been before best better big both but by call called came can come
    could day days did different do does don't done down each early end even evening every
    everybody everyone everything few find first five for found four friend from gave get give go
    goes going good got had half has have he hello help her here him his hour how however i if
    important in into is it it's its just keep kind know last later learn least left less let like
    little long look lot made make many maybe me mean means minutes month months more morning most
    much must my need never new next night no nobody not nothing now of off often old on once one
    only open or other our out over own part people perhaps place put read really right said same
    saw say second see sent she should show since small so some somebody something sometimes soon
    speak spoke started still stuff such summer take talk tell than thank that the their them then
    there these they thing things think this those though thought three through time times to
    today together told too took tried try two until up us use very wanted want was way we week
    weeks well went were what when where which while who whole why will winter with without work
    worked would year years yes yet you your
    """
_BEFORE_NOUNS = frozenset(["a", "an", "the", "my", "our", "your", "his", "her", "their"])
STOP_WORDS = SOUNDS | frozenset(_COMMON.split())
ENGLISH = frozenset(
    [
        "the",
        "a",
        "and",
        "i",
        "to",
        "of",
        "is",
        "it",
        "my",
        "we",
        "that",
        "you",
        "he",
        "she",
        "they",
        "for",
        "on",
        "with",
        "this",
        "but",
        "not",
        "have",
        "be",
        "are",
        "was",
        "in",
        "at",
    ]
)
LEAST_ENGLISH = 0.15
"""Of a talk's words; in spoken English it is near 0.4."""
ENOUGH_WORDS = 8
"""Of fewer nobody can tell the language."""


def is_english(talk: Talk) -> bool:
    """Whether the commonest English words are there; a very short talk has the doubt."""
    words = [key for key in talk.keys if key not in SOUNDS]
    if len(words) < ENOUGH_WORDS:
        return True
    return sum(word in ENGLISH for word in words) / len(words) >= LEAST_ENGLISH


def stated_topic(talk: Talk) -> str | None:
    """“a project that I finished at work”: what the learner says that the talk is about."""
    end = 0
    for _ in range(CUE_SENTENCES):
        mark = re.compile(r"[.!?…]").search(talk.text, end)
        end = mark.end() if mark else len(talk.text)
    found = _CUE.search(talk.text[:end])
    topic = found.group("topic").split() if found else []
    return " ".join(topic) if len(topic) > 1 else None


def frequent_words(talk: Talk) -> list[str]:
    """Up to three words of content: those that come most often, nouns before others.

    A word after an article or a possessive counts double, for it is most likely a noun.
    """
    content: Counter[str] = Counter()
    for before, key in pairwise(["", *talk.keys]):
        if key not in STOP_WORDS and len(key) > 3 and key.isalpha() and not key.endswith("ly"):  # noqa: PLR2004 - short words say little
            content[key] += 2 if before in _BEFORE_NOUNS else 1
    return [word for word, _ in content.most_common(3)]


def label(talk: Talk) -> str:
    """Three to five words, as a title."""
    topic = stated_topic(talk)
    if topic:
        return _title(topic.split())
    words = frequent_words(talk)
    return f"A talk about {' and '.join(words[:2])}" if words else "A short spoken talk"


def _title(words: list[str]) -> str:
    """The beginning of a topic, cut where it may be cut."""
    cut = words[:LABEL_WORDS]
    for place in range(LEAST_LABEL_WORDS, len(cut)):
        if cut[place].lower() in _JOINTS:
            cut = cut[:place]
            break
    while len(cut) > LEAST_LABEL_WORDS and cut[-1].lower() in _DANGLING:
        cut.pop()
    if len(cut) < LEAST_LABEL_WORDS:
        cut = ["talk", "about", *cut]
    return cut[0][0].upper() + " ".join(cut)[1:]
