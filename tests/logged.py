"""All that is logged during a block, in the form of production."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from pipeline.log_lines import json_lines


@contextmanager
def logged_as_json() -> Iterator[io.StringIO]:
    """All that is logged during the block, in the form of production."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(json_lines())
    logging.getLogger().addHandler(handler)
    try:
        yield written
    finally:
        logging.getLogger().removeHandler(handler)
