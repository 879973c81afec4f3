"""Text of somebody else, as our tables take it."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
"""NUL, which Postgres refuses, and halves of surrogate pairs, which UTF-8 does not have."""


def storable(text: str) -> str:
    """`text` without what our tables cannot hold.

    Left out rather than refused: another try would bring the same answer, paid for again.
    """
    return _UNSTORABLE.sub("", text)


def plain_json(value: Any) -> Any:
    """A parsed JSON value with only such text in it: for what is kept though it is not valid."""
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, list):
        return [plain_json(item) for item in value]
    if isinstance(value, dict):
        return {storable(name): plain_json(item) for name, item in value.items()}
    return value


PlainText = Annotated[str, AfterValidator(storable)]
"""A string of a vendor's answer."""
