"""What the stack is told, and the environment that it gives to its parts."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from local.child import PartFailed
from local.ports import free_port
from local.speech_model import AT_ONCE

# Given to us, a vendor's own service is used and its stand-in stays off.
WHISPER_NAMES = ("OPENAI_API_KEY", "OPENAI_BASE_URL")
ANALYST_NAMES = ("ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL")
STOP_GRACE_SECONDS = 3
"""Whoever presses Ctrl-C waits for it; work that was cut short goes on at the next start."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Where each part listens."""

    postgres: int
    objects: int
    qstash: int
    whisper: int
    analyst: int
    backend: int
    dashboard: int


@dataclass(frozen=True, slots=True)
class Plan:
    """One stack: its folder, ports, secrets, and what the person brings along."""

    data_dir: Path
    ports: Ports
    secrets: Mapping[str, str]
    own: Mapping[str, str]
    """The person's environment, `.env` included."""

    @property
    def backend_url(self) -> str:
        """Where the API answers."""
        return f"http://127.0.0.1:{self.ports.backend}"

    @property
    def dashboard_url(self) -> str:
        """Where the dashboard answers."""
        return f"http://127.0.0.1:{self.ports.dashboard}"

    @property
    def brings_whisper(self) -> bool:
        """Transcription goes to the person's own service."""
        return any(self.own.get(name) for name in WHISPER_NAMES)

    @property
    def brings_analyst(self) -> bool:
        """Analysis goes to the person's own service."""
        return any(self.own.get(name) for name in ANALYST_NAMES)

    def environment(self, database_url: str) -> dict[str, str]:
        """What every part gets; the person's own settings win."""
        given = {
            "DATABASE_URL": database_url,
            "APP_URL": self.backend_url,
            "APP_ENV": "local",
            "R2_ENDPOINT_URL": f"http://127.0.0.1:{self.ports.objects}",
            "R2_ACCESS_KEY_ID": "rostrum",
            "R2_SECRET_ACCESS_KEY": self.secrets["objects"],
            "R2_BUCKET_NAME": "rostrum",
            "QSTASH_URL": f"http://127.0.0.1:{self.ports.qstash}",
            "QSTASH_TOKEN": self.secrets["qstash"],
            "QSTASH_CURRENT_SIGNING_KEY": self.secrets["current_key"],
            "QSTASH_NEXT_SIGNING_KEY": self.secrets["next_key"],
        }
        if not self.brings_whisper:
            given |= {
                "OPENAI_BASE_URL": f"http://127.0.0.1:{self.ports.whisper}/v1",
                "OPENAI_API_KEY": "local",
                "WHISPER_MODEL": "whisper-base",
            }
        if not self.brings_analyst:
            given |= {
                "ANTHROPIC_BASE_URL": f"http://127.0.0.1:{self.ports.analyst}",
                "ANTHROPIC_API_KEY": "local",
            }
        limits = {name: value for name, value in self.own.items() if name not in given}
        usual = {"STOP_GRACE_SECONDS": str(STOP_GRACE_SECONDS)}
        if not self.brings_whisper:
            # More parts at once would only wait, and run out of the pipeline's patience.
            usual["TRANSCRIPTION_PARALLELISM"] = str(AT_ONCE)
        return {**usual, **limits, **given, "PYTHONUNBUFFERED": "1"}


def make_plan() -> Plan:
    """The stack that the environment asks for.

    Raises:
        PartFailed: DATA_DIR, BACKEND_PORT or DASHBOARD_PORT cannot be used.
    """
    own = {**_dotenv(Path(".env")), **os.environ}
    data_dir = Path(own.get("DATA_DIR") or ".data").resolve()
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PartFailed(f"DATA_DIR {data_dir} cannot be made: {error.strerror}.") from error
    ports = Ports(
        postgres=free_port(),
        objects=free_port(),
        qstash=free_port(),
        whisper=free_port(),
        analyst=free_port(),
        backend=_port(own, "BACKEND_PORT", 8000),
        dashboard=_port(own, "DASHBOARD_PORT", 8501),
    )
    return Plan(data_dir, ports, _secrets(data_dir), own)


def _dotenv(path: Path) -> dict[str, str]:
    from dotenv import dotenv_values

    return {name: value for name, value in dotenv_values(path).items() if value}


def _port(own: Mapping[str, str], name: str, default: int) -> int:
    value = own.get(name) or str(default)
    if not value.isdigit() or not 0 < int(value) < 65_536:  # noqa: PLR2004 - the last port
        raise PartFailed(f"{name} must be a port number.")
    return int(value)


def _secrets(data_dir: Path) -> dict[str, str]:
    """Random secrets, made once: deliveries that wait were published under them."""
    held = data_dir / "secrets.json"
    if not held.exists():
        made = {
            "objects": secrets.token_urlsafe(24),
            "qstash": secrets.token_urlsafe(24),
            "current_key": f"sig_{secrets.token_hex(16)}",
            "next_key": f"sig_{secrets.token_hex(16)}",
        }
        held.touch(mode=0o600)
        held.write_text(json.dumps(made))
    loaded: dict[str, str] = json.loads(held.read_text())
    return loaded
