"""What goes wrong in an expected way: one line that says what happened and what to do."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
    ProfileNotFound,
)
from drawops.errors import DrawopsError
from drawops_local.cloud import CloudFailed
from drawops_local.environments import EnvironmentFailed
from drawops_local.images import ImageNotFound

_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "InvalidClientTokenId"}
_DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"}


class Failure(Exception):
    """An expected problem; `str()` is a sentence about it and, where there is one, the fix."""


class FunctionFailed(Failure):
    """A Lambda function answered with an error.

    Attributes:
        kind: name of the exception class.
        message: its text.
    """

    def __init__(self, function: str, payload: bytes) -> None:
        try:
            answer = json.loads(payload)
        except ValueError:
            answer = {}
        self.kind = str(answer.get("errorType", "Error"))
        message = str(answer.get("errorMessage") or payload.decode(errors="replace"))
        self.message = " ".join(message.split())
        super().__init__(f"{function} failed with {self.kind}: {self.message}")


@contextmanager
def translated() -> Iterator[None]:
    """Turn the known errors of our libraries and of the AWS SDK into a `Failure`.

    Raises:
        Failure: instead of them. Anything else passes: a bug deserves its traceback.
    """
    try:
        yield
    except (CloudFailed, EnvironmentFailed, ImageNotFound, DrawopsError) as error:
        raise Failure(str(error)) from error
    except NoCredentialsError as error:
        raise Failure(
            "No AWS credentials found. Name a profile with --profile, or run `aws sso login`."
        ) from error
    except NoRegionError as error:
        raise Failure("No AWS Region set. Name one with --region or AWS_REGION.") from error
    except ProfileNotFound as error:
        raise Failure(f"{error}. `aws configure list-profiles` shows those you have.") from error
    except EndpointConnectionError as error:
        raise Failure(f"{error} Is the local cloud still up (`drawops status`)?") from error
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in _EXPIRED:
            raise Failure("The AWS credentials have expired. Sign in again, e.g. `aws sso login`.") from error
        if code in _DENIED:
            raise Failure(
                f"AWS denies {error.operation_name}: ask for that permission, or use another --profile."
            ) from error
        raise Failure(f"{error.operation_name}: {error.response['Error'].get('Message') or code}") from error
    except BotoCoreError as error:
        raise Failure(str(error)) from error
