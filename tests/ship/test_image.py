"""The image: what it copies, run by hand as it would run. No container engine runs here.

A clean virtual environment with the locked production packages alone, the files that the
Dockerfile copies, both read-only, and nobody's user: every command of the image must work there.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from local.objects import ObjectsServer
from local.ports import free_port
from tests.backend.live import eventually
from tests.conftest import OUTSIDE
from tests.folders import open_folder
from tests.stack import ROOT

NOBODY = 65534
DOCKERFILE = (ROOT / "Dockerfile").read_text()
BIN = Path(sys.executable).parent

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can run commands as nobody"),
]


@dataclass(frozen=True)
class Image:
    """A folder in place of the image's file system."""

    root: Path
    env: dict[str, str]

    def run(self, *command: str, **env: str) -> subprocess.CompletedProcess[str]:
        """One command that ends."""
        return subprocess.run(
            [str(self.root / "venv" / "bin" / command[0]), *command[1:]],
            cwd=self.root / "rostrum",
            env={**self.env, **env},
            user=NOBODY,
            group=NOBODY,
            extra_groups=[],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    @contextmanager
    def serving(self, *command: str, address: str, **env: str) -> Iterator[None]:
        """A command that serves, from its first answer at `address` on."""
        with (self.root / "tmp" / f"{free_port()}.log").open("w+") as log:
            process = subprocess.Popen(
                [str(self.root / "venv" / "bin" / command[0]), *command[1:]],
                cwd=self.root / "rostrum",
                env={**self.env, **env},
                user=NOBODY,
                group=NOBODY,
                extra_groups=[],
                stdout=log,
                stderr=subprocess.STDOUT,
            )
            try:
                eventually(lambda: process.poll() is not None or _answers(address), seconds=60)
                log.seek(0)
                assert process.poll() is None, log.read()
                yield
            finally:
                process.terminate()
                assert process.wait(30) in {0, -15}


def _answers(address: str) -> bool:
    try:
        return httpx2.get(address, timeout=2).status_code == 200
    except httpx2.HTTPError:
        return False


@pytest.fixture(scope="module")
def image() -> Iterator[Image]:
    """What the Dockerfile makes: packages and files that nobody may change."""
    with open_folder() as root:
        venv, house = root / "venv", root / "rostrum"
        uv = str(BIN / "uv")
        python = str(venv / "bin" / "python")
        interpreter = interpreter_for_nobody()
        subprocess.run([uv, "venv", "--quiet", "--python", interpreter, str(venv)], check=True)
        locked = ["--require-hashes", "-r", str(ROOT / "requirements.txt")]
        installing = [uv, "pip", "install", "--quiet", "--python", python, *locked]
        subprocess.run(installing, env=OUTSIDE, check=True)
        for source, target in copied():
            place = house / target
            place.parent.mkdir(parents=True, exist_ok=True)
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, place, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(ROOT / source, place)
        subprocess.run(["chmod", "-R", "a+rX,a-w", str(house)], check=True)
        scratch = root / "tmp"
        scratch.mkdir()
        scratch.chmod(0o777)
        yield Image(
            root,
            {
                "PATH": f"{venv / 'bin'}:/usr/bin:/bin",
                "HOME": str(scratch),
                "TMPDIR": str(scratch),
                "PYTHONDONTWRITEBYTECODE": "1",
            },
        )
        subprocess.run(["chmod", "-R", "u+w", str(house)], check=True)


def interpreter_for_nobody() -> str:
    """A Python 3.11 that nobody may run: this one may lie in root's own folder."""
    for found in (os.path.realpath(sys.executable), "/usr/bin/python3.11"):
        try:
            subprocess.run([found, "-c", ""], user=NOBODY, group=NOBODY, cwd="/", check=True)
        except (OSError, subprocess.CalledProcessError):
            continue
        return found
    pytest.skip("no Python 3.11 on this machine that another user than root may run")


def copied() -> list[tuple[str, str]]:
    """What the Dockerfile copies from the checkout, and where to below its folder."""
    lines = re.findall(r"^COPY (?!--)(\S+) (\S+)$", DOCKERFILE, re.MULTILINE)
    return [
        (source, target.removeprefix("./") or source.removeprefix("./")) for source, target in lines
    ]


@pytest.fixture
def on_servers(image: Image, database_url: str, objects: ObjectsServer) -> Image:
    """The image with a database and a storage, and no queue."""
    env = {
        "DATABASE_URL": database_url,
        "R2_ENDPOINT_URL": objects.endpoint_url,
        "R2_ACCESS_KEY_ID": objects.access_key_id,
        "R2_SECRET_ACCESS_KEY": objects.secret_access_key,
        "R2_BUCKET_NAME": objects.bucket,
        "QSTASH_URL": "http://127.0.0.1:9",
        "QSTASH_TOKEN": "a-token",
    }
    return Image(image.root, {**image.env, **env})


def test_hadolint_finds_nothing_wrong() -> None:
    checked = subprocess.run(
        [str(BIN / "hadolint"), str(ROOT / "Dockerfile")],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (checked.returncode, checked.stdout) == (0, "")


def test_the_last_stage_runs_as_nobody_and_brings_no_build_tools() -> None:
    last = DOCKERFILE.rpartition("\nFROM ")[2]

    assert f"\nUSER {NOBODY}:{NOBODY}\n" in last
    assert "pip uninstall" in last
    assert "HEALTHCHECK" in last
    assert not re.search(r"apt-get|apk|pip install", last)


def test_nothing_but_what_the_image_copies_goes_to_the_builder() -> None:
    allowed = {
        line[1:]
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    }

    assert {source.removeprefix("./") for source, _ in copied()} == allowed


def test_the_migration_job_makes_the_tables(image: Image, empty_database_url: str) -> None:
    done = image.run("alembic", "upgrade", "head", DATABASE_URL=empty_database_url)

    assert done.returncode == 0, done.stderr
    again = image.run("alembic", "current", DATABASE_URL=empty_database_url)
    assert "(head)" in again.stdout


def test_the_backend_serves_and_its_health_check_agrees(on_servers: Image) -> None:
    port = str(free_port())
    command = shlex.split(re.findall(r"^CMD \[(.*)\]$", DOCKERFILE, re.MULTILINE)[-1])
    serve = [word.rstrip(",").replace("=8000", f"={port}") for word in command]
    serve = [word.replace("0.0.0.0", "127.0.0.1") for word in serve]  # noqa: S104 - left out

    with on_servers.serving(*serve, address=f"http://127.0.0.1:{port}/healthz"):
        ready = httpx2.get(f"http://127.0.0.1:{port}/readyz").json()
        asked = re.findall(r'"(import urllib[^"]*)"', DOCKERFILE)[-1].replace(":8000", f":{port}")
        healthy = on_servers.run("python", "-c", asked)

    assert (ready["database"], ready["storage"]) == ("ok", "ok")
    assert healthy.returncode == 0, healthy.stderr


def test_the_dashboard_serves(on_servers: Image) -> None:
    port = str(free_port())
    serve = ["python", "-m", "streamlit", "run", "dashboard/app.py", f"--server.port={port}"]

    with on_servers.serving(*serve, address=f"http://127.0.0.1:{port}/_stcore/health"):
        assert httpx2.get(f"http://127.0.0.1:{port}/").status_code == 200


def test_one_sweep_runs_and_says_what_it_did(on_servers: Image) -> None:
    done = on_servers.run("python", "-m", "pipeline.sweep")

    assert done.returncode == 0, done.stderr
    assert "published" in done.stdout


def test_a_schedule_that_cannot_be_made_is_a_sentence(on_servers: Image) -> None:
    done = on_servers.run(
        "python", "-m", "pipeline.schedule", APP_URL="https://rostrum.example.com"
    )

    assert done.returncode == 1
    assert "queue cannot be reached" in done.stderr
    assert "Traceback" not in done.stderr


def test_production_does_not_start_on_an_unsafe_configuration(on_servers: Image) -> None:
    port = str(free_port())

    refused = on_servers.run(
        "uvicorn",
        "--factory",
        "backend.app:create_app",
        f"--port={port}",
        APP_ENV="production",
    )

    assert refused.returncode != 0
    assert "Refusing to start in production" in refused.stderr
