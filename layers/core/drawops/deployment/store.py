"""The deployments' part of the models table.

    pk                       sk                        what
    ENDPOINT#<name>          SERVING                   what serves, and what served before
    ENDPOINT#<name>          LOCK                      the one deployment that may touch the endpoint
    ENDPOINT#<name>          DEPLOYMENT#<id>           a deployment and how it went
    APPROVAL#<package ARN>   TRANSITION                since when the package is approved, if it is

The attribute `state` of a deployment reads ``DEPLOYMENT#<state>``: the table's index holds other states, too.
"""

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError
from pydantic import ConfigDict

from drawops.contracts.deployment import CanaryReport, DeploymentRecord, Serving
from drawops.contracts.reading import Contract
from drawops.contracts.training import DeploymentRequest, DeploymentState
from drawops.dynamodb import deserialize, lost_the_race, now, serialize
from drawops.errors import Conflict

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_PREFIX = "DEPLOYMENT#"


class Lock(Contract):
    """Who may touch the endpoint."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    deployment_id: str
    artifact_sha256: str
    taken_at: str


class DeploymentStore:
    """Reads and writes what the models table keeps of one endpoint's deployments."""

    def __init__(self, client: "DynamoDBClient", table: str, endpoint: str) -> None:
        self._client = client
        self._table = table
        self.endpoint = endpoint

    # -- what serves --------------------------------------------------------------------------------

    def serving(self) -> Serving | None:
        """What serves; None before the first deployment."""
        found = self._get(self._key("SERVING"))
        return Serving.model_validate(found) if found else None

    # -- one at a time ------------------------------------------------------------------------------

    def lock(self) -> Lock | None:
        """Who holds the endpoint; None: nobody."""
        found = self._get(self._key("LOCK"))
        return Lock.model_validate(found) if found else None

    def take_lock(self, request: DeploymentRequest) -> bool:
        """Hold the endpoint for a deployment, once more when it holds it already; False: another does."""
        item = {
            **self._key("LOCK"),
            "deployment_id": request.deployment_id,
            "artifact_sha256": request.model.artifact_sha256,
            "taken_at": now(),
        }
        return self._put_if(item, "attribute_not_exists(pk) OR deployment_id = :id", request.deployment_id)

    def release_lock(self, deployment_id: str) -> None:
        """Let others at the endpoint, if this deployment holds it."""
        try:
            self._client.delete_item(
                TableName=self._table,
                Key=serialize(self._key("LOCK")),
                ConditionExpression="deployment_id = :id",
                ExpressionAttributeValues=serialize({":id": deployment_id}),
            )
        except ClientError as error:
            if not lost_the_race(error):
                raise

    # -- deployments --------------------------------------------------------------------------------

    def begin(self, request: DeploymentRequest) -> DeploymentRecord:
        """Make the deployment's record; one that is there already stays as it is."""
        started = now()
        record = DeploymentRecord(
            deployment_id=request.deployment_id,
            state=DeploymentState.STARTED,
            request=request,
            endpoint_name=self.endpoint,
            started_at=started,
            updated_at=started,
        )
        item = {**self._key(_PREFIX + request.deployment_id), **_plain(record)}
        if self._put_if(item, "attribute_not_exists(pk)"):
            return record
        known = self.deployment(request.deployment_id)
        assert known is not None  # records are never deleted
        return known

    def deployment(self, deployment_id: str) -> DeploymentRecord | None:
        """A deployment; None when unknown."""
        found = self._get(self._key(_PREFIX + deployment_id))
        return _record(found) if found else None

    def deployments(self) -> list[DeploymentRecord]:
        """All deployments of the endpoint, the last one begun first."""
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="pk = :pk AND begins_with(sk, :sk)",
            ExpressionAttributeValues=serialize({":pk": f"ENDPOINT#{self.endpoint}", ":sk": _PREFIX}),
            ConsistentRead=True,
        )
        found = [_record(deserialize(item)) for page in pages for item in page["Items"]]
        return sorted(found, key=lambda record: record.started_at, reverse=True)

    def change(self, deployment_id: str, state: DeploymentState, **values: str | CanaryReport | None) -> None:
        """Say where a deployment is.

        Raises:
            Conflict: it has ended, or is unknown.
        """
        update = self._change(deployment_id, state, values)
        try:
            self._client.update_item(**update)
        except ClientError as error:
            if lost_the_race(error):
                raise Conflict(f"Deployment {deployment_id} has ended.") from error
            raise

    def conclude(self, serving: Serving) -> bool:
        """Write what serves, end its deployment and free the endpoint, all or nothing.

        Returns:
            False when the deployment has ended otherwise or lost the endpoint.
        """
        update = self._change(
            serving.deployment_id,
            DeploymentState.DEPLOYED,
            {"endpoint_config_name": serving.endpoint_config_name},
        )
        items: list[dict[str, Any]] = [
            {
                "Put": {
                    "TableName": self._table,
                    "Item": serialize({**self._key("SERVING"), **serving.model_dump(mode="json")}),
                }
            },
            {"Update": update},
            {
                "Delete": {
                    "TableName": self._table,
                    "Key": serialize(self._key("LOCK")),
                    "ConditionExpression": "deployment_id = :id",
                    "ExpressionAttributeValues": serialize({":id": serving.deployment_id}),
                }
            },
        ]
        try:
            self._client.transact_write_items(TransactItems=items)  # type: ignore[arg-type]
        except ClientError as error:
            reasons = {reason.get("Code") for reason in error.response.get("CancellationReasons", [])}
            if "ConditionalCheckFailed" in reasons:
                return False
            raise
        return True

    # -- approvals ----------------------------------------------------------------------------------

    def approved_since(self, package_arn: str, moment: str) -> str:
        """Remember that a package is approved now; returns since when it is, whoever noticed first."""
        key = _approval_key(package_arn)
        if self._put_if({**key, "since": moment}, "attribute_not_exists(pk)"):
            return moment
        return str((self._get(key) or {"since": moment})["since"])

    def forget_approval(self, package_arn: str) -> None:
        """The package is not approved any more: the next approval is another one."""
        self._client.delete_item(TableName=self._table, Key=serialize(_approval_key(package_arn)))

    # -- inside -------------------------------------------------------------------------------------

    def _key(self, sk: str) -> dict[str, str]:
        return {"pk": f"ENDPOINT#{self.endpoint}", "sk": sk}

    def _get(self, key: dict[str, str]) -> dict[str, Any] | None:
        found = self._client.get_item(TableName=self._table, Key=serialize(key), ConsistentRead=True).get(
            "Item"
        )
        return deserialize(found) if found else None

    def _put_if(self, item: dict[str, Any], condition: str, deployment_id: str | None = None) -> bool:
        values = {"ExpressionAttributeValues": serialize({":id": deployment_id})} if deployment_id else {}
        try:
            self._client.put_item(
                TableName=self._table,
                Item=serialize(item),
                ConditionExpression=condition,
                **values,  # type: ignore[arg-type]
            )
        except ClientError as error:
            if lost_the_race(error):
                return False
            raise
        return True

    def _change(
        self, deployment_id: str, state: DeploymentState, values: dict[str, str | CanaryReport | None]
    ) -> Any:  # noqa: ANN401 - the same for UpdateItem and for a transaction
        given = {
            name: value.model_dump() if isinstance(value, CanaryReport) else value
            for name, value in values.items()
            if value is not None
        }
        changes = {**given, "state": _PREFIX + state.value, "updated_at": now()}
        open_states = (DeploymentState.STARTED, DeploymentState.CANARY, DeploymentState.UPDATING)
        expected = {f":open{number}": _PREFIX + each.value for number, each in enumerate(open_states)}
        return {
            "TableName": self._table,
            "Key": serialize(self._key(_PREFIX + deployment_id)),
            "UpdateExpression": "SET " + ", ".join(f"#{name} = :{name}" for name in changes),
            "ConditionExpression": f"#state IN ({', '.join(expected)})",
            "ExpressionAttributeNames": {f"#{name}": name for name in changes},
            "ExpressionAttributeValues": serialize(
                {**{f":{name}": value for name, value in changes.items()}, **expected}
            ),
        }


def _approval_key(package_arn: str) -> dict[str, str]:
    return {"pk": f"APPROVAL#{package_arn}", "sk": "TRANSITION"}


def _plain(record: DeploymentRecord) -> dict[str, Any]:
    return {**record.model_dump(mode="json"), "state": _PREFIX + record.state.value}


def _record(item: dict[str, Any]) -> DeploymentRecord:
    return DeploymentRecord.model_validate({**item, "state": str(item["state"]).removeprefix(_PREFIX)})
