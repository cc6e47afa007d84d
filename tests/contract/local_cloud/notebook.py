"""What a user's notebook does with the SageMaker Python SDK: train, judge, register, approve, deploy, ask.

Runs in the environment of local/requirements/sdk.txt: ``python notebook.py BUCKET OUT.json``.
"""

import json
import sys
from pathlib import Path

import boto3
import sagemaker
from sagemaker.async_inference import AsyncInferenceConfig, WaiterConfig
from sagemaker.deserializers import JSONDeserializer
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.model import ModelPackage
from sagemaker.predictor import Predictor
from sagemaker.predictor_async import AsyncPredictor
from sagemaker.processing import ProcessingInput, ProcessingOutput, Processor
from sagemaker.serializers import JSONSerializer

bucket = sys.argv[1]
image, role = "drawops-stand-in:local", "arn:aws:iam::000000000000:role/notebook"
session = sagemaker.Session(boto_session=boto3.Session(), default_bucket=bucket)
registry = boto3.client("sagemaker")

estimator = Estimator(
    image,
    role,
    instance_count=1,
    instance_type="ml.m5.large",
    output_path=f"s3://{bucket}/out",
    hyperparameters={"steps": 3},
    metric_definitions=[{"Name": "loss", "Regex": "loss=([0-9.]+)"}],
    base_job_name=bucket,
    max_run=600,
    use_spot_instances=True,
    max_wait=1200,
    checkpoint_s3_uri=f"s3://{bucket}/checkpoints",
    sagemaker_session=session,
)
estimator.fit({"dataset": TrainingInput(f"s3://{bucket}/pages/")}, logs=False)
trained = estimator.latest_training_job.describe()

processor = Processor(
    role, image, 1, "ml.m5.large", entrypoint=["gate"], base_job_name=bucket, sagemaker_session=session
)
processor.run(
    inputs=[ProcessingInput(estimator.model_data, "/opt/ml/processing/input/candidate", "candidate")],
    outputs=[ProcessingOutput("/opt/ml/processing/output/verdict", f"s3://{bucket}/gate", "verdict")],
    logs=False,
)

package = estimator.register(
    content_types=["application/json"],
    response_types=["application/json"],
    model_package_group_name=bucket,
    approval_status="PendingManualApproval",
    customer_metadata_properties={"metric.loss": "0.333"},
)
listed = registry.list_model_packages(ModelPackageGroupName=bucket)["ModelPackageSummaryList"]
found = ModelPackage(role, model_package_arn=listed[0]["ModelPackageArn"], sagemaker_session=session)
found.update_approval_status("Approved", approval_description="Reads better")
approved = registry.describe_model_package(ModelPackageName=found.model_package_arn)

found.deploy(
    1,
    "ml.m5.large",
    endpoint_name=bucket,
    async_inference_config=AsyncInferenceConfig(output_path=f"s3://{bucket}/answers"),
)
predictor = AsyncPredictor(
    Predictor(bucket, session, serializer=JSONSerializer(), deserializer=JSONDeserializer()), name=bucket
)
answer = predictor.predict_async(
    data={"text": "P-101"}, input_path=f"s3://{bucket}/questions/1.json"
).get_result(WaiterConfig(max_attempts=60, delay=1))
# Here a configuration stays as long as its endpoint.
predictor.delete_endpoint(delete_endpoint_config=False)

Path(sys.argv[2]).write_text(
    json.dumps(
        {
            "status": trained["TrainingJobStatus"],
            "loss": trained["FinalMetricDataList"][0]["Value"],
            "model_data": estimator.model_data,
            "exit_message": processor.latest_job.describe()["ExitMessage"],
            "versions": [version["ModelPackageVersion"] for version in listed],
            "registered": package.model_package_arn,
            "approval": approved["ModelApprovalStatus"],
            "description": approved["ApprovalDescription"],
            "metrics": approved["CustomerMetadataProperties"],
            "echo": answer["echo"],
            "model": answer["model"],
        }
    )
)
