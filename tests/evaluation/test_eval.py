"""`make eval`, end to end as a program: offline, against a model that invents, and its figures."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from evaluation.answers import answer_all
from evaluation.golden import load
from evaluation.report import Run, failed_gates, record
from evaluation.score import Found, percentile, score, weighted_kappa
from pipeline import golden_case, quality
from pipeline.analyze.client import ClaudeAnalyst
from pipeline.services import utc_now
from pipeline.verdict import Verdict
from tests.answers import message
from tests.pipeline.judging import ANN, CAT, finished, say
from tests.standins import StandIn
from tests.world import World, make_settings

ROOT = Path(__file__).parents[2]
HANDFUL = ("fillers-startup", "good-chess", "hostile-ignore", "articles-bakery", "empty-one-word")


def run_eval(folder: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """The program in a folder of its own, so that nobody's .env is read."""
    return subprocess.run(
        [sys.executable, "-m", "evaluation", "--only", *HANDFUL, "--out", "runs", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **env},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def kept(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted((folder / "runs").glob("*.json"))]


def test_offline_the_local_analyst_answers_and_says_so_and_runs_are_compared(
    tmp_path: Path,
) -> None:
    first = run_eval(tmp_path, "--prompts", "v1", "v2")
    again = run_eval(tmp_path, "--prompts", "v2")

    assert (first.returncode, again.returncode) == (0, 0), first.stderr + again.stderr
    assert "It is rules, not a language model" in first.stdout
    assert "5 talks, rostrum-rules-1, prompts v1-" in first.stdout
    assert "Every goal is met." in first.stdout
    assert "no earlier run like it" in first.stdout
    assert "compared with the run of" in again.stdout
    runs = kept(tmp_path)
    assert [run["prompt"] for run in runs] == ["v1", "v2", "v2"]
    newest = runs[-1]
    assert newest["offline"] is True
    assert newest["failedGates"] == []
    assert newest["figures"]["shownValid"] == 1.0
    assert newest["figures"]["unsupported"] == 0.0
    assert newest["figures"]["costUsd"] is None, "a price that is not known is not 0"
    cases = {case["id"]: case for case in newest["cases"]}
    assert cases["fillers-startup"]["right"] == ["vocabulary.fillers"]
    assert cases["articles-bakery"]["missed"] == ["grammar.articles"]
    assert cases["good-chess"]["wrong"] == []


def test_a_model_that_invents_quotes_misses_the_goals(tmp_path: Path, analyst: StandIn) -> None:
    analyst.misbehave({**message("quote_invented"), "times": None})

    done = run_eval(
        tmp_path, ANTHROPIC_API_KEY="any", ANTHROPIC_BASE_URL=analyst.url, CLAUDE_MODEL="x"
    )

    assert done.returncode == 1, done.stderr
    assert "less than 95% of the model's quotes were said" in done.stdout
    assert "more than 2% of the insights are unsupported" in done.stdout
    (run,) = kept(tmp_path)
    assert run["offline"] is False
    assert run["figures"]["unsupported"] == 1.0
    assert run["figures"]["costUsd"] == pytest.approx(5 * 0.000405)


def test_what_staff_made_joins_the_set_and_the_run_is_stored_for_the_dashboard(
    world: World, tmp_path: Path
) -> None:
    insight = world.detail(finished(world)).insights[0].id
    say(world, ANN, insight, Verdict.WRONG)
    golden_case.make(world.services, ANN, insight)
    (tmp_path / "staff.jsonl").write_text(golden_case.export(world.services, CAT), "utf-8")

    done = run_eval(
        tmp_path,
        *("--extra", "staff.jsonl", "--store", "--only", "staff-", "good-chess"),
        DATABASE_URL=world.services.settings.require("DATABASE_URL"),
    )

    assert done.returncode == 0, done.stderr
    (stored,) = quality.golden_runs(world.services, ANN).runs
    assert (stored.model, stored.talks) == ("rostrum-rules-1", 2)
    assert stored.findings.keys() == {f"staff-{insight}", "good-chess"}
    figures = kept(tmp_path)[0]["figures"]
    assert sorted(map(str, stored.figures.values())) == sorted(map(str, figures.values()))
    assert stored.figures["Precision, all"] == figures["allPrecision"], "named as people read them"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--prompts", "v99"], "PROMPT_VERSION names no prompt. There are: v1, v2."),
        (["--only", "no-such-case"], "No golden case in"),
        (["--store"], "Missing required environment variable: DATABASE_URL"),
        (["--extra", "nowhere.jsonl"], "No such file or directory: 'nowhere.jsonl'"),
    ],
)
def test_what_cannot_be_evaluated_is_said_in_a_sentence(
    tmp_path: Path, arguments: list[str], sentence: str
) -> None:
    done = run_eval(tmp_path, *arguments)

    assert done.returncode == 2
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_a_talk_that_gets_no_analysis_is_a_missed_goal_and_counts_as_missed(
    analyst: StandIn,
) -> None:
    analyst.misbehave({**message("refusal"), "times": None})
    client = ClaudeAnalyst.connect(
        make_settings(anthropic_api_key="k", anthropic_base_url=analyst.url)
    )

    scores = score(answer_all(client, load(only=["fillers-startup"])))
    client.close()

    assert [case.failure for case in scores.cases] == ["ANALYSIS_REJECTED"]
    assert scores.found["all"] == Found(right=0, wrong=0, missed=1)
    run = Run(utc_now(), "", "v2", "v2-0", scores)
    assert failed_gates(run) == ["1 talks got no analysis"]
    assert record(run)["figures"]["allPrecision"] is None, "nothing found is no precision"


def test_kappa_with_quadratic_weights_is_as_counted_by_hand() -> None:
    pairs = [("low", "low"), ("high", "high"), ("low", "high"), ("medium", "medium")]

    # One pair is two steps apart: 4. By chance, over the 16 pairings of margins: 26 in all.
    assert weighted_kappa(pairs) == pytest.approx(1 - 4 * 4 / 26)
    assert weighted_kappa([("low", "low"), ("high", "high")]) == 1.0
    assert weighted_kappa([("low", "high"), ("high", "low")]) == -1.0
    assert weighted_kappa([("low", "low")]) is None, "chance leaves nothing to disagree about"
    assert weighted_kappa([]) is None


def test_precision_recall_and_f1_are_as_counted_by_hand() -> None:
    found = Found(right=3, wrong=1, missed=2)

    assert (found.precision, found.recall) == (0.75, 0.6)
    assert found.f1 == pytest.approx(2 * 0.75 * 0.6 / (0.75 + 0.6))
    assert Found(0, 0, 0).f1 is None


def test_a_percentile_is_a_value_that_was_measured() -> None:
    values = [float(n) for n in range(1, 21)]

    assert percentile(values, 0.95) == 19.0
    assert percentile([7.0], 0.95) == 7.0
