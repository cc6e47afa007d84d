"""SageMaker on this machine: a server that speaks SageMaker's wire protocols and really runs containers.

protocol         parse, validate and answer requests as botocore's service models describe them
operations       the registry of operations; further modules add theirs (training, labeling …)
store            resources, queued requests and undelivered messages in SQLite
models, endpoint_configs, endpoints, invocations, scaling_targets
                 the operations
labeling_jobs, workteams
                 labeling jobs as the API shows them, and the private work team of this machine
labeling_runs    what works labeling jobs off
workers          scripted workers who fill in the worker template
training_jobs, processing_jobs
                 jobs as the API shows them
training_runs, processing_runs
                 what runs a job's program by SageMaker's contract
job_runs         the queue of jobs: one at a time, found again after a crash
job_process      the program of a job, which outlives this process
job_storage      channels, archives and checkpoints between S3 and a job's folder
model_packages   Model Registry
searches         Search over training jobs and Model Registry
tags             tags of all of these
hosting          containers behind an endpoint and the threads that feed them
containers       one container process: start, ping, invoke, stop
model_data       model.tar.gz from S3 to a directory
outbox           SNS messages and EventBridge events that must not be lost
server           ASGI application and start-up
"""
