"""`drawops dataset clean`, `publish`, `versions` and `diff`, as a user types them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import cv2
import numpy as np
import pytest
from drawops.contracts.events import DatasetVersionCreated
from drawops.contracts.labels import Label
from drawops_vision.datasets.folder import About, DatasetFolder

from tests.unit.cli.conftest import DeployedStack, Run


def picture(seed: int) -> bytes:
    pixels = np.full((200, 300), 255, np.uint8)
    draw = np.random.default_rng(seed)
    for _ in range(30):
        a, b = ((int(draw.integers(5, 295)), int(draw.integers(40, 195))) for _ in range(2))
        cv2.line(pixels, a, b, (0,), 1)
    cv2.putText(pixels, f"P-{seed}", (20, 30), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (0,), 2)
    return cv2.imencode(".png", pixels)[1].tobytes()


def label(text: str, **fields: object) -> Label:
    points = ((19, 13), (80, 13), (80, 31), (19, 31))
    return Label.model_validate({"id": "t1", "points": points, "text": text} | fields)


def data_set(path: Path, texts: dict[int, str], name: str = "plant") -> Path:
    with DatasetFolder.create(path, About(name=name, licence="CC-BY-4.0")) as folder:
        for seed, text in texts.items():
            folder.write(f"{seed}.png", picture(seed), [label(text)])
    return path


Told = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def events(stack: DeployedStack) -> Told:
    """The events that were sent, by way of a queue."""
    sqs, bus = boto3.client("sqs"), boto3.client("events")
    queue = sqs.create_queue(QueueName="told")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    bus.put_rule(Name="told", EventPattern=json.dumps({"source": ["drawops.datasets"]}))
    bus.put_targets(Rule="told", Targets=[{"Id": "1", "Arn": arn}])

    def collect() -> list[dict[str, Any]]:
        messages = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
        return [json.loads(message["Body"]) for message in messages]

    return collect


def test_a_folder_becomes_a_version_and_its_event_says_so(run: Run, events: Told, tmp_path: Path) -> None:
    folder = data_set(tmp_path / "d", {1: "P-1", 2: "P-2"})
    done = run("dataset", "publish", folder, "--project", "unit-40")
    assert done.exit_code == 0, done.stderr
    assert "Version 1 of unit-40, its first; 2 texts are new." in done.stdout
    (event,) = events()
    assert event["detail-type"] == "DatasetVersionCreated"
    detail = DatasetVersionCreated.model_validate(event["detail"])
    assert (detail.project, detail.pages, detail.texts, detail.parent) == ("unit-40", 2, 2, None)
    assert detail.version in done.stdout


def test_the_same_folder_again_makes_nothing_and_tells_nobody(run: Run, events: Told, tmp_path: Path) -> None:
    folder = data_set(tmp_path / "d", {1: "P-1"})
    run("dataset", "publish", folder, "--project", "unit-40")
    done = run("dataset", "publish", folder, "--project", "unit-40")
    assert "has this content already; nothing to do." in done.stdout
    assert len(events()) == 1


def test_versions_are_listed_and_compared_by_the_start_of_their_names(
    run: Run, stack: DeployedStack, tmp_path: Path
) -> None:
    run("dataset", "publish", data_set(tmp_path / "a", {1: "P-1O", 2: "P-2"}), "--project", "unit-40")
    run("dataset", "publish", data_set(tmp_path / "b", {1: "P-10", 3: "Ø3"}), "--project", "unit-40")
    listed = json.loads(run("dataset", "versions", "--json").stdout)
    assert [(each["project"], each["number"], each["pages"]) for each in listed] == [
        ("unit-40", 2, 3),
        ("unit-40", 1, 2),
    ]
    newest, oldest = (each["version"] for each in listed)
    assert listed[0]["parent"] == oldest
    assert newest in run("dataset", "versions").stdout
    found = json.loads(run("dataset", "diff", oldest[:8], newest[2:9], "--json").stdout)
    assert found["pages_added"] == ["3.png"]
    assert found["pages_relabelled"][0]["changed"] == [{"before": "P-1O", "after": "P-10"}]
    shown = run("dataset", "diff", oldest, newest).stdout
    assert "'P-1O' -> 'P-10'" in shown
    assert "characters lost: 'O'" in shown


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("diff", "v-00", "v-11"), "There is no dataset version v-00"),
        (("diff", "v-", "v-"), "is the start of 2 versions"),
        (("publish", ".", "--project", "Unit 40"), "lower-case letters"),
        (("publish", "nowhere", "--project", "unit-40"), "nowhere is no data set"),
        (("publish", ".", "--project", "unit-40", "--val", "0.5", "--test", "0.5"), "something for training"),
    ],
)
def test_a_mistake_gets_one_line(
    run: Run, stack: DeployedStack, tmp_path: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    for number in (1, 2):
        run("dataset", "publish", data_set(tmp_path / f"{number}", {number: "P"}), "--project", "unit-40")
    done = run("dataset", *arguments)
    assert done.exit_code == 1
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_without_versions_it_says_how_to_make_one(run: Run, stack: DeployedStack) -> None:
    assert "drawops dataset publish" in run("dataset", "versions").stdout
    assert "Project x has no" in run("dataset", "versions", "--project", "x").stdout


def test_a_damaged_page_is_named_and_the_rest_is_published(
    run: Run, stack: DeployedStack, tmp_path: Path
) -> None:
    folder = data_set(tmp_path / "d", {1: "P-1", 2: "P-2"})
    (folder / "images" / "2.png").unlink()
    done = run("dataset", "publish", folder, "--project", "unit-40", "--json")
    assert json.loads(done.stdout)["manifest"]["statistics"]["total"]["pages"] == 1
    assert "images/2.png: the picture is missing" in done.stderr


def test_cleaning_shows_what_it_found_and_publishing_remembers_it(
    run: Run, stack: DeployedStack, tmp_path: Path
) -> None:
    folder = data_set(tmp_path / "d", {1: "P-1"})
    with DatasetFolder.open(folder) as opened:
        opened.write("2.png", picture(2), [label("P-2"), label(" ", id="blank")])
    (tmp_path / "dictionary.txt").write_text("P\n-\n1\n", encoding="utf-8")
    done = run(
        "dataset", "clean", folder, "--out", tmp_path / "clean", "--dictionary", tmp_path / "dictionary.txt"
    )
    assert done.exit_code == 0, done.stderr
    assert "2 of 2 pages and 1 of 3 labels are kept." in done.stdout
    assert "OUTSIDE_DICTIONARY" in done.stdout
    assert str(tmp_path / "clean" / "cleaning.html") in done.stdout
    made = json.loads(run("dataset", "publish", tmp_path / "clean", "--project", "p", "--json").stdout)
    assert made["manifest"]["cleaning"] == {"EMPTY": 1, "OUTSIDE_DICTIONARY": 1}


def test_cleaning_can_only_look(run: Run, tmp_path: Path) -> None:
    folder = data_set(tmp_path / "d", {1: "P-1"})
    before = sorted(tmp_path.rglob("*"))
    assert run("dataset", "clean", folder, "--dry-run").exit_code == 0
    assert sorted(tmp_path.rglob("*")) == before
    done = run("dataset", "clean", folder)
    assert done.exit_code == 1
    assert "--out FOLDER" in done.stderr


def test_a_dictionary_with_words_is_refused(run: Run, tmp_path: Path) -> None:
    folder = data_set(tmp_path / "d", {1: "P-1"})
    (tmp_path / "words.txt").write_text("pump\nvalve\n", encoding="utf-8")
    done = run("dataset", "clean", folder, "--dry-run", "--dictionary", tmp_path / "words.txt")
    assert done.exit_code == 1
    assert "one character a line" in done.stderr
