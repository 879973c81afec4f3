"""A report as Markdown. Speech stays text: no mark of it has a meaning there."""

from __future__ import annotations

import string
from collections.abc import Iterator

from pipeline.report.content import Report, Said

_ESCAPES = str.maketrans({character: f"\\{character}" for character in string.punctuation})


def plain(text: str) -> str:
    """Text that Markdown leaves as it is: no links, maths, colours, images or HTML."""
    return " ".join(text.translate(_ESCAPES).split())


def as_markdown(report: Report) -> str:
    """The whole report."""
    blocks = [
        *_opening(report),
        *_strengths_and_focus(report),
        *_habits(report),
        *_figures(report),
        *_talk(report),
    ]
    return "\n\n".join(blocks) + "\n"


def _opening(report: Report) -> Iterator[str]:
    yield f"# {plain(report.title)}"
    length = f"{report.length} min" if report.length else None
    words = None if report.words is None else f"{report.words} words"
    facts = [report.recorded_at.strftime("%d %B %Y"), length, words, report.about]
    yield " · ".join(plain(fact) for fact in facts if fact)
    yield plain(report.summary)


def _strengths_and_focus(report: Report) -> Iterator[str]:
    if report.strengths:
        yield "## What went well"
    for strength in report.strengths:
        yield f"**{plain(strength.text)}**"
        if strength.quote:
            yield _quoted(strength.quote)
    if report.focus:
        yield "## Your one focus for next time"
        yield plain(report.focus)
    if report.last_focus:
        yield f"Your last focus: {plain(report.last_focus)}"


def _habits(report: Report) -> Iterator[str]:
    if report.habits or report.habits_note:
        yield "## More to notice"
    if report.habits_note:
        yield plain(report.habits_note)
    for habit in report.habits:
        yield f"### {plain(habit.name)}"
        yield plain(habit.detail)
        yield from (_quoted(quote) for quote in habit.quotes)
        yield f"Next time: {plain(habit.suggestion)}"


def _figures(report: Report) -> Iterator[str]:
    if report.figures or report.figures_note:
        yield "## In figures"
    if report.figures:
        yield "\n".join(
            f"- {plain(figure.label)}: {plain(figure.value)}, {plain(figure.reading)}"
            for figure in report.figures
        )
    if report.figures_note:
        yield plain(report.figures_note)


def _talk(report: Report) -> Iterator[str]:
    if report.lines or report.words_note:
        yield "## What you said"
    if report.words_note:
        yield plain(report.words_note)
    for line in report.lines:
        doubt = " \\(hard to hear\\)" if line.is_hard_to_hear else ""
        yield f"{_at(line.at)}{plain(line.text)}{doubt}"


def _quoted(quote: Said) -> str:
    return f"> {_at(quote.at)}“{plain(quote.text)}”"


def _at(time: str | None) -> str:
    return f"{plain(time)} " if time else ""
