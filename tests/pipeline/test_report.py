"""The learner's report: what it holds, what it leaves out, and that speech stays text in it."""

from __future__ import annotations

import json
from html import escape
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from pipeline import review
from pipeline.report.content import NO_FEEDBACK, NOTHING_STANDS_OUT, clean, report_of
from pipeline.report.markdown import as_markdown, plain
from pipeline.report.page import as_html
from pipeline.review import Format
from tests.pipeline.test_profile import CLEAN
from tests.talks import LINES, verbose_json
from tests.world import World

HOSTILE = (
    "<script>alert(1)</script> <img src=x onerror=alert(2)> & \"quoted\" 'single' {{ 7*7 }} "
    "{% raw %} [a](http://x) ![i](y) **bold** `code` | # head $x$ </title></style>"
)


class Page(HTMLParser):
    """A page as a browser reads it: its elements, and the text of its body."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        if self.elements[-1:] != ["style"]:
            self.text += data


def exported(world: World, session_id: Any, wanted: Format) -> str:
    return review.export_session(world.services, session_id, wanted)


def test_the_report_puts_strengths_first_then_one_focus_then_the_rest(world: World) -> None:
    session_id = world.complete(title="My talk")
    detail = world.detail(session_id)
    strength = detail.strengths[0]
    assert strength.quote is not None

    for wanted in (Format.MARKDOWN, Format.HTML):
        text = Page(exported(world, session_id, wanted)).text.replace("\\", "")
        order = [
            "My talk",
            strength.quote.text,
            "one focus for next time",
            str(detail.focus_next),
            "More to notice",
            detail.insights[0].suggestion,
            "In figures",
            "What you said",
            LINES[-1],
        ]
        places = [text.index(part) for part in order]
        assert places == sorted(places), wanted
        assert text.count("one focus") == 1


def test_nothing_for_staff_alone_is_in_the_report(world: World) -> None:
    session_id = world.complete()
    detail = world.detail(session_id)
    staff = [
        "rostrum-rules",
        "costUsd",
        "cost",
        "prompt",
        "token",
        "severity",
        "claimed",
        "attempt",
    ]

    for wanted in (Format.MARKDOWN, Format.HTML):
        text = Page(exported(world, session_id, wanted)).text.lower()
        assert [word for word in staff if word in text] == []
        assert str(detail.row.user_id) not in text
        assert str(detail.runs[0].id) not in text


def test_no_figure_scolds_and_nothing_is_red(world: World) -> None:
    page = exported(world, world.complete(), Format.HTML)

    assert "harmful" not in page
    assert "distracting" not in page
    for color in ("red", "#f00", "#ff0000", "crimson", "#c00"):
        assert f": {color}" not in page


def hostile(world: World) -> Any:
    world.says(verbose_json(tuple(f"{line} um {HOSTILE} um" for line in LINES)))
    return world.complete(title=HOSTILE)


def test_html_in_speech_and_title_is_text_in_the_page(world: World) -> None:
    page = Page(exported(world, hostile(world), Format.HTML))

    assert {"script", "img"} & set(page.elements) == set()
    assert page.elements.count("title") == page.elements.count("style") == 1
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert "<script>alert(1)</script>" in page.text
    assert "{{ 7*7 }}" in page.text, "a template in speech is not run"


def test_markdown_in_speech_and_title_is_escaped(world: World) -> None:
    text = exported(world, hostile(world), Format.MARKDOWN)

    page = Page(MarkdownIt("gfm-like", {"linkify": False}).render(text))
    assert set(page.elements) <= {"h1", "h2", "h3", "p", "strong", "blockquote", "ul", "li"}
    assert page.elements.count("h1") == 1
    assert page.text.count(HOSTILE) > len(LINES), (
        "title, quotes and the talk say it letter by letter"
    )


@pytest.mark.parametrize(
    "line",
    [
        "# head",
        "- item",
        "1. item",
        "> quote",
        "    code",
        "***",
        "===",
        "\n\n# head",
        "\t# x",
        "+ a",
    ],
)
def test_speech_begins_no_block_of_markdown(line: str) -> None:
    rendered = MarkdownIt().render(plain(clean(line)))

    assert rendered == f"<p>{escape(clean(line))}</p>\n"


@given(text=st.text(st.characters(codec="utf-8"), max_size=80))
@settings(max_examples=300, deadline=None)
def test_whatever_is_said_markdown_shows_it_as_it_is(text: str) -> None:
    page = Page(MarkdownIt().render(f"x {plain(clean(text))} x"))

    assert page.elements == ["p"]
    assert page.text.split() == f"x {clean(text)} x".split()


def test_a_session_without_feedback_says_so(world: World) -> None:
    session_id = world.upload(title="Waiting")

    for wanted in (Format.MARKDOWN, Format.HTML):
        text = Page(exported(world, session_id, wanted)).text.replace("\\", "")
        assert "Waiting" in text
        assert NO_FEEDBACK in text
        assert "focus" not in text
        assert "In figures" not in text


def test_a_talk_with_nothing_wrong_says_so(world: World) -> None:
    world.says(verbose_json(CLEAN))
    session_id = world.complete()
    assert world.detail(session_id).insights == ()

    assert NOTHING_STANDS_OUT in exported(world, session_id, Format.HTML)


def test_an_untimed_transcript_has_no_times_in_its_report(world: World) -> None:
    world.says({"text": " ".join(CLEAN), "usage": {"type": "duration", "seconds": 60}})
    report = report_of(world.with_settings(whisper_model="gpt-transcribe").detail(world.complete()))

    assert {line.at for line in report.lines} == {None}
    assert {strength.quote.at for strength in report.strengths if strength.quote} <= {None}
    assert "None" not in as_markdown(report)
    assert ">None<" not in as_html(report)


def test_right_to_left_text_and_emoji_stay_what_they_are(world: World) -> None:
    said = "مرحبا بالعالم 👩🏽‍🚀 and שלום for all of us today"
    world.says(verbose_json(tuple(f"{said} number {n}." for n in range(8))))
    session_id = world.complete(title="שלום 👋🏽")

    page = exported(world, session_id, Format.HTML)
    assert "👩🏽‍🚀" in page
    assert '<h1 dir="auto">שלום 👋🏽</h1>' in page
    assert page.count('dir="auto">') > 8, "each line finds its own direction"
    assert said in exported(world, session_id, Format.MARKDOWN)


def test_characters_that_turn_the_rest_of_a_line_around_are_left_out() -> None:
    assert clean("a\u202eb\u2066c\x00d\x1b[31m\r\ne\u200df") == "a b c d [31m e\u200df"


def test_json_is_the_session_whole(world: World) -> None:
    session_id = world.complete()
    detail = world.detail(session_id)

    whole = json.loads(exported(world, session_id, Format.JSON))

    assert whole["row"]["id"] == str(session_id)
    assert whole["transcript"]["text"] == detail.transcript.text  # type: ignore[union-attr] # completed
    assert len(whole["insights"]) == len(detail.insights)
    by_name = {metric["name"]: metric for metric in whole["metrics"]}
    assert by_name["fillers_per_minute"]["moments"]
    assert by_name["pace"]["low"] == 120


def test_the_report_says_what_became_of_the_last_focus(world: World) -> None:
    world.complete()
    world.says(verbose_json(CLEAN))

    page = exported(world, world.complete(), Format.HTML)

    assert "Your last focus: <bdi>Filler words:" in page
    assert "better than last time" in page
