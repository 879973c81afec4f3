"""Text of somebody else, as our tables take it."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
"""NUL, which Postgres refuses, and halves of surrogate pairs, which UTF-8 does not have."""


def _storable(text: str) -> str:
    """Left out rather than refused: another try would bring the same answer, paid for again."""
    return _UNSTORABLE.sub("", text)


PlainText = Annotated[str, AfterValidator(_storable)]
"""A string of a vendor's answer."""
