"""What docs/api.md shows is run here, line by line; and it shows every operation of the API."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from backend.app import create_app
from rostrum_client import Rostrum, letters, models
from tests.backend.live import Live, eventually, running_backend
from tests.local.destination import Destination, running_destination
from tests.pipeline.test_notify import APP, SECRET
from tests.standins import StandIn
from tests.talks import claude_message, tone
from tests.world import World, make_settings

DOCUMENT = Path(__file__).parents[2] / "docs/api.md"
BLOCKS: list[tuple[str, str]] = re.findall(
    r"^```(sh|python)\n(.*?)^```$", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL
)
OPENAPI: dict[str, Any] = create_app(make_settings()).openapi()
TOKEN = "a-token-of-the-document"

METHODS = {
    "upload_api_sessions_post": "upload",
    "list_sessions_api_sessions_get": "page",
    "announce_api_sessions_uploads_post": "announce",
    "confirm_api_sessions__id__uploaded_post": "confirm",
    "read_api_sessions__id__get": "session",
    "delete_api_sessions__id__delete": "delete_session",
    "export_api_sessions__id__export_get": "export_session",
    "rerun_api_sessions__id__runs_post": "run_again",
    "profile_api_users__id__pattern_profile_get": "pattern_profile",
    "export_api_users__id__export_get": "export_learner",
    "read_consents_api_users__id__consents_get": "consents",
    "write_consents_api_users__id__consents_put": "write_consents",
    "erase_api_users__id__delete": "erase_learner",
    "list_letters_api_dead_letters_get": "dead_letters",
    "retry_all_api_dead_letters_retry_post": "retry_dead_letters",
    "retry_api_dead_letters__id__retry_post": "retry_dead_letter",
    "delete_api_dead_letters__id__delete": "delete_dead_letter",
}
"""The client's method for each operation."""
NOT_FOR_CALLERS = {"/healthz", "/readyz", "/metrics"}
"""And all below /api/internal/: the queue's and the operator's."""

SCHEMAS: dict[str, type[models.Model]] = {
    "SessionOut": models.Session,
    "PresignedOut": models.Announced,
    "UploadTarget": models.Target,
    "PageOut": models.Page,
    "FailureOut": models.Failure,
    "SessionDetailOut": models.SessionDetail,
    "TranscriptOut": models.Transcript,
    "SegmentOut": models.Segment,
    "SilenceOut": models.Span,
    "InsightOut": models.Insight,
    "QuoteOut": models.Quote,
    "StrengthOut": models.Strength,
    "MetricOut": models.Metric,
    "MomentOut": models.Moment,
    "PointOut": models.Point,
    "RunOut": models.Run,
    "DroppedOut": models.Dropped,
    "EventOut": models.Event,
    "ProfileOut": models.Profile,
    "PatternOut": models.Pattern,
    "FollowUpOut": models.FollowUp,
    "MetricTrendOut": models.MetricTrend,
    "TrendPointOut": models.TrendPoint,
    "ExportOut": models.LearnerExport,
    "ConsentsOut": models.Consents,
    "ReceiptOut": models.Receipt,
    "CountsOut": models.Counts,
    "DeadLetterOut": letters.DeadLetter,
    "LettersOut": letters.LetterPage,
    "RetriedOut": letters.Retried,
    "RetryReportOut": letters.RetryReport,
}
"""The client's model for each answer."""
NOT_ANSWERED_TO_CALLERS = {"DeliveryOut", "MarkedOut", "SweepOut"}


def test_each_operation_has_a_method_and_an_example() -> None:
    public = {
        operation["operationId"]
        for path, operations in OPENAPI["paths"].items()
        if path not in NOT_FOR_CALLERS and not path.startswith("/api/internal/")
        for operation in operations.values()
    }
    used = {
        node.attr
        for kind, block in BLOCKS
        if kind == "python"
        for node in ast.walk(ast.parse(block))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "rostrum"
    }

    assert set(METHODS) == public
    assert {name for name in METHODS.values() if not hasattr(Rostrum, name)} == set()
    assert {name for name in vars(Rostrum) if not name.startswith("_")} - used == {"close"}


def test_the_models_have_just_the_fields_of_the_document() -> None:
    answered = {
        name: set(schema["properties"])
        for name, schema in OPENAPI["components"]["schemas"].items()
        if name.endswith(("Out", "Target")) and name not in NOT_ANSWERED_TO_CALLERS
    }
    known = {
        name: {field.alias or field_name for field_name, field in model.model_fields.items()}
        for name, model in SCHEMAS.items()
    }

    assert known == answered


