"""A real OpenID provider where anyone may have an account: `oidc-provider-mock`, a process."""

from __future__ import annotations

import json
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.child import answers, start, stop, wait_until
from local.ports import free_port


@dataclass(frozen=True)
class Provider:
    """A provider that runs."""

    url: str

    def knows(self, email: str, **claims: Any) -> None:
        """Let somebody have an account, of a verified address unless `claims` say otherwise."""
        held = {"email": email, "email_verified": True, **claims}
        request = urllib.request.Request(  # noqa: S310 - our own URL
            f"{self.url}/users/{email}",
            data=json.dumps(held).encode(),
            headers={"Content-Type": "application/json"},
            method="PUT",
        )
        urllib.request.urlopen(request, timeout=10).close()  # noqa: S310 - our own URL

    def secrets(self, dashboard_url: str) -> str:
        """What `.streamlit/secrets.toml` says of it."""
        return f"""
[auth]
redirect_uri = "{dashboard_url}/oauth2callback"
cookie_secret = "a-secret-of-tests-that-is-long-enough"
client_id = "rostrum"
client_secret = "rostrum-secret"
server_metadata_url = "{self.url}/.well-known/openid-configuration"
"""


@contextmanager
def running_provider(log: Path) -> Iterator[Provider]:
    """A provider, up and healthy."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    process = start([sys.executable, "-m", "oidc_provider_mock", "--port", str(port)], log=log)
    try:
        metadata = f"{url}/.well-known/openid-configuration"
        wait_until(lambda: answers(metadata), process, name="The provider", log=log)
        yield Provider(url)
    finally:
        stop(process)
