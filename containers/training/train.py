#!/usr/bin/env python3
"""The training container's program: SageMaker runs it as `train` (see `drawops_training.job`)."""

import sys

from drawops_training.program import main

if __name__ == "__main__":
    sys.exit(main())
