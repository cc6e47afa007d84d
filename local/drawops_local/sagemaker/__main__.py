"""``python -m drawops_local.sagemaker``."""

from drawops_local.sagemaker.server import main

main()
