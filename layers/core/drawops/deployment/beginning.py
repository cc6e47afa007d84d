"""The first step of a deployment: hold the endpoint, and see whether there is something to deploy."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from drawops.contracts.deployment import Beginning, Begun, Serving
from drawops.contracts.training import (
    ApprovalRecord,
    Decision,
    DeploymentMode,
    DeploymentRequest,
    DeploymentState,
    ModelRef,
)
from drawops.deployment.ending import Endings, EndingsSettings, endings
from drawops.deployment.endpoint import describe
from drawops.deployment.store import DeploymentStore
from drawops.errors import Corrupt, Misconfigured, NotReady
from drawops.intake.start import is_running
from drawops.registry import packages
from drawops.registry.approvals import Approvals
from drawops.registry.artifacts import artifact_sha256

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_stepfunctions import SFNClient


class Beginner:
    """Begins deployments of one endpoint.

    Args:
        endings: ends what a dead workflow left behind.
        image: URI of the inference image, for the package of a baseline.
    """

    def __init__(
        self,
        *,
        store: DeploymentStore,
        endings: Endings,
        approvals: Approvals,
        s3: "S3Client",
        sagemaker: "SageMakerClient",
        stepfunctions: "SFNClient",
        state_machine_arn: str,
        data_bucket: str,
        group: str,
        image: str,
    ) -> None:
        self._store = store
        self._endings = endings
        self._approvals = approvals
        self._s3 = s3
        self._sagemaker = sagemaker
        self._stepfunctions = stepfunctions
        self._state_machine_arn = state_machine_arn
        self._data_bucket = data_bucket
        self._group = group
        self._image = image

    def begin(self, request: DeploymentRequest) -> Begun:
        """Hold the endpoint and check what is to be deployed; nothing that serves is touched.

        Raises:
            NotReady: another deployment is under way, or what a dead one left is being put in order.
            Corrupt: the artifact is missing or is not the one that was registered.
            Misconfigured: the package is not approved any more, or the endpoint has failed.
        """
        if self._store.begin(request).ended:
            return Begun(outcome=Beginning.REPEATED, request=request)
        self._hold(request)
        found = describe(self._store.endpoint, self._sagemaker)
        previous = found["EndpointConfigName"] if found else None
        self._store.change(request.deployment_id, DeploymentState.STARTED, previous_config_name=previous)
        if found is not None and found["EndpointStatus"] == "Failed":
            raise Misconfigured(
                f"Endpoint {self._store.endpoint} has failed "
                f"({found.get('FailureReason', 'no reason given')}). Delete it, then deploy again."
            )
        serving = self._store.serving()
        if request.mode is DeploymentMode.CANARY:
            newer = self._newer_than(request.model, serving)
            if newer:
                self._endings.supersede(request, newer)
                return Begun(outcome=Beginning.SUPERSEDED, request=request, reason=newer)
        check_artifact(request.model, s3=self._s3, data_bucket=self._data_bucket)
        if request.mode is DeploymentMode.BASELINE and request.model.package_arn is None:
            request = request.model_copy(
                update={"model": self._registered(request.model, request.requested_by)}
            )
        golden = request.verdict_key or (serving.verdict_key if serving else None)
        return Begun(outcome=Beginning.GO, request=request, previous_config_name=previous, golden_key=golden)

    def _hold(self, request: DeploymentRequest) -> None:
        if self._store.take_lock(request):
            return
        holder = self._store.lock()
        if holder is None:
            raise NotReady("The endpoint has just become free.")
        if is_running(holder.deployment_id, self._stepfunctions, self._state_machine_arn):
            raise NotReady(
                f"Deployment {holder.deployment_id} is under way; this one waits. See `drawops models show`."
            )
        self._endings.abandon(holder.deployment_id, "Its workflow broke off.")
        if not self._store.take_lock(request):
            raise NotReady("Another deployment was faster.")

    def _newer_than(self, model: ModelRef, serving: Serving | None) -> str | None:
        """Why the model is superseded; None: it is not."""
        known = packages.packages(self._group, sagemaker=self._sagemaker)
        mine = next((package for package in known if package.arn == model.package_arn), None)
        if mine is None or mine.approval != packages.APPROVED:
            raise Misconfigured(
                f"{model.name} {model.version} is not approved any more; approve it again to deploy it."
            )
        for package in known:
            serves = serving is not None and serving.model.package_arn == package.arn
            if package.number > mine.number and (serves or package.approval == packages.APPROVED):
                what = "serves" if serves else "is approved"
                return (
                    f"{model.name} {model.version} is older than {package.model.version}, which {what} "
                    f"already. To go back to it: `drawops models rollback {model.version}`."
                )
        return None

    def _registered(self, model: ModelRef, by: str) -> ModelRef:
        package = packages.register(
            self._group,
            model,
            bucket=self._data_bucket,
            image=self._image,
            approval=packages.APPROVED,
            description=f"{model.name} {model.version}, as it comes with drawops.",
            stated=packages.properties(model),
            sagemaker=self._sagemaker,
        )
        # SageMaker only knows that the function registered it.
        self._approvals.record(
            ApprovalRecord(
                package_arn=package.arn,
                decision=Decision.APPROVED,
                by=by or "drawops",
                reason="Comes with drawops.",
                at=package.created_at,
                channel="baseline",
            )
        )
        return package.model


class BeginnerSettings(EndingsSettings):
    """The stack's names; field names in capitals are environment variables."""

    data_bucket: str
    inference_image: str


def beginner(client: Callable[[str], Any], settings: BeginnerSettings) -> Beginner:
    """A beginner with its clients; `client` makes them by the service's name."""
    return Beginner(
        store=DeploymentStore(client("dynamodb"), settings.models_table, settings.endpoint_name),
        endings=endings(client, settings),
        approvals=Approvals(
            client("dynamodb"), settings.models_table, client("sagemaker"), settings.endpoint_name
        ),
        s3=client("s3"),
        sagemaker=client("sagemaker"),
        stepfunctions=client("stepfunctions"),
        state_machine_arn=settings.state_machine_arn,
        data_bucket=settings.data_bucket,
        group=settings.endpoint_name,
        image=settings.inference_image,
    )


def check_artifact(model: ModelRef, *, s3: "S3Client", data_bucket: str) -> None:
    """Return when the artifact is what was registered.

    Raises:
        Corrupt: it is missing, or its SHA-256 differs.
    """
    where = f"{model.name} {model.version} at {model.artifact_key}"
    found = artifact_sha256(model.artifact_key, s3=s3, bucket=data_bucket)
    if found is None:
        raise Corrupt(f"The artifact of {where} is missing; nothing was changed.")
    if found != model.artifact_sha256:
        raise Corrupt(
            f"The artifact of {where} is not what was registered (SHA-256 {found[:12]}…, "
            f"registered {model.artifact_sha256[:12]}…); nothing was changed."
        )
