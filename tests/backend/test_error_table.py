"""The one table from errors to answers: whole, and the same in code, OpenAPI and docs."""

from __future__ import annotations

import inspect
import json
import re
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import APIRoute

from backend import dead_letters, health, internal, sessions, users
from backend.app import create_app
from backend.errors import NON_RETRYABLE_HEADER, TABLE, delivery_response
from pipeline import errors
from pipeline.errors import Permanent, Refused, RostrumError, Transient
from pipeline.letter import NON_RETRYABLE
from tests.world import make_settings

DOCS = Path(__file__).parents[2] / "docs" / "api.md"
TREE = {RostrumError, Transient, Permanent, Refused}
"""The branches; only their leaves are raised."""


def leaves() -> set[type[RostrumError]]:
    found = {value for value in vars(errors).values() if isinstance(value, type)}
    return {error for error in found if issubclass(error, RostrumError)} - TREE


def test_every_error_has_an_answer() -> None:
    assert set(TABLE) == leaves()


def test_no_two_errors_share_a_code() -> None:
    codes = [error.code for error in leaves()]

    assert sorted(codes) == sorted(set(codes))


@pytest.mark.parametrize("error", TABLE)
def test_the_queue_retries_just_what_may_pass(error: type[RostrumError]) -> None:
    status = TABLE[error].delivery

    if issubclass(error, Transient):
        assert status in {500, 503}
    if issubclass(error, Permanent):
        assert status == NON_RETRYABLE


def test_an_answer_that_ends_the_retries_carries_the_header_and_no_other_does() -> None:
    for error, answer in TABLE.items():
        header = delivery_response(error()).headers.get(NON_RETRYABLE_HEADER)
        assert header == ("true" if answer.delivery == NON_RETRYABLE else None), error


@pytest.mark.parametrize(
    ("seconds", "header"), [(0.0, "0"), (0.2, "1"), (17, "17"), (86400.0, "86400")]
)
def test_retry_after_is_whole_seconds_and_never_too_early(seconds: float, header: str) -> None:
    answer = delivery_response(errors.RateLimited(retry_after=seconds))

    assert answer.headers["Retry-After"] == header


def documented() -> dict[str, tuple[str, str]]:
    """Code → (API, webhook) as docs/api.md tells."""
    told = {}
    for line in DOCS.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 4 and cells[0].startswith("`"):
            apis = cells[1].split(", ")
            codes = re.findall(r"`([A-Z_]+)`", cells[0])
            for position, code in enumerate(codes):
                told[code] = (apis[position] if len(apis) == len(codes) else apis[0], cells[2])
    return told


def test_the_docs_name_every_code_and_tell_its_status() -> None:
    told = documented()

    assert set(told) == {error.code for error in leaves()} | {"METHOD_NOT_ALLOWED"}
    for error, answer in TABLE.items():
        api, delivery = told[error.code]
        assert api in {str(answer.api), "–"}, error.code
        assert delivery in {str(answer.delivery), "–"}, error.code


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return create_app(make_settings()).openapi()


def operations(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        f"{method.upper()} {path}": operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


def test_every_operation_tells_its_purpose_its_group_and_its_success(
    document: dict[str, Any],
) -> None:
    for name, operation in operations(document).items():
        assert operation["summary"], name
        assert operation["description"], name
        assert len(operation["tags"]) == 1, name
        successes = [status for status in operation["responses"] if status.startswith("2")]
        assert successes, name
        for status in successes:
            content = operation["responses"][status].get("content", {})
            assert content or status == "204", name
            for media in content.values():
                assert media["schema"], name


def test_every_error_of_the_api_is_declared_with_the_one_schema(document: dict[str, Any]) -> None:
    problem = {"$ref": "#/components/schemas/Problem"}
    for name, operation in operations(document).items():
        if "/api/" not in name:
            continue
        refused = {s: r for s, r in operation["responses"].items() if not s.startswith("2")}
        assert {"401", "500", "503"} <= set(refused), name
        for response in refused.values():
            assert response["content"]["application/json"]["schema"] == problem, name
    assert "HTTPValidationError" not in json.dumps(document)


def test_each_group_tells_how_callers_prove_who_they_are(document: dict[str, Any]) -> None:
    expected: dict[str, Any] = {
        "sessions": [{"HTTPBearer": []}],
        "users": [{"HTTPBearer": []}],
        "dead letters": [{"HTTPBearer": []}],
        "queue": [{"QStash": []}],
        "health": None,
    }
    for name, operation in operations(document).items():
        assert operation.get("security") == expected[operation["tags"][0]], name
    schemes = document["components"]["securitySchemes"]
    assert schemes["HTTPBearer"]["scheme"] == "bearer"
    assert schemes["QStash"]["name"] == "Upstash-Signature"


def test_all_names_in_json_are_camel_case(document: dict[str, Any]) -> None:
    for name, schema in document["components"]["schemas"].items():
        for field in schema.get("properties", {}):
            assert re.fullmatch(r"[a-z][a-zA-Z0-9]*", field), (name, field)


def test_the_upload_form_needs_audio_and_a_learner(document: dict[str, Any]) -> None:
    form = document["components"]["schemas"]["Body_upload_api_sessions_post"]

    assert set(form["required"]) == {"audio", "userId"}
    assert set(form["properties"]) == {"audio", "userId", "title", "language"}


def test_no_handler_is_async_but_those_that_never_block() -> None:
    """A coroutine that waits for a database would stop every other request.

    Deliveries and uploads wait in threads of their own.
    """
    routes = [
        route
        for module in (dead_letters, health, internal, sessions, users)
        for route in module.router.routes
        if isinstance(route, APIRoute)
    ]

    asynchronous = {r.name for r in routes if inspect.iscoroutinefunction(r.endpoint)}

    assert len(routes) == 23
    assert asynchronous == {"process", "healthz", "upload", "confirm"}
