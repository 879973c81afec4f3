"""What was heard, in each format: the shapes alone, without a server or a model."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from typing import Any

import pytest
from starlette.datastructures import UploadFile

from local.speech_model import Heard
from local.whisper_answer import render
from local.whisper_request import Wish

WORDS = [{"word": "Hello", "start": 0.5, "end": 0.9}]
SEGMENT = {
    "id": 0,
    "seek": 0,
    "start": 3661.5,
    "end": 3662.0004,
    "text": " Hello.",
    "tokens": [50364, 2425, 50389],
    "temperature": 0.0,
    "avg_logprob": -0.2,
    "compression_ratio": 0.5,
    "no_speech_prob": 0.01,
}
HEARD = Heard(text="Hello.", language="en", duration=4.2, segments=[SEGMENT], words=WORDS)
WISH = Wish(
    audio=UploadFile(io.BytesIO()),
    model="whisper-1",
    response_format="json",
    granularities=frozenset({"segment"}),
    language=None,
    prompt=None,
    temperature=0,
)


def answer(heard: Heard = HEARD, **wish: Any) -> str:
    return bytes(render(heard, replace(WISH, **wish)).body).decode()


def body(heard: Heard = HEARD, **wish: Any) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(answer(heard, **wish))
    return read


@pytest.mark.parametrize(("duration", "billed"), [(0.2, 1), (4.0, 4), (4.2, 5), (5.0, 5)])
def test_begun_seconds_are_billed(duration: float, billed: int) -> None:
    heard = replace(HEARD, duration=duration)
    assert body(heard) == {"text": "Hello.", "usage": {"type": "duration", "seconds": billed}}


def test_gpt_4o_bills_tokens() -> None:
    assert body(model="gpt-4o-transcribe")["usage"] == {
        "type": "tokens",
        "input_tokens": 42,
        "input_token_details": {"audio_tokens": 42, "text_tokens": 0},
        "output_tokens": 3,
        "total_tokens": 45,
    }


def test_gpt_transcribe_names_the_languages_it_heard() -> None:
    assert body(model="gpt-transcribe")["languages"] == [{"code": "en"}]
    silence = Heard(text="", language="en", duration=4.2, segments=[], words=[])
    assert body(silence, model="gpt-transcribe")["languages"] == []


def test_verbose_json_holds_segments_or_words_or_both_as_asked() -> None:
    for asked in ({"segment"}, {"word"}, {"segment", "word"}):
        held = body(response_format="verbose_json", granularities=frozenset(asked))
        assert {name.removesuffix("s") for name in held if name in {"segments", "words"}} == asked


def test_verbose_json_names_the_language_in_english() -> None:
    german = replace(HEARD, language="de")
    assert body(german, response_format="verbose_json")["language"] == "german"


def test_text_ends_with_its_line() -> None:
    assert answer(response_format="text") == "Hello.\n"


def test_srt_numbers_its_lines_and_writes_a_comma() -> None:
    assert answer(response_format="srt") == "1\n01:01:01,500 --> 01:01:02,000\nHello.\n\n"


def test_vtt_has_a_head_and_writes_a_point() -> None:
    assert answer(response_format="vtt") == "WEBVTT\n\n01:01:01.500 --> 01:01:02.000\nHello.\n\n"


def test_letters_beyond_ascii_stay_as_they_are() -> None:
    assert "Zoë" in answer(replace(HEARD, text="Zoë."))
