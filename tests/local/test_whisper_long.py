"""The local Whisper server and a long file: in batches, fast enough, and as well heard."""

from __future__ import annotations

import re
import time
from pathlib import Path

import numpy as np
import openai
import pytest

from local.demo import word_error_rate
from tests.recordings import SAMPLE, encoded, speech
from tests.standins import StandIn

TURNS = 7
SCRIPT = Path(SAMPLE).with_suffix(".txt").read_text()
FILLERS = "Um, uh, hmm, er, ah."


@pytest.mark.long
@pytest.mark.speech
@pytest.mark.timeout(900)
def test_ten_minutes_take_less_than_a_third_of_their_length(whisper: StandIn) -> None:
    talk = np.tile(speech(SAMPLE), TURNS)
    seconds = len(talk) / 16_000
    with openai.OpenAI(base_url=f"{whisper.url}/v1", api_key="x", timeout=800) as client:
        begun = time.monotonic()
        heard = client.audio.transcriptions.create(
            file=("talk.ogg", encoded("ogg opus", talk)),
            model="whisper-1",
            language="en",
            prompt=FILLERS,
            temperature=0,
            response_format="verbose_json",
            timestamp_granularities=["word", "segment"],
        )
        taken = time.monotonic() - begun

    assert seconds > 600
    assert taken < seconds / 3
    assert word_error_rate(SCRIPT * TURNS, heard.text) < 0.03
    assert len(re.findall(r"\b(?:um|uh)\b", heard.text.lower())) >= 0.8 * 5 * TURNS
    assert heard.segments is not None
    assert heard.words is not None
    assert len(heard.segments) > 10 * TURNS, "sentences, not stretches of half a minute"
    starts = [segment.start for segment in heard.segments]
    assert starts == sorted(starts)
    assert " ".join(segment.text.strip() for segment in heard.segments) == heard.text
    assert heard.words[-1].end == pytest.approx(seconds, abs=3)
