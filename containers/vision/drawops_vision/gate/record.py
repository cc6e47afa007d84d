"""`training.json` of an artifact: what the training program says of it. Models made otherwise have none."""

from pathlib import Path

from drawops.errors import Misconfigured
from pydantic import BaseModel, ConfigDict, Field, ValidationError

RECORD = "training.json"


class Parity(BaseModel):
    """How far the exported network is from the trained one."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    max_difference: float | None = Field(default=None, description="Of a probability.")
    texts_equal: float | None = Field(default=None, description="Share of lines that both read alike.")


class TrainingRecord(BaseModel):
    """What the gate asks of it; the training program may write more."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    page_ids: tuple[str, ...] = Field(default=(), description="Pages that were learnt from, replay included.")
    parity: Parity | None = None


def read_record(folder: Path) -> TrainingRecord | None:
    """The record of an unpacked artifact; None when it has none.

    Raises:
        Misconfigured: it cannot be understood.
    """
    path = folder / RECORD
    if not path.is_file():
        return None
    try:
        return TrainingRecord.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise Misconfigured(f"{RECORD} is not a training record: {error}") from error
