"""One deployment at a time, only of what is approved now, and everything as before when it goes wrong."""

import hashlib
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError
from drawops.catalog import Catalog
from drawops.contracts.deployment import AbandonRequest, Beginning, Begun, SmokeTest
from drawops.contracts.training import DeploymentMode, DeploymentRequest, DeploymentState, ModelRef
from drawops.contracts.workflow import Upload
from drawops.deployment.beginning import Beginner, check_artifact
from drawops.deployment.ending import Endings, conclude
from drawops.deployment.endpoint import EndpointSettings, GuardSettings, await_configuration
from drawops.deployment.moving import move_endpoint
from drawops.deployment.smoke import check_smoke_test
from drawops.deployment.starting import start, start_if_approved
from drawops.deployment.store import DeploymentStore
from drawops.errors import Conflict, Corrupt, JobFailed, Misconfigured, NotReady
from drawops.keys import deployment_id, drawing_id, model_artifact
from drawops.registry import packages
from drawops.registry.approvals import Approvals

from tests.unit.core.conftest import DATA, RAW, create_table

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ENDPOINT = GROUP = "drawops-test-ocr"
SETTINGS = EndpointSettings(
    endpoint_name=ENDPOINT,
    inference_image="image",
    inference_role_arn="arn:aws:iam::123456789012:role/inference-role-for-endpoint",
    inference_instance_type="ml.m5.xlarge",
    data_bucket=DATA,
    success_topic_arn="arn:aws:sns:us-east-1:123456789012:succeeded",
    error_topic_arn="arn:aws:sns:us-east-1:123456789012:failed",
)
DEFINITION = {"StartAt": "End", "States": {"End": {"Type": "Wait", "Seconds": 3600, "End": True}}}


class SageMaker:
    """moto's registry, with endpoints that take as long as the test wants: moto has no UpdateEndpoint."""

    def __init__(self) -> None:
        self.registry = boto3.client("sagemaker")
        self.endpoints: dict[str, dict[str, Any]] = {}
        self.updates: list[dict[str, Any]] = []

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self.registry, name)

    def describe_endpoint(self, EndpointName: str) -> dict[str, Any]:  # noqa: N803 - the API's spelling
        if EndpointName not in self.endpoints:
            raise ClientError(
                {"Error": {"Code": "ValidationException", "Message": "none"}}, "DescribeEndpoint"
            )
        return self.endpoints[EndpointName]

    def create_endpoint(self, EndpointName: str, EndpointConfigName: str) -> None:  # noqa: N803
        self.endpoints[EndpointName] = {
            "EndpointConfigName": EndpointConfigName, "EndpointStatus": "Creating",
            "ProductionVariants": [{"DesiredInstanceCount": 1}],
        }  # fmt: skip

    def update_endpoint(self, EndpointName: str, EndpointConfigName: str, **more: Any) -> None:  # noqa: N803, ANN401
        self.updates.append({"EndpointConfigName": EndpointConfigName, **more})
        self.endpoints[EndpointName] |= {"EndpointStatus": "Updating", "pending": EndpointConfigName}

    def delete_endpoint(self, EndpointName: str) -> None:  # noqa: N803
        del self.endpoints[EndpointName]

    def settle(self, *, rolled_back: bool = False) -> None:
        for endpoint in self.endpoints.values():
            pending = endpoint.pop("pending", None)
            if pending and not rolled_back:
                endpoint["EndpointConfigName"] = pending
            if rolled_back:
                endpoint["FailureReason"] = "alarm"
            endpoint["EndpointStatus"] = "InService"


