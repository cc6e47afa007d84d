"""Everything a template of this project may hold is created, and does what it says."""

import json
from pathlib import Path

import pytest
from drawops_local.cloud import Cloud

from tests.contract.local_cloud.conftest import Eventually, Make, zipped

TEMPLATE = """
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
Parameters:
  Artifacts: {Type: String}
Resources:
  Raw:
    Type: AWS::S3::Bucket
    Properties:
      BucketName: !Sub "${AWS::StackName}-raw"
      BucketEncryption:
        ServerSideEncryptionConfiguration:
          - ServerSideEncryptionByDefault: {SSEAlgorithm: AES256}
      PublicAccessBlockConfiguration:
        {BlockPublicAcls: true, BlockPublicPolicy: true, IgnorePublicAcls: true, RestrictPublicBuckets: true}
      VersioningConfiguration: {Status: Enabled}
      NotificationConfiguration: {EventBridgeConfiguration: {EventBridgeEnabled: true}}
      LifecycleConfiguration:
        Rules: [{Id: tidy, Status: Enabled, AbortIncompleteMultipartUpload: {DaysAfterInitiation: 7}}]
  Catalog:
    Type: AWS::DynamoDB::Table
    Properties:
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{AttributeName: pk, AttributeType: S}, {AttributeName: status, AttributeType: S}]
      KeySchema: [{AttributeName: pk, KeyType: HASH}]
      GlobalSecondaryIndexes:
        - IndexName: by_status
          KeySchema: [{AttributeName: status, KeyType: HASH}]
          Projection: {ProjectionType: ALL}
      TimeToLiveSpecification: {AttributeName: expires_at, Enabled: true}
  Dead: {Type: AWS::SQS::Queue}
  Uploads:
    Type: AWS::SQS::Queue
    Properties:
      VisibilityTimeout: 60
      RedrivePolicy: {deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 3}
  UploadsPolicy:
    Type: AWS::SQS::QueuePolicy
    Properties:
      Queues: [!Ref Uploads]
      PolicyDocument:
        Version: "2012-10-17"
        Statement:
          - Effect: Allow
            Principal: {Service: events.amazonaws.com}
            Action: sqs:SendMessage
            Resource: !GetAtt Uploads.Arn
  UploadRule:
    Type: AWS::Events::Rule
    Properties:
      EventPattern: {source: [aws.s3], detail-type: [Object Created], detail: {bucket: {name: [!Ref Raw]}}}
      Targets: [{Id: queue, Arn: !GetAtt Uploads.Arn}]
  Topic: {Type: AWS::SNS::Topic}
  TopicPolicy:
    Type: AWS::SNS::TopicPolicy
    Properties:
      Topics: [!Ref Topic]
      PolicyDocument:
        Version: "2012-10-17"
        Statement:
          - Effect: Allow
            Principal: {Service: sagemaker.amazonaws.com}
            Action: sns:Publish
            Resource: !Ref Topic
  Done: {Type: AWS::SQS::Queue, Properties: {QueueName: !Sub "${AWS::StackName}-done"}}
  Subscription:
    Type: AWS::SNS::Subscription
    Properties: {TopicArn: !Ref Topic, Protocol: sqs, Endpoint: !GetAtt Done.Arn, RawMessageDelivery: true}
  Logs:
    Type: AWS::Logs::LogGroup
    Properties: {LogGroupName: !Sub "/t/${AWS::StackName}", RetentionInDays: 7}
  Alarm:
    Type: AWS::CloudWatch::Alarm
    Properties:
      Namespace: AWS/SQS
      MetricName: ApproximateNumberOfMessagesVisible
      Dimensions: [{Name: QueueName, Value: !GetAtt Dead.QueueName}]
      Statistic: Maximum
      Period: 60
      EvaluationPeriods: 1
      Threshold: 0
      ComparisonOperator: GreaterThanThreshold
      AlarmActions: [!Ref Topic]
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Version: "2012-10-17"
        Statement: [{Effect: Allow, Principal: {Service: sagemaker.amazonaws.com}, Action: sts:AssumeRole}]
  Layer:
    Type: AWS::Serverless::LayerVersion
    Properties: {ContentUri: {Bucket: !Ref Artifacts, Key: layer.zip}, CompatibleRuntimes: [python3.13]}
  StartFunction:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.13
      Handler: handler.handler
      CodeUri: {Bucket: !Ref Artifacts, Key: start.zip}
      Layers: [!Ref Layer]
      LoggingConfig: {LogGroup: !Ref Logs, LogFormat: JSON}
      Environment: {Variables: {MACHINE: !Ref Machine}}
      Events:
        Uploads:
          Type: SQS
          Properties:
            Queue: !GetAtt Uploads.Arn
            BatchSize: 10
            FunctionResponseTypes: [ReportBatchItemFailures]
            ScalingConfig: {MaximumConcurrency: 2}
  TellFunction:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.13
      Handler: handler.handler
      CodeUri: {Bucket: !Ref Artifacts, Key: tell.zip}
      Environment: {Variables: {TOPIC: !Ref Topic}}
      Events:
        Page:
          Type: HttpApi
          Properties: {Path: "/drawings/{id}", Method: get, ApiId: !Ref Api}
  Api: {Type: AWS::Serverless::HttpApi}
  Machine:
    Type: AWS::Serverless::StateMachine
    Properties:
      DefinitionUri: {Bucket: !Ref Artifacts, Key: machine.asl.yaml}
      DefinitionSubstitutions: {TellArn: !GetAtt TellFunction.Arn, Seconds: 30}
      Events:
        Ready:
          Type: EventBridgeRule
          Properties: {Pattern: {source: [!Sub "drawops.${AWS::StackName}"]}}
Outputs:
  Api: {Value: !Ref Api}
  Machine: {Value: !Ref Machine}
"""
MACHINE = """
# A comment: this is YAML.
QueryLanguage: JSONata
StartAt: Tell
States:
  Tell:
    Type: Task
    Resource: arn:aws:states:::lambda:invoke
    Arguments:
      FunctionName: ${TellArn}
      Payload: "{% $states.input %}"
    TimeoutSeconds: "{% ${Seconds} %}"
    End: true
"""
START = """
import boto3, json, os
import shared

def handler(event, context):
    client = boto3.client("stepfunctions")
    for record in event["Records"]:
        detail = json.loads(record["body"])["detail"]
        given = json.dumps({"key": detail["object"]["key"]})
        client.start_execution(stateMachineArn=os.environ["MACHINE"], input=given)
    return {"batchItemFailures": []}
"""
TELL = """
import boto3, json, os

def handler(event, context):
    if "rawPath" in event:
        return {"statusCode": 200, "body": json.dumps({"id": event["pathParameters"]["id"]})}
    boto3.client("sns").publish(TopicArn=os.environ["TOPIC"], Message=event.get("key", "event"))
    return event
"""


