"""The ASGI application and its start-up."""

import argparse
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from drawops_local.credentials import local_client
from drawops_local.processes import MARKER
from drawops_local.sagemaker import (
    endpoint_configs,
    endpoints,
    invocations,
    labeling_jobs,
    model_packages,
    models,
    operations,
    processing_jobs,
    scaling_targets,
    searches,
    tags,
    training_jobs,
    workteams,
)
from drawops_local.sagemaker.containers import stop_orphans
from drawops_local.sagemaker.errors import ServiceError
from drawops_local.sagemaker.hosting import Hosting
from drawops_local.sagemaker.job_runs import Jobs
from drawops_local.sagemaker.labeling_runs import LabelingRuns
from drawops_local.sagemaker.operations import Runner
from drawops_local.sagemaker.outbox import Outbox
from drawops_local.sagemaker.processing_runs import ProcessingRun
from drawops_local.sagemaker.protocol import answer, error_answer, operation_of, parse
from drawops_local.sagemaker.store import Store
from drawops_local.sagemaker.training_runs import NOTICE_SECONDS, TrainingRun

# Importing a module registers its operations.
MODULES = (
    models,
    endpoint_configs,
    endpoints,
    invocations,
    scaling_targets,
    labeling_jobs,
    workteams,
    training_jobs,
    processing_jobs,
    model_packages,
    searches,
    tags,
)

# Under this user agent the local EventBridge accepts events from source aws.sagemaker.
USER_AGENT = "drawops-sagemaker-runner"

_log = logging.getLogger(__name__)


def make_application(runner: Runner) -> Starlette:
    """The server's application; its lifespan starts and stops the work in the background."""

    @asynccontextmanager
    async def lifespan(_application: Starlette) -> AsyncIterator[None]:
        runner.outbox.start()
        await run_in_threadpool(runner.hosting.resume, runner)
        await run_in_threadpool(runner.labeling.resume, runner)
        await run_in_threadpool(runner.jobs.resume, runner, (TrainingRun, ProcessingRun))
        yield
        await run_in_threadpool(runner.jobs.stop)
        await run_in_threadpool(runner.labeling.stop)
        await run_in_threadpool(runner.hosting.stop)
        await run_in_threadpool(runner.outbox.stop)

    async def ping(_request: Request) -> Response:
        return JSONResponse({"pid": os.getpid(), "containers": runner.hosting.processes()})

    async def interrupt(request: Request) -> Response:
        """Take the spot machine of a training job away: only here, AWS does it unasked."""
        try:
            notice = float(request.query_params.get("notice", NOTICE_SECONDS))
            await run_in_threadpool(training_jobs.interrupt, runner, request.path_params["job"], notice)
        except ServiceError as error:
            return JSONResponse({"message": error.message}, 409)
        except ValueError as error:
            return JSONResponse({"message": f"notice: {error}"}, 400)
        return JSONResponse({"notice": notice})

    async def serve(request: Request) -> Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        body = await request.body()
        status, own, content = await run_in_threadpool(
            respond, runner, request.method, request.url.path, headers, body
        )
        return Response(content, status, own)

    routes = [
        Route("/ping", ping),
        Route("/_drawops/interrupt/{job}", interrupt, methods=["POST"]),
        Route("/{path:path}", serve, methods=["GET", "POST", "PUT", "DELETE"]),
    ]
    return Starlette(routes=routes, lifespan=lifespan)


def respond(
    runner: Runner, method: str, path: str, headers: dict[str, str], body: bytes
) -> tuple[int, dict[str, str], bytes]:
    """HTTP status, headers and body for one request of the wire protocols."""
    try:
        service, model, path_values = operation_of(method, path, headers)
        parameters = parse(service, model, path_values, headers, body)
        result = operations.find(service, model.name)(runner, parameters)
        return answer(model, result)
    except ServiceError as error:
        return error_answer(error)
    except Exception as error:  # noqa: BLE001 - the client must get an answer in its protocol
        _log.exception("%s %s failed", method, path)
        return error_answer(ServiceError("InternalFailure", f"{type(error).__name__}: {error}", 500))


def make_runner(state: Path, images: Path, aws_endpoint: str, threads: int) -> Runner:
    """A runner with its state in `state`, whose S3, SNS, EventBridge and Lambda are at `aws_endpoint`."""
    store = Store(state / "sagemaker.db")
    sns = local_client("sns", aws_endpoint, USER_AGENT)
    events = local_client("events", aws_endpoint, USER_AGENT)
    return Runner(
        store=store,
        outbox=Outbox(store, sns, events),
        hosting=Hosting(threads, local_client("cloudwatch", aws_endpoint, USER_AGENT)),
        labeling=LabelingRuns(),
        jobs=Jobs(threads),
        images=images,
        state=state,
        s3=local_client("s3", aws_endpoint, USER_AGENT),
        functions=local_client("lambda", aws_endpoint, USER_AGENT),
    )


def main() -> None:
    """Serve until the process is stopped."""
    parser = argparse.ArgumentParser(prog="drawops_local.sagemaker", description="SageMaker on this machine")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--images", type=Path, required=True, help="directory of built images")
    parser.add_argument("--aws-endpoint", required=True, help="S3, SNS, EventBridge and Lambda")
    parser.add_argument("--threads", type=int, default=min(4, os.cpu_count() or 2), help="of a container")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("botocore").setLevel(logging.WARNING)
    marker = os.environ.get(MARKER)
    if marker:
        stop_orphans(marker)
    runner = make_runner(options.state, options.images, options.aws_endpoint, options.threads)
    uvicorn.run(
        make_application(runner),
        host="127.0.0.1",
        port=options.port,
        log_level="warning",
        timeout_graceful_shutdown=5,
    )
