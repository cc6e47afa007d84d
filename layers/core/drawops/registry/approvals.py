"""Decisions on model packages: who, when, why; of two at once one wins.

    pk              sk                 what
    PACKAGE#<arn>   DECISION           the decision that counts
    PACKAGE#<arn>   DECISION#<time>    every decision there was

The record is written before SageMaker is told. Should a process die in between, whoever comes next (a second
decision, the same again) finds the record and tells SageMaker.
"""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from botocore.exceptions import ClientError

from drawops.contracts.events import ModelPackageStateChange
from drawops.contracts.training import ApprovalRecord, Decision
from drawops.dynamodb import deserialize, lost_the_race, moment, serialize
from drawops.errors import Conflict, InvalidResult, Misconfigured
from drawops.registry.packages import APPROVED, PENDING, Package, describe, packages

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_sagemaker import SageMakerClient

Channel = Literal["command", "link", "sagemaker", "baseline"]
_DESCRIPTION = 1024
_SOMEBODY = "somebody with the SageMaker permission"


class Approvals:
    """Decides on the packages of one group and remembers who did.

    Args:
        table: the models table.
        group: name of the model package group.
    """

    def __init__(
        self, dynamodb: "DynamoDBClient", table: str, sagemaker: "SageMakerClient", group: str
    ) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._sagemaker = sagemaker
        self._group = group

    def package(self, number: int) -> Package:
        """A version by its number.

        Raises:
            Misconfigured: there is none.
        """
        for found in packages(self._group, sagemaker=self._sagemaker):
            if found.number == number:
                return found
        raise Misconfigured(f"There is no version {number}; `drawops models list` shows those there are.")

    def obstacle(self, number: int) -> str | None:
        """Why a version cannot be approved any more, with the fix; None: it can."""
        known = packages(self._group, sagemaker=self._sagemaker)
        package = self.package(number)
        newest = next((each for each in known if each.approval == APPROVED and each.arn != package.arn), None)
        if newest is None or package.approval == APPROVED:
            return None
        if newest.number > package.number:
            return (
                f"Version {number} is superseded: version {newest.number} ({newest.model.version}) is "
                "approved. To go back to an earlier one use `drawops models rollback`."
            )
        if package.parent_version not in (None, newest.model.version):
            return (
                f"Version {number} was trained from {package.parent_version} and compared with that, but "
                f"version {newest.number} ({newest.model.version}) has been approved since. Train again from "
                "it: `drawops train --force`."
            )
        return None

    def decide(
        self, number: int, decision: Decision, *, by: str, reason: str, channel: Channel
    ) -> ApprovalRecord:
        """Approve or reject a version that waits. The same decision by the same person again changes nothing.

        Raises:
            Misconfigured: there is no such version.
            Conflict: somebody decided before (says who), or the version is superseded.
        """
        package = self.package(number)
        if (known := self.recorded(package.arn)) is not None:
            return self._again(package, known, decision, by)
        if package.approval != PENDING:
            raise Conflict(f"Version {number} is {package.approval} already.")
        if decision is Decision.APPROVED and (reason_against := self.obstacle(number)):
            raise Conflict(reason_against)
        record = ApprovalRecord(
            package_arn=package.arn,
            decision=decision,
            by=by[:200],
            reason=reason[:1000],
            at=datetime.now(UTC),
            channel=channel,
        )
        if not self._put(record, instead_of=None):
            known = self.recorded(package.arn)
            if known is None:
                raise Conflict(f"Somebody else decided on version {number} at the same moment.")
            return self._again(package, known, decision, by)
        self._tell(package, record)
        return record

    def withdraw(self, number: int, *, by: str, reason: str, channel: Channel) -> ApprovalRecord:
        """Take an approval back, of a version that was rolled back: runs then start from what serves.

        Raises:
            Misconfigured: there is no such version.
            Conflict: it is not approved, or somebody decided at the same moment.
        """
        package = self.package(number)
        if package.approval != APPROVED:
            raise Conflict(f"Version {number} is {package.approval}; there is no approval to take back.")
        record = ApprovalRecord(
            package_arn=package.arn,
            decision=Decision.REJECTED,
            by=by[:200],
            reason=reason[:1000],
            at=datetime.now(UTC),
            channel=channel,
        )
        if not self._put(record, instead_of=self.recorded(package.arn)):
            raise Conflict(f"Somebody else decided on version {number} at the same moment; look again.")
        self._tell(package, record)
        return record

    def record(self, record: ApprovalRecord) -> bool:
        """Note a decision that was made in SageMaker itself (`UpdateModelPackage`, the Studio).

        Returns:
            False when it is the one that is recorded already: one of ours, or a repeated event.
        """
        known = self.recorded(record.package_arn)
        if known is not None and known.decision is record.decision:
            return False
        return self._put(record, instead_of=known)

    def note(self, event: ModelPackageStateChange) -> bool:
        """Record a decision that an event tells of, unless it is known.

        Returns:
            False when there is nothing to record: no decision, one of ours, somebody else's package.
        """
        try:
            package = describe(event.detail.arn, sagemaker=self._sagemaker)
        except InvalidResult:
            return False
        if package.approval not in list(Decision):
            return False
        return self.record(
            ApprovalRecord(
                package_arn=package.arn,
                decision=Decision(package.approval),
                by=(package.changed_by or _SOMEBODY)[:200],
                reason=package.approval_description[:1000],
                at=package.changed_at,
                channel="sagemaker",
            )
        )

    def recorded(self, package_arn: str) -> ApprovalRecord | None:
        """The decision on a package that counts; None: nobody has decided."""
        found = self._dynamodb.get_item(
            TableName=self._table, Key=serialize(_key(package_arn, "DECISION")), ConsistentRead=True
        ).get("Item")
        return ApprovalRecord.model_validate_json(deserialize(found)["record"]) if found else None

    def _again(self, package: Package, known: ApprovalRecord, decision: Decision, by: str) -> ApprovalRecord:
        if package.approval == PENDING:
            self._tell(package, known)  # whoever recorded it died before SageMaker knew
        if (known.decision, known.by) == (decision, by):
            return known
        raise Conflict(
            f"{known.by} has {known.decision.value.lower()} version {package.number} already, "
            f"{known.at:%Y-%m-%d %H:%M} UTC" + (f": {known.reason}" if known.reason else ".")
        )

    def _tell(self, package: Package, record: ApprovalRecord) -> None:
        said = f"{record.by} by {record.channel}, {record.at:%Y-%m-%d %H:%M} UTC"
        reason = " ".join(record.reason.split())  # SageMaker takes one line
        self._sagemaker.update_model_package(
            ModelPackageArn=package.arn,
            ModelApprovalStatus=record.decision.value,
            ApprovalDescription=(f"{said}: {reason}" if reason else said)[:_DESCRIPTION],
        )

    def _put(self, record: ApprovalRecord, *, instead_of: ApprovalRecord | None) -> bool:
        """Make a decision the one that counts, unless another than `instead_of` counts by now."""
        item = {
            **_key(record.package_arn, "DECISION"),
            "record": record.model_dump_json(),
            "updated_at": moment(record.at),
        }
        condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(pk)"}
        if instead_of is not None:
            condition = {
                "ConditionExpression": "#record = :known",
                "ExpressionAttributeNames": {"#record": "record"},
                "ExpressionAttributeValues": serialize({":known": instead_of.model_dump_json()}),
            }
        try:
            self._dynamodb.put_item(TableName=self._table, Item=serialize(item), **condition)
        except ClientError as error:
            if lost_the_race(error):
                return False
            raise
        self._dynamodb.put_item(
            TableName=self._table, Item=serialize({**item, "sk": f"DECISION#{moment(record.at)}"})
        )
        return True


def _key(package_arn: str, kind: str) -> dict[str, str]:
    return {"pk": f"PACKAGE#{package_arn}", "sk": kind}
