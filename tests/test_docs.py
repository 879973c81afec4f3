"""Documents that name a test, a file or a decision name one that exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCS = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])


def names_of_tests() -> set[str]:
    return {
        node.name
        for path in (ROOT / "tests").rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef)
    }


def test_every_test_that_a_document_names_exists() -> None:
    there_are = names_of_tests()
    named = {
        (path.name, name)
        for path in DOCS
        for name in re.findall(r"[`:](test_[a-z0-9_]+)`", path.read_text())
    }

    assert {each for each in named if each[1] not in there_are} == set()


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_every_file_that_a_document_links_to_exists(path: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", path.read_text())
    files = re.findall(r"`(tests/[\w/]+\.py|benchmarks/[\w/]+\.py)(?:`|::)", path.read_text())

    missing = [link for link in links if not (path.parent / link).exists()]
    assert missing + [file for file in files if not (ROOT / file).exists()] == []