@pytest.fixture(scope="module")
def stack(cloud: Cloud) -> dict[str, str]:

    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="template-artifacts")
    artifacts = {
        "layer.zip": zipped({"python/shared.py": ""}),
        "start.zip": zipped({"handler.py": START}),
        "tell.zip": zipped({"handler.py": TELL}),
        "machine.asl.yaml": MACHINE.encode(),
    }
    for key, body in artifacts.items():
        s3.put_object(Bucket="template-artifacts", Key=key, Body=body)
    formation = cloud.client("cloudformation")
    formation.create_stack(
        StackName="template-test",
        TemplateBody=TEMPLATE,
        Parameters=[{"ParameterKey": "Artifacts", "ParameterValue": "template-artifacts"}],
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
    )
    formation.get_waiter("stack_create_complete").wait(StackName="template-test", WaiterConfig={"Delay": 1})
    outputs = formation.describe_stacks(StackName="template-test")["Stacks"][0]["Outputs"]
    return {each["OutputKey"]: each["OutputValue"] for each in outputs}


def test_an_upload_goes_all_the_way_through_a_deployed_template(stack: dict[str, str], make: Make) -> None:
    s3, sqs = make.cloud.client("s3"), make.cloud.client("sqs")
    s3.put_object(Bucket="template-test-raw", Key="图纸 1.png", Body=b"x")
    assert make.receive(sqs.get_queue_url(QueueName="template-test-done")["QueueUrl"]) == "图纸 1.png"


def test_an_event_starts_a_state_machine_of_the_template(stack: dict[str, str], make: Make) -> None:
    entry = {"Source": "drawops.template-test", "DetailType": "Ready", "Detail": "{}"}
    make.cloud.client("events").put_events(Entries=[entry])
    url = make.cloud.client("sqs").get_queue_url(QueueName="template-test-done")["QueueUrl"]
    assert make.receive(url) == "event"


def test_the_resources_have_the_properties_of_the_template(stack: dict[str, str], cloud: Cloud) -> None:
    s3 = cloud.client("s3")
    assert s3.get_bucket_versioning(Bucket="template-test-raw")["Status"] == "Enabled"
    rules = s3.get_bucket_encryption(Bucket="template-test-raw")["ServerSideEncryptionConfiguration"]["Rules"]
    assert rules[0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    block = s3.get_public_access_block(Bucket="template-test-raw")["PublicAccessBlockConfiguration"]
    assert set(block.values()) == {True}
    alarms = cloud.client("cloudwatch").describe_alarms()["MetricAlarms"]
    assert "ApproximateNumberOfMessagesVisible" in [alarm["MetricName"] for alarm in alarms]
    groups = cloud.client("logs").describe_log_groups(logGroupNamePrefix="/t/template-test")["logGroups"]
    assert groups[0]["retentionInDays"] == 7
    mappings = cloud.client("lambda").list_event_source_mappings()["EventSourceMappings"]
    assert {"MaximumConcurrency": 2} in [mapping.get("ScalingConfig") for mapping in mappings]


def test_routes_of_an_http_api_reach_their_function(stack: dict[str, str], cloud: Cloud) -> None:
    import urllib.request

    url = f"{cloud.endpoint}/_aws/execute-api/{stack['Api']}/$default/drawings/d-1"
    with urllib.request.urlopen(url) as response:
        assert json.load(response) == {"id": "d-1"}


def test_a_scheduled_rule_calls_its_function_with_its_input(clock: Path, eventually: Eventually) -> None:
    eventually(clock.exists, 80)
    assert json.loads(clock.read_text().splitlines()[0]) == {"sweep": False}
