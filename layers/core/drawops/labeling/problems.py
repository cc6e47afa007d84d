"""Why a request of an annotator is refused: `Problem` carries the answer that the labeling page gets."""

from drawops.contracts.labeling import ApiProblem
from drawops.errors import DrawopsError

STATUS = {
    "INVALID": 400,
    "UNAUTHORIZED": 401,
    "NOT_YOURS": 403,
    "NOT_FOUND": 404,
    "STALE": 409,
    "CLOSED": 409,
    "TOO_LARGE": 413,
}


class Problem(DrawopsError):
    """A request that cannot be met as it is; `answer` says why and what to do."""

    def __init__(self, answer: ApiProblem) -> None:
        super().__init__(answer.message)
        self.answer = answer

    @property
    def status(self) -> int:
        """The HTTP status of the answer."""
        return STATUS[self.answer.code]


def invalid(message: str) -> Problem:
    """The request itself is wrong."""
    return Problem(ApiProblem(code="INVALID", message=message))


def unauthorized(message: str) -> Problem:
    """Nobody knows who asks."""
    return Problem(ApiProblem(code="UNAUTHORIZED", message=message))


def not_found(message: str) -> Problem:
    """There is no such thing."""
    return Problem(ApiProblem(code="NOT_FOUND", message=message))


def not_yours(message: str, saved_by: str | None = None) -> Problem:
    """The task is another person's."""
    return Problem(ApiProblem(code="NOT_YOURS", message=message, saved_by=saved_by))


def closed(message: str) -> Problem:
    """The task or its labeling has ended."""
    return Problem(ApiProblem(code="CLOSED", message=message))


def stale(message: str, revision: int, saved_by: str | None) -> Problem:
    """Another save came first."""
    return Problem(ApiProblem(code="STALE", message=message, revision=revision, saved_by=saved_by))
