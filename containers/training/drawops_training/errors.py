"""The one error of this package."""


class TrainingFailed(Exception):
    """A training cannot go on; the message is one sentence that tells a person what to do.

    It becomes the job's failure reason, of which SageMaker keeps 1,024 characters.
    """
