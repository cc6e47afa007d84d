"""Work teams: one private team, whose members are programs (see `workers`)."""

from drawops_local.credentials import ACCOUNT, REGION
from drawops_local.sagemaker.errors import validation
from drawops_local.sagemaker.operations import Runner, operation
from drawops_local.sagemaker.protocol import Parameters

TEAM = "local"
TEAM_ARN = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:workteam/private-crowd/{TEAM}"
ISSUER = f"https://cognito-idp.{REGION}.amazonaws.com/{REGION}_local0000"

_TEAM: Parameters = {
    "WorkteamName": TEAM,
    "WorkteamArn": TEAM_ARN,
    "WorkforceArn": f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:workforce/private-crowd/default",
    "Description": "Scripted workers of the local cloud",
    "MemberDefinitions": [
        {
            "CognitoMemberDefinition": {
                "UserPool": f"{REGION}_local0000",
                "UserGroup": TEAM,
                "ClientId": "local",
            }
        }
    ],
    "CreateDate": 1_762_939_000.0,
    "LastUpdatedDate": 1_762_939_000.0,
}


@operation("sagemaker", "DescribeWorkteam")
def describe_workteam(runner: Runner, request: Parameters) -> Parameters:
    """The one team."""
    if request["WorkteamName"] != TEAM:
        raise validation(f'Could not find work team "{request["WorkteamName"]}".')
    return {"Workteam": _TEAM}


@operation("sagemaker", "ListWorkteams")
def list_workteams(runner: Runner, request: Parameters) -> Parameters:
    """The one team, unless the name asked for is another."""
    return {"Workteams": [_TEAM] if request.get("NameContains", "").lower() in TEAM else []}
