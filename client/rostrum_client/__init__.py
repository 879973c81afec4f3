"""A typed client of Rostrum's API. It imports nothing of the server's: it is for other programs."""

from rostrum_client.api import Rostrum
from rostrum_client.errors import NO_ANSWER, NOT_OURS, STORAGE_REFUSED, RostrumError
from rostrum_client.notices import ForgedNotice, Notice, verified_notice

__all__ = [
    "NOT_OURS",
    "NO_ANSWER",
    "STORAGE_REFUSED",
    "ForgedNotice",
    "Notice",
    "Rostrum",
    "RostrumError",
    "verified_notice",
]
