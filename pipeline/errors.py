"""What can go wrong, each with a stable code, a sentence for people, and a decision.

    RostrumError
    ├── Transient            may pass: try again
    │   ├── StorageUnavailable, TranscriptionUnavailable, AnalysisUnavailable
    │   ├── RateLimited, TimedOut, DatabaseUnavailable, QueueUnavailable
    │   ├── AudioNotDeleted  the recording outlived its purpose; deletion is tried again
    │   ├── ConfigurationMissing  an operator must set a variable, then a retry works
    │   ├── LeaseHeld        another worker is busy with this session
    │   ├── Interrupted      the server stops; another one, or the next, goes on
    │   └── Unforeseen       INTERNAL: the cause is in the log
    ├── Permanent            no retry can mend it
    │   ├── UnsupportedAudio, EmptyAudio, AudioTooLong, AudioMissing, NoSpeech
    │   └── TranscriptionRejected, AnalysisRejected, AnalysisInvalid
    └── Refused              the request itself cannot be granted
        ├── Unauthorized, InvalidRequest, PayloadTooLarge, TooManyRequests, NotFound
        ├── MissingAudio, AudioTooLarge
        ├── AudioMismatch, AudioGone, TranscriptMissing, TranscriptGone, AlreadyRunning
        ├── NotRetryable     a dead letter that no retry would help
        ├── Forbidden        the person's role is less than this needs
        ├── OutOfDate        somebody changed it since it was looked at
        └── Taken            somebody else has it in hand

Sentences never hold what a learner said, a name or a key. This module knows no HTTP.
"""

from __future__ import annotations

from typing import ClassVar


class RostrumError(Exception):
    """The root. `message` is safe to show; `code` never changes."""

    code: ClassVar[str] = "INTERNAL"
    sentence: ClassVar[str] = "Something unexpected went wrong. The cause is in the log."
    retryable: ClassVar[bool] = False

    def __init__(self, message: str | None = None, *, retry_after: float | None = None) -> None:
        self.message = message or self.sentence
        self.retry_after = retry_after
        """Seconds to wait before the next try, where someone said so."""
        super().__init__(self.message)


class Transient(RostrumError):
    """May pass: the queue tries again."""

    retryable = True


class StorageUnavailable(Transient):
    """Object storage did not answer, or refused us."""

    code = "STORAGE_UNAVAILABLE"
    sentence = "The audio storage cannot be reached right now. Please try again in a minute."


class TranscriptionUnavailable(Transient):
    """The speech-to-text service did not answer, or refused us."""

    code = "TRANSCRIPTION_UNAVAILABLE"
    sentence = "The transcription service is not available right now."


class AnalysisUnavailable(Transient):
    """The language model's service did not answer, or refused us."""

    code = "ANALYSIS_UNAVAILABLE"
    sentence = "The analysis service is not available right now."


class RateLimited(Transient):
    """A provider asked us to slow down."""

    code = "RATE_LIMITED"
    sentence = "A provider asked us to slow down. Processing goes on by itself later."


class TimedOut(Transient):
    """A provider took longer than its stage may."""

    code = "TIMEOUT"
    sentence = "A provider did not answer in time."


class DatabaseUnavailable(Transient):
    """Postgres cannot be reached."""

    code = "DATABASE_UNAVAILABLE"
    sentence = "The database cannot be reached right now. Please try again in a minute."


class QueueUnavailable(Transient):
    """QStash did not take a message or did not answer."""

    code = "QUEUE_UNAVAILABLE"
    sentence = "The queue cannot be reached right now. Please try again in a minute."


class AudioNotDeleted(Transient):
    """The transcript is safe, but the recording could not be deleted."""

    code = "AUDIO_NOT_DELETED"
    sentence = "The recording could not be deleted yet. Deletion is tried again by itself."


class ConfigurationMissing(Transient):
    """A variable of the environment is missing; the sentence names it."""

    code = "CONFIGURATION"
    sentence = "Missing required environment variable."


class LeaseHeld(Transient):
    """Another worker holds the lease, or took it from us."""

    code = "LEASE_HELD"
    sentence = "Another worker is processing this session."


class Interrupted(Transient):
    """The process was told to stop before the work was done."""

    code = "INTERRUPTED"
    sentence = "The server was stopped during the work. Processing goes on by itself."


class Unforeseen(Transient):
    """Anything that we did not foresee, as the session records it."""


class Permanent(RostrumError):
    """No retry can mend it."""


class UnsupportedAudio(Permanent):
    """The bytes are not audio that we can decode."""

    code = "UNSUPPORTED_AUDIO"
    sentence = "This file has no audio that we can read. Send a common audio or video format."


