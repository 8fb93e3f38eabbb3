import logging
import os
import platform
import shutil
import sys
from pathlib import Path

import pytest

from chatbot.decoding.native import build
from chatbot.errors import ChatbotError

CACHE = "XDG_CACHE_HOME"


@pytest.fixture(autouse=True)
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder, the sources in a folder of their own, and an x86-64 machine."""
    shutil.copytree(build.SOURCES, tmp_path / "native", ignore=shutil.ignore_patterns("*.so"))
    monkeypatch.setattr(build, "SOURCES", tmp_path / "native")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(sys, "prefix", sys.base_prefix)
    monkeypatch.setenv(CACHE, str(tmp_path / "cache"))
    monkeypatch.delenv("CXX", raising=False)
    return tmp_path


def compiler(scratch: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let ``CXX`` be a shell script."""
    path = scratch / "compiler"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    monkeypatch.setenv("CXX", f"{path} -x")


WORKS = 'for last; do :; done; echo made > "$last"; echo "$@" >> "$0.log"'


def test_it_is_compiled_once_and_then_found(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiler(scratch, WORKS, monkeypatch)
    path = build.library()
    assert path == scratch / "cache" / "xianliao" / build.library_name()
    assert path.read_text() == "made\n"
    assert build.library() == path
    assert [file.name for file in path.parent.iterdir()] == [path.name]  # no scratch is left
    (line,) = (scratch / "compiler.log").read_text().splitlines()
    assert line.startswith("-x -std=c++17 ")


def test_in_a_virtual_environment_it_stays_there(
    scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiler(scratch, WORKS, monkeypatch)
    monkeypatch.setattr(sys, "prefix", str(scratch / "venv"))
    (scratch / "venv").mkdir()
    path = build.library()
    assert path is not None
    assert path.parent == scratch / "venv" / "var" / "xianliao"
    monkeypatch.setattr(os, "access", lambda *_: False)  # read-only: root may write all the same
    assert build.cache_folder() == scratch / "cache" / "xianliao"


def test_one_beside_the_sources_needs_no_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "/nowhere/compiler")
    monkeypatch.setenv("PATH", "/nowhere")
    assert build.library() is None
    with pytest.raises(ChatbotError, match="g\\+\\+"):
        build.compile_into(build.SOURCES)
    beside = build.SOURCES / build.library_name()
    beside.touch()
    assert build.library() == beside


def test_a_change_of_any_source_changes_the_name() -> None:
    names = {build.library_name()}
    sources = [path for path in build.SOURCES.iterdir() if path.suffix in (".cpp", ".h", ".inc")]
    for path in sources:
        path.write_text(path.read_text() + "\n")
        names.add(build.library_name())
    assert len(names) == 1 + len(sources)
    (build.SOURCES / "build.py").write_text("")
    assert build.library_name() in names


@pytest.mark.parametrize(
    ("script", "told"), [("echo 'no such option' >&2; exit 1", "no such option"), ("exit 3", "3")]
)
def test_a_compiler_that_refuses_leaves_a_line_and_nothing_else(
    scratch: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    script: str,
    told: str,
) -> None:
    compiler(scratch, script, monkeypatch)
    with caplog.at_level(logging.WARNING):
        assert build.library() is None
    (record,) = caplog.records
    assert told in record.getMessage()
    assert list((scratch / "cache" / "xianliao").iterdir()) == []


def test_a_cache_folder_that_cannot_be_made_does_no_harm(
    scratch: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    compiler(scratch, WORKS, monkeypatch)
    (scratch / "file").touch()
    monkeypatch.setenv(CACHE, str(scratch / "file"))
    assert build.library() is None
    assert "原生内核没有编译成" in caplog.text


def test_other_machines_are_not_even_tried(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiler(scratch, WORKS, monkeypatch)
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    assert build.library() is None
    assert not (scratch / "cache").exists()


def test_the_cache_folder_is_the_users_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(CACHE)
    monkeypatch.setenv("HOME", os.sep + "somebody")
    assert build.cache_folder() == Path("/somebody/.cache/xianliao")
