"""The local cloud: the same template that goes to AWS, on one machine.

environments   isolated Python environments from hash-pinned lock files
images         "container images": one environment for each containers/<name>
ministack      launcher of MiniStack (S3, Step Functions, Lambda …), runs in its own environment
sagemaker      our SageMaker: models, endpoints, asynchronous inference, as a server
cloud          starts, watches and stops the two servers; deploys the template
"""
