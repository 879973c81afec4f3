"""Rules of the house that can be checked: imports, the place of SQL, the size of modules."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import grimp
import pytest
from sqlalchemy import CheckConstraint

from pipeline.bulk_action import BulkAction, BulkState
from pipeline.consent import Consents, Removal
from pipeline.database.staff_models import AuditEntry
from pipeline.staff import AuditAction
from pipeline.status import Outcome, Scope, Stage, Status, Trigger
from pipeline.verdict import ReviewState, Verdict

ROOT = Path(__file__).parent.parent
FOLDERS = {
    **{name: ROOT / name for name in ("pipeline", "backend", "dashboard", "local")},
    **{name: ROOT / name for name in ("evaluation", "seeding")},
    "rostrum_client": ROOT / "client/rostrum_client",
}
PACKAGES = tuple(FOLDERS)
LONGEST_MODULE = 400
SLOW_TO_LOAD = {
    *("openai", "anthropic", "boto3", "botocore", "qstash", "httpx", "httpx2", "av"),
    *("pandas", "streamlit", "altair", "jinja2", "alembic", "faster_whisper"),
}
"""Vendor SDKs with what they bring, decoders, and what belongs to other parts."""
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "manager", "common", "misc"}

# The import order inside pipeline: a module may import only from those above it.
ORDER = (
    "errors",
    "log_lines",
    "staff",
    "verdict",
    "bulk_action",
    "scoring",
    "speech",
    "settings",
    "status",
    "tracing",
    "meters",
    "retry_after",
    "watch",
    "workspace",
    "plain_text",
    "language",
    "finding",
    "focus",
    "progress",
    "consent",
    "session",
    "standing",
    "criteria",
    "workload",
    "audit_entry",
    "listed",
    "report",
    "database",
    "storage",
    "decoding",
    "audio",
    "queue",
    "signature",
    "letter",
    "transcribe",
    "analyze",
    "services",
    "listening",
    "heartbeat",
    "notify",
    "publication",
    "intake",
    "current_run",
    "direct_upload",
    "removal",
    "retention",
    "process",
    "dead_letter",
    "bulk",
    "figures",
    "sweep",
    "schedule",
    "backlog",
    "health",
    "check",
    "consenting",
    "review",
    "comparison",
    "learner",
    "precheck",
    "bulk_export",
    "audit_trail",
    "session_list",
    "golden_case",
    "reviewing",
    "quality",
)


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph(*PACKAGES, cache_dir=None)


def modules() -> list[Path]:
    return [
        path
        for folder in FOLDERS.values()
        for path in folder.rglob("*.py")
        if "versions" not in path.parts
    ]


def imports(graph: grimp.ImportGraph) -> list[tuple[str, str]]:
    return [
        (importer, imported)
        for importer in graph.modules
        for imported in graph.find_modules_directly_imported_by(importer)
    ]


@pytest.mark.parametrize(
    ("package", "allowed"),
    [
        ("pipeline", {"pipeline"}),
        ("backend", {"backend", "pipeline"}),
        ("dashboard", {"dashboard", "pipeline"}),
        ("evaluation", {"evaluation", "pipeline"}),
        ("seeding", {"seeding", "pipeline"}),
        ("rostrum_client", {"rostrum_client"}),
    ],
)
def test_imports_point_one_way(graph: grimp.ImportGraph, package: str, allowed: set[str]) -> None:
    strays = [
        (importer, imported)
        for importer, imported in imports(graph)
        if importer.split(".")[0] == package and imported.split(".")[0] not in allowed
    ]
    assert strays == []


def test_the_stand_ins_know_nothing_of_ours_but_pure_speech(graph: grimp.ImportGraph) -> None:
    strays = [
        (importer, imported)
        for importer, imported in imports(graph)
        if importer.startswith("local")
        and not imported.startswith(("local", "pipeline.speech"))
        and imported != "pipeline"
    ]
    assert strays == []


def test_pipeline_modules_import_only_from_those_above_them(graph: grimp.ImportGraph) -> None:
    def place(module: str) -> int:
        return ORDER.index(module.split(".")[1])

    upward = [
        (importer, imported)
        for importer, imported in imports(graph)
        if importer.startswith("pipeline.")
        and imported.startswith("pipeline.")
        and place(imported) > place(importer)
    ]
    assert upward == []


def test_pipeline_knows_no_web_framework() -> None:
    for path in (ROOT / "pipeline").rglob("*.py"):
        assert not re.search(
            r"^\s*(from|import) (fastapi|starlette|streamlit|uvicorn)",
            path.read_text(),
            re.MULTILINE,
        ), path


def test_vendor_sdks_are_imported_where_they_are_used_and_nowhere_else() -> None:
    homes = {
        "openai": {"whisper.py"},
        "anthropic": {"client.py"},
        "boto3": {"storage.py"},
        "qstash": {"queue.py"},
    }
    for path in (ROOT / "pipeline").rglob("*.py"):
        for name in _imported_at_run_time(path):
            home = homes.get(name.split(".")[0])
            assert home is None or path.name in home, (path, name)


def test_importing_any_module_of_pipeline_and_backend_loads_no_vendor_sdk() -> None:
    """Nor what takes as long: a server without a call to answer starts in a second."""
    names = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for package in ("pipeline", "backend")
        for path in (ROOT / package).rglob("*.py")
        if "migrations" not in path.parts
    ]
    script = (
        "import sys, importlib\n"
        "for name in sys.argv[1:]: importlib.import_module(name)\n"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script, *names], cwd=ROOT, check=True, capture_output=True, text=True
    )
    loaded = set(ran.stdout.split())
    assert {"pipeline", "backend", "sqlalchemy"} <= loaded
    assert loaded & SLOW_TO_LOAD == set()


def _imported_at_run_time(path: Path) -> list[str]:
    return [name for node in ast.walk(ast.parse(path.read_text())) for name in _names(node)]


def _names(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module and not node.level:
        return [node.module]
    return []


def test_sql_stands_only_in_the_database_package() -> None:
    statement = re.compile(
        r"\b(SELECT|INSERT INTO|UPDATE|DELETE FROM)\b.*\b(FROM|SET|INTO|WHERE)\b"
    )
    for package in ("pipeline", "backend", "dashboard", "seeding"):
        for path in (ROOT / package).rglob("*.py"):
            if "database" in path.parts:
                continue
            assert not statement.search(path.read_text()), path


def test_a_status_is_assigned_in_one_function_only() -> None:
    assigning = [
        (path.name, line.strip())
        for path in (ROOT / "pipeline").rglob("*.py")
        for line in path.read_text().splitlines()
        if re.search(r"""["']status["']\s*:|\bstatus=to\b|\.status\s*=[^=]""", line)
    ]
    assert assigning == [
        (
            "sessions.py",
            '.values({"stage": None, **(values or {}), "status": to, "status_changed_at": now})',
        )
    ]


