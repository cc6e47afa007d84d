"""The model artifact `model.tar.gz`: two networks, their dictionary, and a manifest that vouches for them.

    manifest.json    what this is, how to feed it, where to cut, SHA-256 of every other file
    det.onnx         text detection: image -> probability that a pixel is text
    rec.onnx         text recognition: line image -> class probabilities per step
    dictionary.txt   one character a line; class 0 is the CTC blank, the last class is the space

A model that was trained here also has

    paddle/det, paddle/rec   the same networks as inference models that stock PaddleOCR loads
    training.json            how it was trained, batch by batch

The dictionary belongs to the version: the same weights with another dictionary are another model.
"""

import gzip
import hashlib
import io
import json
import tarfile
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

from drawops.contracts.reading import Contract
from drawops.errors import Misconfigured
from pydantic import Field, ValidationError, field_validator, model_validator

from drawops_vision.features import FEATURES

MANIFEST = "manifest.json"
DETECTION = "det.onnx"
RECOGNITION = "rec.onnx"
DICTIONARY = "dictionary.txt"
FILES = (DETECTION, DICTIONARY, RECOGNITION)
TRAINING = "training.json"
PADDLE = tuple(
    f"paddle/{network}/inference.{kind}"
    for network in ("det", "rec")
    for kind in ("json", "pdiparams", "yml")
)
OPTIONAL = (*PADDLE, TRAINING)
"""Files that an artifact may hold beside `FILES`, vouched for like those."""

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Fraction = Annotated[float, Field(ge=0, le=1)]
Triple = tuple[float, float, float]


class Preprocessing(Contract):
    """How pixels must be fed to the two networks (channels in the order blue, green, red)."""

    tile_size: int = Field(
        default=1280, gt=0, multiple_of=32, description="Largest side of what is shown, pixels."
    )
    detection_mean: Triple = (0.485, 0.456, 0.406)
    detection_std: Triple = (0.229, 0.224, 0.225)
    recognition_height: int = Field(default=48, gt=0, description="Pixels.")
    recognition_max_width: int = Field(default=2000, gt=0, description="Pixels; longer lines are squeezed.")
    crop_padding: float = Field(default=0.3, ge=0, description="Of the text's height, on all four sides.")

    @model_validator(mode="before")
    @classmethod
    def _margin_is_history(cls, given: object) -> object:
        # Models up to 1.1.0 name the overlap of tiles, which are not made any more.
        return {k: v for k, v in given.items() if k != "tile_margin"} if isinstance(given, dict) else given


class Thresholds(Contract):
    """Where the networks' outputs are cut."""

    pixel: Fraction = Field(default=0.4, description="A pixel at or above it is text.")
    box: Fraction = Field(default=0.5, description="Mean probability in a box.")
    unclip: float = Field(default=0.4, ge=0, description="Growth of a box: area * unclip / perimeter.")
    confidence: Fraction = Field(default=0.5, description="Mean probability of a string's characters.")


class Calibration(Contract):
    """What a text's confidence is: 1 / (1 + exp(-(intercept + sum of weight * feature))).

    A logistic regression over what speaks for and against a text (`features.FEATURES`), fitted on sheets that
    the networks were not trained on.
    """

    intercept: Annotated[float, Field(allow_inf_nan=False)]
    weights: dict[str, Annotated[float, Field(allow_inf_nan=False)]] = Field(
        min_length=1, description="By feature; one that is not named counts nothing."
    )

    @model_validator(mode="before")
    @classmethod
    def _no_map(cls, given: object) -> object:
        if isinstance(given, dict) and {"network", "right"} & given.keys():
            raise ValueError(
                "this model's calibration is a map of the network's confidence, which is no longer read; "
                "fit it again with `python -m benchmarks.calibration`"
            )
        return given

    @model_validator(mode="after")
    def _features_are_known(self) -> "Calibration":
        if unknown := sorted(self.weights.keys() - FEATURES.keys()):
            raise ValueError(f"calibration weighs unknown features: {', '.join(unknown)}")
        return self


