"""The dashboard as production runs it: a process of its own, on a real port."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from local.child import answers, start, stop, wait_until
from local.objects import ObjectsServer
from local.ports import free_port
from local.stack import dashboard_command
from pipeline.settings import Settings
from tests.backend.live import environment
from tests.standins import QSTASH_TOKEN
from tests.world import NOWHERE, make_settings

SECONDS_TO_DRAW = 30


@dataclass(frozen=True)
class LiveDashboard:
    """A dashboard that runs, in local mode."""

    url: str
    pid: int
    log: Path


def settings_behind(*, database_url: str, objects: ObjectsServer, queue_url: str) -> Settings:
    """What a dashboard needs, and nothing that processes what it shows."""
    return make_settings(
        database_url=database_url,
        r2_endpoint_url=objects.endpoint_url,
        r2_access_key_id=objects.access_key_id,
        r2_secret_access_key=objects.secret_access_key,
        r2_bucket_name=objects.bucket,
        qstash_url=queue_url,
        qstash_token=QSTASH_TOKEN,
        app_url=NOWHERE,
    )


@contextmanager
def running_dashboard(settings: Settings, log: Path, **env: str) -> Iterator[LiveDashboard]:
    """A dashboard on these settings, healthy; stopped afterwards."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    process = start(
        dashboard_command(port), log=log, env={**os.environ, **environment(settings), **env}
    )
    try:
        healthy = f"{url}/_stcore/health"
        wait_until(lambda: answers(healthy), process, name="The dashboard", log=log)
        yield LiveDashboard(url, process.pid, log)
    finally:
        stop(process)


def page_of(dashboard: LiveDashboard, page: str, query: str = "") -> bytes:
    """All that a browser is sent which opens this page, over the dashboard's websocket."""
    asked = BackMsg()
    asked.rerun_script.page_name = page
    asked.rerun_script.query_string = query
    sent = b""
    with connect(
        f"{dashboard.url.replace('http', 'ws')}/_stcore/stream",
        subprotocols=[Subprotocol("streamlit")],
        proxy=None,
    ) as line:
        line.send(asked.SerializeToString())
        while True:
            told = line.recv(timeout=SECONDS_TO_DRAW, decode=False)
            sent += told
            if ForwardMsg.FromString(told).WhichOneof("type") == "script_finished":
                return sent
