"""The bearer tokens that open the API: kept as hashes, several at once, so that they rotate.

`python -m backend.tokens NAME` makes one: give the token to the caller, and the line to
`API_TOKENS`. A token has 256 random bits: a plain SHA-256 of it cannot be searched.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import sys
from collections.abc import Mapping

from pipeline.settings import Settings, UnsafeConfiguration

MAIN = "app"
"""Who bears `API_TOKEN`."""
_ENTRY = re.compile(r"(?P<name>[A-Za-z0-9_-]{1,40}):(?P<digest>[0-9a-f]{64})")


def digest_of(token: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(token.encode("latin-1", "replace")).hexdigest()


def known_tokens(settings: Settings) -> dict[str, str]:
    """Digest → who bears that token; empty where none is set.

    Raises:
        UnsafeConfiguration: `API_TOKENS` is not a list of `name:digest`.
    """
    listed = (settings.api_tokens or "").replace(",", " ").split()
    entries = [_ENTRY.fullmatch(entry) for entry in listed]
    found = {entry["digest"]: entry["name"] for entry in entries if entry}
    if len(found) != len(listed):
        raise UnsafeConfiguration(
            "API_TOKENS must be name:digest, separated by commas. "
            "`python -m backend.tokens NAME` makes one."
        )
    token = settings.api_token.get_secret_value() if settings.api_token else ""
    if token:
        found[digest_of(token)] = MAIN
    return found


def bearer_of(token: str, known: Mapping[str, str]) -> str | None:
    """Who bears `token`; None: nobody. Takes as long whichever entry it is."""
    given = digest_of(token)
    bearer = None
    for digest, name in known.items():
        if hmac.compare_digest(given, digest):
            bearer = name
    return bearer


def main(names: list[str]) -> int:
    """Make a token for one name."""
    if len(names) != 1 or not re.fullmatch(r"[A-Za-z0-9_-]{1,40}", names[0]):
        print("Usage: python -m backend.tokens NAME (letters, digits, - and _)", file=sys.stderr)  # noqa: T201 - a command
        return 2
    token = secrets.token_urlsafe(32)
    print(f"Token, shown once:  {token}")  # noqa: T201 - the command's answer
    print(f"For API_TOKENS:     {names[0]}:{digest_of(token)}")  # noqa: T201 - the command's answer
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
