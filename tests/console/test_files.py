"""The page's files: served safely, vendored faithfully, in two languages."""

import hashlib
import json
import re
from pathlib import Path

import pytest
from drawops_console import HEADERS, asset

CONSOLE = Path(__file__).parents[2] / "console"
STATIC = CONSOLE / "drawops_console/static"
OWN = [path for path in STATIC.rglob("*") if path.is_file() and path.parent.name != "vendor"]


def test_every_file_can_be_served() -> None:
    for path in STATIC.rglob("*"):
        if path.is_file():
            found = asset(path.relative_to(STATIC).as_posix())
            assert found.content == path.read_bytes()
            assert re.fullmatch(r'"[0-9a-f]{32}"', found.etag)
    assert asset("").content == asset("index.html").content
    assert asset("main.js").media_type.startswith("text/javascript")


@pytest.mark.parametrize(
    "path",
    ["../__init__.py", "..", "vendor/../../__init__.py", "/etc/passwd", "vendor", "./main.js", "main.js\0"],
)
def test_no_path_leads_out_of_the_folder(path: str) -> None:
    with pytest.raises(FileNotFoundError):
        asset(path)


def test_vendored_files_are_those_of_the_manifest_and_the_lock() -> None:
    manifest = json.loads((STATIC / "vendor/manifest.json").read_text())
    lock = json.loads((CONSOLE / "package-lock.json").read_text())["packages"]
    listed = {"manifest.json"}
    for name, library in manifest.items():
        locked = lock[f"node_modules/{name}"]
        assert (locked["version"], locked["integrity"]) == (library["version"], library["integrity"])
        for file, facts in library["files"].items():
            assert hashlib.sha256((STATIC / "vendor" / file).read_bytes()).hexdigest() == facts["sha256"], (
                file
            )
            listed.add(file)
        assert any("LICENSE" in file for file in library["files"])
    assert {path.name for path in (STATIC / "vendor").iterdir()} == listed
    assert set(lock[""]["dependencies"]) == set(manifest)


def test_the_policy_allows_no_foreign_and_no_inline_code() -> None:
    policy = HEADERS["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    page = (STATIC / "index.html").read_text()
    # What the page says itself is the header, but for what only a header may say.
    assert re.sub(r"; frame-ancestors 'none'", "", policy) in page
    assert not re.search(r"<script(?![^>]*\bsrc=)|\son\w+=|\sstyle=", page)


def test_our_own_files_name_no_other_host_and_only_relative_places() -> None:
    for path in OWN:
        text = path.read_text(encoding="utf-8")
        named = set(re.findall(r"https?://[^\s\"'`)]+", text))
        # Names of XML vocabularies, which nobody fetches.
        assert named <= {"http://www.w3.org/2000/svg", "https://openseadragon.github.io"}, path
        assert not re.search(r"""(?:src|href)=["']/""", text), path
        assert "innerHTML" not in text, path
        assert not re.search(r"\beval\(|new Function", text), path


def test_both_languages_say_the_same_things() -> None:
    source = (STATIC / "language.js").read_text(encoding="utf-8")
    parts = re.search(r"ENGLISH = \{(.*?)\n\};.*CHINESE = \{(.*?)\n\};", source, re.DOTALL)
    assert parts
    english, chinese = (
        dict(re.findall(r'^    "?([\w.]+)"?:\s+"(.*)",$', part, re.MULTILINE)) for part in parts.groups()
    )
    assert len(english) > 150
    assert english.keys() == chinese.keys()
    for key, text in english.items():
        assert set(re.findall(r"\{\w+\}", text)) == set(re.findall(r"\{\w+\}", chinese[key])), key


def test_every_sentence_that_the_page_asks_for_exists() -> None:
    source = (STATIC / "language.js").read_text(encoding="utf-8")
    known = set(re.findall(r'^    "?([\w.]+)"?:', source, re.MULTILINE))
    for path in STATIC.glob("*.js"):
        for key in re.findall(r'\bsay\("([\w.]+)"', path.read_text(encoding="utf-8")):
            assert key in known, (path.name, key)
    notices = re.findall(r'#notice\(\s*"(\w+)"', (STATIC / "editor.js").read_text())
    assert notices
    assert {f"notice.{key}" for key in notices} <= known
    commands = re.findall(r"^    (\w+): \{ sheet", (STATIC / "keys.js").read_text(), re.MULTILINE)
    assert len(commands) > 20
    assert {f"key.{command}" for command in commands} <= known
