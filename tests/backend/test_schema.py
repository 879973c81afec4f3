"""Our OpenAPI document and our answers, held against each other by schemathesis.

`make test` tries a few requests of each operation, `make test-long` some thousand.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode, openapi

from backend.app import create_app
from tests.backend.api import Api
from tests.world import make_settings

FEW, MANY = 3, 300
METHODS = ("get", "post", "put", "patch", "delete")
OPERATIONS = [
    (path, method)
    for path, operations in create_app(make_settings()).openapi()["paths"].items()
    for method in METHODS
    if method in operations
]
each_operation = pytest.mark.parametrize(("path", "method"), OPERATIONS)


def ask(api: Api, path: str, method: str, *, examples: int) -> None:
    """Send requests that the document allows, and some that it forbids; look at each answer."""
    document: Any = openapi.from_asgi("/openapi.json", api.client.app)
    operation = document[path][method]
    cases = operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
    if operation.body or list(operation.iter_parameters()):
        cases |= operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)

    @settings(
        max_examples=examples,
        deadline=None,
        # Shrinking a failure would take longer than finding it.
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases)
    def conforms(case: Any) -> None:
        case.call_and_validate()

    conforms()


@each_operation
def test_a_few_requests_are_answered_as_the_document_says(
    letters_api: Api, path: str, method: str
) -> None:
    ask(letters_api, path, method, examples=FEW)


@pytest.mark.long
@pytest.mark.timeout(600)
@each_operation
def test_many_requests_are_answered_as_the_document_says(
    letters_api: Api, path: str, method: str
) -> None:
    ask(letters_api, path, method, examples=MANY)
