"""The theme's colours: contrast as WCAG 2.2 AA asks, and charts for colour-blind people, too."""

from __future__ import annotations

import itertools
import math
import re
import tomllib
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from dashboard.components.trend_charts import BAND
from tests.stack import ROOT

THEME = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())["theme"]
TEXT = 4.5
"""Success criterion 1.4.3, for text of usual size."""
SHAPES = 3.0
"""Success criterion 1.4.11, for what is no text: lines of charts, and what can be pressed."""
TOLD_APART = 12.0
"""ΔE (CIE 1976) between colours of a chart; 2.3 is the least that people see side by side."""
CAPTION_SHARE = 0.6
"""Streamlit draws captions in the text's colour, so much of it over the background."""
MEANINGS = ("red", "orange", "yellow", "blue", "green", "violet", "gray")
# Machado, Oliveira and Fernandes 2009, for complete blindness, on linear RGB.
SEEN_BY = {
    "everyone": np.eye(3),
    "protanopes": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopes": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritanopes": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}

Rgb = NDArray[np.float64]


def linear(colour: str) -> Rgb:
    """`#rrggbb` as linear light."""
    values = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def contrast(first: str, second: str) -> float:
    """WCAG's ratio, 1–21."""
    light = sorted(float(linear(colour) @ (0.2126, 0.7152, 0.0722)) for colour in (first, second))
    return (light[1] + 0.05) / (light[0] + 0.05)


def over(colour: str, background: str, share: float) -> str:
    """`colour` painted on a background, so much of it."""
    parts = [
        round(share * int(colour[at : at + 2], 16) + (1 - share) * int(background[at : at + 2], 16))
        for at in (1, 3, 5)
    ]
    return "#" + "".join(f"{part:02x}" for part in parts)


def lab(seen: Rgb) -> Rgb:
    """CIE L*a*b* (D65) of linear RGB."""
    to_xyz = np.array(
        [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    )
    x, y, z = np.cbrt(to_xyz @ np.clip(seen, 0, 1) / (0.9505, 1.0, 1.089))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.fixture(params=["light", "dark"])
def theme(request: pytest.FixtureRequest) -> dict[str, Any]:
    return {**THEME, **THEME[request.param]}


def test_text_stands_out_from_both_backgrounds(theme: dict[str, Any]) -> None:
    for background in (theme["backgroundColor"], theme["secondaryBackgroundColor"]):
        assert contrast(theme["textColor"], background) >= 7
        assert contrast(theme["linkColor"], background) >= TEXT
        caption = over(theme["textColor"], background, CAPTION_SHARE)
        assert contrast(caption, background) >= TEXT


def test_what_can_be_pressed_stands_out(theme: dict[str, Any]) -> None:
    assert contrast(theme["primaryColor"], theme["backgroundColor"]) >= SHAPES
    # Streamlit writes on a button in white, whatever its colour.
    assert contrast(theme["primaryColor"], "#ffffff") >= TEXT


@pytest.mark.parametrize("meaning", MEANINGS)
def test_words_of_a_notice_stand_out_from_its_background(
    theme: dict[str, Any], meaning: str
) -> None:
    words, background = theme[f"{meaning}TextColor"], theme[f"{meaning}BackgroundColor"]

    assert contrast(words, background) >= TEXT
    assert contrast(words, theme["backgroundColor"]) >= TEXT


def test_colours_of_charts_stand_out_and_none_needs_colour_vision(theme: dict[str, Any]) -> None:
    colours = theme["chartCategoricalColors"]

    for colour in colours:
        assert contrast(colour, theme["backgroundColor"]) >= SHAPES, colour
    for who, sight in SEEN_BY.items():
        for first, second in itertools.combinations(colours, 2):
            apart = math.dist(lab(sight @ linear(first)), lab(sight @ linear(second)))
            assert apart >= TOLD_APART, (who, first, second, apart)


def test_sequential_colours_go_evenly_from_the_background_outwards(theme: dict[str, Any]) -> None:
    ratios = [contrast(c, theme["backgroundColor"]) for c in theme["chartSequentialColors"]]

    assert len(ratios) == 10
    assert ratios == sorted(ratios)
    assert ratios[-1] >= TEXT


def test_the_edge_of_a_band_shows_on_both_themes(theme: dict[str, Any]) -> None:
    assert contrast(BAND, theme["backgroundColor"]) >= SHAPES


def test_fonts_need_no_network() -> None:
    text = (ROOT / ".streamlit" / "config.toml").read_text()

    assert not re.search(r"https?://", text)
    assert THEME["font"] == "sans-serif"
