"""`drawops status`."""

from pathlib import Path
from typing import Annotated, Any

import typer
from botocore.exceptions import ClientError
from drawops.catalog import Status
from drawops_local.cloud import Cloud, CloudFailed, CloudStatus
from rich.text import Text

from drawops_cli.console import STATUS_STYLES, err, number, out, print_json, symbol, table
from drawops_cli.project import project_root, state_directory
from drawops_cli.target import Profile, Region, Stack, Target, choose, on_local_cloud


def status(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    profile: Profile = None,
    region: Region = None,
    stack: Stack = None,
) -> None:
    """Say what runs: processes and ports, endpoint, queues, drawings by status.

    Exit code 1 when the local cloud is not running, or the endpoint is not in service.

    \b
    Examples:
        drawops status
        drawops status --json | jq .drawings
        drawops status --stack drawops-prod --profile work
    """
    servers: CloudStatus | None = None
    target: Target | None = None
    if stack or profile or region:
        target = choose(profile, region, stack)
    else:
        root = project_root()
        servers = _servers(state_directory(root))
        if servers.up:
            target = on_local_cloud(root, Cloud.attach(servers.state))
    report: dict[str, Any] = {"running": target is not None}
    if servers is not None:
        report["servers"] = [
            {"name": server.name, "url": server.url, "pid": server.pid, "healthy": server.healthy}
            for server in servers.servers
        ]
    if target is not None:
        report |= {
            "stack": target.stack,
            "endpoint": _endpoint(target),
            "queues": _queues(target),
            "drawings": {each.value: sum(1 for _ in target.catalog.by_status(each)) for each in Status},
        }
    if as_json:
        print_json(report)
    else:
        _print(report, target)
    healthy = target is not None and report["endpoint"]["status"] in ("InService", "Updating")
    if not healthy:
        raise typer.Exit(1)


def _servers(state: Path) -> CloudStatus:
    try:
        return Cloud.attach(state).status()
    except CloudFailed:
        return CloudStatus(state, ())


def _endpoint(target: Target) -> dict[str, Any]:
    name = target.output("EndpointName")
    try:
        found = target.client("sagemaker").describe_endpoint(EndpointName=name)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationException":
            raise
        return {"name": name, "status": "missing", "instances": 0}
    variants = found.get("ProductionVariants") or [{}]
    report = {
        "name": name,
        "status": found["EndpointStatus"],
        "instances": variants[0].get("CurrentInstanceCount"),
        "config": found["EndpointConfigName"],
    }
    if found.get("FailureReason"):
        report["reason"] = found["FailureReason"]
    return report


def _queues(target: Target) -> dict[str, dict[str, int]]:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    report = {}
    for logical_id, url in sorted(target.queues().items()):
        found = target.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        report[logical_id] = {"waiting": int(found[names[0]]), "in_flight": int(found[names[1]])}
    return report


def _print(report: dict[str, Any], target: Target | None) -> None:
    servers = report.get("servers")
    if servers:
        made = table("server", "state", "address", "process", right=["process"])
        for server in servers:
            state = "up" if server["healthy"] else "not answering" if server["pid"] else "down"
            made.add_row(
                server["name"],
                Text(state, "green" if state == "up" else "red"),
                server["url"],
                str(server["pid"] or "-"),
            )
        out.print(made)
    if target is None:
        err.print("The local cloud is down. Start it with `drawops up`.")
        return
    endpoint = report["endpoint"]
    good = endpoint["status"] == "InService"
    out.print(
        f"{'endpoint':<10}{endpoint['name']}  ", Text(endpoint["status"], "green" if good else "red"), end=""
    )
    out.print(f", {number(endpoint['instances'])} instance(s)")
    if "reason" in endpoint:
        out.print(f"{'':<10}{endpoint['reason']}", style="red", markup=False)
    for name, queue in report["queues"].items():
        out.print(f"{'queue':<10}{name}  {queue['waiting']} waiting, {queue['in_flight']} in flight")
    drawings = Text("drawings  ")
    for index, (name, count) in enumerate(report["drawings"].items()):
        drawings.append(f" {symbol('·', '|')} " if index else "")
        drawings.append(f"{count} {name.lower()}", STATUS_STYLES[name] if count else "dim")
    out.print(drawings)
