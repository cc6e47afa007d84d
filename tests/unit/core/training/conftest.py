"""A project with dataset versions, an approved model, and a stack that trains, as moto knows them."""

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from drawops.contracts.datasets import DataSource, NewPage, SplitShares
from drawops.contracts.labels import Label, LabelSource, PageLabels
from drawops.contracts.reading import MediaType
from drawops.contracts.training import ModelRef, TrainingRequest, TrainingRun, Trigger
from drawops.datasets.versions import create_version, put_picture
from drawops.keys import model_artifact
from drawops.labeling.invitations import Invitations
from drawops.registry.packages import APPROVED, Package, properties, register
from drawops.training.consideration import Considerer, ConsiderSettings
from drawops.training.runs import RunStore
from moto.sagemaker.models import SageMakerModelBackend

from tests.unit.core.conftest import DATA, create_table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_stepfunctions import SFNClient

MODELS = "models"
GROUP = "drawops-test-ocr"
STACK = "drawops-test"
PROJECT = "unit-40"
ARTIFACT = b"an archive"
DEFINITION = {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 3600, "End": True}}}
SHARES = SplitShares(val=0.3, test=0.3)
SOURCE = DataSource(name="plant", licence="proprietary")


@pytest.fixture(autouse=True)
def kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """An update leaves members alone that it does not name, as on AWS; moto alone wipes the properties."""
    real = SageMakerModelBackend.update_model_package

    def update(self: SageMakerModelBackend, **given: Any) -> str:  # noqa: ANN401
        package = self.model_packages[given["model_package_arn"]]
        before = package.customer_metadata_properties
        given["customer_metadata_properties"] = given["customer_metadata_properties"] or before
        return real(self, **given)

    monkeypatch.setattr(SageMakerModelBackend, "update_model_package", update)


@pytest.fixture
def models(aws: None, template: dict[str, Any]) -> "DynamoDBClient":
    """The models table exactly as template.yaml declares it."""
    client = boto3.client("dynamodb")
    create_table(client, MODELS, template["Resources"]["ModelsTable"]["Properties"])
    return client


@pytest.fixture
def store(models: "DynamoDBClient") -> RunStore:
    return RunStore(models, MODELS)


@pytest.fixture
def sagemaker(aws: None) -> "SageMakerClient":
    return boto3.client("sagemaker")


@pytest.fixture
def baseline(s3: "S3Client", sagemaker: "SageMakerClient") -> Package:
    """The model that comes with drawops: approved, and none of our labels taught it."""
    return publish_model(s3, sagemaker, "1.2.0", APPROVED)


def publish_model(
    s3: "S3Client",
    sagemaker: "SageMakerClient",
    version: str,
    approval: str,
    *,
    parent: str | None = None,
    dataset: str | None = None,
    metrics: dict[str, float] | None = None,
) -> Package:
    """A model artifact with its package."""
    content = ARTIFACT + version.encode()
    key = model_artifact("ppocr-v6-small", version)
    s3.put_object(Bucket=DATA, Key=key, Body=content)
    model = ModelRef(
        name="ppocr-v6-small",
        version=version,
        artifact_key=key,
        artifact_sha256=hashlib.sha256(content).hexdigest(),
        project=PROJECT if dataset else None,
        dataset_version=dataset,
    )
    return register(
        GROUP, model, bucket=DATA, image="image", approval=approval, description="A model.",
        stated=properties(model, parent_version=parent, metrics=metrics), sagemaker=sagemaker,
    )  # fmt: skip


def page(number: int, texts: int = 10, *, text: str = "P-101", s3: "S3Client") -> NewPage:
    image = put_picture(
        f"picture {number}".encode(), s3=s3, bucket=DATA, project=PROJECT, media_type=MediaType.PNG
    )
    labels = tuple(
        Label(
            id=f"l{i}",
            points=((0, 20 * i), (50, 20 * i), (50, 20 * i + 10), (0, 20 * i + 10)),
            text=text,
            source=LabelSource.PERSON,
        )
        for i in range(texts)
    )
    return NewPage(
        name=f"plan-{number}.png",
        group=f"plan-{number}",
        source=SOURCE,
        image=image,
        labels=PageLabels(width=100, height=1000, labels=labels),
    )


