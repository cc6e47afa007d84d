"""What a candidate may do. Defaults are the product's; a run may bring its own (`allowances.json`)."""

from drawops.contracts.reading import Contract
from pydantic import Field


class Allowances(Contract):
    """Limits and sample sizes of the gate."""

    slice_points: float = Field(default=0.5, ge=0, le=100, description="Points that a slice may fall.")
    significance: float = Field(
        default=0.05, gt=0, lt=0.5, description="Chance of a false alarm over all slices together (Holm)."
    )
    min_sheets: int = Field(
        default=6, ge=2, description="New sheets without which no candidate is called better."
    )
    min_labels: int = Field(default=20, ge=1, description="Texts without which a slice is shown, not judged.")
    latency_ratio: float = Field(default=1.2, gt=1, description="Candidate's seconds / approved model's.")
    size_ratio: float = Field(default=2.5, gt=1, description="Bytes of the two ONNX files, likewise.")
    calibration_error: float = Field(
        default=0.05, ge=0, le=1, description="Expected calibration error beyond what chance alone shows."
    )
    calibration_worse: float = Field(
        default=0.02, ge=0, le=1, description="By how much it may exceed the approved model's all the same."
    )
    parity: float = Field(
        default=1e-3,
        gt=0,
        description="Largest difference of a probability, ONNX from training.",
    )
    groups: int = Field(default=60, ge=2, description="Groups of general lines, the units of the bootstrap.")
    suspects: int = Field(default=24, ge=1, description="Characters that are looked at again, at most.")
    confirmations: int = Field(default=16, ge=6, description="Lines drawn for each of them.")
    memory_points: float = Field(
        default=3.0, ge=0, description="By how much less the new pages may gain than pages never trained on."
    )
