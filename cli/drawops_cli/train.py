"""`drawops train`."""

import json
import time
import uuid
from typing import Annotated, Any

import typer
from drawops.contracts.training import (
    Consideration,
    Considered,
    Freeze,
    Hyperparameters,
    Network,
    RunState,
    TrainingRequest,
)
from drawops.contracts.workflow import jsonable
from drawops.training.runs import Run, RunStore
from pydantic import ValidationError

from drawops_cli.console import err, out, print_json
from drawops_cli.failures import Failure
from drawops_cli.models.decisions import verdict_of
from drawops_cli.target import Profile, Region, Stack, Target, choose

_POLL_SECONDS = 1.0
_SAID = {
    RunState.PREPARING: "checks what it will learn from",
    RunState.TRAINING: "trains",
    RunState.GATING: "compares the candidate with the approved model",
}


def train(
    project: Annotated[str | None, typer.Option(help="Whose labels (default: the stack's project).")] = None,
    version: Annotated[str | None, typer.Option(help="Dataset version (default: the newest one).")] = None,
    force: Annotated[bool, typer.Option("--force", help="Train although there are few new labels.")] = False,
    reason: Annotated[str, typer.Option(help="Noted with the run and its model.")] = "",
    networks: Annotated[Network, typer.Option(help="What is tuned.")] = Network.RECOGNITION,
    iterations: Annotated[int | None, typer.Option(help="Most batches for the recogniser.")] = None,
    detection_iterations: Annotated[int | None, typer.Option(help="Most batches, detection.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="The highest one.")] = None,
    batch_columns: Annotated[int | None, typer.Option(help="Pixel columns of a batch.")] = None,
    replay_share: Annotated[float | None, typer.Option(help="Of the lines: from earlier versions.")] = None,
    general_share: Annotated[float | None, typer.Option(help="Of the lines: generated words.")] = None,
    augmentation: Annotated[
        bool, typer.Option(help="Show labelled lines also turned, struck through, noisy, blurred, coarser.")
    ] = True,
    freeze: Annotated[Freeze, typer.Option(help="What keeps its weights.")] = Freeze.NOTHING,
    extend: Annotated[
        bool, typer.Option("--extend", help="Let the dictionary grow by characters that it lacks.")
    ] = False,
    allow_lost: Annotated[
        str, typer.Option(help="Characters that the candidate may unlearn; the gate blocks any other.")
    ] = "",
    seed: Annotated[int | None, typer.Option(help="Of everything random.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Follow the run to its end.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    profile: Profile = None,
    region: Region = None,
    stack: Stack = None,
) -> None:
    """Ask for a training run: from the approved model, on a dataset version, to a candidate for approval.

    Without --force the stack's policy decides whether there is enough to learn. A project has one run at a
    time; what is asked for meanwhile follows it. With --wait the exit code is 0 when a version was
    registered, 2 when the gate turned the candidate down, 1 when the run failed.

    \b
    Examples:
        drawops train --wait
        drawops train --force --reason "new lettering" --iterations 200 --wait
    """
    chosen = {
        "networks": networks, "iterations": iterations, "detection_iterations": detection_iterations,
        "learning_rate": learning_rate, "batch_columns": batch_columns, "replay_share": replay_share,
        "general_share": general_share, "augmentation": augmentation,
        "freeze": freeze, "seed": seed,
        "new_characters": "extend" if extend else None,
    }  # fmt: skip
    target = choose(profile, region, stack)
    request = _request(
        {name: value for name, value in chosen.items() if value is not None},
        project=project or target.output("LabelingProjectName"),
        version=version,
        force=force,
        reason=reason,
        allow_lost_characters=allow_lost,
    )
    answer = target.invoke(
        target.output("ConsiderTrainingFunctionName"), json.dumps(jsonable(request)).encode()
    )
    considered = Considered.model_validate_json(answer)
    if considered.decision is Consideration.OFF:
        raise Failure(considered.sentence)
    if not wait or considered.decision is Consideration.DECLINED:
        _print(considered, as_json)
        return
    err.print(considered.sentence, markup=False, soft_wrap=True)
    store = store_of(target)
    run_id = considered.run_id or await_turn(store, request)
    err.print(f"run {run_id}", markup=False)
    _finish(target, follow(store, run_id), as_json)


def store_of(target: Target) -> RunStore:
    """Runs of the stack."""
    return RunStore(target.client("dynamodb"), target.output("ModelsTableName"))


def follow(store: RunStore, run_id: str) -> Run:
    """Watch a run to its end, saying on stderr where it is."""
    said: RunState | None = None
    began = time.monotonic()
    while True:
        run = store.run(run_id)
        if run is None:
            raise Failure(f"Run {run_id} is gone from the models table.")
        if run.ended:
            return run
        if run.state is not said:
            said = run.state
            err.print(f"{time.monotonic() - began:6.0f} s  {_SAID[run.state]}", highlight=False)
        time.sleep(_POLL_SECONDS)


def await_turn(store: RunStore, request: TrainingRequest) -> str:
    """The run that answers a request which waits for the project's present run.

    Raises:
        Failure: another person's request took its place.
    """
    while True:
        # In this order: a request that begins leaves its place only when its run is there.
        waiting = store.project(request.project).request
        for state in RunState:
            for run in store.runs(state):
                if run.run.request == request.request:
                    return run.run_id
        if waiting is None or waiting.request != request.request:
            raise Failure("Another request took the place of this one; ask again with `drawops train`.")
        time.sleep(_POLL_SECONDS)


def _request(
    hyperparameters: dict[str, Any],
    **asked: Any,  # noqa: ANN401 - members of `TrainingRequest`
) -> TrainingRequest:
    try:
        return TrainingRequest(
            hyperparameters=Hyperparameters.model_validate(hyperparameters),
            request=str(uuid.uuid4()),
            **asked,
        )
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        option = "--" + str(first["loc"][-1]).replace("_", "-")
        raise Failure(f"{option}: {first['msg']}.") from None


def _print(considered: Considered, as_json: bool) -> None:
    if as_json:
        print_json(considered.model_dump(mode="json"))
        return
    out.print(f"{considered.decision.value.lower()}: {considered.sentence}", markup=False, soft_wrap=True)
    if considered.run_id:
        out.print(considered.run_id)
        err.print("Follow it with `drawops models runs`.")
    elif considered.decision is Consideration.DECLINED:
        err.print("Add --force to train nevertheless.")


def _finish(target: Target, run: Run, as_json: bool) -> None:
    if as_json:
        print_json(run.model_dump(mode="json", exclude={"document"}))
    elif run.state is RunState.REGISTERED:
        out.print(f"registered version {run.package_version}: {run.run.candidate_version}", soft_wrap=True)
        err.print(f"It waits for approval: drawops models approve {run.package_version} --reason …")
    elif run.state is RunState.REJECTED:
        out.print("rejected: the candidate is not better, or worse somewhere", soft_wrap=True)
        for reason in verdict_of(target, run):
            out.print(f"  {reason}", markup=False, soft_wrap=True)
        err.print(f"All figures: s3://{target.data_bucket}/{run.verdict_key}", markup=False, soft_wrap=True)
    if run.state is RunState.REJECTED:
        raise typer.Exit(2)
    if run.state in (RunState.FAILED, RunState.STOPPED):
        raise Failure(f"Run {run.run_id} {run.state.value.lower()}: {run.reason}")