class World:
    """A stack whose baseline 1.0.0 serves."""

    def __init__(self, s3: "S3Client", template: dict[str, Any]) -> None:
        self.s3 = s3
        self.sagemaker: Any = SageMaker()
        self.stepfunctions: Any = boto3.client("stepfunctions")
        self.machine = self.stepfunctions.create_state_machine(
            name="deployment", definition=json.dumps(DEFINITION), roleArn="arn:aws:iam::123456789012:role/r"
        )["stateMachineArn"]
        dynamodb: Any = boto3.client("dynamodb")
        create_table(dynamodb, "models", template["Resources"]["ModelsTable"]["Properties"])
        self.store = DeploymentStore(dynamodb, "models", ENDPOINT)
        sns, sqs = boto3.client("sns"), boto3.client("sqs")
        topic = sns.create_topic(Name="alarms")["TopicArn"]
        self.queue = sqs.create_queue(QueueName="mail")["QueueUrl"]
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint="arn:aws:sqs:us-east-1:123456789012:mail")
        self.endings = Endings(
            store=self.store, sagemaker=self.sagemaker, sns=sns, events=boto3.client("events"),
            topic=topic, bus="default",
        )  # fmt: skip
        self.approvals = Approvals(dynamodb, "models", self.sagemaker, GROUP)
        self.beginner = Beginner(
            store=self.store, endings=self.endings, approvals=self.approvals, s3=s3, sagemaker=self.sagemaker,
            stepfunctions=self.stepfunctions, state_machine_arn=self.machine, data_bucket=DATA, group=GROUP,
            image="image",
        )  # fmt: skip

    def model(self, version: str) -> ModelRef:
        content, key = version.encode(), model_artifact("ocr", version)
        self.s3.put_object(Bucket=DATA, Key=key, Body=content)
        sha256 = hashlib.sha256(content).hexdigest()
        return ModelRef(name="ocr", version=version, artifact_key=key, artifact_sha256=sha256)

    def register(self, version: str, approval: str = packages.APPROVED) -> packages.Package:
        model = self.model(version)
        return packages.register(
            GROUP, model, bucket=DATA, image="image", approval=approval, description="A model.",
            stated=packages.properties(model), sagemaker=self.sagemaker,
        )  # fmt: skip

    def told(self, arn: str) -> str | None:
        """An event about a package comes."""
        return start_if_approved(
            arn, sagemaker=self.sagemaker, stepfunctions=self.stepfunctions, store=self.store,
            state_machine_arn=self.machine,
        )  # fmt: skip

    def set_approval(self, package: packages.Package, status: str) -> None:
        # moto forgets the properties of a package that is updated without them; SageMaker keeps them.
        stated = packages.properties(package.model)
        self.sagemaker.update_model_package(
            ModelPackageArn=package.arn, ModelApprovalStatus=status, CustomerMetadataProperties=stated
        )

    def begin(self, request: DeploymentRequest) -> Begun:
        start(request, self.stepfunctions, self.machine)
        return self.beginner.begin(request)

    def move(self, request: DeploymentRequest) -> str:
        return move_endpoint(
            request, store=self.store, sagemaker=self.sagemaker, settings=SETTINGS,
            guard=GuardSettings(rollback_alarm_name="errors", bake_seconds=60),
        ).endpoint_config_name  # fmt: skip

    def deploy(self, request: DeploymentRequest) -> None:
        begun = self.begin(request)
        assert begun.outcome is Beginning.GO
        config = self.move(begun.request)
        self.sagemaker.settle()
        await_configuration(ENDPOINT, config, self.sagemaker)
        conclude(begun, config, store=self.store)

    def die(self, request: DeploymentRequest) -> None:
        arn = f"{self.machine.replace('stateMachine', 'execution')}:{request.deployment_id}"
        self.stepfunctions.stop_execution(executionArn=arn)

    def mails(self) -> list[str]:
        answer = boto3.client("sqs").receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10)
        return [json.loads(message["Body"])["Message"] for message in answer.get("Messages", [])]


def request_for(
    model: ModelRef, occasion: str = "now", mode: DeploymentMode = DeploymentMode.CANARY
) -> DeploymentRequest:
    return DeploymentRequest(
        deployment_id=deployment_id(model.artifact_key, occasion), mode=mode, model=model, requested_by="mei"
    )


@pytest.fixture
def world(s3: "S3Client", template: dict[str, Any]) -> World:
    world = World(s3, template)
    world.deploy(request_for(world.model("1.0.0"), mode=DeploymentMode.BASELINE))
    return world


# -- which events start a deployment --------------------------------------------------------------------