class TrainingRecord(Contract):
    """Where a trained model came from. Versions, seeds and settings are what makes the same model again."""

    parent: str = Field(description="name/version of the model that was tuned.")
    parent_sha256: Sha256 = Field(description="Of the parent's manifest.json.")
    run_id: str
    project: str
    dataset_version: str
    parent_dataset_version: str | None = Field(
        default=None, description="Of the same project, what the parent had been trained on."
    )
    code_version: str = Field(description="As the job's environment says.")
    trained_at: str | None = Field(default=None, description="As the job's environment says, ISO 8601.")
    seeds: dict[str, int]
    hyperparameters: dict[str, Any]
    packages: dict[str, str] = Field(default={}, description="Versions of what computed.")
    new_characters: str = Field(default="", description="Appended to the dictionary.")
    calibration: Literal["fitted", "parent", "none"] = "parent"
    metrics: dict[str, Annotated[float, Field(allow_inf_nan=False)]]


class Manifest(Contract):
    """`manifest.json` of a model artifact."""

    schema_version: Literal["1.0"] = "1.0"
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9.-]{0,62}$")
    version: str = Field(pattern=r"^[0-9A-Za-z][0-9A-Za-z.+-]{0,62}$")
    parent: str | None = Field(default=None, description="name/version this model was trained from.")
    preprocessing: Preprocessing = Preprocessing()
    thresholds: Thresholds = Thresholds()
    calibration: Calibration | None = Field(
        default=None, description="None: confidences are the recognition network's own."
    )
    dictionary: Literal["dictionary.txt"] = "dictionary.txt"
    dictionary_size: int = Field(gt=0, description="Characters, without blank and space.")
    sha256: dict[str, Sha256]
    training: TrainingRecord | None = Field(default=None, description="None: not trained by our job.")

    @field_validator("calibration", mode="before")
    @classmethod
    def _identity_is_none(cls, given: object) -> object:
        # Models up to 1.1.0 carry a map that changes nothing.
        return None if given == {"network": [0.0, 1.0], "right": [0.0, 1.0]} else given

    @model_validator(mode="after")
    def _every_file_is_vouched_for(self) -> "Manifest":
        if not set(FILES) <= self.sha256.keys() <= {*FILES, *OPTIONAL}:
            raise ValueError(
                f"sha256 must name {', '.join(FILES)} and beside them only some of {', '.join(OPTIONAL)}"
            )
        return self


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_dictionary(text: str) -> list[str]:
    """Split a dictionary into its characters.

    Only a line feed separates: the dictionary itself holds characters that `str.splitlines` would cut at.

    Raises:
        Misconfigured: a line is empty, or a character stands twice.
    """
    characters = text.removesuffix("\n").split("\n")
    if not all(characters):
        raise Misconfigured(f"{DICTIONARY} has an empty line; pack the model again.")
    return characters


def write_manifest(
    folder: Path,
    *,
    name: str,
    version: str,
    parent: str | None = None,
    preprocessing: Preprocessing | None = None,
    thresholds: Thresholds | None = None,
    calibration: Calibration | None = None,
    training: TrainingRecord | None = None,
) -> Manifest:
    """Describe the model files lying in `folder`, optional ones too, and write its `manifest.json`.

    Raises:
        FileNotFoundError: one of det.onnx, rec.onnx, dictionary.txt is missing.
    """
    dictionary = read_dictionary((folder / DICTIONARY).read_bytes().decode())
    manifest = Manifest(
        name=name,
        version=version,
        parent=parent,
        preprocessing=preprocessing or Preprocessing(),
        thresholds=thresholds or Thresholds(),
        calibration=calibration,
        dictionary_size=len(dictionary),
        sha256={
            file: _digest(folder / file)
            for file in (*FILES, *(one for one in OPTIONAL if (folder / one).is_file()))
        },
        training=training,
    )
    # What a model does not have is not named: a model without a training stays the same bytes.
    document = manifest.model_dump(mode="json", exclude=set() if training else {"training"})
    text = json.dumps(document, indent=2, sort_keys=True) + "\n"
    (folder / MANIFEST).write_bytes(text.encode())
    return manifest