@dataclass
class Reader:
    """Somebody who follows the document, with a shell and a Python at hand."""

    world: World
    live: Live
    app: Destination
    folder: Path
    env: dict[str, str]
    preamble: str = ""
    names: dict[str, Any] = field(default_factory=dict)

    def shell(self, block: str) -> None:
        """Run the lines; what the document calls `ID` and the like is taken from the answer."""
        if block.startswith("api()"):
            self.preamble = block
            return
        done = subprocess.run(
            ["sh", "-euc", self.preamble + block],
            env={**os.environ, **self.env},
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{block}\n{done.stdout}{done.stderr}"
        self._note(done.stdout)

    def _note(self, printed: str) -> None:
        try:
            told = json.loads(printed)
        except ValueError:
            # Several answers, or none: the document takes no name from them.
            return
        if "letters" in told:
            letters = {letter["retryable"]: letter["id"] for letter in told["letters"]}
            self.env |= {"LETTER": letters[True], "OTHER": letters[False]}
        if "upload" in told:
            self.env["URL"] = told["upload"]["url"]
        if "userId" in told and "status" in told:
            self.env["ID"] = told["id"]

    def python(self, block: str) -> None:
        """Run the lines in one namespace."""
        if "verified_notice(" in block:
            told = self.app.to(APP)[-1]
            self.names |= {"body": told.body, "headers": dict(told.headers)}
        exec(compile(block, str(DOCUMENT), "exec"), self.names)  # noqa: S102 - our own document

    def is_settled(self) -> bool:
        """Whether nothing is processed any more."""
        return all(
            each["status"] in {"CREATED", "COMPLETED"}
            or (each["status"] == "FAILED" and not each["error"]["willRetry"])
            for each in self.sessions()
        )

    def sessions(self) -> list[dict[str, Any]]:
        """All that there are."""
        held: list[dict[str, Any]] = self._get("/api/sessions")["sessions"]
        return held

    def bury_two(self) -> None:
        """Two sessions fail for good: one that a retry can help, and one that it cannot."""
        first, second = (each["id"] for each in self.sessions()[:2])
        self.world.analyst.misbehave(*[{"kind": "answer", "status": 529, "path": "/v1"}] * 4)
        self._run_again(first)
        refusal = {
            "kind": "answer",
            "path": "/v1",
            "status": 200,
            "body": claude_message("", stop_reason="refusal"),
        }
        self.world.analyst.misbehave(refusal)
        self._run_again(second)
        eventually(lambda: len(self._get("/api/dead-letters")["letters"]) == 2)

    def _run_again(self, session_id: str) -> None:
        at = f"/api/sessions/{session_id}/runs"
        self.live.client.post(at, json={"scope": "analysis"}, headers=self._bearer)

        def over() -> bool:
            newest = max(
                self._get(f"/api/sessions/{session_id}")["runs"], key=lambda r: r["number"]
            )
            return newest["outcome"] is not None

        eventually(over)

    def _get(self, path: str) -> Any:
        return self.live.client.get(path, headers=self._bearer).json()

    @property
    def _bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def reader(
    world: World, qstash: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Reader]:
    folder = tmp_path / "reader"
    folder.mkdir()
    (folder / "talk.ogg").write_bytes(tone(fmt="ogg"))
    with running_destination() as app:
        settings = world.with_settings(
            qstash_url=qstash.url,
            queue_retry_delay="100",
            api_token=TOKEN,
            notify_url=f"{app.url}{APP}",
            notify_secret=SECRET,
        ).services.settings
        with running_backend(settings, tmp_path / "backend.log") as live:
            env = {"ROSTRUM": live.url, "TOKEN": TOKEN, "NOTIFY_SECRET": SECRET}
            for name, value in env.items():
                monkeypatch.setenv(name, value)
            monkeypatch.chdir(folder)
            made = Reader(world, live, app, folder, env)
            yield made
            if "rostrum" in made.names:
                made.names["rostrum"].close()


@pytest.mark.skipif(shutil.which("curl") is None, reason="the document's lines are for curl")
@pytest.mark.timeout(300)
def test_each_example_of_the_document_runs(
    reader: Reader, capsys: pytest.CaptureFixture[str]
) -> None:
    for kind, block in BLOCKS:
        if 'dead-letters"' in block or "dead_letters()" in block:
            reader.bury_two()
        {"sh": reader.shell, "python": reader.python}[kind](block)
        eventually(reader.is_settled, seconds=60)

    assert reader.names["done"].status == "COMPLETED"
    assert reader.names["done"].insights
    assert reader.names["held"].sessions
    assert reader.names["held"].consents.transcript_storage
    assert reader.names["receipt"].counts.sessions >= 1
    assert "NOT_FOUND 404 None" in capsys.readouterr().out
    assert reader.names["notice"].type in {"session.completed", "session.failed"}
    assert "<html" in (reader.folder / "report.html").read_text()
    assert reader.sessions() == [], "both learners were erased"
