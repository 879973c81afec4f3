"""The token that goes with each attempt, with the claims that production's tokens have."""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from dataclasses import dataclass

import jwt

LIFE_SECONDS = 300
NOT_BEFORE = -62_135_596_800
"""Go's zero time, as production sends it."""


@dataclass
class SigningKeys:
    """The two keys. A rotation lasts until the server stops: then the environment's hold."""

    current: str
    next: str

    def rotate(self) -> None:
        """The next key becomes the current one, and a new one is next."""
        self.current, self.next = self.next, f"sig_{secrets.token_hex(14)}"


def sign(*, key: str, url: str, body: bytes) -> str:
    """A fresh token for one attempt to deliver `body` to `url`."""
    now = int(time.time())
    claims = {
        "aud": "",
        "body": base64.urlsafe_b64encode(hashlib.sha256(body).digest()).decode(),
        "exp": now + LIFE_SECONDS,
        "iat": now,
        "iss": "Upstash",
        "jti": f"jwt_{secrets.token_hex(16)}",
        "nbf": NOT_BEFORE,
        "sub": url,
    }
    return jwt.encode(claims, key, algorithm="HS256")
