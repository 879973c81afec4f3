"""A learner gives a prepared talk: which words come out, when, and where the habits show."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace

from pipeline.speech.transcript import Segment, Silence, Transcript, Word
from pipeline.transcribe.prompt import version_for
from seeding.people import FILLERS, HEDGES, OPENERS, REPEATS, RESTARTS, RUN_ONS, Person
from seeding.texts import Piece, Talk

ENGINE = "whisper-1"
SOUNDS = ("um,", "uh,", "um,", "er,", "you know,")
JOINED_LINES = 4
"""So many sentences become one that runs on."""
SHORTEST_LINES = 9
PAUSE_SHARE = 0.22
"""Of the time of a talk."""
UNUSUAL_PAUSE = 0.02
USUAL_LETTERS = 4.3


ONLY_OWN = frozenset({FILLERS, HEDGES, OPENERS, REPEATS, RESTARTS, RUN_ONS})
"""Habits that only those have who are said to have them; in other places anybody slips."""
USUAL = (0.3, 0.2)


@dataclass(frozen=True, slots=True)
class Shown:
    """A place where a habit shows."""

    key: str
    segment: int
    first: int
    end: int
    """Words of the segment's text, between spaces."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """A talk as it was given."""

    title: str
    transcript: Transcript
    shown: tuple[Shown, ...]


@dataclass
class _Sentence:
    words: list[str]
    shown: list[Shown] = field(default_factory=list)

    def insert(self, at: int, words: list[str]) -> None:
        """Put words in; places behind them move."""
        size = len(words)
        self.words[at:at] = words
        self.shown = [
            replace(s, first=s.first + size, end=s.end + size) if s.first >= at else s
            for s in self.shown
        ]

    def note(self, key: str, first: int, end: int) -> None:
        """A habit shows here; which segment that is will be known in the end."""
        self.shown.append(Shown(key, 0, first, end))


@dataclass(frozen=True, slots=True)
class _Manner:
    """How one person speaks at one time."""

    person: Person
    progress: float
    chance: random.Random

    def does(self, key: str) -> bool:
        """Whether a habit shows at this place."""
        usual = (0.0, 0.0) if key in ONLY_OWN else USUAL
        first, last = self.person.habits.get(key, usual)
        return self.chance.random() < first + (last - first) * self.progress

    @property
    def pace(self) -> float:
        """Words a minute today."""
        first, last = self.person.pace
        return (first + (last - first) * self.progress) * self.chance.uniform(0.95, 1.05)


def give(talk: Talk, person: Person, progress: float, chance: random.Random) -> Spoken:
    """The talk, or a part of it, as this person gives it; `progress` goes from 0 to 1."""
    manner = _Manner(person, progress, chance)
    left_out = chance.randint(0, len(talk.lines) - SHORTEST_LINES)
    begin = chance.randint(1, len(talk.lines) - 1 - left_out)
    lines = [*talk.lines[:begin], *talk.lines[begin + left_out :]]
    sentences = _joined([_said(line, manner) for line in lines], manner)
    shown = [
        replace(place, segment=index)
        for index, sentence in enumerate(sentences)
        for place in sentence.shown
    ]
    return Spoken(talk.title, _heard(sentences, manner), tuple(shown))


def _said(line: tuple[Piece, ...], manner: _Manner) -> _Sentence:
    """One line with its slips, then with what is put around and between its words."""
    sentence = _Sentence([])
    for piece in line:
        slips = piece.badly is not None and piece.key is not None and manner.does(piece.key)
        first = len(sentence.words)
        _append(sentence, (piece.badly if slips else piece.well) or "")
        if slips and piece.key:
            sentence.note(piece.key, first, len(sentence.words))
    _begin(sentence, manner)
    _fill(sentence, manner)
    return sentence


def _append(sentence: _Sentence, text: str) -> None:
    """Punctuation that follows a place belongs to the word before it."""
    words = text.split()
    if sentence.words and words and not words[0][0].isalnum():
        sentence.words[-1] += words.pop(0)
    sentence.words += words


