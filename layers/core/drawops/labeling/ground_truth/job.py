"""Labeling jobs: one for a page and a number of opinions, named by both, so that none is started twice.

Ground Truth wants the same number of workers for all objects of a job; areas that get a second opinion are
therefore in a job of their own. The workforce must be private: drawings are nobody else's business.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError
from pydantic import BaseModel, Field

from drawops.contracts.ground_truth import AreaTasks, StartedLabelingJobs, StartLabelingJob
from drawops.contracts.labeling import Backend, LabelingState, TaskState
from drawops.errors import Misconfigured, NotReady
from drawops.keys import LabelingJobKeys, area_picture_key, s3_uri
from drawops.labeling.ground_truth import manifests
from drawops.labeling.store import Labeling, LabelingStore, Task

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_sagemaker.type_defs import CreateLabelingJobRequestTypeDef

_PRIVATE = ":workteam/private-crowd/"
_MAX_CONCURRENT = 1_000
"""Objects that are handed out at a time; more only after asking AWS Support."""
_MAX_PREFIX = 24


class JobSettings(BaseModel):
    """What the stack decides about labeling jobs; field names in capitals are environment variables."""

    data_bucket: str
    job_name_prefix: str = Field(description="The stack's name.")
    labeling_workteam_arn: str
    ground_truth_role_arn: str
    prepare_function_arn: str
    consolidate_function_arn: str
    task_time_limit_seconds: int = Field(default=28_800, ge=30, le=28_800, description="8 hours at most.")
    task_lifetime_seconds: int = Field(default=864_000, ge=60, le=2_592_000, description="30 days at most.")


def start(
    request: StartLabelingJob,
    *,
    store: LabelingStore,
    s3: "S3Client",
    sagemaker: "SageMakerClient",
    settings: JobSettings,
) -> StartedLabelingJobs:
    """Hand everything that is open in these labelings to workers. Starting the same again changes nothing.

    Raises:
        Misconfigured: the work team is not private, or a labeling belongs to the labeling page.
        NotReady: a labeling is not open yet, a picture is missing, or AWS allows no more jobs at the moment.
    """
    if _PRIVATE not in settings.labeling_workteam_arn:
        raise Misconfigured(
            "LabelingWorkteamArn must name a private work team (…:workteam/private-crowd/<name>)."
        )
    jobs: list[str] = []
    count = 0
    for labeling_id in request.labeling_ids:
        labeling = _open(labeling_id, store)
        for workers, areas in _by_opinions(labeling, store).items():
            name = job_name(settings.job_name_prefix, labeling, workers, request.attempt)
            _start_once(name, labeling, areas, workers, request.tags, s3, sagemaker, settings)
            jobs.append(name)
            count += workers * len(areas)
    return StartedLabelingJobs(jobs=tuple(jobs), tasks=count)


def job_name(prefix: str, labeling: Labeling, workers: int, attempt: int) -> str:
    """`<prefix>-l-<hash>-r<round>w<workers>a<attempt>`, in lower case as all ARNs of SageMaker are."""
    return f"{name_prefix(prefix)}{labeling.labeling_id}-r{labeling.round}w{workers}a{attempt}"


def name_prefix(prefix: str) -> str:
    """What the names of all jobs of a stack begin with."""
    return f"{prefix.lower()[:_MAX_PREFIX].rstrip('-')}-"


def job_request(
    name: str, labeling: Labeling, areas: int, workers: int, tags: Mapping[str, str], settings: JobSettings
) -> "CreateLabelingJobRequestTypeDef":
    """The CreateLabelingJob request for a custom task type."""
    keys = LabelingJobKeys(name)
    own = {
        "drawops:labeling": labeling.labeling_id,
        "drawops:project": labeling.project,
        "drawops:round": str(labeling.round),
    }
    return {
        "LabelingJobName": name,
        "LabelAttributeName": manifests.LABEL,
        "InputConfig": {
            "DataSource": {"S3DataSource": {"ManifestS3Uri": s3_uri(settings.data_bucket, keys.manifest)}}
        },
        "OutputConfig": {"S3OutputPath": s3_uri(settings.data_bucket, keys.output)},
        "RoleArn": settings.ground_truth_role_arn,
        "HumanTaskConfig": {
            "WorkteamArn": settings.labeling_workteam_arn,
            "UiConfig": {"UiTemplateS3Uri": s3_uri(settings.data_bucket, keys.template)},
            "PreHumanTaskLambdaArn": settings.prepare_function_arn,
            "AnnotationConsolidationConfig": {
                "AnnotationConsolidationLambdaArn": settings.consolidate_function_arn
            },
            "TaskKeywords": ["drawing", "text"],
            "TaskTitle": "Correct the texts of a drawing",
            "TaskDescription": "Check where texts stand on a part of a drawing and what they say.",
            "NumberOfHumanWorkersPerDataObject": workers,
            "TaskTimeLimitInSeconds": settings.task_time_limit_seconds,
            "TaskAvailabilityLifetimeInSeconds": settings.task_lifetime_seconds,
            "MaxConcurrentTaskCount": min(areas, _MAX_CONCURRENT),
        },
        "Tags": [{"Key": key, "Value": value} for key, value in {**tags, **own}.items()],
    }


def template() -> str:
    """The worker template."""
    return (resources.files(__package__) / "worker_template.liquid.html").read_text(encoding="utf-8")


def _open(labeling_id: str, store: LabelingStore) -> Labeling:
    labeling = store.labeling(labeling_id)
    if labeling is None or labeling.state is not LabelingState.OPEN:
        state = labeling.state.value if labeling else "unknown"
        raise NotReady(f"Labeling {labeling_id} is {state}; a job can be started when it is OPEN.")
    if labeling.backend is not Backend.GROUND_TRUTH:
        raise Misconfigured(f"Labeling {labeling_id} was opened for the labeling page, not for Ground Truth.")
    return labeling


def _by_opinions(labeling: Labeling, store: LabelingStore) -> dict[int, list[list[Task]]]:
    """Open tasks of the present round: number of opinions -> areas with so many."""
    areas: defaultdict[tuple[int, str], list[Task]] = defaultdict(list)
    for task in store.tasks(labeling.labeling_id):
        if task.round == labeling.round and task.state is TaskState.OPEN:
            areas[task.area_number, task.boxes_sha256].append(task)
    grouped: defaultdict[int, list[list[Task]]] = defaultdict(list)
    for _, tasks in sorted(areas.items()):
        grouped[len(tasks)].append(sorted(tasks, key=lambda task: task.slot))
    return dict(grouped)


def _start_once(
    name: str,
    labeling: Labeling,
    areas: Sequence[Sequence[Task]],
    workers: int,
    tags: Mapping[str, str],
    s3: "S3Client",
    sagemaker: "SageMakerClient",
    settings: JobSettings,
) -> None:
    if _exists(name, sagemaker):
        return
    keys, bucket = LabelingJobKeys(name), settings.data_bucket
    _check_pictures(labeling, areas, s3, bucket)
    lines = "".join(_line(labeling, tasks, bucket) + "\n" for tasks in areas)
    s3.put_object(Bucket=bucket, Key=keys.manifest, Body=lines.encode(), ContentType="application/x-ndjson")
    s3.put_object(
        Bucket=bucket, Key=keys.template, Body=template().encode(), ContentType="text/html; charset=utf-8"
    )
    request = job_request(name, labeling, len(areas), workers, tags, settings)
    try:
        sagemaker.create_labeling_job(**request)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code == "ResourceLimitExceeded":
            raise NotReady("AWS allows no more labeling jobs now; try again when one has ended.") from error
        if code != "ResourceInUse":
            raise


def _exists(name: str, sagemaker: "SageMakerClient") -> bool:
    try:
        sagemaker.describe_labeling_job(LabelingJobName=name)
    except ClientError as error:
        # The reference says ResourceNotFound; most of SageMaker says ValidationException.
        if error.response["Error"]["Code"] in ("ResourceNotFound", "ValidationException"):
            return False
        raise
    return True


def _check_pictures(
    labeling: Labeling, areas: Sequence[Sequence[Task]], s3: "S3Client", data_bucket: str
) -> None:
    wanted = {area_picture_key(labeling.labeling_id, tasks[0].area) for tasks in areas}
    prefix = f"labeling/{labeling.labeling_id}/areas/"
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=data_bucket, Prefix=prefix)
    missing = wanted - {found["Key"] for page in pages for found in page.get("Contents", [])}
    if missing:
        raise NotReady(f"{len(missing)} pictures of areas are missing, the first is {min(missing)}.")


def _line(labeling: Labeling, tasks: Sequence[Task], data_bucket: str) -> str:
    first = tasks[0]
    picture = s3_uri(data_bucket, area_picture_key(labeling.labeling_id, first.area))
    return manifests.input_line(
        picture,
        AreaTasks(
            labeling_id=labeling.labeling_id,
            area=first.area,
            tasks=tuple(task.task_id for task in tasks),
            boxes_key=first.boxes_key,
            round=labeling.round,
        ),
    )
