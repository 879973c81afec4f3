"""`make eval`: the golden set through the active prompt and model, or prompts side by side.

With ANTHROPIC_API_KEY the configured model answers, else the local analyst. With `--store` each
run is kept in the database for the dashboard, too. Exit status 1 where a run misses a goal.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from pydantic import SecretStr

from evaluation import report
from evaluation.answers import answer_all
from evaluation.golden import FOLDER, Case, load
from evaluation.offline import local_analyst
from evaluation.score import score
from pipeline import quality
from pipeline.analyze import prompt
from pipeline.analyze.client import ClaudeAnalyst
from pipeline.errors import ConfigurationMissing
from pipeline.scoring import Findings
from pipeline.services import Services
from pipeline.settings import Settings

ARTIFACTS = Path("test-artifacts/eval")


def main(arguments: Sequence[str] | None = None) -> int:
    """Evaluate, print, keep; 0 if every goal is met."""
    settings = Settings()
    asked = _arguments(settings, arguments)
    try:
        if asked.store:
            settings.require("DATABASE_URL")
        cases = load(asked.golden, extra=asked.extra, only=asked.only)
        versions = [prompt.load(name).version for name in asked.prompts]
    except (OSError, ValueError, ConfigurationMissing) as error:
        print(error, file=sys.stderr)
        return 2
    with _analyst_for(settings) as ready:
        runs = [_run(ready, name, cases) for name in asked.prompts]
    records = [report.record(run) for run in runs]
    before = [report.last_like(held, asked.out) for held in records]
    paths = report.keep(records, asked.out)
    if asked.store:
        _store(settings, records)
    print(f"\n{len(cases)} talks, {runs[0].model}, prompts {', '.join(versions)}")
    print(f"{runs[0].scores.severity_pairs} right findings were compared by severity.")
    if runs[0].is_by_rules:
        print(
            "No ANTHROPIC_API_KEY: the local analyst answered. It is rules, not a language model,\n"
            "finds only what code can find, and does not read the prompt."
        )
    print(f"\n{report.table(records, before)}\n")
    for last, path in zip(before, paths, strict=True):
        since = f"compared with the run of {last['at']}" if last else "no earlier run like it"
        print(f"{path} ({since})")
    missed = [f"{run.prompt}: {goal}." for run in runs for goal in report.failed_gates(run)]
    print("\n".join(["Goals missed:", *missed]) if missed else "Every goal is met.")
    return 1 if missed else 0


def _arguments(settings: Settings, arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m evaluation", description=__doc__)
    parser.add_argument("--prompts", nargs="+", default=[settings.prompt_version])
    parser.add_argument("--only", nargs="+", default=[], help="parts of the ids of cases")
    parser.add_argument("--golden", type=Path, default=FOLDER, help="a folder of JSONL files")
    parser.add_argument("--extra", type=Path, nargs="+", default=[], help="more JSONL files")
    parser.add_argument("--out", type=Path, default=ARTIFACTS)
    parser.add_argument("--store", action="store_true", help="keep the runs in DATABASE_URL")
    return parser.parse_args(arguments)


@contextmanager
def _analyst_for(settings: Settings) -> Iterator[Settings]:
    """Settings with an analyst behind them: the configured model, else the local rules."""
    if settings.anthropic_api_key is not None:
        yield settings
        return
    with local_analyst() as url:
        local = {"anthropic_api_key": SecretStr("local"), "anthropic_base_url": url}
        yield settings.model_copy(update=local)


def _run(settings: Settings, name: str, cases: tuple[Case, ...]) -> report.Run:
    analyst = ClaudeAnalyst.connect(settings.model_copy(update={"prompt_version": name}))
    try:
        answered = answer_all(analyst, cases)
    finally:
        analyst.close()
    models = sorted({a.judgement.model for a in answered if a.judgement})
    return report.Run(
        at=datetime.now(UTC),
        model=", ".join(models),
        prompt=name,
        prompt_version=prompt.load(name).version,
        scores=score(answered),
    )


def _store(settings: Settings, records: Sequence[report.Record]) -> None:
    services = Services(settings)
    try:
        for held in records:
            quality.keep_golden_run(
                services,
                model=held["model"],
                prompt_version=held["promptVersion"],
                figures={
                    label: held["figures"][name] for name, (label, _) in report.FIGURES.items()
                },
                findings={
                    case["id"]: Findings(
                        tuple(case["right"]),
                        tuple(case["wrong"]),
                        tuple(case["missed"]),
                        case["failure"],
                    )
                    for case in held["cases"]
                },
            )
    finally:
        services.close()


if __name__ == "__main__":
    sys.exit(main())