Publish = Callable[..., str]


@pytest.fixture
def publish(s3: "S3Client") -> Publish:
    """Make a dataset version; returns its name."""

    def publish(numbers: Iterable[int], texts: int = 10, text: str = "P-101") -> str:
        made = create_version(
            s3=s3,
            bucket=DATA,
            project=PROJECT,
            pages=[page(number, texts, text=text, s3=s3) for number in numbers],
            shares=SHARES,
        )
        return made.manifest.version

    return publish


@dataclass
class Stack:
    """A stack that trains, and what it started."""

    store: RunStore
    s3: "S3Client"
    sagemaker: "SageMakerClient"
    stepfunctions: "SFNClient"
    machine: str
    settings: dict[str, Any] = field(default_factory=dict)

    def considerer(self, **settings: Any) -> Considerer:  # noqa: ANN401
        return Considerer(
            store=self.store,
            s3=self.s3,
            sagemaker=self.sagemaker,
            stepfunctions=self.stepfunctions,
            settings=ConsiderSettings(
                **{
                    "training_image": "drawops-training:1",
                    "training_state_machine_arn": self.machine,
                    "data_bucket": DATA,
                    "catalog_table": "catalog",
                    "model_package_group": GROUP,
                    "endpoint_name": GROUP,
                    "training_new_texts": 50,
                    **self.settings,
                    **settings,
                }
            ),
        )

    def started(self) -> list[TrainingRun]:
        """Inputs of the executions, newest first."""
        found = self.stepfunctions.list_executions(stateMachineArn=self.machine)["executions"]
        described = [
            self.stepfunctions.describe_execution(executionArn=each["executionArn"]) for each in found
        ]
        for each in described:
            assert json.loads(each["input"])["run_id"] == each["name"]
        return [TrainingRun.model_validate_json(each["input"]) for each in described]


@pytest.fixture
def stack(
    store: RunStore,
    s3: "S3Client",
    sagemaker: "SageMakerClient",
    dynamodb: "DynamoDBClient",
    baseline: Package,
) -> Stack:
    role = boto3.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    stepfunctions = boto3.client("stepfunctions")
    machine = stepfunctions.create_state_machine(
        name="training", definition=json.dumps(DEFINITION), roleArn=role
    )["stateMachineArn"]
    return Stack(store, s3, sagemaker, stepfunctions, machine)


def asked(**values: Any) -> TrainingRequest:  # noqa: ANN401
    return TrainingRequest(**{"project": PROJECT, "trigger": Trigger.DATASET_VERSION, **values})


def make_run(number: int = 1, **values: Any) -> TrainingRun:  # noqa: ANN401
    """A run that somebody decided on."""
    content = ARTIFACT + b"1.2.0"
    parent = ModelRef(
        name="ppocr-v6-small",
        version="1.2.0",
        artifact_key=model_artifact("ppocr-v6-small", "1.2.0"),
        artifact_sha256=hashlib.sha256(content).hexdigest(),
    )
    name = f"t-{number:020x}"
    given = {
        "run_id": name,
        "project": PROJECT,
        "dataset_version": f"v-{number:020x}",
        "parent": parent,
        "candidate_name": parent.name,
        "candidate_version": f"1.2.0-{name[:12]}",
        "hyperparameters": {},
        "trigger": Trigger.COMMAND,
        "reason": "new lettering",
    }
    return TrainingRun.model_validate({**given, **values})


@pytest.fixture
def invitations(aws: None, template: dict[str, Any]) -> Invitations:
    """Links are signed and spent as invitations to the labeling page are."""
    client = boto3.client("dynamodb")
    create_table(client, "labeling", template["Resources"]["LabelingTable"]["Properties"])
    return Invitations(client, "labeling", b"0123456789abcdef0123456789abcdef")
