"""What is given to Prometheus and Grafana names only what /metrics exposes, and how to react."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.backend.api import Api

ROOT = Path(__file__).parents[2]
RULES: list[dict[str, Any]] = yaml.safe_load((ROOT / "ops/alerts.yml").read_text())["groups"][0][
    "rules"
]
PANELS: list[dict[str, Any]] = json.loads((ROOT / "ops/grafana.json").read_text())["panels"]
EXPRESSIONS = [rule["expr"] for rule in RULES] + [
    target["expr"] for panel in PANELS for target in panel["targets"]
]
OPERATIONS = (ROOT / "docs/operations.md").read_text()


def test_every_metric_and_label_that_the_files_name_is_exposed(api: Api) -> None:
    api.process(api.upload().json()["id"])
    exposed = api.client.get("/metrics").text
    series = {line.partition("{")[0].partition(" ")[0] for line in exposed.splitlines()}
    labels = set(re.findall(r'[{,](\w+)="', exposed))

    named = {name for text in EXPRESSIONS for name in re.findall(r"rostrum_\w+", text)}
    used = {label for text in EXPRESSIONS for label in re.findall(r"(\w+)=~?\"", text)}
    for text in EXPRESSIONS:
        for listed in re.findall(r"by \(([^)]*)\)", text):
            used |= {label.strip() for label in listed.split(",")}

    assert named
    assert sorted(named - series) == []
    assert sorted(used - labels) == []


def test_every_metric_of_ours_is_shown_or_alerted_on(api: Api) -> None:
    """A figure that nobody looks at is not worth its keeping."""
    exposed = api.client.get("/metrics").text
    kinds = set(re.findall(r"^# TYPE (rostrum_\w+?)(?:_total)? ", exposed, re.MULTILINE))

    used = " ".join(EXPRESSIONS)
    assert kinds
    assert sorted(kind for kind in kinds if kind not in used and "_created" not in kind) == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule["alert"]))
def test_each_alert_has_its_heading_in_the_runbook_and_points_to_it(rule: dict[str, Any]) -> None:
    name = rule["alert"]

    assert f"\n### {name}\n" in OPERATIONS
    assert rule["annotations"]["runbook"] == f"docs/operations.md#{name.lower()}"
    assert rule["labels"]["severity"] in {"page", "ticket"}


def test_the_runbook_has_no_heading_of_an_alert_that_is_gone() -> None:
    headings = re.findall(r"^### (Rostrum\w+)$", OPERATIONS, re.MULTILINE)

    assert headings == [rule["alert"] for rule in RULES]


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_the_brackets_of_each_expression_are_closed(text: str) -> None:
    """No parser of PromQL is to be had here; this catches what is cut off."""
    for opened, closed in ("()", "[]", "{}"):
        assert text.count(opened) == text.count(closed)
    assert text.count('"') % 2 == 0
