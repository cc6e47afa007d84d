"""Where a command works: the local cloud, or a stack on AWS. Nothing else in the command line knows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from botocore.exceptions import ClientError
from drawops.catalog import Catalog
from drawops_local.cloud import Cloud, CloudFailed

from drawops_cli.failures import Failure, FunctionFailed
from drawops_cli.project import project_root, state_directory

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

Profile = Annotated[
    str | None,
    typer.Option(
        help="AWS profile; with --stack, work on AWS.", rich_help_panel="Where (default: local cloud)"
    ),
]
Region = Annotated[
    str | None, typer.Option(help="AWS Region of the stack.", rich_help_panel="Where (default: local cloud)")
]
Stack = Annotated[
    str | None,
    typer.Option(
        help="CloudFormation stack on AWS.",
        envvar="DRAWOPS_STACK",
        rich_help_panel="Where (default: local cloud)",
    ),
]


@dataclass(frozen=True)
class Target:
    """A deployed stack and how to reach it.

    Attributes:
        label: for people, e.g. "local cloud".
        stack: CloudFormation stack name.
        outputs: the stack's outputs by key.
        cloud: the local cloud behind it; None on AWS.
    """

    label: str
    stack: str
    outputs: Mapping[str, str]
    cloud: Cloud | None
    _make_client: Callable[[str], Any] = field(repr=False)

    def client(self, service: str) -> Any:  # noqa: ANN401 - boto3 clients have no common type
        """A boto3 client for this place, made once."""
        return self._make_client(service)

    @property
    def s3(self) -> "S3Client":
        """S3 of this place."""
        client: S3Client = self.client("s3")
        return client

    @property
    def catalog(self) -> Catalog:
        """The stack's catalog."""
        return Catalog(self.client("dynamodb"), self.output("CatalogTableName"))

    @property
    def raw_bucket(self) -> str:
        """Where drawings are dropped."""
        return self.output("RawBucketName")

    @property
    def data_bucket(self) -> str:
        """Where results lie."""
        return self.output("DataBucketName")

    def output(self, key: str) -> str:
        """One output of the stack.

        Raises:
            Failure: the stack has none of this name, so it is not (this version of) drawops.
        """
        try:
            return self.outputs[key]
        except KeyError:
            raise Failure(
                f"Stack {self.stack} has no output {key}. Is it a drawops stack of this version?"
            ) from None

    def functions(self) -> dict[str, str]:
        """Physical names of the stack's Lambda functions by logical id."""
        return self._resources("AWS::Lambda::Function")

    def queues(self) -> dict[str, str]:
        """URLs of the stack's queues by logical id."""
        return self._resources("AWS::SQS::Queue")

    def invoke(self, function: str, event: bytes) -> bytes:
        """Invoke a Lambda function by its physical name and return its JSON answer.

        Raises:
            FunctionFailed: it raised.
        """
        answer = self.client("lambda").invoke(FunctionName=function, Payload=event)
        payload: bytes = answer["Payload"].read()
        if answer.get("FunctionError"):
            raise FunctionFailed(function, payload)
        return payload

    def _resources(self, kind: str) -> dict[str, str]:
        found = self.client("cloudformation").describe_stack_resources(StackName=self.stack)["StackResources"]
        return {
            item["LogicalResourceId"]: item["PhysicalResourceId"]
            for item in found
            if item["ResourceType"] == kind
        }


def choose(profile: str | None, region: str | None, stack: str | None) -> Target:
    """The place that the options name; without any, the local cloud.

    Raises:
        Failure: the local cloud is down and no stack was named, or there is no such stack.
    """
    if stack:
        return on_aws(profile, region, stack)
    if profile or region:
        raise Failure("Name the stack as well: --stack NAME (or DRAWOPS_STACK).")
    root = project_root()
    cloud = running_cloud(state_directory(root))
    if cloud is None:
        raise Failure(
            "No local cloud is up. Start it with `drawops up`, or name a stack on AWS with --stack NAME."
        )
    return on_local_cloud(root, cloud)


def running_cloud(state: Path) -> Cloud | None:
    """The local cloud of this state directory when it is up, else None."""
    try:
        cloud = Cloud.attach(state)
    except CloudFailed:
        return None
    return cloud if cloud.status().up else None


def on_local_cloud(root: Path, cloud: Cloud) -> Target:
    """The stack that `drawops up` deployed.

    Raises:
        Failure: it was not deployed (completely).
    """
    stack = local_stack_name(root)
    make_client = cache(cloud.client)
    return Target(
        "local cloud", stack, stack_outputs(make_client, stack, "Run `drawops up`."), cloud, make_client
    )


def on_aws(profile: str | None, region: str | None, stack: str) -> Target:
    """A stack on AWS, with the user's own credentials.

    Raises:
        Failure: there is no such stack.
    """
    import boto3

    session = boto3.session.Session(profile_name=profile, region_name=region)

    @cache
    def make_client(service: str) -> Any:  # noqa: ANN401
        return session.client(service)  # type: ignore[call-overload]

    fix = "Check --stack, --region and --profile."
    label = f"stack {stack} in {session.region_name}"
    return Target(label, stack, stack_outputs(make_client, stack, fix), None, make_client)


def local_stack_name(root: Path) -> str:
    """The name that samconfig.toml gives the stack on the local cloud."""
    import tomllib

    settings = tomllib.loads((root / "samconfig.toml").read_text(encoding="utf-8"))
    return str(settings["local"]["deploy"]["parameters"]["stack_name"])


def stack_outputs(make_client: Callable[[str], Any], stack: str, fix: str) -> dict[str, str]:
    """Outputs of a stack by key.

    Raises:
        Failure: there is no such stack, or it is broken; ends with `fix`.
    """
    try:
        found = make_client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
    except ClientError as error:
        if error.response["Error"]["Code"] == "ValidationError":
            raise Failure(f"There is no stack {stack}. {fix}") from None
        raise
    if found["StackStatus"] in ("ROLLBACK_COMPLETE", "CREATE_FAILED", "DELETE_COMPLETE", "ROLLBACK_FAILED"):
        raise Failure(f"Stack {stack} is {found['StackStatus']}. {fix}")
    return {item["OutputKey"]: item["OutputValue"] for item in found.get("Outputs", [])}
