"""`python -m seeding fill --sessions 400`, `python -m seeding remove`: on DATABASE_URL."""

from __future__ import annotations

import argparse
import sys
import time

from pipeline.errors import RostrumError
from pipeline.services import Services
from pipeline.settings import Settings
from seeding.fill import RefusedInProduction, fill, remove
from seeding.plan import COHORT


def main() -> None:
    """Do what the command line says, and tell what came of it."""
    parser = argparse.ArgumentParser(prog="python -m seeding", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    filling = commands.add_parser("fill")
    filling.add_argument("--sessions", type=int, default=COHORT)
    filling.add_argument("--seed", type=int, default=1)
    commands.add_parser("remove")
    arguments = parser.parse_args()
    services = Services(Settings())
    try:
        if arguments.command == "fill":
            _fill(services, arguments.sessions, arguments.seed)
        else:
            _say(f"{remove(services):,} made-up sessions are gone.")
    except RefusedInProduction as refusal:
        sys.exit(str(refusal))
    except RostrumError as error:
        sys.exit(error.message)
    finally:
        services.close()


def _fill(services: Services, sessions: int, seed: int) -> None:
    begun = time.monotonic()
    filled = fill(
        services,
        sessions=sessions,
        seed=seed,
        tell=lambda what: _say(f"  {time.monotonic() - begun:6.1f} s  {what}"),
    )
    if not filled.added:
        _say(f"{filled.sessions:,} made-up sessions are there already: nothing was added.")
        return
    _say(
        f"{filled.sessions:,} made-up sessions with {filled.insights:,} insights were added in "
        f"{time.monotonic() - begun:.0f} s. `make unseed` takes them out again."
    )


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
