"""QStash, the receiving side: verify that a delivery is genuine."""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
from datetime import datetime
from typing import Any

from pipeline.errors import Unauthorized
from pipeline.settings import Settings

# QStash's clock and ours may differ; the SDK's own tolerance has no effect in 3.4.0.
CLOCK_LEEWAY_SECONDS = 10

log = logging.getLogger(__name__)


def verify_delivery(
    settings: Settings, *, body: bytes, signature: str | None, url: str, now: datetime
) -> None:
    """Make sure that QStash signed just this body for just this URL.

    Done with PyJWT, which the SDK's `Receiver` uses too: the SDK ignores its clock tolerance,
    refuses bytes, and raises other errors on a token without a body claim (docs/decisions).

    Raises:
        Unauthorized: no signature, or one that does not hold.
        ConfigurationMissing: a signing key is absent.
    """
    keys = (
        settings.require("QSTASH_CURRENT_SIGNING_KEY"),
        settings.require("QSTASH_NEXT_SIGNING_KEY"),
    )
    if not signature:
        raise Unauthorized("The request carries no signature.")
    claims = _claims(signature, keys)
    if claims is None:
        raise Unauthorized("The signature is not valid.")
    digest = base64.urlsafe_b64encode(hashlib.sha256(body).digest()).rstrip(b"=").decode()
    claimed = claims.get("body")
    if not isinstance(claimed, str) or not hmac.compare_digest(
        claimed.rstrip("=").encode("utf-8", "replace"), digest.encode()
    ):
        raise Unauthorized("The signature is for another body.")
    if claims["sub"] != url:
        raise Unauthorized("The signature is for another URL. Compare APP_URL with the one used.")
    _check_times(claims, now.timestamp())


def _check_times(claims: dict[str, Any], moment: float) -> None:
    try:
        expires, begins = float(claims["exp"]), float(claims["nbf"])
    except (TypeError, ValueError, OverflowError) as error:
        raise Unauthorized("The signature has no readable times.") from error
    # Asked so that a time which is no number (NaN) is refused, too.
    if not expires >= moment - CLOCK_LEEWAY_SECONDS:
        raise Unauthorized("The signature has expired.")
    if not begins <= moment + CLOCK_LEEWAY_SECONDS:
        raise Unauthorized("The signature is not valid yet.")


def _claims(signature: str, keys: tuple[str, ...]) -> dict[str, Any] | None:
    """The claims of a token that one of the keys signed, or None."""
    import jwt

    for key in keys:
        try:
            return jwt.decode(
                signature,
                key,
                algorithms=["HS256"],
                issuer="Upstash",
                options={
                    "require": ["iss", "sub", "exp", "nbf"],
                    # Checked by the caller, against the time that was passed in.
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                    "verify_aud": False,
                },
            )
        except jwt.PyJWTError as error:
            log.debug("signature_refused", extra={"reason": type(error).__name__})
    return None
