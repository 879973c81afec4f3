"""What the local stack tells its parts, and what a person's own settings change in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.settings import make_plan


@pytest.mark.parametrize(
    ("own", "parallelism"),
    [
        ({}, "2"),
        ({"TRANSCRIPTION_PARALLELISM": "1"}, "1"),
        ({"OPENAI_API_KEY": "sk-own"}, None),
    ],
    ids=["as many as the stand-in hears at once", "the person's own", "the service's default"],
)
def test_parts_of_a_recording_wait_no_longer_than_the_engine_needs(
    own: dict[str, str], parallelism: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for name, value in own.items():
        monkeypatch.setenv(name, value)

    told = make_plan().environment("postgresql://nowhere")

    assert told.get("TRANSCRIPTION_PARALLELISM") == parallelism
