"""`python -m pipeline.check` tries a configuration on the real services, and says what is wrong.

It writes, reads and deletes one small object, publishes one message that is taken back before it
is due, and asks Whisper for a second of a tone and Claude for one token. It prints no secret,
and exits with 1 where anything is wrong. `--without claude,app` leaves parts out.
"""

from __future__ import annotations

import argparse
import math
import secrets
import struct
import sys
import time
import wave
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import ValidationError

from pipeline import audio
from pipeline.analyze import prompt
from pipeline.database import revision
from pipeline.database.engine import transaction
from pipeline.errors import AudioMissing, ConfigurationMissing, RostrumError
from pipeline.log_lines import configure
from pipeline.schedule import EVERY_MINUTE
from pipeline.services import Services
from pipeline.settings import Settings, UnsafeConfiguration
from pipeline.storage import PREFIX
from pipeline.watch import Watch

PART_SECONDS = 45.0
"""No part takes longer, whatever the service does."""
TONE_SECONDS, TONE_HERTZ, TONE_RATE = 1, 440, 16_000
PROBE = b"rostrum: this object may be deleted"


class Wrong(Exception):
    """A part does not work: what is wrong, and what to do about it."""

    def __init__(self, sentence: str, remedy: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Found:
    """What was found out about one part."""

    part: str
    ok: bool
    sentence: str
    remedy: str = ""

    def __str__(self) -> str:
        """One line for a terminal."""
        remedy = f" Do: {self.remedy}" if self.remedy else ""
        return f"{'OK   ' if self.ok else 'WRONG'}  {self.part:<9} {self.sentence}{remedy}"


def check(services: Services, parts: Sequence[str]) -> list[Found]:
    """Try each part, one after the other."""
    return [_try(services, part) for part in parts]


def _try(services: Services, part: str) -> Found:
    ask, remedy = PARTS[part]
    watch = Watch(ends_at=time.monotonic() + PART_SECONDS)
    try:
        return Found(
            part, ok=True, sentence=watch.within(PART_SECONDS, part, lambda: ask(services))
        )
    except Wrong as wrong:
        return Found(part, ok=False, sentence=wrong.sentence, remedy=wrong.remedy)
    except ConfigurationMissing as error:
        return Found(part, ok=False, sentence=error.message, remedy="set it; see .env.example.")
    except RostrumError as error:
        return Found(part, ok=False, sentence=error.message, remedy=remedy)
    except Exception as error:  # noqa: BLE001 - whatever a client makes of a broken setting
        # Its message may hold the setting, which may be a secret.
        return Found(part, ok=False, sentence=f"It failed ({type(error).__name__}).", remedy=remedy)


def _settings(services: Services) -> str:
    settings = services.settings
    try:
        settings.guard_production()
    except UnsafeConfiguration as error:
        raise Wrong(str(error), "see docs/deploy.md, section 5.") from error
    prompt.load(settings.prompt_version)
    return f"APP_ENV is {settings.app_env}; nothing speaks against starting so."


def _keys(services: Services) -> str:
    faults = services.settings.signing_key_faults()
    if faults:
        raise Wrong(" ".join(faults), "copy both keys from QStash's console.")
    return "Both signing keys are set, differ, and are not the public ones."


def _database(services: Services) -> str:
    with transaction(services.engine) as db:
        applied = revision.applied(db)
    newest = revision.newest()
    if applied is None:
        raise Wrong("Postgres answers, but has no tables of ours.", "run alembic upgrade head.")
    if applied != newest:
        raise Wrong(
            f"The tables are at revision {applied}; this code's newest is {newest}.",
            "run alembic upgrade head with this release.",
        )
    return f"Postgres answers, and its tables are at revision {applied}."


def _storage(services: Services) -> str:
    # Below the prefix of recordings, since a token may be held to it; and no UUID, so that the
    # sweeper leaves alone what a crash left, until the bucket's lifecycle rule takes it.
    key = f"{PREFIX}check-{secrets.token_hex(8)}"
    storage = services.storage
    # Some servers make a bucket when something is put into it; this asks without making one.
    storage.ping()
    storage.put(key, BytesIO(PROBE), content_type="text/plain")
    try:
        with TemporaryDirectory() as folder:
            copy = Path(folder) / "probe"
            storage.fetch(key, copy)
            if copy.read_bytes() != PROBE:
                raise Wrong(
                    "Storage gave back other bytes than it was given.",
                    "look for a proxy or gateway between here and the bucket.",
                )
    finally:
        storage.delete(key)
    try:
        storage.size(key)
    except AudioMissing:
        return f"An object was written, read and deleted. {_lifecycle(services)}"
    raise Wrong("A deleted object is still there.", "turn object versioning and locks off.")


def _lifecycle(services: Services) -> str:
    """What the bucket says of the backstop for deletion; nothing here is a fault."""
    days = services.storage.expires_after_days()
    if days is None:
        return (
            "Hint: no lifecycle rule for audio/ is to be seen; docs/deploy.md, section 3, says "
            "why there should be one, and the CORS rule that uploads from browsers need."
        )
    return f"A lifecycle rule deletes after {days} days what is left."


def _queue(services: Services) -> str:
    queue, settings = services.queue, services.settings
    queue.rehearse()
    schedule = queue.sweep_schedule()
    if schedule is None:
        raise Wrong("QStash has no schedule for the sweeper.", "run python -m pipeline.schedule.")
    if schedule.destination != settings.sweep_url:
        raise Wrong(
            "The sweeper's schedule calls another address than APP_URL's.",
            "set APP_URL right, then run python -m pipeline.schedule.",
        )
    if schedule.is_paused:
        raise Wrong("The sweeper's schedule is paused.", "resume it in QStash's console.")
    if schedule.cron != EVERY_MINUTE:
        return f"QStash takes messages. Hint: the sweeper is called by {schedule.cron}."
    return "QStash takes messages, and calls the sweeper every minute."


def _whisper(services: Services) -> str:
    with TemporaryDirectory() as folder:
        tone = Path(folder) / "tone.wav"
        _write_tone(tone)
        speech = audio.normalise(tone, Path(folder) / audio.FILE_NAME, max_seconds=60)
        services.transcriber.transcribe(speech.path, language="en", prompt=None)
    return f"A second of a tone was decoded here and heard by {services.transcriber.engine}."


def _write_tone(path: Path) -> None:
    frames = (
        struct.pack("<h", int(8000 * math.sin(2 * math.pi * TONE_HERTZ * number / TONE_RATE)))
        for number in range(TONE_SECONDS * TONE_RATE)
    )
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(TONE_RATE)
        file.writeframes(b"".join(frames))


def _claude(services: Services) -> str:
    services.analyst.ping()
    return f"The key is taken, and {services.settings.claude_model} is known."


def _app(services: Services) -> str:
    import httpx

    remedy = "compare APP_URL with the backend's public address, and start the backend."
    url = f"{services.settings.app_url.rstrip('/')}/healthz"
    try:
        answer = httpx.get(url, timeout=10, follow_redirects=False)
        told = answer.json() if answer.is_success else None
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise Wrong(f"Nothing of ours answers at APP_URL ({type(error).__name__}).", remedy) from (
            error
        )
    if told != {"ok": True}:
        raise Wrong(f"APP_URL answers {answer.status_code}, but not as our backend.", remedy)
    return "The backend answers at APP_URL, seen from here; QStash must reach it, too."


PARTS: dict[str, tuple[Callable[[Services], str], str]] = {
    "settings": (_settings, "see .env.example."),
    "keys": (_keys, "copy both keys from QStash's console."),
    "database": (_database, "check DATABASE_URL, and that Postgres lets this host in."),
    "storage": (
        _storage,
        "check the R2_* variables; the token needs to read, write, list and delete.",
    ),
    "queue": (_queue, "check QSTASH_TOKEN, that it may publish, and QSTASH_URL's region."),
    "whisper": (_whisper, "check OPENAI_API_KEY, its credit, OPENAI_BASE_URL, WHISPER_MODEL."),
    "claude": (_claude, "check ANTHROPIC_API_KEY, its credit, ANTHROPIC_BASE_URL, CLAUDE_MODEL."),
    "app": (_app, "check APP_URL."),
}
"""Each part with what to do where its service refuses us."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a line for each part; 1 where one is wrong."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.check", description=__doc__)
    parser.add_argument(
        "--without",
        default="",
        metavar="PARTS",
        help=f"leave these out, separated by commas: {', '.join(PARTS)}",
    )
    left_out = {part for part in parser.parse_args(arguments).without.split(",") if part}
    if unknown := left_out - set(PARTS):
        parser.error(f"there is no part {', '.join(sorted(unknown))}")
    try:
        services = Services(Settings())
    except ValidationError as error:
        _say_unreadable(error)
        return 1
    is_well = True
    for part in PARTS:
        if part not in left_out:
            (found,) = check(services, [part])
            print(found, flush=True)  # noqa: T201 - the command's answer
            is_well = is_well and found.ok
    services.close()
    return 0 if is_well else 1


def _say_unreadable(error: ValidationError) -> None:
    """Name the variables and the rule each breaks, never the value."""
    for fault in error.errors(include_input=False, include_context=False):
        name = ".".join(str(place) for place in fault["loc"]).upper()
        print(  # noqa: T201 - the command's answer
            Found("settings", ok=False, sentence=f"{name}: {fault['msg']}.", remedy="mend it.")
        )


if __name__ == "__main__":
    configure()
    sys.exit(main())
