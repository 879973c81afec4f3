"""How a measured program is asked: a line of JSON in, a line of JSON out, in a process of its own.

The programs run where neither the pipeline nor its needs are installed: nothing of ours in here.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable


def answer(hear: Callable[[str], str], *, made_of: dict[str, str]) -> None:
    """Say which versions the loaded model is made of; then hear the file that each line names."""
    to_asker = sys.stdout
    sys.stdout = sys.stderr  # for whatever a library prints
    to_asker.write(json.dumps(made_of) + "\n")
    to_asker.flush()
    for line in sys.stdin:
        to_asker.write(json.dumps(hear(json.loads(line))) + "\n")
        to_asker.flush()
