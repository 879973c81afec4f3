"""Measures, focus and exports on the session's page."""

from __future__ import annotations

from dashboard.components.measures import moment_text
from tests.dashboard.screen import Open, words
from tests.pipeline.test_profile import CLEAN
from tests.talks import verbose_json
from tests.world import World


def test_a_session_offers_three_files(world: World, screen: Open) -> None:
    page = screen("session", id=str(world.complete()))

    offered = [element.proto.label for element in page.get("download_button")]
    assert offered == ["Report for the learner", "Report as Markdown", "Everything as JSON"]


def test_measures_show_their_band_and_lead_to_their_places(world: World, screen: Open) -> None:
    session_id = world.complete()
    page = screen("session", id=str(session_id))

    table = next(t.value for t in page.dataframe if "Metric" in t.value.columns)
    bands = dict(zip(table["Metric"], table["Band"], strict=True))
    assert bands["Pace"].endswith("120–160")
    assert bands["Fillers per minute"].endswith("(up to 5)")

    page.selectbox(key="session_moments_of").select("Fillers per minute").run()

    assert not page.exception
    fillers = next(m for m in world.detail(session_id).metrics if m.name == "fillers_per_minute")
    assert page.pills[0].options == [moment_text(moment) for moment in fillers.moments]


def test_the_next_session_shows_what_became_of_the_focus(world: World, screen: Open) -> None:
    world.complete("ann")
    world.says(verbose_json(CLEAN))
    second = world.complete("ann")

    page = screen("session", id=str(second))
    assert "Last focus: Filler words: " in words(page).replace("*", "")
    assert "better than last time" in words(page)