def test_no_module_is_longer_than_400_lines() -> None:
    long = {
        str(path.relative_to(ROOT)): count
        for path in [*modules(), *(ROOT / "tests").rglob("*.py")]
        if (count := len(path.read_text().splitlines())) > LONGEST_MODULE
    }
    assert long == {}


def test_modules_are_named_for_what_they_do() -> None:
    assert [path for path in modules() if path.stem in FORBIDDEN_NAMES] == []


def test_every_module_says_what_it_is_in_its_first_line() -> None:
    silent = [path for path in modules() if not ast.get_docstring(ast.parse(path.read_text()))]
    assert silent == []


def test_every_tests_folder_is_a_package() -> None:
    folders = {path.parent for path in (ROOT / "tests").rglob("*.py")}
    assert [folder for folder in folders if not (folder / "__init__.py").exists()] == []


def test_no_consent_is_stored_that_nothing_checks() -> None:
    """Each is asked for by a module that acts on it, not only kept and shown.

    What each one stops is shown by `tests/pipeline/test_consent.py`.
    """
    kept_and_shown = {"models.py", "consents.py", "learners.py"}
    acting = "\n".join(
        path.read_text()
        for path in (ROOT / "pipeline" / "database").glob("*.py")
        if path.name not in kept_and_shown
    )
    stored = {
        column.name
        for table in AuditEntry.metadata.tables.values()
        for column in table.columns
        if column.name.startswith("consent_")
    }
    assert stored == {f"consent_{field.name}" for field in fields(Consents)}
    assert {name for name in stored if name not in acting} == set()


@pytest.mark.parametrize(
    ("table", "column", "values"),
    [
        ("sessions", "status", Status),
        ("sessions", "stage", Stage),
        ("sessions", "transcript_removed_because", Removal),
        ("runs", "scope", Scope),
        ("runs", "trigger", Trigger),
        ("runs", "outcome", Outcome),
        ("verdicts", "verdict", Verdict),
        ("reviews", "state", ReviewState),
        ("bulk_jobs", "action", BulkAction),
        ("bulk_jobs", "state", BulkState),
        ("audit_log", "action", AuditAction),
    ],
)
def test_check_constraints_list_just_the_values_of_their_enum(
    table: str, column: str, values: type[Status]
) -> None:
    checks = [
        str(constraint.sqltext)
        for constraint in AuditEntry.metadata.tables[table].constraints
        if isinstance(constraint, CheckConstraint) and str(constraint.name).endswith(column)
    ]
    assert len(checks) == 1
    assert set(re.findall(r"'([^']+)'", checks[0])) == {str(value) for value in values}
