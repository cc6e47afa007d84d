"""The learning loop: when to train, on what, with which jobs, and how a run ends."""