def _begin(sentence: _Sentence, manner: _Manner) -> None:
    if manner.does(RESTARTS):
        _put_before(sentence, [*sentence.words[:2], "I", "mean,"], RESTARTS)
        sentence.words[1] = sentence.words[1].strip(",.") + ","
    elif manner.does(HEDGES):
        _put_before(sentence, ["I", "think"], HEDGES)
    elif manner.does(OPENERS):
        _put_before(sentence, ["And", "then"], OPENERS)


def _put_before(sentence: _Sentence, words: list[str], key: str) -> None:
    _lower_first(sentence.words)
    sentence.insert(0, words)
    sentence.note(key, 0, len(words))


def _lower_first(words: list[str]) -> None:
    """What no longer begins a sentence is not written with a capital; “I” always is."""
    if words[0] != "I":
        words[0] = words[0][0].lower() + words[0][1:]


def _fill(sentence: _Sentence, manner: _Manner) -> None:
    for at in range(len(sentence.words) - 1, 0, -1):
        word = sentence.words[at]
        if manner.does(FILLERS):
            sounds = manner.chance.choice(SOUNDS).split()
            sentence.insert(at, sounds)
            sentence.note(FILLERS, at, at + len(sounds))
        elif word.isalpha() and word != "I" and manner.does(REPEATS):
            sentence.insert(at, [word])
            sentence.note(REPEATS, at, at + 2)


def _joined(sentences: list[_Sentence], manner: _Manner) -> list[_Sentence]:
    """Some sentences run on into the next ones."""
    joined: list[_Sentence] = []
    at = 0
    while at < len(sentences):
        size = JOINED_LINES if manner.does(RUN_ONS) else 1
        group = sentences[at : at + size]
        at += size
        if len(group) < JOINED_LINES:
            joined += group
            continue
        whole = _Sentence([])
        for part in group:
            if whole.words:
                whole.words[-1] = whole.words[-1].rstrip(".") + ","
                whole.words.append("and")
                _lower_first(part.words)
            moved = len(whole.words)
            whole.words += part.words
            whole.shown += [
                replace(s, first=s.first + moved, end=s.end + moved) for s in part.shown
            ]
        whole.note(RUN_ONS, 0, min(14, len(whole.words)))
        joined.append(whole)
    return joined


def _heard(sentences: list[_Sentence], manner: _Manner) -> Transcript:
    """The words with times, the silences between them, and what was hard to hear."""
    chance = manner.chance
    letter_seconds = 60 / manner.pace * (1 - PAUSE_SHARE) / (USUAL_LETTERS + 2)
    clock = round(chance.uniform(0.3, 1.2), 3)
    silences, segments = [Silence(0.0, clock)], []
    for index, sentence in enumerate(sentences):
        words = []
        for spoken in sentence.words:
            end = round(clock + letter_seconds * (len(spoken) + 2), 3)
            words.append(Word(spoken.strip(",.?!:;"), clock, end))
            pause = _pause(spoken, chance)
            if pause:
                silences.append(Silence(end, round(end + pause, 3)))
            clock = round(end + pause, 3)
        segments.append(
            Segment(
                index=index,
                text=" ".join(sentence.words),
                start=words[0].start,
                end=words[-1].end,
                suspect=chance.random() < manner.person.unheard,
                words=tuple(words),
            )
        )
    return Transcript(
        segments=tuple(segments),
        language="en",
        duration=clock,
        engine=ENGINE,
        silences=tuple(silences),
        prompt_version=version_for("en"),
    )


def _pause(spoken: str, chance: random.Random) -> float:
    """Seconds of silence after a word: at the end of a sentence, at a comma, or none."""
    if spoken.endswith((".", "?", "!")):
        return round(chance.uniform(0.5, 1.3), 3)
    if chance.random() < UNUSUAL_PAUSE:
        return round(chance.uniform(1.1, 3.6), 3)
    return round(chance.uniform(0.2, 0.6), 3) if spoken.endswith((",", ":")) else 0.0
