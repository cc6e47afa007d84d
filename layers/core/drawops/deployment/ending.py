"""How deployments end: well, superseded, or with everything as it was before."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from drawops.contracts.deployment import AbandonRequest, Begun, DeploymentRecord, Serving
from drawops.contracts.events import SOURCE_DEPLOYMENT, DeploymentFailed, ModelDeployed
from drawops.contracts.training import DeploymentRequest, DeploymentState
from drawops.deployment.canary import canary_name
from drawops.deployment.endpoint import CHANGING, delete_endpoint, describe, point_endpoint_at
from drawops.deployment.store import DeploymentStore
from drawops.dynamodb import now
from drawops.errors import Conflict, NotReady
from drawops.intake.quarantine import message_of
from drawops.intake.start import is_running

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_stepfunctions import SFNClient

_SUBJECT_LENGTH = 100


class Endings:
    """Ends deployments of one endpoint.

    Args:
        topic: ARN of the SNS topic that tells the operator.
        bus: where `DeploymentFailed` goes.
    """

    def __init__(
        self,
        *,
        store: DeploymentStore,
        sagemaker: "SageMakerClient",
        sns: "SNSClient",
        events: "EventBridgeClient",
        topic: str,
        bus: str,
    ) -> None:
        self._store = store
        self._sagemaker = sagemaker
        self._sns = sns
        self._events = events
        self._topic = topic
        self._bus = bus

    def answer(
        self, request: AbandonRequest, *, stepfunctions: "SFNClient", state_machine_arn: str
    ) -> DeploymentFailed | None:
        """Abandon the deployment that is named, or one whose workflow has died.

        Raises:
            NotReady: the endpoint is still changing; call again.
        """
        if request.request is None:
            return self.abandon_dead(stepfunctions, state_machine_arn)
        said = message_of(request.cause)
        if request.error == "States.Timeout":
            said = f"A step took longer than allowed. {said}".strip()
        return self.abandon(request.request.deployment_id, said or request.error or "No reason was given.")

    def supersede(self, request: DeploymentRequest, reason: str) -> None:
        """Record that something newer serves or is approved, free the endpoint and tell the operator."""
        self._end(request.deployment_id, DeploymentState.SUPERSEDED, reason, "was not deployed")

    def abandon(self, deployment_id: str, reason: str) -> DeploymentFailed | None:
        """Put everything back as it was, delete the canary endpoint, record why, free the endpoint, tell.

        Returns:
            The event that was sent about it; None when the deployment had ended, or never began.

        Raises:
            NotReady: the endpoint is still changing; call again.
        """
        record = self._store.deployment(deployment_id)
        if record is None:
            self._store.release_lock(deployment_id)
            return None
        if record.ended:
            return None
        lock = self._store.lock()
        touched = False
        # Who does not hold the endpoint has not changed it, and must not.
        if lock is not None and lock.deployment_id == deployment_id:
            delete_endpoint(canary_name(self._store.endpoint), self._sagemaker)
            touched = self._restore(record)
        state = DeploymentState.ROLLED_BACK if touched else DeploymentState.FAILED
        if not self._end(deployment_id, state, reason, "could not be deployed"):
            return None
        model, serving = record.request.model, self._store.serving()
        failed = DeploymentFailed(
            id=deployment_id,
            endpoint_name=self._store.endpoint,
            model_name=model.name,
            model_version=model.version,
            package_arn=model.package_arn,
            serving_version=serving.model.version if serving else None,
            reason=reason,
        )
        self._events.put_events(
            Entries=[
                {
                    "EventBusName": self._bus,
                    "Source": SOURCE_DEPLOYMENT,
                    "DetailType": "DeploymentFailed",
                    "Detail": failed.model_dump_json(),
                }
            ]
        )
        return failed

    def abandon_dead(self, stepfunctions: "SFNClient", state_machine_arn: str) -> DeploymentFailed | None:
        """The same for a deployment that holds the endpoint although its workflow is gone."""
        lock = self._store.lock()
        if lock is None or is_running(lock.deployment_id, stepfunctions, state_machine_arn):
            return None
        return self.abandon(lock.deployment_id, "Its workflow broke off.")

    def _restore(self, record: DeploymentRecord) -> bool:
        """Bring the endpoint back to what served; True when it had been moved."""
        if record.state is not DeploymentState.UPDATING or record.previous_config_name is None:
            return False
        found = describe(self._store.endpoint, self._sagemaker)
        if found is None:
            return False
        if found["EndpointStatus"] in CHANGING:
            raise NotReady(f"Endpoint {self._store.endpoint} is {found['EndpointStatus']}.")
        if (
            found["EndpointStatus"] == "InService"
            and found["EndpointConfigName"] != record.previous_config_name
        ):
            point_endpoint_at(record.previous_config_name, self._sagemaker, self._store.endpoint)
            raise NotReady(f"Endpoint {self._store.endpoint} goes back to {record.previous_config_name}.")
        return True

    def _end(self, deployment_id: str, state: DeploymentState, reason: str, what: str) -> bool:
        try:
            self._store.change(deployment_id, state, failure=reason)
        except Conflict:
            return False
        finally:
            self._store.release_lock(deployment_id)
        record = self._store.deployment(deployment_id)
        assert record is not None  # it was just changed
        model = record.request.model
        self._sns.publish(
            TopicArn=self._topic,
            Subject=f"drawops: {model.name} {model.version} {what}"[:_SUBJECT_LENGTH],
            Message=f"{model.name} {model.version} {what} ({state.value}).\n\n{reason}\n\n"
            f"Endpoint {self._store.endpoint}, deployment {deployment_id}.\n",
        )
        return True


class EndingsSettings(BaseModel):
    """The stack's names; field names in capitals are environment variables."""

    models_table: str
    endpoint_name: str
    state_machine_arn: str
    alarm_topic_arn: str
    event_bus_name: str = "default"


def endings(client: Callable[[str], Any], settings: EndingsSettings) -> Endings:
    """Endings with their clients; `client` makes them by the service's name."""
    return Endings(
        store=DeploymentStore(client("dynamodb"), settings.models_table, settings.endpoint_name),
        sagemaker=client("sagemaker"),
        sns=client("sns"),
        events=client("events"),
        topic=settings.alarm_topic_arn,
        bus=settings.event_bus_name,
    )


def conclude(begun: Begun, config: str, *, store: DeploymentStore) -> ModelDeployed:
    """Write what serves now and free the endpoint; repeating it changes nothing.

    Raises:
        Conflict: the deployment has ended otherwise in the meantime.
    """
    request, before = begun.request, store.serving()
    if before is None or before.deployment_id != request.deployment_id:
        same = before is not None and before.model.artifact_sha256 == request.model.artifact_sha256
        serving = Serving(
            endpoint_name=store.endpoint,
            endpoint_config_name=config,
            model=request.model,
            verdict_key=request.verdict_key,
            mode=request.mode,
            deployment_id=request.deployment_id,
            by=request.requested_by,
            reason=request.reason,
            at=now(),
            previous=(before.previous if same else before.model) if before else None,
            previous_verdict_key=(before.previous_verdict_key if same else before.verdict_key)
            if before
            else None,
        )
        if not store.conclude(serving):
            raise Conflict(f"Deployment {request.deployment_id} has ended otherwise in the meantime.")
        before = serving
    return ModelDeployed(
        id=request.deployment_id,
        endpoint_name=store.endpoint,
        model_name=request.model.name,
        model_version=request.model.version,
        package_arn=request.model.package_arn,
        previous_version=before.previous.version if before.previous else None,
        mode=request.mode,
    )
