"""Errors that are answers to a request."""


class ServiceError(Exception):
    """An error of the service: `code` as the SDKs see it, HTTP status `status`."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


def validation(message: str) -> ServiceError:
    """SageMaker's error for almost everything, duplicates and unknown names included."""
    return ServiceError("ValidationException", message)


def unsupported(message: str) -> ServiceError:
    """Valid on AWS, not done here."""
    return ServiceError("UnsupportedOperation", message, 501)
