"""What a deployment drops as a smoke test is nobody's labeling work."""

from unittest.mock import Mock

from drawops.contracts.events import DrawingProcessed
from drawops.keys import smoke_test_key
from drawops.labeling.consideration import consider
from drawops.labeling.policy import ConfidencePolicy


def test_a_smoke_test_becomes_no_work_however_doubtful_it_is() -> None:
    processed = DrawingProcessed(
        id="d/r",
        drawing_id="d",
        revision="r",
        bucket="raw",
        key=smoke_test_key("dep-1", "sheet.png"),
        result_bucket="data",
        result_key="drawings/d/r/result.json",
        pages=1,
        texts=1,
        mean_confidence=0.1,
        model_version="2",
    )
    s3, stepfunctions = Mock(), Mock()
    chosen = consider(
        processed, s3=s3, stepfunctions=stepfunctions, state_machine_arn="arn", policy=ConfidencePolicy()
    )
    assert chosen == []
    stepfunctions.start_execution.assert_not_called()
