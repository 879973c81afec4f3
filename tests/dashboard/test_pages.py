"""Every page in its states: empty, one, many, failed, malformed, unknown."""

from __future__ import annotations

from uuid import uuid4

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.components.transcript import lines_of
from pipeline import review
from pipeline.errors import NoSpeech, TranscriptionUnavailable
from pipeline.status import Scope, Status
from tests.answers import message
from tests.dashboard.screen import Open, point_at, words
from tests.talks import LINES, tone, verbose_json
from tests.world import NOWHERE, World


def button(script: AppTest, key: str) -> AppTest:
    """Press a button and look again."""
    script.button(key=key).click().run()
    assert not script.exception
    return script


def test_the_local_viewer_is_told_that_he_is_admin(screen: Open) -> None:
    assert "Local mode: you are admin" in words(screen())


def test_a_completed_session_shows_strengths_focus_insights_and_what_judged_them(
    world: World, screen: Open
) -> None:
    session_id = world.complete(title="My talk")
    detail = world.detail(session_id)

    page = screen("session", id=str(session_id))

    seen = words(page)
    assert "My talk" in seen
    assert "Completed" in seen
    assert str(detail.focus_next) in seen
    for insight in detail.insights:
        assert insight.pattern in seen
        assert insight.suggestion in seen
        assert insight.examples[0].text in seen
    assert "rostrum-rules-1 (rules answered, not a language model)" in seen
    assert "Audio deleted" in seen


def test_a_transcript_says_who_heard_it_in_which_language_and_how_good_its_times_are(
    world: World, screen: Open
) -> None:
    untimed = world.with_settings(whisper_model="gpt-transcribe")
    world.says({"text": " ".join(LINES), "languages": [{"code": "en"}]})
    session_id = untimed.complete(audio=tone(40), language="auto")

    seen = words(screen("session", id=str(session_id)))

    assert "English, as detected. Heard by gpt-transcribe with prompt fillers-" in seen
    assert "Times are estimated" in seen
    transcript = world.detail(session_id).transcript
    assert transcript is not None
    assert {line["time"][0] for line in lines_of(transcript, ())} == {"≈"}


def test_what_no_evidence_supports_is_shown_apart_and_one_observation_is_called_so(
    world: World, screen: Open
) -> None:
    answer = message("quote_stitched")
    text = answer["body"]["content"][0]
    text["text"] = text["text"].replace("vocabulary.fillers", "structure.no_conclusion")
    world.analyst.misbehave(answer)

    page = screen("session", id=str(world.complete()))

    assert words(page).count("One observation: nothing else in this talk shows it") == 1
    (dropped,) = (box for box in page.expander if box.label.startswith("Dropped"))
    said = " ".join(part.value.replace("\\", "") for part in [*dropped.markdown, *dropped.caption])
    assert dropped.label == "Dropped for want of evidence: 1"
    assert "not in the transcript" in said
    assert "we had an old system … and then, um, we made a plan" in said


def test_a_session_that_waits_shows_that_it_waits(world: World, screen: Open) -> None:
    page = screen("session", id=str(world.upload()))

    assert "Waiting" in words(page)
    assert "There is no transcript yet" in words(page)
    assert page.button(key="session_rerun_analysis").disabled


def test_a_failure_says_what_happened_and_what_to_do(world: World, screen: Open) -> None:
    session_id = world.upload(audio=tone(silent=True))
    with pytest.raises(NoSpeech):
        world.deliver(session_id)

    page = screen("session", id=str(session_id))

    assert "No speech was found" in words(page)
    assert "record again" in words(page)
    assert "Audio held for a re-run" in words(page)


def test_a_failure_that_retries_by_itself_says_that_nobody_needs_to_act(
    world: World, screen: Open
) -> None:
    world.whisper.misbehave({"kind": "answer", "status": 500, "body": {}})
    session_id = world.upload()
    with pytest.raises(TranscriptionUnavailable):
        world.deliver(session_id)

    assert "nobody needs to act" in words(screen("session", id=str(session_id)))


@pytest.mark.parametrize("query", [{}, {"id": ""}, {"id": "nonsense"}, {"id": "1; DROP TABLE"}])
def test_a_malformed_link_is_explained(screen: Open, query: dict[str, str]) -> None:
    assert "names no session" in words(screen("session", **query))


def test_a_link_to_a_session_that_is_gone_is_explained(screen: Open) -> None:
    assert "There is no such session" in words(screen("session", id=str(uuid4())))


def test_analyse_again_asks_for_a_run_in_the_viewers_name(world: World, screen: Open) -> None:
    session_id = world.complete()
    page = screen("session", id=str(session_id))
    assert page.button(key="session_rerun_full").disabled, "the audio was deleted"

    button(page, "session_rerun_analysis")

    run = world.detail(session_id).runs[-1]
    assert (run.number, run.scope, run.requested_by) == (2, Scope.ANALYSIS, "local admin")
    assert page.button(key="session_rerun_analysis").disabled, "one run at a time"


