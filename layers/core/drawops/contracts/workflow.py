"""Data that flows between the states of the workflows."""

from enum import StrEnum
from typing import Any

from pydantic import Field

from drawops.contracts.labeling import Backend, LabelingState, Reason
from drawops.contracts.reading import Contract, MediaType


class Upload(Contract):
    """Input of the workflow: one object version in the raw bucket."""

    bucket: str
    key: str
    version_id: str | None
    etag: str
    size: int = Field(ge=0, description="Bytes.")
    attempt: int = Field(default=0, ge=0, description="Raised by the reconciler when it starts again.")


class Outcome(StrEnum):
    """What registration found."""

    TO_READ = "TO_READ"
    UNCHANGED = "UNCHANGED"


class Registered(Contract):
    """A revision with a place in the catalog and an immutable copy of its bytes."""

    outcome: Outcome
    drawing_id: str
    revision: str
    upload: Upload
    sha256: str


class Checked(Contract):
    """What the file's own structure says, before anything is decoded."""

    media_type: MediaType
    pages: int | None = Field(default=None, description="None: only the full reader can tell.")


class InvokeRequest(Contract):
    """Input of `invoke_endpoint`."""

    registered: Registered
    checked: Checked
    task_token: str


class Invoked(Contract):
    """What the resumed task hands on: where the endpoint wrote its answer."""

    output_location: str


class StoreRequest(Contract):
    """Input of `store_result`."""

    registered: Registered
    invoked: Invoked


class Failure(Contract):
    """Input of `quarantine_drawing`: the workflow's input and the error as Step Functions reports it."""

    upload: Upload
    registered: Registered | None = None
    error: str
    cause: str


class ReconcileRequest(Contract):
    """Input of `reconcile_drawings`.

    `sweep` also looks for uploads that no workflow ever saw; `grace_seconds` overrides the setting.
    """

    sweep: bool = False
    grace_seconds: int | None = Field(default=None, ge=0)


class ReconcileReport(Contract):
    """What the reconciler did, by drawing revision (`<drawing_id>/<revision>` or key)."""

    resumed: tuple[str, ...] = ()
    restarted: tuple[str, ...] = ()
    started: tuple[str, ...] = ()
    quarantined: tuple[str, ...] = ()


class OpenRequest(Contract):
    """Input of the `labeling` workflow: one page of a stored result that shall become work."""

    drawing_id: str
    revision: str
    page: int = Field(ge=1)
    reason: Reason
    why: str = Field(default="", description="The reason in words; the policy's own when empty.")


class Opened(Contract):
    """A labeling as the workflow hands it on."""

    labeling_id: str
    state: LabelingState
    backend: Backend


class PictureRequest(Contract):
    """Input of `order_picture`."""

    labeling_id: str
    task_token: str


class PublishRequest(Contract):
    """Input of `publish_labeling`."""

    labeling_id: str
    invoked: Invoked


class LabelingFailure(Contract):
    """Input of `fail_labeling`: the workflow's input and the error as Step Functions reports it."""

    request: OpenRequest
    error: str
    cause: str


class ExportRequest(Contract):
    """Input of `create_dataset_version`.

    `force` makes a version of whatever is done; otherwise enough pages must be done, or no page be open.
    """

    project: str
    force: bool = False
    request: str = Field(default="", description="Names the caller's request, so that it may be repeated.")
    labeling_id: str | None = Field(default=None, description="The labeling that has just been done.")


def jsonable(contract: Contract) -> dict[str, Any]:
    """The contract as plain JSON values, for a Lambda's return value."""
    return contract.model_dump(mode="json")