def test_the_baseline_is_registered_as_approved_and_its_event_deploys_nothing(world: World) -> None:
    (package,) = packages.packages(GROUP, sagemaker=world.sagemaker)
    assert (package.model.version, package.approval) == ("1.0.0", packages.APPROVED)
    decision = world.approvals.recorded(package.arn)
    assert decision is not None
    assert decision.channel == "baseline"
    assert world.told(package.arn) is None
    serving = world.store.serving()
    assert serving is not None
    assert serving.model.package_arn == package.arn


def test_its_event_deploys_nothing_either_while_it_is_being_deployed(
    s3: "S3Client", template: dict[str, Any]
) -> None:
    world = World(s3, template)
    begun = world.begin(request_for(world.model("1.0.0"), mode=DeploymentMode.BASELINE))
    assert begun.request.model.package_arn is not None
    assert world.told(begun.request.model.package_arn) is None


def test_only_the_transition_to_approved_starts_a_deployment_and_only_once(world: World) -> None:
    package = world.register("2.0.0", packages.PENDING)
    assert world.told(package.arn) is None
    world.set_approval(package, packages.APPROVED)
    started = world.told(package.arn)
    assert started is not None
    # While it runs, Step Functions answers the same request as if it had started it.
    assert world.told(package.arn) == started
    found = world.stepfunctions.list_executions(stateMachineArn=world.machine)["executions"]
    assert [each["name"] for each in found if each["name"] == started] == [started]
    world.beginner.begin(request_for(package.model).model_copy(update={"deployment_id": started}))
    assert world.told(package.arn) is None


def test_a_late_event_of_a_package_that_is_not_approved_now_starts_nothing(world: World) -> None:
    package = world.register("2.0.0")
    world.set_approval(package, packages.REJECTED)
    assert world.told(package.arn) is None


def test_approving_again_after_a_rejection_is_another_deployment(world: World) -> None:
    package = world.register("2.0.0")
    first = world.told(package.arn)
    world.set_approval(package, packages.REJECTED)
    assert world.told(package.arn) is None
    world.set_approval(package, packages.APPROVED)
    second = world.told(package.arn)
    assert first is not None
    assert second not in (None, first)


def test_an_event_that_is_replayed_after_going_back_does_not_go_forward_again(world: World) -> None:
    package = world.register("2.0.0")
    started = world.told(package.arn)
    assert started is not None
    baseline = world.store.serving()
    assert baseline is not None
    request = request_for(package.model).model_copy(update={"deployment_id": started})
    world.deploy(request)
    world.deploy(request_for(baseline.model, "back", DeploymentMode.ROLLBACK))
    assert world.told(package.arn) is None


def test_a_package_of_somebody_else_is_left_alone(world: World) -> None:
    made = world.sagemaker.create_model_package(
        ModelPackageGroupName=GROUP, ModelPackageDescription="not ours", ModelApprovalStatus="Approved"
    )
    assert world.told(made["ModelPackageArn"]) is None


# -- what is deployed -----------------------------------------------------------------------------------


def test_an_approved_version_is_not_deployed_when_a_newer_one_is_approved(world: World) -> None:
    older, _newer = world.register("2.0.0"), world.register("3.0.0")
    request = request_for(older.model)
    assert world.begin(request).outcome is Beginning.SUPERSEDED
    record = world.store.deployment(request.deployment_id)
    assert record is not None
    assert record.state is DeploymentState.SUPERSEDED
    assert "drawops models rollback 2.0.0" in record.failure
    assert world.store.lock() is None
    assert ["older than 3.0.0" in mail for mail in world.mails()] == [True]
    # Repeated, it stays so.
    assert world.beginner.begin(request).outcome is Beginning.REPEATED


def test_what_was_rejected_in_the_meantime_is_not_deployed(world: World) -> None:
    package = world.register("2.0.0", packages.REJECTED)
    with pytest.raises(Misconfigured, match="not approved any more"):
        world.begin(request_for(package.model))


