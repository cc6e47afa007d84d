"""The program `train`: one process, or a process for each GPU of the machine."""

import os
import sys
from pathlib import Path

from drawops.errors import Misconfigured

from drawops_training import workers
from drawops_training.report import Failure
from drawops_training.stop import Stop


def main() -> int:
    """Run the training job under DRAWOPS_ML_ROOT; returns the exit code."""
    # First of all: the first process of a container gets no signal that it has not asked for, and loading
    # PyTorch takes seconds.
    stop = Stop()
    stop.listen()
    follows = workers.follower()
    failure = Failure(
        Path(os.environ.get("DRAWOPS_ML_ROOT", "/opt/ml")) / "output",
        int(os.environ[workers.NUMBER]) + 1 if follows else 0,
    )
    try:
        number = 1 if follows else workers.wanted()
    except Misconfigured as error:
        failure.tell(str(error))
        return 1
    if number > 1:
        code = workers.lead(number, [sys.executable, "-m", "drawops_training.program"], stop, failure)
        failure.forget()
        return code

    from drawops_training import job  # loads PyTorch

    return job.main(stop, failure)


if __name__ == "__main__":
    sys.exit(main())
