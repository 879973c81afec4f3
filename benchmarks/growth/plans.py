"""The plans of real statements, as Postgres ran them: by `auto_explain`, from the server's log."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from benchmarks.statements import entries

_PLANNED = re.compile(r"LOG:  duration: (?P<ms>[\d.]+) ms  plan:\n(?P<json>.*)", re.DOTALL)
_LISTED = re.compile(r"\$\d+(::\w+)?(, \$\d+(::\w+)?)+")
"""As many parameters as there happened to be values."""
_OPTIONS = {
    "session_preload_libraries": "auto_explain",
    "auto_explain.log_min_duration": "0",
    "auto_explain.log_analyze": "on",
    "auto_explain.log_buffers": "on",
    # The clock is asked for each row otherwise; blocks and rows are what is judged.
    "auto_explain.log_timing": "off",
    "auto_explain.log_format": "json",
    # What foreign keys ask for and cascade to is a statement of its own.
    "auto_explain.log_nested_statements": "on",
    "auto_explain.log_parameter_max_length": "0",
}


@dataclass(frozen=True, slots=True)
class Plan:
    """One statement as it ran."""

    sql: str
    """Its text, whatever the number of its parameters."""
    milliseconds: float
    blocks: int
    """Of 8 KB, looked at in Postgres' own memory or not."""
    looks: float
    """Rows and entries of indexes that it read, kept or not, and ways down an index."""
    rows: float
    """That it answers with, or that its answer counts."""
    scanned: dict[str, float]
    """Table → rows read from its beginning on, without an index."""
    shape: str
    """Kinds of nodes from the top, with the tables and indexes that they read."""


def explaining(database_url: str) -> str:
    """The URL whose connections write down each statement's plan."""
    options = " ".join(f"-c {name}={value}" for name, value in _OPTIONS.items())
    return f"{database_url}?options={quote(options)}"


class Plans:
    """What a server's log tells from now on."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._at = log.stat().st_size

    def taken(self) -> list[Plan]:
        """All that came since: Postgres writes a plan down before it says that it is through."""
        found = (_PLANNED.match(entry.what) for entry in entries(self._log, self._at))
        return [_plan(one["ms"], json.loads(one["json"])) for one in found if one]


def _plan(milliseconds: str, explained: dict[str, Any]) -> Plan:
    top = explained["Plan"]
    nodes = list(_nodes(top))
    scanned: dict[str, float] = {}
    for node in nodes:
        if node["Node Type"] == "Seq Scan":
            name = node["Relation Name"]
            scanned[name] = max(scanned.get(name, 0.0), _looks(node))
    return Plan(
        sql=_LISTED.sub("$…", " ".join(explained["Query Text"].split())),
        milliseconds=float(milliseconds),
        blocks=top["Shared Hit Blocks"] + top["Shared Read Blocks"],
        looks=sum(_looks(node) for node in nodes if node["Node Type"] in _SCANS),
        rows=_answered(top),
        scanned=scanned,
        shape=" > ".join(_named(node) for node in nodes),
    )


_SCANS = frozenset({"Seq Scan", "Index Scan", "Index Only Scan", "Bitmap Index Scan"})


def _looks(node: dict[str, Any]) -> float:
    """Of one scan: a way down, or a beginning, and each row that it read."""
    removed = sum(
        node.get(f"Rows Removed by {why}", 0) for why in ("Filter", "Index Recheck", "Join Filter")
    )
    return float(node["Actual Loops"] * (1 + node["Actual Rows"] + removed))


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for below in node.get("Plans", ()):
        yield from _nodes(below)


def _named(node: dict[str, Any]) -> str:
    return node.get("Index Name") or " ".join(
        str(node[key]) for key in ("Node Type", "Relation Name") if key in node
    )


def _answered(node: dict[str, Any]) -> float:
    """Rows of the answer; of one that counts without groups, those that it counted."""
    while node["Node Type"] in {"Aggregate", "Gather"} and "Group Key" not in node:
        below = [each for each in node["Plans"] if each["Parent Relationship"] == "Outer"]
        if not below:
            break
        node = below[0]
    return float(node["Actual Rows"] * node["Actual Loops"])
