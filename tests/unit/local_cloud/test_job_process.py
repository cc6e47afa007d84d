"""A job's program: how it is told to end, and how one knows how it ended."""

import sys
import time
from pathlib import Path

from drawops_local.sagemaker.job_process import KILLED, JobProcess
from drawops_local.sagemaker.training_runs import final_metrics

POLITE = "import time; print('polite', flush=True); time.sleep(60)"
DEAF = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {POLITE.replace('polite', 'deaf')}"


def started(tmp_path: Path, source: str) -> JobProcess:
    command = [sys.executable, "-c", source]
    return JobProcess.start(command, {"PATH": "/usr/bin:/bin"}, tmp_path, tmp_path / "log", tmp_path / "exit")


def until(process: JobProcess, tmp_path: Path, *, text: str = "", ended: bool = False) -> None:
    deadline = time.monotonic() + 30
    while process.running if ended else text not in (tmp_path / "log").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_program_ends_with_its_own_code(tmp_path: Path) -> None:
    process = started(tmp_path, "raise SystemExit(7)")
    until(process, tmp_path, ended=True)
    assert process.exit_code() == 7


def test_a_polite_program_ends_when_told_to(tmp_path: Path) -> None:
    process = started(tmp_path, POLITE)
    until(process, tmp_path, text="polite")
    assert process.terminate()
    until(process, tmp_path, ended=True)
    assert process.exit_code() == 128 + 15


def test_a_deaf_program_is_killed_and_that_is_known(tmp_path: Path) -> None:
    process = started(tmp_path, DEAF)
    until(process, tmp_path, text="deaf")
    process.terminate()
    assert process.running
    process.kill()
    until(process, tmp_path, ended=True)
    assert process.exit_code() == KILLED


def test_a_program_is_known_to_who_did_not_start_it(tmp_path: Path) -> None:
    process = started(tmp_path, POLITE)
    until(process, tmp_path, text="polite")
    other = JobProcess(process.identity, tmp_path / "exit")
    assert other.running
    other.kill()
    until(process, tmp_path, ended=True)
    assert not other.running
    assert other.exit_code() == KILLED


def test_the_last_value_of_a_metric_counts() -> None:
    definitions = [
        {"Name": "cer", "Regex": r"cer=([0-9.]+);"},
        {"Name": "odd", "Regex": r"odd=(\w+)"},
        {"Name": "absent", "Regex": "absent=([0-9]+)"},
    ]
    found = final_metrics(definitions, "cer=0.5;\nodd=abc\ncer=0.25; odd=nan\n", 1.0)
    assert found == [{"MetricName": "cer", "Value": 0.25, "Timestamp": 1.0}]