@pytest.mark.parametrize("fault", ["missing", "tampered"])
def test_an_artifact_that_is_not_what_was_registered_touches_nothing(fault: str, world: World) -> None:
    package = world.register("2.0.0")
    if fault == "missing":
        world.s3.delete_object(Bucket=DATA, Key=package.model.artifact_key)
    else:
        world.s3.put_object(Bucket=DATA, Key=package.model.artifact_key, Body=b"other")
    request = request_for(package.model)
    with pytest.raises(Corrupt, match="nothing was changed"):
        world.begin(request)
    failed = world.endings.answer(
        AbandonRequest(request=request, error="Corrupt", cause='{"errorMessage": "It is gone."}'),
        stepfunctions=world.stepfunctions, state_machine_arn=world.machine,
    )  # fmt: skip
    assert failed is not None
    assert (failed.reason, failed.serving_version) == ("It is gone.", "1.0.0")
    record = world.store.deployment(request.deployment_id)
    assert record is not None
    assert record.state is DeploymentState.FAILED
    assert not world.sagemaker.updates
    check_artifact(world.model("1.0.0"), s3=world.s3, data_bucket=DATA)


# -- one at a time --------------------------------------------------------------------------------------


def test_a_second_deployment_waits_for_the_first(world: World) -> None:
    first, second = world.register("2.0.0"), world.register("3.0.0")
    begun = world.begin(request_for(second.model))
    with pytest.raises(NotReady, match="under way"):
        world.begin(request_for(first.model))
    config = world.move(begun.request)
    world.sagemaker.settle()
    conclude(begun, config, store=world.store)
    # Now it gets its turn, and finds that it is superseded.
    assert world.beginner.begin(request_for(first.model)).outcome is Beginning.SUPERSEDED


def test_a_deployment_whose_workflow_died_does_not_hold_the_endpoint(world: World) -> None:
    before = world.sagemaker.endpoints[ENDPOINT]["EndpointConfigName"]
    dead = request_for(world.register("2.0.0").model)
    world.move(world.begin(dead).request)
    world.sagemaker.create_endpoint(f"{ENDPOINT}-canary", "new")
    world.sagemaker.settle()
    world.die(dead)

    next_one = request_for(world.register("3.0.0").model)
    with pytest.raises(NotReady, match="goes back to"):
        world.begin(next_one)
    world.sagemaker.settle()
    assert world.beginner.begin(next_one).outcome is Beginning.GO
    assert world.sagemaker.endpoints[ENDPOINT]["EndpointConfigName"] == before
    assert f"{ENDPOINT}-canary" not in world.sagemaker.endpoints
    record = world.store.deployment(dead.deployment_id)
    assert record is not None
    assert (record.state, record.failure) == (DeploymentState.ROLLED_BACK, "Its workflow broke off.")


def test_the_schedule_finds_a_dead_deployment_but_leaves_a_living_one(world: World) -> None:
    request = request_for(world.register("2.0.0").model)
    world.begin(request)

    def look() -> object:
        return world.endings.answer(
            AbandonRequest(), stepfunctions=world.stepfunctions, state_machine_arn=world.machine
        )

    assert look() is None
    assert world.store.lock() is not None
    world.die(request)
    assert look() is not None
    assert world.store.lock() is None
    assert look() is None


# -- the endpoint ---------------------------------------------------------------------------------------


def test_a_new_model_is_watched_by_the_alarm_and_one_that_goes_back_is_not(world: World) -> None:
    begun = world.begin(request_for(world.register("2.0.0").model))
    config = world.move(begun.request)
    world.sagemaker.settle()
    conclude(begun, config, store=world.store)
    serving = world.store.serving()
    assert serving is not None
    assert serving.previous is not None
    world.deploy(request_for(serving.previous, "back", DeploymentMode.ROLLBACK))
    forward, back = [update["DeploymentConfig"] for update in world.sagemaker.updates]
    assert forward["AutoRollbackConfiguration"] == {"Alarms": [{"AlarmName": "errors"}]}
    assert forward["BlueGreenUpdatePolicy"]["TerminationWaitInSeconds"] == 60
    assert "AutoRollbackConfiguration" not in back
    assert back["BlueGreenUpdatePolicy"]["TerminationWaitInSeconds"] == 0


