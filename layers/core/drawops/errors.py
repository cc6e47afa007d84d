"""The errors that cross a boundary (Lambda -> Step Functions, container -> endpoint -> workflow).

    DrawopsError
    ├── InvalidInput     the drawing itself is at fault; quarantine, never retry
    ├── Misconfigured    a setting or permission is wrong; fail loudly, an operator must act
    ├── NotReady         something we wait for is not there yet; retry later
    ├── Transient        a fault of the moment (throttling, a cut connection); retry
    ├── Conflict         somebody else did it first; the same content counts as success
    ├── Corrupt          what is stored is not what its hash says, or is gone
    └── JobFailed        remote work (endpoint, training job) failed; carries the remote reason
        └── InvalidResult    remote work ended well but what it wrote breaks its contract

The class names are the `ErrorEquals` strings of the state machines.
"""

from enum import StrEnum


class Code(StrEnum):
    """Machine-readable reasons why a drawing is in quarantine."""

    EMPTY_FILE = "EMPTY_FILE"
    FILE_TOO_LARGE = "FILE_TOO_LARGE"
    UNSUPPORTED_TYPE = "UNSUPPORTED_TYPE"
    CORRUPT_FILE = "CORRUPT_FILE"
    TRUNCATED_FILE = "TRUNCATED_FILE"
    TOO_MANY_PIXELS = "TOO_MANY_PIXELS"
    TOO_FEW_PIXELS = "TOO_FEW_PIXELS"
    TOO_MANY_PAGES = "TOO_MANY_PAGES"
    NO_PAGES = "NO_PAGES"
    ENCRYPTED_PDF = "ENCRYPTED_PDF"
    DRAWING_DELETED = "DRAWING_DELETED"
    READING_FAILED = "READING_FAILED"
    READING_TIMED_OUT = "READING_TIMED_OUT"
    INVALID_RESULT = "INVALID_RESULT"
    INTERNAL_ERROR = "INTERNAL_ERROR"


class DrawopsError(Exception):
    """Base of all errors of this product. `str()` is one sentence that tells a person what to do."""


class InvalidInput(DrawopsError):
    """The drawing cannot be read as it is.

    `str()` gives ``CODE: sentence``: Step Functions hands on only a name and a text, and the
    quarantine step must get the code back out of it (`parse`).
    """

    def __init__(self, code: Code, sentence: str) -> None:
        super().__init__(f"{code.value}: {sentence}")
        self.code = code
        self.sentence = sentence

    @classmethod
    def parse(cls, text: str) -> "InvalidInput | None":
        """Rebuild the error from its `str()`; None when `text` does not start with a known code."""
        head, separator, sentence = text.partition(": ")
        if not separator or head not in Code.__members__:
            return None
        return cls(Code(head), sentence)


class Misconfigured(DrawopsError):
    """A setting, resource or permission is missing or wrong."""


class NotReady(DrawopsError):
    """What the step needs does not exist yet."""


class Transient(DrawopsError):
    """A fault of the moment; the same call is expected to work later."""


class Conflict(DrawopsError):
    """Another writer was first."""


class Corrupt(DrawopsError):
    """Something that never changes has changed or is missing."""


class JobFailed(DrawopsError):
    """Remote work failed; the message is the remote reason."""


class InvalidResult(JobFailed):
    """Remote work reported success but its output breaks the contract."""
