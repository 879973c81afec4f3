"""What the local Whisper server refuses, as OpenAI refuses it: no model is needed for that."""

from __future__ import annotations

import io
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest

from tests.standins import StandIn, running
from tests.talks import tone

HELLO = (Path(__file__).parent.parent / "audio" / "hello.ogg").read_bytes()
MOST_BYTES = 25 * 1024 * 1024


@pytest.fixture
def client(whisper: StandIn) -> Iterator[openai.OpenAI]:
    """The real SDK, without retries of its own."""
    with openai.OpenAI(
        base_url=f"{whisper.url}/v1", api_key="test", max_retries=0, timeout=30
    ) as made:
        yield made


def ask(client: openai.OpenAI, audio: bytes = HELLO, **more: Any) -> Any:
    asked = {"model": "whisper-1", **more}
    return client.audio.transcriptions.create(file=("talk.ogg", audio), **asked)


def refused(client: openai.OpenAI, audio: bytes = HELLO, **more: Any) -> openai.APIStatusError:
    with pytest.raises(openai.APIStatusError) as told:
        ask(client, audio, **more)
    return told.value


def post(whisper: StandIn, **more: Any) -> httpx2.Response:
    return httpx2.post(
        f"{whisper.url}/v1/audio/transcriptions",
        **{"headers": {"Authorization": "Bearer test"}, **more},
    )


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer"}, {"Authorization": "Basic x"}])
def test_without_a_key_it_is_401(whisper: StandIn, headers: dict[str, str]) -> None:
    answer = post(whisper, headers=headers, data={"model": "whisper-1"}, files={"file": HELLO})
    assert answer.status_code == 401
    error = answer.json()["error"]
    assert error["message"].startswith("You didn't provide an API key.")
    assert error | {"message": ""} == {
        "message": "",
        "type": "invalid_request_error",
        "param": None,
        "code": None,
    }


@pytest.mark.parametrize(
    ("asked", "param", "code"),
    [
        ({"model": "whisper-9"}, "model", "invalid_model"),
        ({"response_format": "yaml"}, "response_format", None),
        ({"timestamp_granularities": ["word"]}, "timestamp_granularities", None),
        (
            {"timestamp_granularities": ["letter"], "response_format": "verbose_json"},
            "timestamp_granularities",
            None,
        ),
        ({"language": "klingon"}, "language", "invalid_language_format"),
        ({"temperature": 1.5}, "temperature", None),
    ],
)
def test_a_wrong_field_is_400_and_named(
    client: openai.OpenAI, asked: dict[str, Any], param: str, code: str | None
) -> None:
    error = refused(client, **asked)
    assert isinstance(error, openai.BadRequestError)
    assert (error.type, error.param, error.code) == ("invalid_request_error", param, code)


@pytest.mark.parametrize("model", ["gpt-4o-transcribe", "gpt-4o-mini-transcribe", "gpt-transcribe"])
@pytest.mark.parametrize("response_format", ["verbose_json", "srt", "vtt"])
def test_the_newer_models_give_no_times(
    client: openai.OpenAI, model: str, response_format: str
) -> None:
    error = refused(client, model=model, response_format=response_format)
    assert (error.status_code, error.param) == (400, "response_format")
    assert model in error.message


def test_a_missing_file_is_400(whisper: StandIn) -> None:
    answer = post(whisper, files={"model": (None, "whisper-1")})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "file")


def test_a_missing_model_is_400(whisper: StandIn) -> None:
    answer = post(whisper, files={"file": HELLO})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "model")


def test_a_body_that_is_no_form_is_400(whisper: StandIn) -> None:
    broken = {"Authorization": "Bearer test", "Content-Type": "multipart/form-data"}
    answer = post(whisper, headers=broken, content=b"no boundary")
    assert (answer.status_code, answer.json()["error"]["type"]) == (400, "invalid_request_error")


def test_an_unknown_path_is_404_in_the_same_shape(whisper: StandIn) -> None:
    answer = httpx2.get(f"{whisper.url}/v1/audio/speech")
    assert (answer.status_code, set(answer.json()["error"])) == (
        404,
        {"message", "type", "param", "code"},
    )


@pytest.mark.parametrize("audio", [b"", b"These are no sounds.", HELLO[:60]])
def test_what_cannot_be_decoded_is_400(client: openai.OpenAI, audio: bytes) -> None:
    error = refused(client, audio)
    assert (error.status_code, error.param) == (400, "file")
    assert "Invalid file format" in error.message


def test_a_recording_without_a_sample_is_too_short(client: openai.OpenAI) -> None:
    held = io.BytesIO()
    with wave.open(held, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
    assert refused(client, held.getvalue()).code == "audio_too_short"


def test_less_than_a_tenth_of_a_second_is_too_short(client: openai.OpenAI) -> None:
    error = refused(client, tone(0.05))
    assert (error.status_code, error.code) == (400, "audio_too_short")


@pytest.mark.parametrize("size", [MOST_BYTES + 1, MOST_BYTES + 2 * 1024 * 1024])
def test_above_25_mb_it_is_413(client: openai.OpenAI, size: int) -> None:
    assert refused(client, bytes(size)).status_code == 413


def test_exactly_25_mb_is_not_too_large(client: openai.OpenAI) -> None:
    assert "Invalid file format" in refused(client, bytes(MOST_BYTES)).message


def test_it_lists_its_models(client: openai.OpenAI) -> None:
    assert {"whisper-1", "gpt-transcribe"} <= {model.id for model in client.models.list()}


def test_a_fault_can_be_rate_limited_with_retry_after(
    client: openai.OpenAI, whisper: StandIn
) -> None:
    whisper.misbehave({"kind": "answer", "status": 429, "headers": {"retry-after": "7"}})
    error = refused(client)
    assert isinstance(error, openai.RateLimitError)
    assert error.response.headers["retry-after"] == "7"


def test_a_fault_can_be_slow(client: openai.OpenAI, whisper: StandIn) -> None:
    whisper.misbehave({"kind": "slow", "seconds": 1.5})
    with pytest.raises(openai.APITimeoutError):
        ask(client.with_options(timeout=0.3))


def test_a_fault_can_cut_the_line(client: openai.OpenAI, whisper: StandIn) -> None:
    whisper.misbehave({"kind": "cut"})
    with pytest.raises(openai.APIConnectionError):
        ask(client)


def test_a_model_that_cannot_be_loaded_is_a_server_error(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"no weights")
    with (
        running(
            "local.whisper",
            "--data-dir",
            str(tmp_path),
            log=tmp_path / "log",
            WHISPER_MODEL_DIR=str(tmp_path),
        ) as server,
        openai.OpenAI(base_url=f"{server.url}/v1", api_key="test", max_retries=0) as client,
    ):
        error = refused(client)
    assert (error.status_code, error.type) == (500, "server_error")
