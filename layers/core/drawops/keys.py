"""Every S3 key, execution name and identifier of drawops is built and parsed here, nowhere else.

Raw bucket: whatever key the user chose. Data bucket:

    drawings/<drawing_id>/<revision>/source                  the bytes as registered, immutable
    drawings/<drawing_id>/<revision>/result.json, texts.csv  what users read
    inference/output/*, inference/failure/*                  what the endpoint wrote
    quarantine/<drawing_id>/<revision>/reason.json           why a drawing could not be read
    models/<name>/<version>/model.tar.gz                     model artifacts
    labeling/<labeling_id>/pages.szi                         the page's picture as a zipped Deep Zoom pyramid
    labeling/<labeling_id>/tasks/<task_id>/0.json            boxes of a task as the model gave them
    labeling/<labeling_id>/tasks/<task_id>/<save>-<hash>.json  the same after a save, one object a save
    labeling/<labeling_id>/areas/<x>_<y>_<width>_<height>.png  parts of it, for Ground Truth
    labeling/<labeling_id>/consolidated.json                 what several annotators agreed on
    labeling/<labeling_id>/cleaned.json                      the same cleaned, with what was rejected and why
    ground-truth/<job>/input.manifest, template.liquid.html  what a labeling job is given
    ground-truth/<job>/annotations/*, manifests/output/*     what Ground Truth writes, in its own layout
    ground-truth/<job>/answers/<object>/<worker>.json        a worker's answer as we took it
    datasets/<project>/versions/<version>/manifest.json      dataset versions, immutable
    datasets/<project>/history/<number>.json                 which version came when; written once each
    datasets/<project>/regression.json                       the project's frozen regression set
    datasets/<project>/objects/<sha256>                      their labels and pictures, named by content
    training/<run_id>/channels/<channel>.manifest            which objects a job gets (ManifestFile)
    training/<run_id>/checkpoints/*                          what an interrupted training goes on from
    training/<run_id>/output/<job>/output/model.tar.gz       what the training job made
    training/<run_id>/settings/run.json                      the run itself, for the gate
    training/<run_id>/gate/verdict.json, verdict.html        what the gate says of it
    smoke-tests/<deployment_id>/<name>                       (raw bucket) what a deployment reads again

No rule listens to the data bucket, so no output can start its own input.
"""

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlparse

if TYPE_CHECKING:
    from drawops.contracts.labeling import Area

DRAWING_ID = re.compile(r"^d-[0-9a-f]{20}$")
REVISION = re.compile(r"^[0-9a-f]{20}$")
LABELING_ID = re.compile(r"^l-[0-9a-f]{20}$")
_TASK_ID = re.compile(r"^(l-[0-9a-f]{20})-r[1-9][0-9]*a[0-9]{3,4}s[1-9][0-9]*$")

_PLAIN = re.compile(r"^[A-Za-z0-9][A-Za-z0-9.-]{0,99}$")
_GROUND_TRUTH = "ground-truth/"
_OWN_VERSION = re.compile(r"-t-[0-9a-f]{10}$")
_BASE_VERSION = 50
# SageMaker allows 63; the longest name ends in "-t-<20 characters>-gate".
_JOB_PREFIX = 35


def drawing_id(bucket: str, key: str) -> str:
    """The identity of a drawing is where it lies: the same bucket and key are the same drawing."""
    return "d-" + hashlib.sha256(f"{bucket}\n{key}".encode()).hexdigest()[:20]


def revision(sha256: str) -> str:
    """The identity of a revision is its content: 80 bits of its SHA-256 (hex in, hex out)."""
    return sha256[:20]


def upload_revision(version_id: str | None, etag: str) -> str:
    """Stands for a revision whose content is not known (too large to hash, deleted): names the upload."""
    return hashlib.sha256(f"{version_id}\n{etag}".encode()).hexdigest()[:20]


def execution_name(drawing: str, version_id: str | None, etag: str, attempt: int = 0) -> str:
    """Name of the `drawing_processing` execution for one upload: a repeated event gives the same name."""
    return f"{drawing}-{upload_revision(version_id, etag)}-{attempt}"


def inference_id(drawing: str, revision: str) -> str:
    """Name of the inference that reads a revision (SageMaker allows 64 characters).

    The same for every attempt: after a crash the answer to the first attempt's request, which still stands
    in the endpoint's queue, wakes the attempt that waits now.
    """
    return f"{drawing}-{revision}"


