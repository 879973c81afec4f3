"""The session page in its states: one, moving, failed, stale, refused, deleted meanwhile."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID, uuid4

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.components.measures import moment_text
from dashboard.session_actions import ALREADY, AUDIO_GONE
from dashboard.session_keys import KEYS
from pipeline import intake, removal, review
from pipeline.errors import NoSpeech, TranscriptionUnavailable
from pipeline.session import SessionDetail
from pipeline.status import Scope
from tests.answers import message
from tests.dashboard.screen import APP, PATIENCE_SECONDS, Open, account, point_at, words
from tests.talks import LINES, tone, verbose_json
from tests.world import NOWHERE, World

ADMIN = "local admin"


def opened(screen: Open, session_id: UUID) -> AppTest:
    return screen("session", id=str(session_id))


def press(script: AppTest, key: str) -> AppTest:
    """Press a button and look again."""
    script.button(key=key).click().run()
    assert not script.exception
    return script


def buttons(script: AppTest) -> dict[str, Any]:
    return {str(button.key): button for button in script.button}


def quotes(script: AppTest) -> str:
    """The quotes of the feedback, which are buttons that lead to their place."""
    return "\n".join(
        button.label.replace("\\", "")
        for key, button in buttons(script).items()
        if key.startswith(("session_quote", "session_strength"))
    )


def point(script: AppTest) -> dict[str, Any]:
    """What the talk is told to be in hand."""
    for component in script.get("bidi_component"):
        held = json.loads(component.proto.json or component.proto.mixed.json)
        if "point" in held:
            found: dict[str, Any] = held["point"]
            return found
    raise AssertionError("the talk is told nothing")


def failed(world: World) -> UUID:
    """A session of silence."""
    session_id = world.upload(audio=tone(silent=True))
    with pytest.raises(NoSpeech):
        world.deliver(session_id)
    return session_id


@pytest.fixture
def twice(world: World) -> SessionDetail:
    """A session with two completed runs, the second of which found something else."""
    session_id = world.complete()
    world.analyst.misbehave(message("valid"))
    run_id = intake.rerun(world.services, session_id, scope=Scope.ANALYSIS)
    world.deliver(session_id, run_id=run_id)
    return world.detail(session_id)


def test_a_completed_session_shows_strengths_focus_insights_and_what_judged_them(
    world: World, screen: Open
) -> None:
    session_id = world.complete(title="My talk")
    detail = world.detail(session_id)

    page = opened(screen, session_id)

    seen = words(page)
    assert "My talk" in seen
    assert "Completed" in seen
    assert str(detail.focus_next) in seen
    for insight in detail.insights:
        assert insight.pattern in seen
        assert insight.suggestion in seen
        assert f"claimed {insight.frequency}, " in seen
        for quote in insight.examples:
            assert quote.text in quotes(page)
    for strength in detail.strengths:
        assert strength.text in seen
        assert strength.quote is not None
        assert strength.quote.text in quotes(page)
    assert "rostrum-rules-1 (rules answered, not a language model)" in seen
    assert "Run 1: waited" in seen
    for stage in ("transcribing", "deleting the audio", "analysing", "storing"):
        assert f"✓ {stage}" in seen
    assert "as soon as it was transcribed" in seen


def test_the_course_of_the_pace_is_told_in_words_beside_its_chart(
    world: World, screen: Open
) -> None:
    page = opened(screen, world.complete())

    seen = words(page)
    (chart,) = page.get("vega_lite_chart")
    assert chart.proto.alt in seen
    assert "words/min, median" in seen
    assert "Outside the band 120–160 are" in seen


def test_a_quote_leads_to_its_place_with_its_insight_in_hand(world: World, screen: Open) -> None:
    session_id = world.complete()
    insight = world.detail(session_id).insights[0]
    page = opened(screen, session_id)
    assert (point(page)["insight"], point(page)["turn"]) == (None, 0)

    press(page, "session_quote_0_0")
    first = point(page)
    press(page, "session_quote_0_0")

    quote = insight.examples[0]
    assert first["insight"] == str(insight.id)
    assert (first["start"], first["end"]) == (quote.start_offset, quote.end_offset)
    assert first["mark"] is not None
    assert point(page) == {**first, "turn": first["turn"] + 1}, "it can be jumped to again"
    assert words(page).count("in hand") == 1


def test_a_moment_of_a_metric_leads_to_its_place(world: World, screen: Open) -> None:
    session_id = world.complete()
    fillers = next(m for m in world.detail(session_id).metrics if m.name == "fillers_per_minute")
    page = opened(screen, session_id)
    page.selectbox(key="session_moments_of").select(fillers.label).run()

    page.pills(key="session_moment_fillers_per_minute").select(1).run()

    assert not page.exception
    assert moment_text(fillers.moments[1]) in page.pills[0].options
    place = fillers.moments[1]
    assert (point(page)["start"], point(page)["end"]) == (place.start_offset, place.end_offset)
    assert point(page)["insight"] is None


def test_a_transcript_says_who_heard_it_in_which_language_and_how_good_its_times_are(
    world: World, screen: Open
) -> None:
    untimed = world.with_settings(whisper_model="gpt-transcribe")
    world.says({"text": " ".join(LINES), "languages": [{"code": "en"}]})
    session_id = untimed.complete(audio=tone(40), language="auto")

    seen = words(opened(screen, session_id))

    assert "English, as detected. Heard by gpt-transcribe with prompt fillers-" in seen
    assert "Times are estimated" in seen


def test_what_no_evidence_supports_is_shown_apart_and_one_observation_is_called_so(
    world: World, screen: Open
) -> None:
    answer = message("quote_stitched")
    text = answer["body"]["content"][0]
    text["text"] = text["text"].replace("vocabulary.fillers", "structure.no_conclusion")
    world.analyst.misbehave(answer)

    page = opened(screen, world.complete())

    assert words(page).count("One observation: nothing else in this talk shows it") == 1
    (dropped,) = (box for box in page.expander if box.label.startswith("Dropped"))
    said = " ".join(part.value.replace("\\", "") for part in [*dropped.markdown, *dropped.caption])
    assert dropped.label == "Dropped for want of evidence: 1"
    assert "not in the transcript" in said
    assert "we had an old system … and then, um, we made a plan" in said


def test_hostile_words_are_shown_as_words(world: World, screen: Open) -> None:
    hostile = "**bold** $x$ :red[danger] <script>alert(1)</script> [a](http://x) ![i](y)"
    world.says(verbose_json(tuple(f"um {hostile} um like this and that {n}" for n in range(6))))

    page = opened(screen, world.complete(title=hostile))

    shown = [*page.title, *page.markdown, *page.success, *page.caption]
    raw = "\n".join([*(str(each.value) for each in shown), *(each.label for each in page.button)])
    assert "\\<script\\>" in raw
    for live in ("<script>", ":red[danger]", "](http", "$x$", "**bold**"):
        assert live not in raw


def test_a_session_that_waits_shows_that_it_waits(world: World, screen: Open) -> None:
    page = opened(screen, world.upload())

    seen = words(page)
    assert "Waiting" in seen
    assert "There is no transcript yet" in seen
    assert "Run 1: waits for its first attempt" in seen
    assert "It is deleted once it is transcribed." in seen
    assert page.button(key="session_rerun_analysis").disabled
    assert "One run at a time" in seen


def test_a_page_that_has_become_stale_says_what_happened_and_starts_nothing_twice(
    world: World, screen: Open
) -> None:
    """Two people have the page open; both press."""
    session_id = world.complete()
    first, second = opened(screen, session_id), opened(screen, session_id)

    press(first, "session_rerun_analysis")
    press(second, "session_rerun_analysis")

    assert [run.number for run in world.detail(session_id).runs] == [1, 2]
    assert ALREADY in words(second)
    assert not second.error
    assert second.button(key="session_rerun_analysis").disabled


def test_a_failure_says_what_happened_and_what_to_do(world: World, screen: Open) -> None:
    session_id = failed(world)

    seen = words(opened(screen, session_id))

    assert "No speech was found" in seen
    assert "record again" in seen
    assert "at the latest: 24 h after the failure, so that it can be run again" in seen


def test_a_failure_that_retries_by_itself_says_that_nobody_needs_to_act(
    world: World, screen: Open
) -> None:
    world.whisper.misbehave({"kind": "answer", "status": 500, "body": {}})
    session_id = world.upload()
    with pytest.raises(TranscriptionUnavailable):
        world.deliver(session_id)

    assert "nobody needs to act" in words(opened(screen, session_id))


@pytest.mark.parametrize("query", [{}, {"id": ""}, {"id": "nonsense"}, {"id": "1; DROP TABLE"}])
def test_a_malformed_link_is_explained(screen: Open, query: dict[str, str]) -> None:
    assert "names no session" in words(screen("session", **query))


def test_a_link_to_a_session_that_is_gone_is_explained(screen: Open) -> None:
    assert "There is no such session" in words(opened(screen, uuid4()))


def test_a_session_deleted_by_another_is_explained_and_what_was_typed_is_kept(
    world: World, screen: Open, twice: SessionDetail
) -> None:
    page = opened(screen, twice.row.id)
    page.toggle(key="session_compare").set_value(True).run()
    press(page, "session_current_1")
    page.text_input(key="session_current_reason").set_value("The second is **vague**.")
    removal.delete_session(world.services, twice.row.id)

    press(page, "session_current_sure")
    page.run()

    seen = words(page)
    assert "Somebody deleted this session while you had it open" in seen
    assert [code.value for code in page.code][-1] == "The second is **vague**."
    assert "session_delete" not in buttons(page)


def test_analyse_again_asks_for_a_run_in_the_viewers_name(world: World, screen: Open) -> None:
    session_id = world.complete()
    page = opened(screen, session_id)
    assert page.button(key="session_rerun_full").disabled
    assert AUDIO_GONE in words(page)

    press(page, "session_rerun_analysis")

    run = world.detail(session_id).runs[-1]
    assert (run.number, run.scope, run.requested_by) == (2, Scope.ANALYSIS, ADMIN)
    assert page.button(key="session_rerun_analysis").disabled, "one run at a time"


def test_a_whole_run_is_offered_while_the_audio_is_held(world: World, screen: Open) -> None:
    session_id = failed(world)
    page = opened(screen, session_id)

    press(page, "session_rerun_full")

    assert [run.scope for run in world.detail(session_id).runs] == [Scope.FULL, Scope.FULL]


def test_deleting_asks_first_and_then_leaves_nothing(world: World, screen: Open) -> None:
    session_id = world.complete()
    page = opened(screen, session_id)

    press(page, "session_delete")
    assert review.list_sessions(world.services).sessions, "asking deletes nothing"
    press(page, "session_delete_sure")

    assert review.list_sessions(world.services).sessions == ()


def test_a_deletion_that_fails_deletes_nothing_and_says_why(
    world: World, screen: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id = failed(world)
    point_at(world, monkeypatch, r2_endpoint_url=NOWHERE)
    page = opened(screen, session_id)
    press(page, "session_delete")
    page.text_input(key="session_delete_reason").set_value("The learner asked.")

    press(page, "session_delete_sure")

    assert "The audio storage cannot be reached" in words(page)
    assert review.list_sessions(world.services).sessions


def test_two_runs_are_compared_and_the_earlier_one_is_made_current(
    world: World, screen: Open, twice: SessionDetail
) -> None:
    page = opened(screen, twice.row.id)
    page.toggle(key="session_compare").set_value(True).run()

    assert "only run 1 found" in words(page)
    assert "figures are the same in both" in words(page)
    assert "session_current_2" not in buttons(page), "it is shown already"
    press(page, "session_current_1")
    assert world.detail(twice.row.id).result_run_id == twice.result_run_id, "asking changes nothing"
    page.text_input(key="session_current_reason").set_value("It found more.")
    press(page, "session_current_sure")
    page.run()

    assert world.detail(twice.row.id).result_run_id == twice.runs[0].id
    runs = next(t.value for t in page.dataframe if "Shown" in t.value.columns)
    assert dict(zip(runs["Run"], runs["Shown"], strict=True)) == {2: "", 1: "● shown"}
    assert "It found more." in [
        str(why).replace("\\", "") for table in page.table for why in table.value["Why"]
    ]


def test_a_session_with_one_run_has_nothing_to_compare(world: World, screen: Open) -> None:
    assert not opened(screen, world.complete()).toggle


def test_next_is_the_session_before_and_previous_the_one_after(world: World, screen: Open) -> None:
    oldest = world.upload("ann", title="Oldest")
    world.upload("bob", title="Newest")
    page = opened(screen, oldest)
    assert page.button(key="session_next").disabled

    press(page, "session_previous")
    assert [title.value for title in page.title] == ["Newest"]
    assert page.button(key="session_previous").disabled

    press(page, "session_next")
    assert [title.value for title in page.title] == ["Oldest"]
    assert any(code.value.endswith(f"/session?id={oldest}") for code in page.code)


def test_what_is_in_hand_in_one_session_is_not_in_hand_in_the_next(
    world: World, screen: Open
) -> None:
    older, newer = world.complete("ann"), world.complete("bob")
    page = press(opened(screen, newer), "session_quote_0_0")

    press(page, "session_next")

    assert page.query_params["id"] in (str(older), [str(older)])
    assert (point(page)["insight"], point(page)["start"]) == (None, None)


def test_the_keys_are_told(world: World, screen: Open) -> None:
    page = press(opened(screen, world.upload()), "session_help")

    assert all(f"`{key}`" in words(page) for key in KEYS)


def test_a_coach_reads_and_is_offered_nothing_that_a_coach_may_not_do(
    world: World, screen: Open, twice: SessionDetail, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DASHBOARD_COACHES", "cleo@example.com")
    page = AppTest.from_file(str(APP), default_timeout=PATIENCE_SECONDS)
    page.secrets["auth"] = {"redirect_uri": "http://localhost"}
    page.user = account("cleo@example.com")
    page.run()
    page.switch_page("views/session.py")
    page.query_params["id"] = str(twice.row.id)
    page.run()
    page.toggle(key="session_compare").set_value(True).run()

    assert not page.exception
    assert twice.insights[0].pattern in words(page)
    acts = ("session_rerun", "session_delete", "session_current")
    assert not [key for key in buttons(page) if key.startswith(acts)]
    assert "Audit" not in [each.value for each in page.subheader]
