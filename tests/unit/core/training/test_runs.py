"""Runs of a project: one at a time, each ends once, and a request that came meanwhile is kept."""

import pytest
from drawops.contracts.training import RunState, Trigger
from drawops.errors import Conflict
from drawops.training.runs import RunStore, WaitingJob

from tests.unit.core.training.conftest import PROJECT, asked, make_run


def test_a_project_has_one_run_at_a_time(store: RunStore) -> None:
    assert store.begin(make_run(1))
    assert not store.begin(make_run(2))
    assert store.run(make_run(2).run_id) is None
    assert store.begin(make_run(3, project="other"))


def test_a_run_that_begins_twice_is_one_run(store: RunStore) -> None:
    assert store.begin(make_run())
    assert not store.begin(make_run())
    assert [run.run_id for run in store.runs(RunState.PREPARING)] == [make_run().run_id]


def test_the_end_of_a_run_gives_its_project_free(store: RunStore) -> None:
    store.begin(make_run(1))
    assert store.end(make_run(1), RunState.FAILED, reason="no spot instance")
    ended = store.run(make_run(1).run_id)
    assert ended is not None
    assert (ended.state, ended.reason, ended.ended) == (RunState.FAILED, "no spot instance", True)
    assert store.begin(make_run(2))


def test_a_run_ends_once(store: RunStore) -> None:
    store.begin(make_run(1))
    assert store.end(make_run(1), RunState.REGISTERED, package_version=2)
    store.begin(make_run(2))
    assert not store.end(make_run(1), RunState.FAILED, reason="late")
    assert store.project(PROJECT).active == make_run(2).run_id
    assert [run.run_id for run in store.runs(RunState.REGISTERED)] == [make_run(1).run_id]


def test_a_run_that_has_ended_starts_no_job(store: RunStore) -> None:
    store.begin(make_run())
    store.move(make_run().run_id, RunState.TRAINING, "job")
    store.end(make_run(), RunState.STOPPED)
    with pytest.raises(Conflict, match="ended"):
        store.move(make_run().run_id, RunState.GATING, "gate")


def test_a_request_waits_only_while_a_run_is_under_way(store: RunStore) -> None:
    assert not store.wait(asked())
    store.begin(make_run())
    assert store.wait(asked())
    assert store.project(PROJECT).request == asked()
    assert [state.project for state in store.waiting()] == [PROJECT]


def test_of_requests_that_wait_the_last_counts_but_an_event_never_takes_a_persons_place(
    store: RunStore,
) -> None:
    by_person = asked(trigger=Trigger.COMMAND, reason="new lettering", request="1")
    store.begin(make_run())
    assert store.wait(asked())
    assert store.wait(by_person)
    assert store.wait(asked(trigger=Trigger.SCHEDULE))
    assert store.project(PROJECT).request == by_person
    later = by_person.model_copy(update={"request": "2"})
    assert store.wait(later)
    assert store.project(PROJECT).request == later


def test_a_run_that_begins_answers_what_waited(store: RunStore) -> None:
    store.begin(make_run(1))
    store.wait(asked())
    store.end(make_run(1), RunState.REJECTED)
    assert store.project(PROJECT).request is not None
    assert store.begin(make_run(2))
    assert store.project(PROJECT).request is None
    assert list(store.waiting()) == []


def test_who_waits_for_a_job_is_found_by_its_name(store: RunStore) -> None:
    waiting = WaitingJob(job="drawops-t-1", run_id="t-1", task_token="token")
    store.await_job(waiting)
    assert store.job("drawops-t-1") == waiting
    assert store.job("somebody-elses") is None