@dataclass(frozen=True)
class RevisionKeys:
    """Keys in the data bucket for one revision of one drawing."""

    drawing_id: str
    revision: str

    @property
    def _folder(self) -> str:
        return f"drawings/{self.drawing_id}/{self.revision}"

    @property
    def source(self) -> str:
        """The bytes as registered."""
        return f"{self._folder}/source"

    @property
    def result(self) -> str:
        """The result document."""
        return f"{self._folder}/result.json"

    @property
    def texts_csv(self) -> str:
        """The table of texts."""
        return f"{self._folder}/texts.csv"

    @property
    def quarantine_reason(self) -> str:
        """The document that says why it could not be read."""
        return f"quarantine/{self.drawing_id}/{self.revision}/reason.json"


def labeling_id(drawing: str, revision: str, page: int) -> str:
    """The identity of a labeling: one page of one revision. Asking again for the same page finds it."""
    return "l-" + hashlib.sha256(f"{drawing}/{revision}/{page}".encode()).hexdigest()[:20]


def task_id(labeling: str, round_: int, area: int, slot: int) -> str:
    """The identity of a task: the `slot`-th opinion on an area of a labeling, in its `round_`-th round."""
    return f"{labeling}-r{round_}a{area:03d}s{slot}"


def labeling_of(task: str) -> str | None:
    """The labeling that a task is part of; None when `task` is not a task's id."""
    found = _TASK_ID.fullmatch(task)
    return found.group(1) if found else None


def page_id(sha256: str, page: int) -> str:
    """The identity of a page in data sets: content of its file and page number, from 1."""
    return "p-" + hashlib.sha256(f"{sha256}/{page}".encode()).hexdigest()[:20]


@dataclass(frozen=True)
class LabelingKeys:
    """Keys in the data bucket for one labeling."""

    labeling_id: str

    @property
    def pyramid(self) -> str:
        """The page's picture: SZI, a Deep Zoom pyramid in an uncompressed zip."""
        return f"labeling/{self.labeling_id}/pages.szi"

    def boxes(self, task: str, save: int, sha256: str = "") -> str:
        """Boxes of a task after its save number `save`; 0: as the model gave them.

        Args:
            sha256: of the saved bytes. Of two saves that are made from the same one only one counts; so
                that the other cannot write over it, its object has another name.
        """
        name = f"{save}-{sha256[:16]}" if sha256 else str(save)
        return f"labeling/{self.labeling_id}/tasks/{task}/{name}.json"

    @property
    def consolidated(self) -> str:
        """What the annotators agreed on."""
        return f"labeling/{self.labeling_id}/consolidated.json"

    @property
    def cleaned(self) -> str:
        """Its labels as they went into a dataset version, and what cleaning rejected, with reasons."""
        return f"labeling/{self.labeling_id}/cleaned.json"


def area_picture_key(labeling_id: str, area: "Area") -> str:
    """The picture of an area, pixel by pixel as the page shows it."""
    return f"labeling/{labeling_id}/areas/{area.x}_{area.y}_{area.width}_{area.height}.png"


@dataclass(frozen=True)
class LabelingJobKeys:
    """Keys in the data bucket for one labeling job of Ground Truth."""

    job: str

    @property
    def manifest(self) -> str:
        """The input manifest."""
        return f"{_GROUND_TRUTH}{self.job}/input.manifest"

    @property
    def template(self) -> str:
        """The worker template."""
        return f"{_GROUND_TRUTH}{self.job}/template.liquid.html"

    @property
    def output(self) -> str:
        """The prefix that the job is told to write under; Ground Truth puts its name behind it."""
        return _GROUND_TRUTH

    @property
    def output_manifest(self) -> str:
        """Where Ground Truth writes the output manifest."""
        return f"{_GROUND_TRUTH}{self.job}/manifests/output/output.manifest"

    @property
    def worker_responses(self) -> str:
        """Prefix of what Ground Truth writes for each answer of a worker."""
        return f"{_GROUND_TRUTH}{self.job}/annotations/worker-response/"

    def answer(self, object_id: str, worker: str) -> str:
        """A worker's answer to a data object; ids that could lead elsewhere are hashed."""
        return f"{_GROUND_TRUTH}{self.job}/answers/{_plain(object_id)}/{_plain(worker)}.json"


def _plain(name: str) -> str:
    if _PLAIN.fullmatch(name):
        return name
    return "h-" + hashlib.sha256(name.encode(errors="replace")).hexdigest()[:20]


