"""What Ground Truth sends and is sent: Lambda events, manifest lines, the worker's form, the job's event.

Formats: Amazon SageMaker Developer Guide, "Using pre-annotation and post-annotation Lambda functions",
"Labeling job output data", "crowd-polygon", "Monitor labeling job status". AWS's own samples differ from its
reference in small things (`s3uri` for `s3Uri`, `job_name` for `job-name`), so both are read.

Places in a worker's form are pixels of the picture of the area, origin at its top-left.
"""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AliasChoices, Field, model_validator

from drawops.contracts.events import Foreign
from drawops.contracts.labeling import MAX_BOXES, Area
from drawops.contracts.labels import FinitePoint
from drawops.contracts.reading import Contract

LabelingId = Annotated[str, Field(pattern=r"^l-[0-9a-f]{20}$")]
LabelingJobName = Annotated[str, Field(pattern=r"^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}$")]

JobArn = Annotated[
    str, Field(pattern=r"^arn:aws[a-z-]*:sagemaker:[a-z0-9-]+:[0-9]{12}:labeling-job/[a-zA-Z0-9-]{1,63}$")
]

TASK_ATTRIBUTE = "drawops"
"""The attribute of a manifest line that says what its picture is a picture of."""


class AreaTasks(Contract):
    """Attribute `drawops` of a manifest line: the tasks that its answers belong to."""

    labeling_id: LabelingId
    area: Area
    tasks: tuple[str, ...] = Field(min_length=1, max_length=9, description="One for each worker.")
    boxes_key: str = Field(
        description="In the data bucket: the boxes that workers see, the first's number 1."
    )
    round: int = Field(default=1, ge=1)


class DataObject(Foreign):
    """A line of the input manifest."""

    source_ref: str = Field(alias="source-ref")
    tasks: AreaTasks = Field(alias="drawops")


class PreAnnotationRequest(Foreign):
    """Event of the pre-annotation function."""

    labeling_job_arn: JobArn = Field(alias="labelingJobArn")
    data_object: DataObject = Field(alias="dataObject")


class Vertex(Contract):
    """A corner of a polygon in pixels of the picture."""

    x: float
    y: float


class Polygon(Contract):
    """A polygon as crowd-polygon takes it; `label` is the number of a box."""

    label: str
    vertices: tuple[Vertex, ...]


class FormField(Contract):
    """A text field of the form with what the worker needs to fill it in."""

    number: str = Field(description="The polygon's label.")
    text: str
    unsure: bool
    left: float = Field(description="Of the cut-out that is shown beside the field; so are the next three.")
    top: float
    width: float = Field(gt=0)
    height: float = Field(gt=0)
    turn: float = Field(description="Degrees clockwise about the middle that make the text read upright.")
    middle: Vertex
    proposals: tuple[str, ...] = Field(default=(), description="What others read here.")


class TaskInput(Contract):
    """`task.input` of the worker template."""

    picture: str = Field(description="S3 URI.")
    width: int
    height: int
    labels: tuple[str, ...] = Field(description="Numbers of boxes, then of places that may be added.")
    polygons: tuple[Polygon, ...]
    fields: tuple[FormField, ...] = Field(description="Unsure ones first.")
    added: tuple[str, ...] = Field(description="Labels for texts that the model overlooked.")


class PreAnnotationAnswer(Contract):
    """What the pre-annotation function answers."""

    task_input: TaskInput = Field(serialization_alias="taskInput")
    is_human_annotation_required: bool = Field(default=True, serialization_alias="isHumanAnnotationRequired")


class _Location(Foreign):
    s3_uri: str = Field(validation_alias=AliasChoices("s3Uri", "s3uri"))


class PostAnnotationRequest(Foreign):
    """Event of the post-annotation function; the annotations lie at `payload`."""

    labeling_job_arn: JobArn = Field(alias="labelingJobArn")
    label_attribute_name: str = Field(alias="labelAttributeName")
    payload: _Location


class AnnotationData(Foreign):
    """One worker's answer: a JSON document as a string, or where it lies."""

    content: str | None = None
    s3_uri: str | None = Field(default=None, validation_alias=AliasChoices("s3Uri", "s3uri"))

    @model_validator(mode="before")
    @classmethod
    def _content_may_be_parsed_already(cls, value: Any) -> Any:  # noqa: ANN401 - what JSON holds
        if isinstance(value, Mapping) and isinstance(value.get("content"), dict | list):
            return {**value, "content": json.dumps(value["content"])}
        return value


