"""The Learner page in its states: nobody, one talk, many, erased meanwhile, malformed, refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import text
from streamlit.testing.v1 import AppTest

from dashboard.components.trend_charts import chart_of, told
from dashboard.wording import JOINER
from pipeline import direct_upload, learner, removal, review
from pipeline.database.engine import transaction
from pipeline.errors import NotFound
from tests.dashboard.screen import Open, point_at, words
from tests.pipeline.test_profile import CLEAN
from tests.talks import LINES, verbose_json
from tests.world import NOWHERE, World

HOSTILE = "**bold** :red[danger] [a](http://x)"


def links(page: AppTest) -> list[str]:
    labels = [link.proto.label for link in page.get("page_link")]
    return [label.replace("\\", "").replace(JOINER, "") for label in labels]


def announced(world: World, user_id: str, title: str | None = None) -> None:
    direct_upload.presign(
        world.services, user_id=user_id, content_type="audio/ogg", size_bytes=1000, title=title
    )


def audit(world: World) -> list[Any]:
    with transaction(world.services.engine) as db:
        return list(db.execute(text("SELECT action, actor, learner_id, reason FROM audit_log")))


def erase(page: AppTest, *, typed: str, reason: str = "") -> AppTest:
    page.button(key="learner_erase").click().run()
    return confirm(page, typed=typed, reason=reason)


def confirm(page: AppTest, *, typed: str, reason: str = "") -> AppTest:
    page.text_input(key="learner_erase_typed").set_value(typed)
    page.text_input(key="learner_erase_reason").set_value(reason)
    page.button(key="learner_erase_sure").click().run()
    assert not page.exception
    return page


def test_without_any_learner_the_page_says_how_one_comes_to_be(screen: Open) -> None:
    page = screen("learner")

    assert "No learner yet: the first recording makes one" in words(page)
    assert "Upload a recording" in links(page)


def test_those_heard_last_are_offered(world: World, screen: Open) -> None:
    announced(world, "ann")
    announced(world, HOSTILE)

    page = screen("learner")

    assert "Heard most recently" in words(page)
    assert [label.split(" · ")[0] for label in links(page)] == [HOSTILE, "ann"]
    (first, _) = page.get("page_link")
    for live in ("**bold**", ":red[danger]", "](http"):
        assert live not in first.proto.label


def test_a_search_lists_whose_id_begins_so_and_opens_the_one_that_is_meant(
    world: World, screen: Open
) -> None:
    for number in range(12):
        announced(world, f"learner-{number:02}")
    page = screen("learner")

    page.text_input(key="learner_search").set_value("learner-").run()
    assert len(links(page)) == 10
    assert "Type more of the id" in words(page)

    page.text_input(key="learner_search").set_value("zzz").run()
    assert "No learner's id begins so" in words(page)

    page.text_input(key="learner_search").set_value("learner-03").run()
    assert not page.exception
    assert page.header[0].value.replace("\\", "") == "learner-03"
    assert page.text_input(key="learner_search").value == "", "what was searched for is found"


@pytest.mark.parametrize("user_id", ["x" * 500, "a\x00b", "a\u202eb"])
def test_a_malformed_link_is_explained(screen: Open, user_id: str) -> None:
    assert "This link names no learner" in words(screen("learner", id=user_id))


def test_an_unknown_learner_is_explained(screen: Open) -> None:
    assert "There is no such learner" in words(screen("learner", id="nobody"))


def test_a_learner_whose_sessions_wait_has_no_figures_yet(world: World, screen: Open) -> None:
    announced(world, "ann", title=HOSTILE)

    page = screen("learner", id="ann")

    assert "There is no completed session yet" in words(page)
    assert f"{HOSTILE} · ○ Waiting for audio · " in " ".join(links(page))
    assert not page.dataframe


def test_one_talk_shows_patterns_but_nothing_of_trends(world: World, screen: Open) -> None:
    session_id = world.complete("ann", title="Ann's talk")
    fillers = next(
        insight
        for insight in world.detail(session_id).insights
        if insight.pattern_key == "vocabulary.fillers"
    )

    page = screen("learner", id="ann")

    table = page.dataframe[0].value
    assert "vocabulary.fillers" in list(table["Key"])
    assert not {"State", "Course"} & set(table.columns)
    assert "Trends are said from 3 completed sessions on; there are 1" in words(page)
    assert not page.multiselect
    assert "The next talk shows:" in words(page)

    page.selectbox(key="learner_evidence").select("vocabulary.fillers").run()
    assert not page.exception
    assert fillers.examples[0].text in words(page)
    assert any(label.startswith("Ann's talk · ") for label in links(page))
    assert [(entry.action, entry.learner_id) for entry in audit(world)] == [
        ("view_transcript", "ann")
    ]


def test_from_three_talks_on_states_courses_and_metrics_are_shown_with_their_n(
    world: World, screen: Open
) -> None:
    for lines in (LINES, CLEAN, CLEAN):
        world.says(verbose_json(lines))
        world.complete("ann")
    trends = review.profile(world.services, "ann").trends

    page = screen("learner", id="ann")

    table = page.dataframe[0].value.set_index("Key")
    fillers = table.loc["vocabulary.fillers"]
    assert fillers["Seen in"] == "1 of 3"
    assert fillers["State"] == "● Persisting"
    first, *after = fillers["Course"]
    assert first > 0
    assert after == [0.0, 0.0]
    assert "n = 3 completed sessions" in words(page)
    assert "Improved: Filler words" not in words(page)
    assert "Filler words: " in words(page)
    for trend in trends[:4]:
        assert told(trend) in words(page)

    page.multiselect(key="learner_metrics").set_value(["Hedges"]).run()
    assert not page.exception
    assert len(page.get("vega_lite_chart")) == 1
    figures = next(t.value for t in page.dataframe if "Unit" in t.value.columns)
    assert set(figures["Metric"]) == {"Hedges"}
    assert len(figures) == 3


def test_a_chart_shades_the_band_and_says_the_same_in_words(world: World) -> None:
    for _ in range(3):
        world.complete("ann")
    by_name = {t.name: t for t in learner.standing(world.services, "ann").profile.trends}

    drawn = chart_of(by_name["pace"]).to_dict()
    assert [layer["mark"]["type"] for layer in drawn["layer"]] == ["rect", "rule", "line", "point"]
    assert "Band 120–160" in drawn["description"]
    hover = [shown["field"] for shown in drawn["layer"][3]["encoding"]["tooltip"]]
    assert hover == ["Value", "When", "Band"]

    without_band = chart_of(by_name["lexical_diversity"]).to_dict()
    assert [layer["mark"]["type"] for layer in without_band["layer"]] == ["line", "point"]
    assert "n = 3 sessions" in without_band["description"]
    one_sided = chart_of(by_name["fillers_per_minute"]).to_dict()
    assert "Band up to 5" in one_sided["description"]


def test_erasing_asks_for_the_id_and_then_leaves_nothing_but_the_audit(
    world: World, screen: Open
) -> None:
    world.complete("ann")
    page = screen("learner", id="ann")

    erase(page, typed="an")
    assert "That is not the id of this learner. Nothing was erased" in words(page)
    assert learner.standing(world.services, "ann").sessions_held == 1
    erase(page, typed="ann", reason="she asked for it")

    assert "Everything held on ann is erased" in words(page)
    assert "sessions: 1" in words(page)
    assert [button.proto.label for button in page.get("download_button")] == [
        "Download the receipt"
    ]
    with pytest.raises(NotFound):
        learner.standing(world.services, "ann")
    assert ("erase", "local admin", "ann", "she asked for it") in audit(world)


def test_admins_change_what_a_learner_agrees_to_and_the_page_obeys(
    world: World, screen: Open
) -> None:
    session_id = world.complete("ann", title="Ann's talk")
    page = screen("learner", id="ann")
    assert "Keep what was said: **yes**" in words(page)
    assert "never changed" in words(page)

    page.button(key="learner_consents").click().run()
    for name in ("transcript_storage", "pattern_tracking"):
        page.checkbox(key=f"learner_consents_{name}").set_value(False)
    page.text_input(key="learner_consents_reason").set_value("she rang")
    page.button(key="learner_consents_save").click().run()

    assert not page.exception
    assert "Keep what was said: **no**" in words(page)
    assert "does not agree to be followed over talks" in words(page)
    assert not page.dataframe
    assert ("consent", "local admin", "ann", "she rang") in audit(world)
    page = screen("session", id=str(session_id))
    assert "The words of this talk were removed" in words(page)
    assert "nothing left to run again" in words(page)
    assert page.button(key="session_rerun_analysis").disabled
    assert not [button for button in page.button if str(button.key).startswith("session_quote")]
    assert not [fold for fold in page.expander if "Judge" in fold.label]


def test_a_learner_who_was_erased_by_another_meanwhile_is_explained(
    world: World, screen: Open
) -> None:
    announced(world, "ann")
    page = screen("learner", id="ann")
    page.button(key="learner_erase").click().run()
    removal.erase_learner(world.services, "ann")

    confirm(page, typed="ann")

    assert "There is no such learner; they may have been erased" in words(page)


def test_an_erasure_that_storage_refuses_keeps_the_rows_and_what_was_typed(
    world: World, screen: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.upload("ann")
    point_at(world, monkeypatch, r2_endpoint_url=NOWHERE)
    page = screen("learner", id="ann")

    erase(page, typed="ann")

    assert "The audio storage cannot be reached" in words(page)
    assert learner.standing(world.services, "ann").recordings_held == 1
    assert page.text_input(key="learner_erase_typed").value == "ann"


def test_a_database_that_is_down_is_a_sentence(
    world: World, screen: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    point_at(world, monkeypatch, database_url="postgresql://x:y@127.0.0.1:9/z")

    assert "The database cannot be reached right now" in words(screen("learner", id="ann"))


def test_an_export_is_offered_under_a_name_that_tells_nothing(world: World, screen: Open) -> None:
    announced(world, "ann")

    (button,) = screen("learner", id="ann").get("download_button")

    assert button.proto.label == "Export everything"
    assert json.dumps(review.export_learner(world.services, "ann"))
