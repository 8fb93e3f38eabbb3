"""The manifest: written over a folder's files, and checked against them."""

import json
from pathlib import Path
from typing import Any

import pytest

from chatbot.errors import CheckpointError
from chatbot.manifest import FORMAT, verified_manifest, write_manifest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with two files and their manifest."""
    for name in ("a.bin", "b.txt"):
        (tmp_path / name).write_text(name, encoding="utf-8")
    write_manifest(tmp_path, "小闲", {"steps": 3}, ["a.bin", "b.txt"])
    return tmp_path


def test_it_holds_name_facts_and_hashes(folder: Path) -> None:
    manifest = verified_manifest(folder)
    assert (manifest["format"], manifest["name"], manifest["steps"]) == (FORMAT, "小闲", 3)
    # printf a.bin | sha256sum
    expected = "4fef9cffec13baaa0b8bab5ae61005c5ee8bdb7880b255d60c27e8b7b45202ba"
    assert manifest["sha256"]["a.bin"] == expected
    assert list(manifest["sha256"]) == ["a.bin", "b.txt"]


def test_a_folder_without_one_is_named_by_its_folder(tmp_path: Path) -> None:
    assert verified_manifest(tmp_path) == {"name": tmp_path.name, "sha256": {}}


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"format": FORMAT + 1}, "格式号"),
        ({"format": None}, "格式号"),
        ({"name": 7}, "name"),
        ({"sha256": ["a.bin"]}, "sha256"),
        ({"sha256": {}}, "sha256"),
    ],
)
def test_another_format_is_refused(folder: Path, values: dict[str, Any], told: str) -> None:
    manifest = json.loads((folder / "manifest.json").read_text("utf-8")) | values
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(CheckpointError, match=rf"manifest\.json: .*{told}.*；"):
        verified_manifest(folder)


def test_a_broken_manifest_is_refused(folder: Path) -> None:
    (folder / "manifest.json").write_text('{"format": 1,', encoding="utf-8")
    with pytest.raises(CheckpointError, match=r"manifest\.json: JSON"):
        verified_manifest(folder)


def test_a_missing_and_an_altered_file_are_named(folder: Path) -> None:
    (folder / "a.bin").write_text("b.bin", encoding="utf-8")
    with pytest.raises(CheckpointError, match=r"a\.bin: .*校验和不符.*；"):
        verified_manifest(folder)
    (folder / "a.bin").unlink()
    with pytest.raises(CheckpointError, match=r"缺少 a\.bin；"):
        verified_manifest(folder)
