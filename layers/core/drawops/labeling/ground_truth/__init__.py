"""SageMaker Ground Truth as a labeling backend: its workers get the same areas, their answers the same tasks.

forms             the worker's form: what it shows, and reading what comes back
places            between page, area and the picture that a worker saw
manifests         input and output manifests
job               labeling jobs: which tasks, which request
pre_annotation    Lambda before a worker sees an area
post_annotation   Lambda after all workers answered some areas
collection        answers of a job that has ended -> submissions of tasks
"""