@pytest.mark.parametrize(("instances", "retained"), [(2, True), (0, False)])
def test_the_number_of_instances_stays_unless_the_endpoint_sleeps(
    instances: int, retained: bool, world: World
) -> None:
    world.sagemaker.endpoints[ENDPOINT]["ProductionVariants"] = [{"DesiredInstanceCount": instances}]
    world.move(world.begin(request_for(world.register("2.0.0").model)).request)
    (update,) = world.sagemaker.updates
    assert update["RetainAllVariantProperties"] is retained


def test_an_update_that_sagemaker_takes_back_is_a_failure(world: World) -> None:
    request = request_for(world.register("2.0.0").model)
    config = world.move(world.begin(request).request)
    with pytest.raises(NotReady):
        await_configuration(ENDPOINT, config, world.sagemaker)
    world.sagemaker.settle(rolled_back=True)
    with pytest.raises(JobFailed, match=r"took the update .* back: alarm"):
        await_configuration(ENDPOINT, config, world.sagemaker)
    failed = world.endings.abandon(request.deployment_id, "alarm")
    assert failed is not None
    record = world.store.deployment(request.deployment_id)
    assert record is not None
    assert record.state is DeploymentState.ROLLED_BACK
    assert ["alarm" in mail for mail in world.mails()] == [True]


def test_a_failure_after_the_switch_leads_back_to_what_served(world: World) -> None:
    before = world.sagemaker.endpoints[ENDPOINT]["EndpointConfigName"]
    request = request_for(world.register("2.0.0").model)
    world.move(world.begin(request).request)
    world.sagemaker.settle()
    with pytest.raises(NotReady):
        world.endings.abandon(request.deployment_id, "smoke")
    world.sagemaker.settle()
    assert world.endings.abandon(request.deployment_id, "smoke") is not None
    assert world.sagemaker.endpoints[ENDPOINT]["EndpointConfigName"] == before
    assert world.endings.abandon(request.deployment_id, "smoke") is None


def test_a_deployment_that_ended_otherwise_cannot_be_concluded(world: World) -> None:
    begun = world.begin(request_for(world.register("2.0.0").model))
    config = world.move(begun.request)
    world.sagemaker.settle(rolled_back=True)
    world.endings.abandon(begun.request.deployment_id, "late")
    with pytest.raises(Conflict):
        conclude(begun, config, store=world.store)
    serving = world.store.serving()
    assert serving is not None
    assert serving.model.version == "1.0.0"


def test_concluding_twice_says_the_same(world: World) -> None:
    begun = world.begin(request_for(world.register("2.0.0").model))
    config = world.move(begun.request)
    once = conclude(begun, config, store=world.store)
    assert (once.model_version, once.previous_version, once.mode) == ("2.0.0", "1.0.0", "canary")
    assert conclude(begun, config, store=world.store) == once


# -- the smoke test -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "error"), [("2.0.0", None), ("1.0.0", JobFailed), (None, NotReady)]
)  # fmt: skip
def test_the_smoke_test_must_be_read_by_the_new_model(
    model: str | None, error: type[Exception] | None, world: World, catalog: Catalog,
    put: Callable[..., Upload],
) -> None:  # fmt: skip
    key = "smoke-tests/dep-1/sheet.png"
    upload, drawing = put(key), drawing_id(RAW, key)
    if model is not None:
        catalog.register(upload, drawing, "r", "0" * 64)
        catalog.finish(drawing, "r", model_version=model)
    test = SmokeTest(deployment_id="dep-1", model=world.model("2.0.0"), key=key)
    if error is None:
        check_smoke_test(test, catalog=catalog, raw_bucket=RAW)
    else:
        with pytest.raises(error):
            check_smoke_test(test, catalog=catalog, raw_bucket=RAW)


def test_a_smoke_test_that_went_to_quarantine_says_why(world: World, catalog: Catalog, put: Any) -> None:  # noqa: ANN401
    key = "smoke-tests/dep-1/sheet.png"
    upload, drawing = put(key), drawing_id(RAW, key)
    catalog.register(upload, drawing, "r", "0" * 64)
    catalog.quarantine(drawing, "r", "READING_FAILED", "no memory")
    test = SmokeTest(deployment_id="dep-1", model=world.model("2.0.0"), key=key)
    with pytest.raises(JobFailed, match="no memory"):
        check_smoke_test(test, catalog=catalog, raw_bucket=RAW)
