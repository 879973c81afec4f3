"""A page of the dashboard, opened over Streamlit's own protocol, without a browser.

The server takes the WebSocket and runs the page for a new viewer, as it does for a browser. What
a browser draws of it is not measured here: `benchmarks/dashboard.py` does that.
"""

from __future__ import annotations

from contextlib import closing
from typing import Any
from urllib.parse import urlencode, urlsplit

import websocket
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

PATIENCE_SECONDS = 30.0
OPCODE_BINARY = 0x2


class PageFailed(Exception):
    """The page was not drawn; the message says what came instead."""


def open_page(dashboard_url: str, page: str, **query: str) -> int:
    """Let the dashboard run a page for a new viewer; the bytes that it sent.

    Raises:
        PageFailed: it shows an error, or did not run to its end.
        OSError, websocket.WebSocketException: it does not answer.
    """
    address = f"ws://{urlsplit(dashboard_url).netloc}/_stcore/stream"
    with closing(
        websocket.create_connection(
            address, timeout=PATIENCE_SECONDS, subprotocols=["streamlit"], origin=dashboard_url
        )
    ) as stream:
        stream.send(_wish(dashboard_url, page, query), OPCODE_BINARY)
        return _read_to_the_end(stream, page)


def _wish(dashboard_url: str, page: str, query: dict[str, str]) -> bytes:
    asked = BackMsg()
    asked.rerun_script.page_name = page
    asked.rerun_script.query_string = urlencode(query)
    asked.rerun_script.context_info.timezone = "UTC"
    asked.rerun_script.context_info.locale = "en-GB"
    asked.rerun_script.context_info.url = f"{dashboard_url}/{page}"
    return bytes(asked.SerializeToString())


def _read_to_the_end(stream: websocket.WebSocket, page: str) -> int:
    received = elements = 0
    while True:
        raw: Any = stream.recv()
        if not isinstance(raw, bytes) or not raw:
            raise PageFailed(f"{page}: the connection ended")
        received += len(raw)
        message = ForwardMsg.FromString(raw)
        kind = message.WhichOneof("type")
        if kind == "page_not_found":
            raise PageFailed(f"{page}: there is no such page")
        if kind == "delta":
            elements += 1
            _refuse_errors(message, page)
        if kind == "script_finished":
            if message.script_finished != ForwardMsg.FINISHED_SUCCESSFULLY or not elements:
                raise PageFailed(f"{page}: it did not run to its end")
            return received


def _refuse_errors(message: ForwardMsg, page: str) -> None:
    element = message.delta.new_element
    shown = element.WhichOneof("type")
    if shown == "exception":
        raise PageFailed(f"{page}: it shows an exception")
    if shown == "alert" and element.alert.format == element.alert.ERROR:
        raise PageFailed(f"{page}: it shows an error")
