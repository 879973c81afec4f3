"""Every page in its states: empty, one, many, failed, malformed, unknown."""

from __future__ import annotations

import re
from uuid import uuid4

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.components.transcript import lines_of
from dashboard.wording import plain, typed
from pipeline import review
from pipeline.errors import NoSpeech, TranscriptionUnavailable
from pipeline.status import Scope, Status
from tests.answers import message
from tests.dashboard.screen import Open, point_at, words
from tests.talks import LINES, tone, verbose_json
from tests.world import World


def button(script: AppTest, key: str) -> AppTest:
    """Press a button and look again."""
    script.button(key=key).click().run()
    assert not script.exception
    return script


def test_an_empty_list_says_what_to_do_first(screen: Open) -> None:
    page = screen()

    assert "No sessions yet" in words(page)
    assert len(page.dataframe) == 0


def test_the_local_viewer_is_told_that_he_is_admin(screen: Open) -> None:
    assert "Local mode: you are admin" in words(screen())


def test_the_list_shows_each_session_in_words(world: World, screen: Open) -> None:
    world.complete("ann", title="Ann's talk")
    failed = world.upload("bob", title="Silent talk", audio=tone(silent=True))
    with pytest.raises(NoSpeech):
        world.deliver(failed)

    table = screen().dataframe[0].value

    assert list(table["Title"]) == ["Silent talk", "Ann's talk"]
    assert list(table["Status"]) == ["✕ Failed", "● Completed"]
    assert list(table["Error"]) == ["NO_SPEECH", ""]
    assert list(table["Length"]) == ["0:03", "0:03"]


def test_a_transcript_never_goes_into_a_tables_data(world: World, screen: Open) -> None:
    world.complete()

    assert "hospital" not in screen().dataframe[0].value.to_csv()


def test_filters_of_the_address_bar_are_applied(world: World, screen: Open) -> None:
    world.complete("ann", title="Ann's talk")
    world.upload("bob", title="Bob's talk")

    page = screen(status="UPLOADED", learner="bob")

    assert list(page.dataframe[0].value["Title"]) == ["Bob's talk"]
    assert page.selectbox(key="sessions_status").value is Status.UPLOADED


@pytest.mark.parametrize(
    "query", [{"status": "NONSENSE"}, {"learner": "x" * 500}, {"q": "a\x00b"}, {"zzz": "1"}]
)
def test_a_tampered_filter_is_left_out(world: World, screen: Open, query: dict[str, str]) -> None:
    world.upload(title="A talk")

    assert list(screen(**query).dataframe[0].value["Title"]) == ["A talk"]


def test_a_filter_that_matches_nothing_says_so(world: World, screen: Open) -> None:
    world.upload()

    assert "No session matches" in words(screen(learner="nobody"))


def test_long_lists_come_in_pages(world: World, screen: Open) -> None:
    for number in range(27):
        world.upload(title=f"talk {number}")
    page = screen()
    assert len(page.dataframe[0].value) == 25

    button(page, "sessions_older")
    assert list(page.dataframe[0].value["Title"]) == ["talk 1", "talk 0"]

    button(page, "sessions_newer")
    assert page.dataframe[0].value["Title"].iloc[0] == "talk 26"


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


@pytest.mark.parametrize(
    "said", ["see https://evil.example/x", "WWW.evil.example", "ask ann@example.org", "HTTP://x.y"]
)
def test_addresses_in_what_was_said_never_become_links(said: str) -> None:
    """Streamlit's Markdown links what looks so after the escapes are taken off."""
    shown = plain(said).replace("\\", "")

    assert not re.search(r"https?://|www\.|@\w", shown, re.IGNORECASE)
    assert typed(shown) == said, "nothing else is changed"


def test_marks_of_the_transcript_cut_it_without_losing_a_character(world: World) -> None:
    detail = world.detail(world.complete())
    assert detail.transcript is not None

    lines = lines_of(detail.transcript, detail.insights)

    drawn = ["".join(part["text"] for part in line["parts"]) for line in lines]
    assert drawn == [segment.text for segment in detail.transcript.segments]
    assert any(part["mark"] for line in lines for part in line["parts"])


def test_a_database_that_is_down_is_a_sentence(
    world: World, screen: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    point_at(world, monkeypatch, database_url="postgresql://x:y@127.0.0.1:9/z")

    assert "The database cannot be reached right now" in words(screen())
