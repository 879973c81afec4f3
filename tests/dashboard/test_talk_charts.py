"""The course of a talk as charts, each with its words."""

from __future__ import annotations

from dataclasses import replace

from dashboard.components.talk_charts import pace_chart, pace_text, pauses_chart, pauses_text
from pipeline.speech.metric import Metric, Point
from pipeline.speech.transcript import Silence

PACE = Metric(
    name="pace",
    label="Pace",
    value=140,
    unit="words/min",
    numerator=None,
    denominator=None,
    formula_version="2",
    band="within",
    basis="words and measured silence",
    low=120,
    high=160,
    series=tuple(
        Point(10.0 * number, 10.0 * number + 30, value)
        for number, value in enumerate((100, 140, 150, 170, 180))
    ),
)
SILENCES = (Silence(3, 3.4), Silence(61, 63.5), Silence(80, 81.2))


def marks(chart: dict[str, object]) -> list[str]:
    layers = chart["layer"]
    assert isinstance(layers, list)
    return [layer["mark"]["type"] for layer in layers]


def test_pace_is_told_with_its_span_and_what_lies_outside_the_band() -> None:
    assert pace_text(PACE) == (
        "From 100 to 180 words/min, median 150, in 5 windows of 30 s. "
        "Outside the band 120–160 are 1 below and 2 above."
    )


def test_the_band_is_shaded_beneath_the_line_with_its_own_limits() -> None:
    chart = pace_chart(PACE).to_dict()

    assert marks(chart) == ["rect", "line"]
    assert [{"low": 120, "high": 160}] in chart["datasets"].values()


def test_pace_without_a_band_is_a_line_alone() -> None:
    free = replace(PACE, low=None, high=None)

    assert marks(pace_chart(free).to_dict()) == ["line"]
    assert "band" not in pace_text(free)


def test_pauses_are_told_with_the_longest_and_drawn_over_the_whole_talk() -> None:
    chart = pauses_chart(SILENCES, 120).to_dict()

    assert pauses_text(SILENCES) == (
        "3 measured silences, 2 of them above 1 s; the longest lasts 2.5 s, at 1:01."
    )
    assert marks(chart) == ["rule", "rule"]
    assert chart["layer"][1]["encoding"]["x"]["scale"] == {"domain": [0, 120]}
