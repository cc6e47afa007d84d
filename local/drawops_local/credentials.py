"""The dummy account of the local cloud, and environments without anything of the user's AWS set-up."""

import os
from collections.abc import Mapping
from typing import Any

import boto3
import botocore.session
from botocore.config import Config

REGION = "us-east-1"
ACCOUNT = "000000000000"
ACCESS_KEY = "test"
SECRET_KEY = "test"

# Names of variables that a program may need of the machine it runs on; everything else is left out.
_PASSED_ON = ("PATH", "HOME", "USER", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "SYSTEMROOT", "SSL_CERT_FILE")


def isolated_environment(**own: str) -> dict[str, str]:
    """The smallest environment for our servers: no variable of the user's but the harmless ones."""
    kept = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return {**kept, **aws_variables(), "PYTHONUNBUFFERED": "1", **own}


def aws_variables() -> dict[str, str]:
    """Credentials and region of the local cloud, and no profile, no metadata service, no host prefixes."""
    return {
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        # Empty files: a profile of the user must never decide where a request goes.
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
        # A proxy of the user's must not get to see requests to this machine.
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
    }


def without_aws(environment: Mapping[str, str]) -> dict[str, str]:
    """`environment` without any variable that an AWS client reads."""
    return {name: value for name, value in environment.items() if not name.startswith("AWS_")}


def local_client(service: str, endpoint: str, user_agent: str | None = None) -> Any:  # noqa: ANN401
    """A boto3 client of the local cloud that reads neither the environment nor the user's files."""
    nothing: dict[str, tuple[str | None, str | None, Any, Any]] = {
        "profile": (None, None, None, None),
        "config_file": (None, None, os.devnull, None),
        "credentials_file": (None, None, os.devnull, None),
    }
    core = botocore.session.Session(session_vars=nothing)
    session = boto3.session.Session(
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
        region_name=REGION,
        botocore_session=core,
    )
    config = Config(
        inject_host_prefix=False,
        s3={"addressing_style": "path"},
        user_agent_extra=user_agent,
        proxies={},
        retries={"max_attempts": 4, "mode": "standard"},
        max_pool_connections=32,
    )
    return session.client(service, endpoint_url=endpoint, config=config)  # type: ignore[call-overload]
