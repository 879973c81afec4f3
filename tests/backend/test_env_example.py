"""`.env.example` lists every setting, with the default that the code has."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.settings import Settings
from tests.world import make_settings

EXAMPLE = Path(__file__).parents[2] / ".env.example"


def listed() -> dict[str, str]:
    lines = [line for line in EXAMPLE.read_text().splitlines() if line and line[0] != "#"]
    return dict(line.split("=", 1) for line in lines)


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_listed_with_its_default(name: str) -> None:
    default = getattr(make_settings(), name)

    assert listed()[name.upper()] == ("" if default is None else str(default))


def test_the_example_as_it_stands_is_the_defaults() -> None:
    """Copied to .env without a change, it changes nothing."""
    loaded = Settings(_env_file=EXAMPLE)  # type: ignore[call-arg] # pydantic-settings' own

    assert loaded == make_settings()
