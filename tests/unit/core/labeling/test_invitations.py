"""Invitations can be neither forged nor changed nor used when they have ended."""

import base64
import json
import threading
from datetime import UTC, datetime, timedelta

import pytest
from drawops.labeling.invitations import Invitation, Invitations, sign, verify
from drawops.labeling.problems import Problem
from hypothesis import given, settings
from hypothesis import strategies as st

KEY = b"0123456789abcdef0123456789abcdef"
OTHER = b"another key, another key, another"


def invitation(**changes: object) -> Invitation:
    values = {"id": "A" * 16, "annotator": "Ann", "scope": "label", "expires": 4_000_000_000, **changes}
    return Invitation.model_validate(values)


def refuses(token: str, key: bytes = KEY, scope: str = "label") -> str:
    with pytest.raises(Problem) as refused:
        verify(token, key, scope=scope)
    assert refused.value.status == 401
    return refused.value.answer.message


@given(
    st.text(
        st.characters(codec="utf-8", min_codepoint=32, exclude_characters="\x7f"), min_size=1, max_size=64
    ),
    st.booleans(),
)
@settings(deadline=None)
def test_what_was_signed_comes_back(name: str, once: bool) -> None:
    said = invitation(annotator=name, once=once)
    assert verify(sign(said, KEY), KEY, scope="label") == said


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_a_token_that_was_changed_anywhere_is_refused(data: st.DataObject) -> None:
    token = sign(invitation(), KEY)
    place = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.characters(codec="ascii").filter(lambda found: found != token[place]))
    refuses(token[:place] + other + token[place + 1 :])


@pytest.mark.parametrize(
    "token", ["", ".", "v1", "v1.", "v1..", "v1.e30.", "v2.e30.e30", "v1." + "A" * 5_000 + ".A", "é.é.é"]
)
def test_what_is_no_token_is_refused(token: str) -> None:
    refuses(token)


def test_another_key_another_scope_and_an_unsigned_algorithm_are_refused() -> None:
    token = sign(invitation(), KEY)
    refuses(token, key=OTHER)
    refuses(token, scope="approve")
    header = base64.urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=")
    refuses(f"{header}.{token.split('.')[1]}.")


def test_an_invitation_ends_by_itself() -> None:
    token = sign(invitation(expires=1_000), KEY)
    assert "ended" in refuses(token)
    assert verify(token, KEY, scope="label", at=datetime.fromtimestamp(999, UTC)).annotator == "Ann"


def test_fields_that_we_do_not_know_are_refused_even_when_signed() -> None:
    import hashlib
    import hmac

    payload = json.dumps({**invitation().model_dump(), "admin": True}).encode()
    mac = hmac.new(KEY, b"drawops invitation v1." + payload, hashlib.sha256).digest()
    parts = (base64.urlsafe_b64encode(part).decode().rstrip("=") for part in (payload, mac))
    refuses("v1." + ".".join(parts))


def test_a_short_key_is_not_taken() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        sign(invitation(), b"short")


def test_an_invitation_that_was_withdrawn_counts_no_more(invitations: Invitations) -> None:
    token, issued = invitations.issue("Ann")
    assert invitations.check(token) == issued
    assert invitations.revoke(issued.id)
    with pytest.raises(Problem, match="withdrawn"):
        invitations.check(token)
    assert not invitations.revoke(token)


def test_another_invitation_of_the_same_person_still_counts(invitations: Invitations) -> None:
    first, _ = invitations.issue("Ann")
    second, _ = invitations.issue("Ann")
    invitations.revoke(first)
    assert invitations.check(second).annotator == "Ann"


def test_an_invitation_that_counts_once_is_spent_by_exactly_one(invitations: Invitations) -> None:
    token, _ = invitations.issue("Ann", scope="approve", once=True)
    assert invitations.check(token, scope="approve").once
    outcome: list[str] = []
    together = threading.Barrier(6)

    def run() -> None:
        together.wait()
        try:
            invitations.spend(token, scope="approve")
            outcome.append("got it")
        except Problem as problem:
            outcome.append(problem.answer.message)

    threads = [threading.Thread(target=run) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcome.count("got it") == 1
    with pytest.raises(Problem, match="used already"):
        invitations.check(token, scope="approve")


def test_an_invitation_that_counts_often_is_not_spent(invitations: Invitations) -> None:
    token, _ = invitations.issue("Ann")
    with pytest.raises(ValueError, match="check it instead"):
        invitations.spend(token, scope="label")


@pytest.mark.parametrize("name", ["", "a" * 65, "line\nbreak", "nul\0"])
def test_a_name_must_be_a_name(name: str, invitations: Invitations) -> None:
    with pytest.raises(ValueError):
        invitations.issue(name)


def test_an_invitation_must_last(invitations: Invitations) -> None:
    with pytest.raises(ValueError):
        invitations.issue("Ann", lifetime=timedelta(0))


def test_what_is_neither_token_nor_id_cannot_be_withdrawn(invitations: Invitations) -> None:
    with pytest.raises(Problem):
        invitations.revoke("Ann")