@dataclass(frozen=True)
class DatasetKeys:
    """Keys in the data bucket for the data sets of one project."""

    project: str

    def manifest(self, version: str) -> str:
        """The manifest of a dataset version."""
        return f"{self.versions}{version}/manifest.json"

    @property
    def versions(self) -> str:
        """Prefix of all versions."""
        return f"datasets/{self.project}/versions/"

    @property
    def history(self) -> str:
        """Prefix of the project's history; its keys sort by number."""
        return f"datasets/{self.project}/history/"

    def history_entry(self, number: int) -> str:
        """Entry `number`, from 1, of the project's history."""
        return f"{self.history}{number:08}.json"

    @property
    def regression(self) -> str:
        """Which pages the project's frozen regression set holds."""
        return f"datasets/{self.project}/regression.json"

    def content(self, sha256: str) -> str:
        """A picture or a document of labels, named by its content."""
        return f"datasets/{self.project}/objects/{sha256}"


DATASETS = "datasets/"
"""Prefix of all projects' data sets."""


def model_artifact(name: str, version: str) -> str:
    """Key of a model artifact in the data bucket."""
    return f"models/{name}/{version}/model.tar.gz"


@dataclass(frozen=True)
class TrainingKeys:
    """Keys in the data bucket for one run of the learning loop."""

    run_id: str

    @property
    def folder(self) -> str:
        """Prefix of everything of the run."""
        return f"training/{self.run_id}/"

    def channel(self, name: str) -> str:
        """The manifest that lists the objects of a channel."""
        return f"{self.folder}channels/{name}.manifest"

    @property
    def settings(self) -> str:
        """Prefix of what the gate is told."""
        return f"{self.folder}settings/"

    @property
    def settings_run(self) -> str:
        """The run's `TrainingRun` document."""
        return f"{self.settings}run.json"

    @property
    def checkpoints(self) -> str:
        """Prefix of checkpoints."""
        return f"{self.folder}checkpoints/"

    @property
    def output(self) -> str:
        """Prefix that the training job is told to write under."""
        return f"{self.folder}output/"

    def artifact(self, job: str) -> str:
        """Where SageMaker puts the model that a training job made."""
        return f"{self.output}{job}/output/model.tar.gz"

    @property
    def gate(self) -> str:
        """Prefix of what the gate writes."""
        return f"{self.folder}gate/"

    @property
    def verdict(self) -> str:
        """The gate's document."""
        return f"{self.gate}verdict.json"

    @property
    def verdict_page(self) -> str:
        """The same for people."""
        return f"{self.gate}verdict.html"


def run_id(project: str, version: str, request: str) -> str:
    """The identity of a run: what is trained on, and whose request it answers."""
    return "t-" + hashlib.sha256(f"{project}/{version}/{request}".encode()).hexdigest()[:20]


def training_job(stack: str, run: str) -> str:
    """Name of a run's training job: `<stack>-t-<hash>`, at most 63 characters (SageMaker)."""
    return f"{stack[:_JOB_PREFIX].rstrip('-')}-{run}"


def gate_job(stack: str, run: str) -> str:
    """Name of the processing job that compares a run's candidate with the approved model."""
    return f"{training_job(stack, run)}-gate"


def candidate_version(parent: str, run: str) -> str:
    """Version of the model that a run makes: the release it goes back to, then the run."""
    return f"{_OWN_VERSION.sub('', parent)[:_BASE_VERSION]}-{run[:12]}"


def deployment_id(package_arn: str, occasion: str) -> str:
    """The identity of a deployment: the model, and the approval or command that asked for it."""
    return "dep-" + hashlib.sha256(f"{package_arn}/{occasion}".encode()).hexdigest()[:20]


_SMOKE_TESTS = "smoke-tests/"


def smoke_test_key(deployment: str, name: str) -> str:
    """Key in the raw bucket of the drawing that a deployment reads from upload to result."""
    return f"{_SMOKE_TESTS}{deployment}/{name}"


def is_smoke_test(key: str) -> bool:
    """Whether a key of the raw bucket is a deployment's own: nobody's drawing, and no labeling work."""
    return key.startswith(_SMOKE_TESTS)


def s3_uri(bucket: str, key: str) -> str:
    """``s3://bucket/key``; keys of the data bucket are plain ASCII, so nothing is escaped."""
    return f"s3://{bucket}/{key}"


def parse_s3_uri(uri: str) -> tuple[str, str]:
    """Split ``s3://bucket/key``.

    Raises:
        ValueError: `uri` is not an S3 URI with a bucket and a key.
    """
    parsed = urlparse(uri, allow_fragments=False)
    key = parsed.path.removeprefix("/")
    if parsed.scheme != "s3" or not parsed.netloc or not key:
        raise ValueError(f"not an S3 URI with bucket and key: {uri!r}")
    return parsed.netloc, key
