"""What the local cloud starts for an image is what its Dockerfile starts."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest
from drawops_local.environments import EnvironmentFailed
from drawops_local.images import Image, ImageNotFound, _commands, find_image

ENVIRONMENT = Path("/environment")
PYTHON = "/environment/bin/python"


def container(root: Path, dockerfile: str) -> Path:
    source = root / "containers" / "one"
    source.mkdir(parents=True)
    (source / "program.py").touch()
    (source / "Dockerfile").write_text(dockerfile)
    return source


@pytest.mark.parametrize(
    ("dockerfile", "commands"),
    [
        (
            'COPY --chmod=755 containers/one/program.py /usr/local/bin/serve\nCMD ["serve"]\n',
            {"serve": [PYTHON, "{program}"]},
        ),
        (
            'COPY containers/one/program.py /opt/\nENTRYPOINT ["python3", "-u", "/opt/program.py"]\n',
            {"serve": [PYTHON, "-u", "{program}", "serve"], "train": [PYTHON, "-u", "{program}", "train"]},
        ),
        (
            "COPY containers/one/program.py \\\n  /usr/local/bin/train\n",
            {"train": [PYTHON, "{program}"]},
        ),
    ],
)
def test_programs_are_found_through_the_dockerfile(
    tmp_path: Path, dockerfile: str, commands: dict[str, list[str]]
) -> None:
    source = container(tmp_path, dockerfile)
    expected = {
        word: [part.format(program=source / "program.py") for part in command]
        for word, command in commands.items()
    }
    assert _commands(tmp_path, source, ENVIRONMENT) == {**expected, "python3": [PYTHON]}


def test_every_program_on_the_path_can_be_an_entry_point(tmp_path: Path) -> None:
    source = container(
        tmp_path,
        "COPY containers/one/program.py /usr/local/bin/train\nCOPY containers/one/gate /usr/local/bin/\n"
        'COPY containers/one/settings.json /opt/\nENTRYPOINT ["train"]\n',
    )
    for name in ("gate", "settings.json"):
        (source / name).touch()
    commands = _commands(tmp_path, source, ENVIRONMENT)
    assert commands["gate"] == [PYTHON, str(source / "gate")]
    assert "settings.json" not in commands


def test_a_dockerfile_that_starts_nothing_is_refused(tmp_path: Path) -> None:
    source = container(tmp_path, "COPY containers/one/gone.py /usr/local/bin/serve\n")
    with pytest.raises(EnvironmentFailed, match="copies no program for serve or train"):
        _commands(tmp_path, source, ENVIRONMENT)


def test_an_image_is_found_whatever_its_registry_and_tag(tmp_path: Path) -> None:
    image = Image("drawops-one:local", {"serve": ["x"]}, working_directory="/", digest="d")
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "image.json").write_text(json.dumps(asdict(image)))
    names = [
        "drawops-one:local",
        "drawops-one",
        "1.dkr.ecr.eu-west-1.amazonaws.com/drawops-one:v2",
        "drawops-one@sha256:1",
    ]
    for name in names:
        assert find_image(tmp_path, name) == image
    assert find_image(tmp_path, "drawops-one").command("serve") == ["x"]
    with pytest.raises(ImageNotFound, match="no program for 'train'"):
        find_image(tmp_path, "drawops-one").command("train")


@pytest.mark.parametrize("name", ["one:local", "drawops-two:local", "drawops-../one", ""])
def test_an_image_that_was_not_built_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ImageNotFound, match="images here: none"):
        find_image(tmp_path, name)


def test_a_missing_training_image_says_how_to_build_it(tmp_path: Path) -> None:
    with pytest.raises(ImageNotFound, match="drawops up --training"):
        find_image(tmp_path, "drawops-training:local")
