"""Scale the asynchronous endpoint to zero when idle, and wake it when work arrives.

Target tracking on the backlog alone never leaves zero: with no instance there is no backlog *per instance*.
A step policy on `HasBacklogWithoutCapacity` adds the first one. Source: Amazon SageMaker Developer Guide,
"Autoscale an asynchronous endpoint".
"""

from typing import TYPE_CHECKING

from pydantic import BaseModel, Field

from drawops.deployment.endpoint import VARIANT

if TYPE_CHECKING:
    from mypy_boto3_application_autoscaling import ApplicationAutoScalingClient
    from mypy_boto3_application_autoscaling.literals import ScalableDimensionType, ServiceNamespaceType
    from mypy_boto3_application_autoscaling.type_defs import (
        TargetTrackingScalingPolicyConfigurationTypeDef,
    )
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_cloudwatch.type_defs import DimensionTypeDef

_NAMESPACE: "ServiceNamespaceType" = "sagemaker"
_DIMENSION: "ScalableDimensionType" = "sagemaker:variant:DesiredInstanceCount"


class ScalingSettings(BaseModel):
    """Bounds of the endpoint; field names in capitals are environment variables."""

    endpoint_name: str
    minimum_instances: int = Field(default=0, ge=0)
    maximum_instances: int = Field(default=2, ge=1)
    backlog_per_instance: float = Field(default=5, gt=0, description="Queued drawings per instance.")
    idle_seconds: int = Field(default=600, ge=60, description="Idle time before an instance is taken away.")


def scale(
    *,
    autoscaling: "ApplicationAutoScalingClient",
    cloudwatch: "CloudWatchClient",
    settings: ScalingSettings,
) -> str:
    """Register the endpoint's variant as a scalable target with both policies; safe to repeat.

    Returns:
        The name of the wake-from-zero alarm.
    """
    resource = f"endpoint/{settings.endpoint_name}/variant/{VARIANT}"
    dimensions: list[DimensionTypeDef] = [{"Name": "EndpointName", "Value": settings.endpoint_name}]
    tracking: TargetTrackingScalingPolicyConfigurationTypeDef = {
        "TargetValue": settings.backlog_per_instance,
        "CustomizedMetricSpecification": {
            "MetricName": "ApproximateBacklogSizePerInstance",
            "Namespace": "AWS/SageMaker",
            "Dimensions": [{"Name": "EndpointName", "Value": settings.endpoint_name}],
            "Statistic": "Average",
        },
        "ScaleInCooldown": settings.idle_seconds,
        "ScaleOutCooldown": 120,
    }
    autoscaling.register_scalable_target(
        ServiceNamespace=_NAMESPACE,
        ResourceId=resource,
        ScalableDimension=_DIMENSION,
        MinCapacity=settings.minimum_instances,
        MaxCapacity=settings.maximum_instances,
    )
    autoscaling.put_scaling_policy(
        PolicyName=f"{settings.endpoint_name}-backlog",
        ServiceNamespace=_NAMESPACE,
        ResourceId=resource,
        ScalableDimension=_DIMENSION,
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration=tracking,
    )
    wake = autoscaling.put_scaling_policy(
        PolicyName=f"{settings.endpoint_name}-wake-from-zero",
        ServiceNamespace=_NAMESPACE,
        ResourceId=resource,
        ScalableDimension=_DIMENSION,
        PolicyType="StepScaling",
        StepScalingPolicyConfiguration={
            "AdjustmentType": "ChangeInCapacity",
            "MetricAggregationType": "Average",
            "Cooldown": 300,
            "StepAdjustments": [{"MetricIntervalLowerBound": 0, "ScalingAdjustment": 1}],
        },
    )
    alarm = f"{settings.endpoint_name}-wake-from-zero"
    cloudwatch.put_metric_alarm(
        AlarmName=alarm,
        AlarmDescription="Drawings wait and no instance runs: start one.",
        MetricName="HasBacklogWithoutCapacity",
        Namespace="AWS/SageMaker",
        Dimensions=dimensions,
        Statistic="Average",
        Period=60,
        EvaluationPeriods=1,
        DatapointsToAlarm=1,
        Threshold=1,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
        TreatMissingData="missing",
        AlarmActions=[wake["PolicyARN"]],
    )
    return alarm