class EmptyAudio(Permanent):
    """A file of no bytes, or a recording of no length."""

    code = "EMPTY_AUDIO"
    sentence = "The recording is empty. Please record again."


class AudioTooLong(Permanent):
    """Longer than MAX_AUDIO_MINUTES."""

    code = "AUDIO_TOO_LONG"
    sentence = "The recording is longer than allowed."


class AudioMissing(Permanent):
    """No object stands behind the session."""

    code = "AUDIO_MISSING"
    sentence = "The recording is not in the storage. Upload it again."


class NoSpeech(Permanent):
    """Silence, noise, or nothing that may be trusted."""

    code = "NO_SPEECH"
    sentence = "No speech was found in the recording. Check the microphone and record again."


class TranscriptionRejected(Permanent):
    """The speech-to-text service refuses this audio."""

    code = "TRANSCRIPTION_REJECTED"
    sentence = "The transcription service does not accept this recording."


class AnalysisRejected(Permanent):
    """The language model refuses this transcript."""

    code = "ANALYSIS_REJECTED"
    sentence = "The analysis service declined to analyse this talk."


class AnalysisInvalid(Permanent):
    """No usable answer, even after the repair round."""

    code = "ANALYSIS_INVALID"
    sentence = "The analysis gave no usable answer. Run the analysis again."


class Refused(RostrumError):
    """The request itself cannot be granted."""


class Unauthorized(Refused):
    """Who calls is not known."""

    code = "UNAUTHORIZED"
    sentence = "The request is not authorised."


class InvalidRequest(Refused):
    """A signed message that says nothing we understand."""

    code = "BAD_REQUEST"
    sentence = "The message must be a JSON object with a sessionId."


class PayloadTooLarge(Refused):
    """A body above its limit."""

    code = "PAYLOAD_TOO_LARGE"
    sentence = "The request body is too large."


class TooManyRequests(Refused):
    """This caller asks more often than it may."""

    code = "TOO_MANY_REQUESTS"
    sentence = "Too many requests. Wait as long as Retry-After says, then go on more slowly."


NO_SUCH_LEARNER = "There is no such learner."
"""What `NotFound` says of a learner on whom nothing is held."""


class NotFound(Refused):
    """No such thing, or no longer."""

    code = "NOT_FOUND"
    sentence = "There is no such session."


class InvalidInput(Refused):
    """Input that breaks a rule which only we can check."""

    code = "VALIDATION"
    sentence = "The request is not valid."


class MissingAudio(Refused):
    """An upload without its file."""

    code = "MISSING_AUDIO"
    sentence = "The form has no file named audio."


class AudioTooLarge(Refused):
    """Above MAX_UPLOAD_MB."""

    code = "AUDIO_TOO_LARGE"
    sentence = "The recording is larger than allowed."


class AudioMismatch(Refused):
    """The stored object is not the one that was announced."""

    code = "AUDIO_MISMATCH"
    sentence = "The stored recording differs in size from what was announced. Upload it again."


class AudioGone(Refused):
    """A full re-run needs audio that was deleted."""

    code = "AUDIO_GONE"
    sentence = "The recording was deleted, as promised. Only the analysis can be run again."


class TranscriptMissing(Refused):
    """An analysis needs a transcript."""

    code = "TRANSCRIPT_MISSING"
    sentence = "There is no transcript yet. Run the whole processing instead."


class TranscriptGone(Refused):
    """An analysis needs words that were removed."""

    code = "TRANSCRIPT_GONE"
    sentence = (
        "The words of this talk were removed: its learner does not agree to their storage, or "
        "their time was up. It cannot be analysed again."
    )


class AlreadyRunning(Refused):
    """A run of this session is live."""

    code = "ALREADY_RUNNING"
    sentence = "This session is being processed. Wait until it is done."


class NotRetryable(Refused):
    """A dead letter whose retry would help nothing; the sentence says why."""

    code = "NOT_RETRYABLE"
    sentence = "This dead letter cannot be retried."


class Forbidden(Refused):
    """The person's role is less than this needs."""

    code = "FORBIDDEN"
    sentence = "Your role may not do this. Ask an admin."


class OutOfDate(Refused):
    """Somebody changed it since it was looked at: nothing was written."""

    code = "OUT_OF_DATE"
    sentence = "Somebody changed this meanwhile. Look again, then decide."


class Taken(Refused):
    """Somebody else has it in hand."""

    code = "TAKEN"
    sentence = "Somebody else has this in hand. Take another one."
