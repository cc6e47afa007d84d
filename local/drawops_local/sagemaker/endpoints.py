"""Endpoints: their life as the API shows it. The containers behind them are `hosting`'s.

Deployment guardrails of UpdateEndpoint: traffic always shifts all at once, because requests of an
asynchronous endpoint wait in one queue; canary and linear policies are checked, kept and shown. While the
old fleet waits to be terminated (TerminationWaitInSeconds), an alarm of AutoRollbackConfiguration brings it
back.
"""

from drawops_local.sagemaker import endpoint_configs, models
from drawops_local.sagemaker.errors import unsupported, validation
from drawops_local.sagemaker.operations import Runner, arn, create, list_page, now, operation, require
from drawops_local.sagemaker.protocol import Parameters
from drawops_local.sagemaker.store import Document

KIND = "endpoint"
_BUSY = ("Creating", "Updating", "RollingBack", "SystemUpdating", "Deleting")


@operation("sagemaker", "CreateEndpoint")
def create_endpoint(runner: Runner, request: Parameters) -> Parameters:
    """Store the endpoint and start its container; the answer comes before that is ready."""
    name, config = request["EndpointName"], request["EndpointConfigName"]
    require(runner, endpoint_configs.KIND, config, noun="endpoint configuration")
    created = now()
    document: Document = {
        "EndpointName": name,
        "EndpointConfigName": config,
        "EndpointStatus": "Creating",
        "CreationTime": created,
        "LastModifiedTime": created,
        "Tags": request.get("Tags", []),
    }
    with runner.store.transaction():
        create(runner, KIND, name, document, noun="endpoint")
        runner.hosting.announce(name)
    runner.hosting.deploy(name)
    return {"EndpointArn": arn(KIND, name)}


@operation("sagemaker", "UpdateEndpoint")
def update_endpoint(runner: Runner, request: Parameters) -> Parameters:
    """Start the new configuration beside the old one; switch when it is ready."""
    name, config = request["EndpointName"], request["EndpointConfigName"]
    with runner.store.transaction():
        document = require(runner, KIND, name, noun="endpoint")
        if document["EndpointStatus"] in _BUSY:
            raise validation(f'Cannot update in-progress endpoint "{arn(KIND, name)}".')
        if document["EndpointStatus"] == "Failed":
            raise validation(
                f'Cannot update failed endpoint "{arn(KIND, name)}"; delete it and create it again.'
            )
        wanted = require(runner, endpoint_configs.KIND, config, noun="endpoint configuration")
        deployment = request.get("DeploymentConfig")
        if deployment is None and request.get("RetainDeploymentConfig"):
            deployment = document.get("LastDeploymentConfig")
        if deployment is not None:
            before = runner.store.get(endpoint_configs.KIND, document["EndpointConfigName"]) or wanted
            _check_deployment(deployment, before, wanted)
        runner.store.change(
            KIND,
            name,
            EndpointStatus="Updating",
            PendingConfigName=config,
            PendingDeploymentConfig=deployment,
            FailureReason=None,
            LastModifiedTime=now(),
        )
        runner.hosting.announce(name)
    runner.hosting.deploy(name)
    return {"EndpointArn": arn(KIND, name)}


@operation("sagemaker", "DeleteEndpoint")
def delete_endpoint(runner: Runner, request: Parameters) -> Parameters:
    """Stop the container; requests that wait end as failed."""
    name = request["EndpointName"]
    with runner.store.transaction():
        document = require(runner, KIND, name, noun="endpoint")
        if document["EndpointStatus"] in _BUSY and document["EndpointStatus"] != "Creating":
            raise validation(f'Cannot update in-progress endpoint "{arn(KIND, name)}".')
        runner.store.change(KIND, name, EndpointStatus="Deleting", LastModifiedTime=now())
        runner.hosting.announce(name)
    runner.hosting.delete(name)
    return {}


@operation("sagemaker", "DescribeEndpoint")
def describe_endpoint(runner: Runner, request: Parameters) -> Parameters:
    """Status, configuration and variants of an endpoint."""
    return description(runner, require(runner, KIND, request["EndpointName"], noun="endpoint"))


@operation("sagemaker", "ListEndpoints")
def list_endpoints(runner: Runner, request: Parameters) -> Parameters:
    """Endpoints by name, age or status."""
    return list_page(
        runner.store.all(KIND), request, name="EndpointName", summary=_summary, member="Endpoints"
    )


def description(runner: Runner, document: Document) -> Parameters:
    """What DescribeEndpoint says about a stored endpoint."""
    name = document["EndpointName"]
    config = runner.store.get(endpoint_configs.KIND, document["EndpointConfigName"]) or {}
    answer: Parameters = {
        "EndpointName": name,
        "EndpointArn": arn(KIND, name),
        "EndpointConfigName": document["EndpointConfigName"],
        "EndpointStatus": document["EndpointStatus"],
        "CreationTime": document["CreationTime"],
        "LastModifiedTime": document["LastModifiedTime"],
    }
    if document.get("FailureReason"):
        answer["FailureReason"] = document["FailureReason"]
    if "LastDeploymentConfig" in document:
        answer["LastDeploymentConfig"] = document["LastDeploymentConfig"]
    if "AsyncInferenceConfig" in config:
        answer["AsyncInferenceConfig"] = config["AsyncInferenceConfig"]
    if document["EndpointStatus"] not in ("Creating", "Failed"):
        answer["ProductionVariants"] = [
            _variant(runner, variant) for variant in config.get("ProductionVariants", [])
        ]
    return answer


def _check_deployment(deployment: Document, before: Document, wanted: Document) -> None:
    if "RollingUpdatePolicy" in deployment:
        raise unsupported("rolling updates (RollingUpdatePolicy) are not done here: there is one instance")
    routing = deployment.get("BlueGreenUpdatePolicy", {}).get("TrafficRoutingConfiguration", {})
    for kind, member in (("CANARY", "CanarySize"), ("LINEAR", "LinearStepSize")):
        if (routing.get("Type") == kind) != (member in routing):
            raise validation(f"TrafficRoutingConfiguration: {member} belongs to type {kind} and to no other.")
    names = [
        [variant["VariantName"] for variant in config["ProductionVariants"]] for config in (before, wanted)
    ]
    if names[0] != names[1]:
        raise validation(
            "A blue/green deployment with DeploymentConfig needs the same variant names in both endpoint "
            f"configurations: {names[0]} and {names[1]}."
        )


def _variant(runner: Runner, variant: Document) -> Parameters:
    model = runner.store.get(models.KIND, variant["ModelName"])
    image = models.container_of(model).get("Image", "") if model else ""
    weight, count = variant.get("InitialVariantWeight", 1.0), variant["InitialInstanceCount"]
    return {
        "VariantName": variant["VariantName"],
        "DeployedImages": [{"SpecifiedImage": image, "ResolvedImage": image}] if image else [],
        "CurrentWeight": weight,
        "DesiredWeight": weight,
        "CurrentInstanceCount": count,
        "DesiredInstanceCount": count,
    }


def _summary(document: Document) -> Parameters:
    name = document["EndpointName"]
    return {
        "EndpointName": name,
        "EndpointArn": arn(KIND, name),
        "CreationTime": document["CreationTime"],
        "LastModifiedTime": document["LastModifiedTime"],
        "EndpointStatus": document["EndpointStatus"],
    }