def test_a_whole_run_is_offered_while_the_audio_is_held(world: World, screen: Open) -> None:
    session_id = world.upload(audio=tone(silent=True))
    with pytest.raises(NoSpeech):
        world.deliver(session_id)
    page = screen("session", id=str(session_id))

    button(page, "session_rerun_full")

    assert [run.scope for run in world.detail(session_id).runs] == [Scope.FULL, Scope.FULL]


def test_deleting_asks_first_and_then_leaves_nothing(world: World, screen: Open) -> None:
    session_id = world.complete()
    page = screen("session", id=str(session_id))

    button(page, "session_delete")
    assert review.list_sessions(world.services).sessions, "asking deletes nothing"
    button(page, "session_delete_sure")

    assert review.list_sessions(world.services).sessions == ()


def test_hostile_words_are_shown_as_words(world: World, screen: Open) -> None:
    hostile = "**bold** $x$ :red[danger] <script>alert(1)</script> [a](http://x) ![i](y)"
    world.says(verbose_json(tuple(f"um {hostile} um like this and that {n}" for n in range(6))))
    session_id = world.complete(title=hostile)

    page = screen("session", id=str(session_id))

    raw = "\n".join(str(element.value) for element in [*page.title, *page.markdown, *page.success])
    assert "\\<script\\>" in raw
    for live in ("<script>", ":red[danger]", "](http", "$x$", "**bold**"):
        assert live not in raw


def test_marks_of_the_transcript_cut_it_without_losing_a_character(world: World) -> None:
    detail = world.detail(world.complete())
    assert detail.transcript is not None

    lines = lines_of(detail.transcript, detail.insights)

    drawn = ["".join(part["text"] for part in line["parts"]) for line in lines]
    assert drawn == [segment.text for segment in detail.transcript.segments]
    assert any(part["mark"] for line in lines for part in line["parts"])


def test_an_upload_becomes_a_session_of_the_learner(world: World, screen: Open) -> None:
    page = screen("upload")
    page.text_input(key="upload_learner").set_value("ann")
    page.file_uploader(key="upload_files").upload("talk.wav", tone(), "audio/wav")
    page.run()

    button(page, "upload_send")

    (row,) = review.list_sessions(world.services, user_id="ann").sessions
    assert (row.title, row.source, row.status) == ("talk.wav", "test", Status.UPLOADED)
    assert world.detail(row.id).events[0].actor == "local admin"


def test_a_second_click_uploads_nothing_twice(world: World, screen: Open) -> None:
    page = screen("upload")
    page.text_input(key="upload_learner").set_value("ann")
    page.file_uploader(key="upload_files").upload("talk.wav", tone(), "audio/wav")
    page.run()

    button(page, "upload_send")
    button(page, "upload_send")

    assert len(review.list_sessions(world.services, user_id="ann").sessions) == 1


def test_a_file_that_is_no_audio_is_refused_in_words(world: World, screen: Open) -> None:
    page = screen("upload")
    page.text_input(key="upload_learner").set_value("ann")
    page.file_uploader(key="upload_files").upload("notes.wav", b"just text" * 99, "audio/wav")
    page.run()

    button(page, "upload_send")

    assert "notes.wav: This file has no audio that we can read" in words(page)
    assert review.list_sessions(world.services).sessions == ()


def test_nothing_can_be_sent_before_the_learner_is_named(screen: Open) -> None:
    page = screen("upload")

    assert page.button(key="upload_send").disabled


def test_a_learner_shows_patterns_and_says_when_trends_begin(world: World, screen: Open) -> None:
    world.complete("ann", title="Ann's talk")

    page = screen("learner", id="ann")

    assert "vocabulary.fillers" in list(page.dataframe[0].value["Key"])
    assert set(page.dataframe[0].value["Trend"]) == {""}
    assert "Trends are said from 3 completed sessions on; there are 1" in words(page)


def test_an_unknown_learner_is_explained(screen: Open) -> None:
    assert "There is no such learner" in words(screen("learner", id="nobody"))
    assert "Name a learner" in words(screen("learner"))


def test_a_database_that_is_down_is_a_sentence(
    world: World, screen: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    point_at(world, monkeypatch, database_url="postgresql://x:y@127.0.0.1:9/z")

    assert "The database cannot be reached right now" in words(screen())


def test_storage_that_is_down_refuses_the_upload_and_keeps_what_was_typed(
    world: World, screen: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    point_at(world, monkeypatch, r2_endpoint_url=NOWHERE)
    page = screen("upload")
    page.text_input(key="upload_learner").set_value("ann")
    page.file_uploader(key="upload_files").upload("talk.wav", tone(), "audio/wav")
    page.run()

    button(page, "upload_send")

    assert "The audio storage cannot be reached" in words(page)
    assert page.text_input(key="upload_learner").value == "ann"
