"""Tables are migrated while the release before still runs: what it does must go on working."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from io import BytesIO
from pathlib import Path

import pytest

from pipeline import review
from pipeline.status import Status
from tests.dashboard.screen import VARIABLES
from tests.stack import ROOT
from tests.talks import tone
from tests.world import World

VERSIONS = "pipeline/database/migrations/versions"
ONE_SESSION = """
import io, sys
from pipeline import intake, review
from pipeline.process import Delivery, process_session
from pipeline.services import Services
from pipeline.settings import Settings

services = Services(Settings(_env_file=None))
audio = io.BytesIO(sys.stdin.buffer.read())
session_id = intake.upload(services, audio=audio, user_id="learner-1").session_id
process_session(services, Delivery(session_id, None, 0))
print(review.session_detail(services, session_id).row.status)
"""


def git(*words: str) -> bytes:
    """What git says of this checkout; nothing where it cannot."""
    said = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, check=False)
    return said.stdout if said.returncode == 0 else b""


@pytest.fixture
def release_before(tmp_path: Path) -> Path:
    """The pipeline as it was before the newest migration came."""
    newest = max(path.name for path in (ROOT / VERSIONS).glob("0*.py"))
    added = git("log", "--diff-filter=A", "--format=%H", "-1", "--", f"{VERSIONS}/{newest}")
    archive = git("archive", f"{added.decode().strip()}^", "pipeline") if added else b""
    if not archive:
        pytest.skip("this checkout has no history to take the release before from")
    with tarfile.open(fileobj=BytesIO(archive)) as tar:
        tar.extractall(tmp_path, filter="data")
    return tmp_path


def test_the_release_before_processes_a_session_on_todays_tables(
    world: World, release_before: Path
) -> None:
    settings = world.services.settings
    given = (*VARIABLES, "openai_base_url", "openai_api_key", "anthropic_base_url")
    env = {name.upper(): settings.require(name.upper()) for name in given}

    done = subprocess.run(
        [sys.executable, "-c", ONE_SESSION],
        input=tone(),
        cwd=release_before,
        env={"PATH": os.environ["PATH"], "ANTHROPIC_API_KEY": "test-anthropic", **env},
        capture_output=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.decode().strip() == "COMPLETED"
    (shown,) = review.list_sessions(world.services).sessions
    assert shown.status is Status.COMPLETED