class Annotation(Foreign):
    """One worker's answer to one data object."""

    worker_id: str = Field(alias="workerId", min_length=1)
    data: AnnotationData = Field(alias="annotationData")


class AnnotatedObject(Foreign):
    """An entry of the payload file; each annotation is looked at by itself."""

    dataset_object_id: str = Field(alias="datasetObjectId", coerce_numbers_to_str=True)
    annotations: tuple[Any, ...] = ()


class FilledPlace(Contract):
    """A polygon as the worker left it, in pixels of the picture as the worker's browser saw it."""

    label: str
    points: tuple[FinitePoint, ...] = Field(min_length=1, max_length=1_000)


class FilledForm(Contract):
    """A worker's answer, validated. A text that was cleared is missing, as crowd-input leaves it out."""

    picture_width: int | None = Field(default=None, gt=0, description="None: the browser did not say.")
    picture_height: int | None = Field(default=None, gt=0)
    places: tuple[FilledPlace, ...] = Field(max_length=MAX_BOXES)
    texts: dict[str, str]
    unreadable: frozenset[str] = frozenset()


class StoredAnswer(Contract):
    """Names a `FilledForm` in the data bucket."""

    worker: str = Field(description="The id that Ground Truth knows the worker by.")
    key: str


class Problem(Contract):
    """An answer, or part of one, that could not be taken; `worker` is None when it is about the object."""

    worker: str | None
    reason: str


class AreaAnswers(Contract):
    """What the post-annotation function returns for a data object; stands in the output manifest."""

    schema_version: Literal["1.0"] = "1.0"
    object_id: str = Field(default="", description="Ground Truth's name for the data object.")
    answers: tuple[StoredAnswer, ...] = ()
    problems: tuple[Problem, ...] = ()


class _JobDetail(Foreign):
    status: str = Field(alias="LabelingJobStatus")


class LabelingJobStateChange(Foreign):
    """EventBridge event `SageMaker Ground Truth Labeling Job State Change`.

    It is sent for Completed, Failed and Stopped, maybe more than once; the job is named by `resources` only.
    Format: Amazon SageMaker Developer Guide, "Monitor labeling job status".
    """

    resources: tuple[JobArn, ...] = Field(min_length=1)
    detail: _JobDetail

    @property
    def job(self) -> str:
        """Name of the labeling job."""
        return self.resources[0].rpartition("/")[2]


class StartLabelingJob(Contract):
    """Input of `start_labeling_job`: everything that is open in these labelings goes to workers."""

    labeling_ids: tuple[LabelingId, ...] = Field(min_length=1, max_length=1_000)
    attempt: int = Field(default=0, ge=0, description="Raise it to ask again for what a job left unanswered.")
    tags: dict[str, str] = Field(
        default={}, max_length=40, description="Further tags of the job, such as a cost centre."
    )


class StartedLabelingJobs(Contract):
    """What `start_labeling_job` did."""

    jobs: tuple[str, ...] = ()
    tasks: int = 0


class WorkerReport(Contract):
    """What one worker of a job did."""

    worker: str
    submitted: int = Field(description="Tasks.")
    compared: int = Field(default=0, description="Boxes that another worker saw, too.")
    agreed: int = Field(default=0, description="Of these, boxes with the same string at the same place.")

    @property
    def agreement(self) -> float | None:
        """Share of compared boxes that agreed; None when nothing could be compared."""
        return self.agreed / self.compared if self.compared else None


class BrokenLine(Contract):
    """A line of an output manifest that says nothing we can use."""

    line: int = Field(ge=1)
    reason: str


class CollectedLabelingJob(Contract):
    """What `collect_labeling_job` did."""

    job: str
    status: str
    submitted: tuple[str, ...] = Field(default=(), description="Tasks that this collection submitted.")
    unanswered: tuple[str, ...] = Field(default=(), description="Tasks that stay open.")
    workers: tuple[WorkerReport, ...] = ()
    broken: tuple[BrokenLine, ...] = ()
    problems: tuple[Problem, ...] = ()

    @model_validator(mode="after")
    def _a_task_is_either(self) -> Self:
        if set(self.submitted) & set(self.unanswered):
            raise ValueError("a task is submitted or unanswered")
        return self
