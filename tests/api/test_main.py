"""`python -m api` as a user starts it."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

import api

ROOT = Path(api.__file__).parents[1]


def command(folder: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    inherited = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("XIANLIAO", "DATABASE"))
    }
    return subprocess.Popen(
        [sys.executable, "-m", "api", *arguments],
        cwd=folder,
        env={**inherited, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )


def refusal(folder: Path, *arguments: str, **environment: str) -> str:
    """The one line on standard error of a service that must not start."""
    process = command(folder, *arguments, **environment)
    try:
        _, errors = process.communicate(timeout=200)
    finally:
        process.kill()
    assert process.returncode == 2, errors
    assert len(errors.splitlines()) == 1, errors
    assert errors.startswith("错误：")
    return errors


@pytest.fixture
def service(tmp_path: Path, tiny_checkpoint: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A service as its own process, and its address; it is killed if it lives on."""
    process = command(tmp_path, "--checkpoint", str(tiny_checkpoint), "--port", "0")
    try:
        assert process.stdout is not None
        lines = [process.stdout.readline(), process.stdout.readline()]
        assert lines[0] == "正在加载模型……\n", process.communicate()
        assert lines[1].startswith("闲聊已就绪，请打开 http://127.0.0.1:"), lines
        yield process, lines[1].split()[1]
    finally:
        process.kill()
        process.communicate()


def test_it_tells_the_address_when_it_can_answer_and_ends_quietly(
    service: tuple[subprocess.Popen[str], str], tmp_path: Path
) -> None:
    process, url = service
    answer = httpx.post(f"{url}/chat", json={"message": "你好", "max_new_tokens": 4})
    assert answer.status_code == 200
    assert (tmp_path / "data" / "xianliao.db").is_file()
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 0
    assert (output, errors) == ("", "")


def test_it_ends_quietly_in_the_middle_of_a_stream(
    service: tuple[subprocess.Popen[str], str],
) -> None:
    process, url = service
    body = {"message": "你好", "max_new_tokens": 128, "stream": True}
    with httpx.stream("POST", f"{url}/chat", json=body, timeout=60) as response:
        lines = response.iter_lines()
        next(lines)
        process.send_signal(signal.SIGINT)
        assert any(line in ("event: done", "event: error") for line in lines)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")


def test_it_ends_quietly_while_it_loads(tmp_path: Path, tiny_checkpoint: Path) -> None:
    process = command(tmp_path, "--checkpoint", str(tiny_checkpoint), "--port", "0")
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=200)
    assert (process.returncode, output, errors) == (0, "", "")


@pytest.mark.parametrize(
    ("name", "value"),
    [("XIANLIAO_PORT", "八千"), ("XIANLIAO_MAX_MESSAGE_CHARS", "-1"), ("XIANLIAO_HOST", "no host")],
)
def test_a_bad_setting_is_one_line(tmp_path: Path, name: str, value: str) -> None:
    line = refusal(tmp_path, **{name: value})
    assert name in line or "HOST=127.0.0.1" in line


def test_a_bad_option_is_one_line(tmp_path: Path) -> None:
    assert "XIANLIAO_PORT 应是整数" in refusal(tmp_path, "--port", "abc")


def test_a_taken_port_is_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert f"端口 {port} 已被占用" in refusal(tmp_path, "--port", port)


def test_a_missing_checkpoint_is_one_line(tmp_path: Path) -> None:
    line = refusal(tmp_path, "--checkpoint", "nowhere", "--port", "0")
    assert "nowhere" in line


def test_a_corrupt_checkpoint_is_one_line(tmp_path: Path, tiny_checkpoint: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(tiny_checkpoint, broken)
    weights = broken / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    line = refusal(tmp_path, "--checkpoint", str(broken), "--port", "0")
    assert "model.safetensors" in line


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("XIANLIAO_DATA_DIR", "file"),
        ("XIANLIAO_DATABASE_URL", "no address"),
        ("XIANLIAO_DATABASE_URL", "mysql://user@host/name"),
        ("XIANLIAO_DATABASE_URL", "sqlite:///no/such/folder/x.db"),
    ],
)
def test_a_store_that_cannot_be_opened_is_one_line(
    tmp_path: Path, variable: str, value: str
) -> None:
    (tmp_path / "file").write_text("in the way", "utf-8")
    assert variable in refusal(tmp_path, "--port", "0", **{variable: value})


def test_help_is_chinese(tmp_path: Path) -> None:
    output, _ = command(tmp_path, "--help").communicate(timeout=200)
    for words in ("--checkpoint", "--host", "--port", "启动闲聊服务", "keys", "purge", "export"):
        assert words in output
