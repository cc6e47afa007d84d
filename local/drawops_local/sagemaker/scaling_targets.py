"""Application Auto Scaling: targets and policies are accepted, checked and listed.

Nothing scales here: an endpoint has one container on this machine whatever the desired count is.
"""

import uuid

from drawops_local.credentials import ACCOUNT, REGION
from drawops_local.sagemaker.errors import ServiceError, validation
from drawops_local.sagemaker.operations import Runner, now, operation
from drawops_local.sagemaker.protocol import Parameters
from drawops_local.sagemaker.store import Document

_TARGET = "scalable-target"
_POLICY = "scaling-policy"
_SERVICE = "application-autoscaling"
_DIMENSION = "sagemaker:variant:DesiredInstanceCount"


@operation(_SERVICE, "RegisterScalableTarget")
def register_scalable_target(runner: Runner, request: Parameters) -> Parameters:
    """Add a target, or change the members given."""
    name = _target_name(request)
    known = runner.store.get(_TARGET, name)
    document: Document = known or {
        "ScalableTargetARN": f"arn:aws:{_SERVICE}:{REGION}:{ACCOUNT}:scalable-target/{uuid.uuid4().hex[:20]}",
        "CreationTime": now(),
        "RoleARN": f"arn:aws:iam::{ACCOUNT}:role/aws-service-role/"
        "sagemaker.application-autoscaling.amazonaws.com/"
        "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint",
    }
    document.update({key: value for key, value in request.items() if key != "Tags"})
    if known is None and not {"MinCapacity", "MaxCapacity"} <= document.keys():
        raise validation("MinCapacity and MaxCapacity are required for a new scalable target.")
    if document["MinCapacity"] > document["MaxCapacity"]:
        raise validation("Maximum capacity cannot be less than minimum capacity")
    _check_variant(runner, request)
    with runner.store.transaction():
        if not runner.store.add(_TARGET, name, document):
            runner.store.change(_TARGET, name, **document)
    return {"ScalableTargetARN": document["ScalableTargetARN"]}


@operation(_SERVICE, "DescribeScalableTargets")
def describe_scalable_targets(runner: Runner, request: Parameters) -> Parameters:
    """Targets of a service, all or by resource."""
    wanted = request.get("ResourceIds")
    targets = [
        target
        for target in runner.store.all(_TARGET)
        if target["ServiceNamespace"] == request["ServiceNamespace"]
        and (not wanted or target["ResourceId"] in wanted)
        and request.get("ScalableDimension", target["ScalableDimension"]) == target["ScalableDimension"]
    ]
    return {"ScalableTargets": targets}


@operation(_SERVICE, "DeregisterScalableTarget")
def deregister_scalable_target(runner: Runner, request: Parameters) -> Parameters:
    """Remove a target and its policies."""
    name = _target_name(request)
    if not runner.store.remove(_TARGET, name):
        raise _not_found(f"No scalable target registered for {request['ResourceId']}")
    for policy in runner.store.all(_POLICY):
        if _target_name(policy) == name:
            runner.store.remove(_POLICY, f"{name}/{policy['PolicyName']}")
    return {}


@operation(_SERVICE, "PutScalingPolicy")
def put_scaling_policy(runner: Runner, request: Parameters) -> Parameters:
    """Add or replace a policy of a registered target."""
    target = _target_name(request)
    if runner.store.get(_TARGET, target) is None:
        raise _not_found(f"No scalable target registered for {request['ResourceId']}")
    name = f"{target}/{request['PolicyName']}"
    known = runner.store.get(_POLICY, name)
    document: Document = known or {
        "PolicyARN": f"arn:aws:autoscaling:{REGION}:{ACCOUNT}:scalingPolicy:{uuid.uuid4()}:resource/"
        f"sagemaker/{request['ResourceId']}:policyName/{request['PolicyName']}",
        "CreationTime": now(),
    }
    document.update(request)
    with runner.store.transaction():
        if not runner.store.add(_POLICY, name, document):
            runner.store.change(_POLICY, name, **document)
    return {"PolicyARN": document["PolicyARN"], "Alarms": []}


@operation(_SERVICE, "DescribeScalingPolicies")
def describe_scaling_policies(runner: Runner, request: Parameters) -> Parameters:
    """Policies of a service, all or by name or resource."""
    names = request.get("PolicyNames")
    policies = [
        policy
        for policy in runner.store.all(_POLICY)
        if policy["ServiceNamespace"] == request["ServiceNamespace"]
        and (not names or policy["PolicyName"] in names)
        and request.get("ResourceId", policy["ResourceId"]) == policy["ResourceId"]
    ]
    return {"ScalingPolicies": policies}


@operation(_SERVICE, "DeleteScalingPolicy")
def delete_scaling_policy(runner: Runner, request: Parameters) -> Parameters:
    """Remove a policy."""
    if not runner.store.remove(_POLICY, f"{_target_name(request)}/{request['PolicyName']}"):
        raise _not_found(f"No scaling policy found for {request['ResourceId']} named {request['PolicyName']}")
    return {}


def _target_name(request: Document) -> str:
    return f"{request['ServiceNamespace']}/{request['ResourceId']}/{request['ScalableDimension']}"


def _check_variant(runner: Runner, request: Parameters) -> None:
    if request["ServiceNamespace"] != "sagemaker":
        return
    parts = request["ResourceId"].split("/")
    if len(parts) != 4 or (parts[0], parts[2]) != ("endpoint", "variant"):
        raise validation(
            f"Unsupported resource {request['ResourceId']!r}: expected endpoint/<name>/variant/<name>"
        )
    if request["ScalableDimension"] != _DIMENSION:
        raise validation(
            f"Unsupported scalable dimension {request['ScalableDimension']!r} for an endpoint variant"
        )
    if runner.store.get("endpoint", parts[1]) is None:
        raise validation(f"ECS service or SageMaker endpoint doesn't exist: {request['ResourceId']}")


def _not_found(message: str) -> ServiceError:
    return ServiceError("ObjectNotFoundException", message)
