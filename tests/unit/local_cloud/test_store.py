"""The runner's memory."""

import threading
from pathlib import Path

import pytest
from drawops_local.sagemaker.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "state" / "sagemaker.db")


def test_requests_are_taken_in_the_order_they_came_and_only_once(store: Store) -> None:
    for number in range(3):
        store.enqueue("e", {"n": number})
    store.enqueue("other", {"n": 9})
    taken = [store.claim("e") for _ in range(4)]
    assert [each.request["n"] if each else None for each in taken] == [0, 1, 2, None]


def test_two_threads_never_take_the_same_request(store: Store) -> None:
    for number in range(200):
        store.enqueue("e", {"n": number})
    taken: list[int] = []

    def work() -> None:
        while (found := store.claim("e")) is not None:
            taken.append(found.number)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == sorted(set(taken))
    assert len(taken) == 200


def test_what_was_running_when_the_process_ended_starts_again_first(store: Store, tmp_path: Path) -> None:
    store.enqueue("e", {"n": 0})
    store.enqueue("e", {"n": 1})
    store.claim("e")
    after = Store(tmp_path / "state" / "sagemaker.db")
    assert after.requeue_running() == 1
    first = after.claim("e")
    assert first is not None
    assert first.request == {"n": 0}


def test_the_end_of_a_request_and_its_message_happen_together(store: Store) -> None:
    store.enqueue("e", {})
    taken = store.claim("e")
    assert taken is not None
    with pytest.raises(TypeError):
        store.finish(taken.number, "completed", [("sns", {"not json": object()})])
    assert store.counts("e") == {"running": 1}
    assert store.undelivered() == []
    store.finish(taken.number, "completed", [("sns", {"topic": "t"})])
    assert store.counts("e") == {"completed": 1}
    assert [kind for _, kind, _ in store.undelivered()] == ["sns"]


def test_a_name_is_given_once(store: Store) -> None:
    assert store.add("model", "m", {"a": 1})
    assert not store.add("model", "m", {"a": 2})
    assert store.get("model", "m") == {"a": 1}
    assert store.change("model", "m", a=None, b=3) == {"b": 3}
    assert store.change("model", "gone", a=1) is None
    assert store.remove("model", "m")
    assert not store.remove("model", "m")
