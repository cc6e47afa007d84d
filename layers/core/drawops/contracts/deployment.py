"""What the deployment workflow hands on between its states, and what is kept of a deployment."""

from enum import StrEnum

from pydantic import ConfigDict, Field

from drawops.contracts.reading import Contract
from drawops.contracts.training import DeploymentMode, DeploymentRequest, DeploymentState, ModelRef

ENDED = frozenset(
    {
        DeploymentState.DEPLOYED,
        DeploymentState.FAILED,
        DeploymentState.ROLLED_BACK,
        DeploymentState.SUPERSEDED,
    }
)
"""States that do not change any more."""


class Serving(Contract):
    """What serves: the last deployment that went well."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    endpoint_name: str
    endpoint_config_name: str
    model: ModelRef
    verdict_key: str | None = None
    mode: DeploymentMode
    deployment_id: str
    by: str = ""
    reason: str = ""
    at: str = Field(description="ISO 8601, UTC.")
    previous: ModelRef | None = Field(default=None, description="What served before it.")
    previous_verdict_key: str | None = None


class CanaryReport(Contract):
    """How the new model read the golden pages on the canary endpoint."""

    pages: int = Field(ge=0)
    texts: int = Field(ge=0, description="Texts of the golden pages, or as many as were read if more.")
    same: int = Field(ge=0, description="Of them read with the same string in the same place.")

    @property
    def share(self) -> float:
        """From 0 to 1; 1 when there was nothing to read."""
        return self.same / self.texts if self.texts else 1.0


class DeploymentRecord(Contract):
    """A deployment as the models table keeps it."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    deployment_id: str
    state: DeploymentState
    request: DeploymentRequest
    endpoint_name: str
    previous_config_name: str | None = Field(default=None, description="What served when it began.")
    endpoint_config_name: str | None = Field(default=None, description="What the endpoint was moved to.")
    canary: CanaryReport | None = None
    failure: str = Field(default="", description="Why it ended other than DEPLOYED.")
    started_at: str
    updated_at: str

    @property
    def ended(self) -> bool:
        """Whether it does not change any more."""
        return self.state in ENDED


class Beginning(StrEnum):
    """What `begin_deployment` decides."""

    GO = "GO"
    SUPERSEDED = "SUPERSEDED"
    REPEATED = "REPEATED"


class Begun(Contract):
    """Output of `begin_deployment`."""

    outcome: Beginning
    request: DeploymentRequest
    previous_config_name: str | None = None
    golden_key: str | None = Field(
        default=None,
        description="The verdict whose first golden page is the smoke test; None: there is none.",
    )
    reason: str = ""


class CanaryAnswer(Contract):
    """Where the canary's answer to one golden file will lie."""

    key: str
    output_location: str
    failure_location: str | None


class CanaryStarted(Contract):
    """Output of `start_canary`."""

    endpoint_name: str
    answers: tuple[CanaryAnswer, ...]


class JudgeRequest(Contract):
    """Input of `judge_canary`."""

    request: DeploymentRequest
    canary: CanaryStarted


class AwaitRequest(Contract):
    """Input of `await_endpoint`."""

    endpoint_name: str
    endpoint_config_name: str


class SmokeTest(Contract):
    """Output of `start_smoke_test`; without a golden page nothing was dropped."""

    deployment_id: str
    model: ModelRef
    key: str | None = Field(default=None, description="Of the drawing in the raw bucket.")


class DeploymentConclusion(Contract):
    """Input of `conclude_deployment`."""

    begun: Begun
    endpoint_config_name: str


class AbandonRequest(Contract):
    """Input of `abandon_deployment`: the workflow's input and the error as Step Functions reports it.

    An empty one, by the schedule, looks for a deployment whose workflow has died.
    """

    request: DeploymentRequest | None = None
    error: str = ""
    cause: str = ""
