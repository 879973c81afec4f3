"""The digest that tells when the same recording is sent again."""

from __future__ import annotations

import hashlib
from typing import BinaryIO


def digest_of(audio: BinaryIO) -> str:
    """SHA-256 in hexadecimal, read piece by piece; leaves the file at its beginning."""
    audio.seek(0)
    # The types ask for a raw file's readinto(), which every file that comes here has.
    digest = hashlib.file_digest(audio, "sha256").hexdigest()  # type: ignore[arg-type]
    audio.seek(0)
    return digest
