"""Who may label: signed invitations that end by themselves and can be withdrawn.

    token = "v1." payload "." signature        both base64url without padding
    payload = canonical JSON: id, for whom, scope, when it ends, whether it counts once
    signature = HMAC-SHA256(key, "drawops invitation v1." payload)

The signature is checked in constant time before anything of the payload is looked at. There is one version
and one algorithm, and the signed text begins with both, so nothing in a token can choose how it is checked,
which is what JSON web tokens had to learn (RFC 8725, 2.1). A library would not save much: itsdangerous signs,
but takes no expiry, scope or identity into the token; those are most of what stands here.

The table knows withdrawn and spent invitations by id, until they would have ended anyway.
"""

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError
from pydantic import Field, ValidationError

from drawops.contracts.reading import Contract
from drawops.dynamodb import deserialize, lost_the_race, now, serialize
from drawops.labeling.problems import Problem, unauthorized

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

LABEL = "label"
"""The scope of invitations to the labeling page."""

_VERSION = "v1"
_CONTEXT = b"drawops invitation v1."
_LONGEST = 2_000
_ID_BYTES = 12
_LEAST_KEY_BYTES = 16


class Invitation(Contract):
    """What a token says."""

    id: str = Field(pattern=r"^[A-Za-z0-9_-]{16}$")
    annotator: str = Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")
    scope: str = Field(min_length=1, max_length=200, description="What it is good for: 'label', …")
    expires: int = Field(gt=0, description="Seconds since 1970, UTC.")
    once: bool = Field(default=False, description="Counts once: see `Invitations.spend`.")

    @property
    def expires_at(self) -> datetime:
        """When it ends."""
        return datetime.fromtimestamp(self.expires, UTC)


def sign(invitation: Invitation, key: bytes) -> str:
    """The token of an invitation.

    Raises:
        ValueError: the key is shorter than 16 bytes.
    """
    payload = json.dumps(
        invitation.model_dump(), ensure_ascii=False, sort_keys=True, separators=(",", ":")
    ).encode()
    return f"{_VERSION}.{_encode(payload)}.{_encode(_mac(payload, key))}"


def verify(token: str, key: bytes, *, scope: str, at: datetime | None = None) -> Invitation:
    """The invitation that a token stands for, without asking whether it was withdrawn.

    Raises:
        Problem: UNAUTHORIZED: the token is of an unknown form, was changed, has ended, or is good for
            something else.
        ValueError: the key is shorter than 16 bytes.
    """
    version, _, rest = token.partition(".")
    head, _, tail = rest.partition(".")
    if len(token) > _LONGEST or version != _VERSION or not head or not tail:
        raise _refused()
    try:
        payload, signature = _decode(head), _decode(tail)
    except (binascii.Error, ValueError):
        raise _refused() from None
    if not hmac.compare_digest(_mac(payload, key), signature):
        raise _refused()
    try:
        invitation = Invitation.model_validate_json(payload)
    except ValidationError:
        raise _refused() from None
    if invitation.scope != scope:
        raise _refused()
    if invitation.expires_at <= (at or datetime.now(UTC)):
        raise unauthorized("This invitation has ended; ask for a new one (drawops label invite).")
    return invitation


class Invitations:
    """Issues invitations and knows which are withdrawn or spent."""

    def __init__(self, client: "DynamoDBClient", table: str, key: bytes) -> None:
        self._client = client
        self._table = table
        self._key = key

    def issue(
        self,
        annotator: str,
        *,
        lifetime: timedelta = timedelta(days=30),
        scope: str = LABEL,
        once: bool = False,
    ) -> tuple[str, Invitation]:
        """A new token and what it says. Nothing is written.

        Raises:
            ValueError: the name is empty, longer than 64 characters or has control characters, or the
                lifetime is not positive.
        """
        if lifetime <= timedelta(0):
            raise ValueError("An invitation must last for a while.")
        invitation = Invitation(
            id=secrets.token_urlsafe(_ID_BYTES),
            annotator=annotator,
            scope=scope,
            expires=int((datetime.now(UTC) + lifetime).timestamp()),
            once=once,
        )
        return sign(invitation, self._key), invitation

    def check(self, token: str, *, scope: str = LABEL) -> Invitation:
        """The invitation that a token stands for, if it still counts.

        Raises:
            Problem: UNAUTHORIZED: see `verify`; or it was withdrawn or, counting once, is spent.
        """
        invitation = verify(token, self._key, scope=scope)
        found = self._client.get_item(
            TableName=self._table, Key=serialize(_key(invitation.id)), ConsistentRead=True
        ).get("Item")
        if found:
            raise _ended(deserialize(found)["ended"])
        return invitation

    def spend(self, token: str, *, scope: str) -> Invitation:
        """Use an invitation that counts once: of several callers exactly one gets it.

        Raises:
            Problem: UNAUTHORIZED: see `check`.
            ValueError: it is one that counts more than once.
        """
        invitation = verify(token, self._key, scope=scope)
        if not invitation.once:
            raise ValueError("This invitation counts until it ends; check it instead.")
        if not self._end(invitation.id, invitation.expires, "spent"):
            raise _ended("spent")
        return invitation

    def revoke(self, token_or_id: str, *, scope: str = LABEL) -> bool:
        """Withdraw an invitation by its token or its id.

        Returns:
            False when it was withdrawn or spent before.

        Raises:
            Problem: UNAUTHORIZED: it is neither an id nor a token of ours.
        """
        if "." in token_or_id:
            invitation = verify(token_or_id, self._key, scope=scope)
            return self._end(invitation.id, invitation.expires, "revoked")
        if len(token_or_id) != len(secrets.token_urlsafe(_ID_BYTES)):
            raise unauthorized("This is neither an invitation's token nor its id.")
        return self._end(token_or_id, None, "revoked")

    def _end(self, invitation_id: str, expires: int | None, how: str) -> bool:
        # DynamoDB removes the item some time after `expires_at`, its time to live; the token is dead by then.
        gone = None if expires is None else expires + 86_400
        item = {**_key(invitation_id), "ended": how, "ended_at": now(), "expires_at": gone}
        try:
            self._client.put_item(
                TableName=self._table, Item=serialize(item), ConditionExpression="attribute_not_exists(pk)"
            )
        except ClientError as error:
            if lost_the_race(error):
                return False
            raise
        return True


def _key(invitation_id: str) -> dict[str, str]:
    return {"pk": f"INVITATION#{invitation_id}", "sk": "INVITATION"}


def _mac(payload: bytes, key: bytes) -> bytes:
    if len(key) < _LEAST_KEY_BYTES:
        raise ValueError("The key of invitations must have 16 bytes or more.")
    return hmac.new(key, _CONTEXT + payload, hashlib.sha256).digest()


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    """Strict: of all spellings of the same bytes only ours is taken.

    Raises:
        ValueError: it is another.
    """
    data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    if _encode(data) != text:
        raise ValueError("not canonical")
    return data


def _refused() -> Problem:
    return unauthorized("This invitation is not valid here; open the link that you were sent once more.")


def _ended(how: str) -> Problem:
    said = "was used already" if how == "spent" else "was withdrawn"
    return unauthorized(f"This invitation {said}; ask for a new one.")
