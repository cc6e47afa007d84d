#!/usr/bin/env python3
"""What SageMaker runs as `train`: fine-tune the approved model on a dataset version.

Input, output and settings: docs/training.md. Exit code 0 with a model in <root>/model; 1 with a reason in
<root>/output/failure; 143 after SIGTERM, with everything in the checkpoint.
"""

import os
import sys

from drawops_training import job, workers

if __name__ == "__main__":
    command = workers.command_for_all_gpus(os.path.abspath(__file__))
    if command is not None:
        os.execv(command[0], command)
    sys.exit(job.main())