def pack(folder: Path, archive: Path) -> str:
    """Pack a described model folder into `archive`; the same files always give the same bytes.

    Returns:
        SHA-256 of the archive.

    Raises:
        Misconfigured: the folder does not hold what its manifest says.
    """
    manifest = verify(folder)
    with (
        archive.open("wb") as raw,
        # mtime=0 and no file name: gzip would otherwise record when and as what it was written.
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.USTAR_FORMAT) as tar,
    ):
        for file in sorted((MANIFEST, *manifest.sha256)):
            content = (folder / file).read_bytes()
            member = tarfile.TarInfo(file)
            member.size, member.mode, member.mtime = len(content), 0o644, 0
            tar.addfile(member, io.BytesIO(content))
    return _digest(archive)


def unpack_verified(archive: Path, folder: Path) -> Manifest:
    """Unpack an artifact into `folder` and check every file against the manifest.

    Raises:
        Misconfigured: the archive is damaged, holds anything but the plain files of an artifact (a path that
            leads elsewhere, a link, a stranger, a file that the manifest does not vouch for), or a file's
            hash differs.
    """
    folder.mkdir(parents=True, exist_ok=True)
    expected = {MANIFEST, *FILES, *OPTIONAL}
    folders = {str(parent) for name in expected for parent in PurePosixPath(name).parents}
    unpacked: set[str] = set()
    try:
        with tarfile.open(archive, mode="r:gz") as tar:
            for member in tar:
                name = str(PurePosixPath(member.name))
                if name in folders and member.isdir():
                    continue
                if name not in expected or not member.isfile():
                    raise Misconfigured(f"{archive.name} holds {member.name!r}; a model artifact may not.")
                source = tar.extractfile(member)
                assert source is not None  # isfile()
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_bytes(source.read())
                unpacked.add(name)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise Misconfigured(f"{archive.name} cannot be unpacked ({error}); copy it again.") from error
    manifest = verify(folder)
    if strangers := sorted(unpacked - {MANIFEST, *manifest.sha256}):
        raise Misconfigured(
            f"{archive.name} holds {', '.join(strangers)}, which its manifest does not vouch for; "
            "copy it again."
        )
    return manifest


def verify(folder: Path) -> Manifest:
    """Check a model folder against its manifest.

    Raises:
        Misconfigured: a file is missing, or its hash is not the one in the manifest.
    """
    try:
        manifest = Manifest.model_validate_json((folder / MANIFEST).read_bytes())
    except FileNotFoundError:
        raise Misconfigured(f"{folder} holds no {MANIFEST}; unpack a model.tar.gz there.") from None
    except ValidationError as error:
        raise Misconfigured(f"{folder / MANIFEST} is not a model manifest: {error}") from error
    for file, expected in manifest.sha256.items():
        path = folder / file
        if not path.is_file():
            raise Misconfigured(f"{path} is missing; unpack the model artifact again.")
        if _digest(path) != expected:
            raise Misconfigured(f"{path} is not the file its manifest names; unpack the artifact again.")
    characters = read_dictionary((folder / DICTIONARY).read_bytes().decode())
    if len(characters) != manifest.dictionary_size:
        raise Misconfigured(f"{DICTIONARY} has {len(characters)} characters, not {manifest.dictionary_size}.")
    return manifest


class Model:
    """A verified model folder.

    Attributes:
        manifest: what it is and how to feed it.
        sha256: of manifest.json, which vouches for all other files.
        classes: character of each recognition class: blank (empty), the dictionary, space.
    """

    def __init__(self, folder: Path) -> None:
        """Verify `folder`.

        Raises:
            Misconfigured: see `verify`.
        """
        self.manifest = verify(folder)
        self.sha256 = _digest(folder / MANIFEST)
        self.detection = folder / DETECTION
        self.recognition = folder / RECOGNITION
        self.classes = ["", *read_dictionary((folder / DICTIONARY).read_bytes().decode()), " "]
