"""The pre-annotation function: what a worker sees of an area."""

from typing import TYPE_CHECKING

from drawops.contracts.ground_truth import PreAnnotationAnswer, PreAnnotationRequest
from drawops.errors import InvalidResult
from drawops.labeling import boxes as saved
from drawops.labeling.ground_truth import forms

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def prepare(request: PreAnnotationRequest, *, s3: "S3Client", data_bucket: str) -> PreAnnotationAnswer:
    """The worker's form for one line of the manifest, with the boxes that the line names.

    Raises:
        InvalidResult: the line names boxes of another labeling.
        NotReady: there are no boxes where the line says.
    """
    data = request.data_object
    tasks = data.tasks
    if not tasks.boxes_key.startswith(f"labeling/{tasks.labeling_id}/tasks/"):
        raise InvalidResult(f"{tasks.boxes_key} does not hold boxes of labeling {tasks.labeling_id}.")
    boxes = saved.read(tasks.boxes_key, s3=s3, data_bucket=data_bucket).boxes
    return PreAnnotationAnswer(task_input=forms.task_input(boxes, tasks.area, data.source_ref))
