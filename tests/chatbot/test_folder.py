"""Putting a folder in the place of another, and the JSON in it."""

import os
from pathlib import Path

import pytest

from chatbot.errors import CheckpointError
from chatbot.folder import read_json, replace_folder, stage_folder, write_json


@pytest.fixture
def staging(tmp_path: Path) -> Path:
    """A folder that is to take the place of ``target``."""
    (tmp_path / "staging").mkdir()
    (tmp_path / "staging" / "new").touch()
    return tmp_path / "staging"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("existing", [(), ("target",), ("target.old",), ("target", "target.old")])
def test_the_new_folder_takes_the_place(
    staging: Path, tmp_path: Path, existing: tuple[str, ...]
) -> None:
    for name in existing:
        (tmp_path / name).mkdir()
        (tmp_path / name / "old").touch()
    replace_folder(staging, tmp_path / "target")
    assert names(tmp_path) == ["target"]
    assert names(tmp_path / "target") == ["new"]


def test_the_old_folder_comes_back_when_the_new_one_cannot_take_its_place(
    staging: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "target"
    target.mkdir()
    (target / "old").touch()
    replace = os.replace

    def failing(source: Path, destination: Path) -> None:
        if source == staging:
            raise OSError("busy")
        replace(source, destination)

    monkeypatch.setattr(os, "replace", failing)
    with pytest.raises(OSError, match="busy"):
        replace_folder(staging, target)
    assert names(target) == ["old"]
    assert names(staging) == ["new"]


def test_json_comes_back_and_is_readable(tmp_path: Path) -> None:
    values = {"名字": "小闲", "数": [1, 2.5, None]}
    write_json(tmp_path / "a.json", values)
    assert read_json(tmp_path / "a.json") == values
    assert "小闲" in (tmp_path / "a.json").read_text("utf-8")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[1]",
        b"null",
        b"\xff\xfe{}",
        b'{"a": ' * 100_000,
        b'{"a": ' + b"9" * 5000 + b"}",
    ],
)
def test_what_is_no_json_object_is_told_in_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"a\.json: .*JSON.*；请重新取得这个文件$") as error:
        read_json(tmp_path / "a.json")
    assert "\n" not in str(error.value)


def test_what_cannot_be_read_is_told_too(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="；"):
        read_json(tmp_path)


def test_a_staging_folder_lies_beside_its_place_and_is_empty_whatever_was_left(
    tmp_path: Path,
) -> None:
    target = tmp_path / "deep" / "target"
    (stage_folder(target) / "half").write_text("written")
    staging = stage_folder(target)
    assert staging.parent == target.parent
    assert staging != target
    assert list(staging.iterdir()) == []
