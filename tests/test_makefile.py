"""The Makefile: what each target runs, and what it says when the environment cannot be made."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TARGETS = {
    "help",
    "serve",
    "chat",
    "test",
    "check",
    "train-dialogue",
    "train-base",
    "train-novel",
    "train-head",
    "write-novel",
    "report",
    "bench",
    "bench-train",
    "containers-check",
    "clean",
}

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def run_make(*arguments: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run `make`, untouched by the variables of an outer `make`."""
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HOST": "name-of-this-machine"}
    command = ["make", "--no-print-directory", *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, encoding="utf-8", check=False
    )


def dry_run(*arguments: str) -> str:
    """The last command that `make` would run, on one line with single spaces."""
    commands = run_make("-n", *arguments).stdout.replace("\\\n", " ").strip().splitlines()
    return " ".join(commands[-1].split())


def test_help_lists_every_target_and_is_the_default() -> None:
    text = run_make("help").stdout
    assert run_make().stdout == text
    listed = set(re.findall(r"^  make ([a-z-]+) ", text, re.MULTILINE))
    phony = re.findall(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    assert listed == TARGETS == set(" ".join(phony).split())


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        (["serve"], "-m api"),
        (
            ["serve", "CHECKPOINT=a", "HOST=0.0.0.0", "PORT=9000"],
            "-m api --checkpoint 'a' --host '0.0.0.0' --port '9000'",
        ),
        (["chat", "CHECKPOINT=it's a, b"], "-m chatbot chat --checkpoint 'it'\\''s a, b'"),
        (
            ["train-dialogue"],
            "-m training dialogue --corpus 'training/corpus' --init 'chatbot/checkpoints/xiaoxian'"
            " --out 'runs/dialogue'",
        ),
        (
            ["train-dialogue", "CORPUS=c", "CONFIG=g.json", "OUT=o", "RESUME=1"],
            "-m training dialogue --corpus 'c' --config 'g.json' --out 'o' --resume",
        ),
        (
            ["train-dialogue", "INIT=i", "RESUME=0"],
            "-m training dialogue --corpus 'training/corpus' --init 'i' --out 'runs/dialogue'",
        ),
        (["train-base", "CORPORA=a; b"], "-m training base --corpora 'a; b'"),
        (
            ["train-head", "DATA=my data.tsv"],
            "-m training head --data 'my data.tsv' --init 'chatbot/checkpoints/xiaoxian'",
        ),
        (
            [
                "train-head",
                "DATA=d",
                "INIT=i",
                "FREEZE=no_grad",
                "FORM=generation",
                "OUT=o",
                "RESUME=1",
            ],
            "-m training head --data 'd' --init 'i' --freeze 'no_grad' --form 'generation'"
            " --out 'o' --resume",
        ),
        (["train-novel"], "-m training novel"),
        (
            ["train-novel", "NOVEL=my novel.txt", "OUT=o", "RESUME=1"],
            "-m training novel --novel 'my novel.txt' --out 'o' --resume",
        ),
        (["write-novel"], "-m chatbot write"),
        (
            ["write-novel", "PROMPT=--“it's”", "CHECKPOINT=c"],
            "-m chatbot write --checkpoint 'c' -- '--“it'\\''s”'",
        ),
        (["bench"], "-m benchmarks"),
        (
            ["bench", "ROWS=1,8", "MODELS=m", "ONLY=p", "PAIRS=7", "OUT=o.md"],
            "-m benchmarks --rows '1,8' --models 'm' --only 'p' --pairs '7' --out 'o.md'",
        ),
        (["test"], "-m pytest"),
        (["check"], "-m mypy"),
    ],
)
def test_targets_pass_their_variables(arguments: list[str], command: str) -> None:
    assert dry_run(*arguments) == f".venv/bin/python {command}"


def test_training_a_head_needs_data() -> None:
    done = run_make("train-head")
    assert done.returncode == 2
    assert "错误：请给出数据" in done.stderr
    assert "make train-head DATA=文件" in done.stderr


def test_serving_installs_no_development_tools() -> None:
    assert "[dev]" not in run_make("-n", "-W", "pyproject.toml", "serve").stdout
    assert "[dev]" in run_make("-n", "-W", "pyproject.toml", "test").stdout


NO_VENV = """case "$*" in *ensurepip*) exit 1;; *print*) echo 3.11;; esac"""
# Runs the code it is given, which sees an older version.
OLD = "import sys; sys.version_info = (3, 10, 9); exec(sys.argv[1])"
TOO_OLD = f"exec '{sys.executable}' -c '{OLD}' \"$2\""
# Makes a .venv whose pip fails with the text $1.
BROKEN_PIP = """case "$*" in *print*) echo 3.11;; *--clear*)
mkdir -p .venv/bin; cat > .venv/bin/python <<'END'
#!/bin/sh
echo 'TEXT' > .venv/pip.log; exit 1
END
chmod +x .venv/bin/python;; esac"""


@pytest.mark.parametrize(
    ("python", "told"),
    [
        ("exit 127", "安装 Python 3.11"),
        (TOO_OLD, "Python 3.10 太旧，需要 3.11"),
        (NO_VENV, "sudo apt install python3.11-venv"),
        (BROKEN_PIP.replace("TEXT", "NewConnectionError: no route"), "请检查网络"),
        (BROKEN_PIP.replace("TEXT", "No matching distribution"), "见上面 pip 的输出"),
    ],
)
def test_a_failing_environment_is_told_in_one_line(tmp_path: Path, python: str, told: str) -> None:
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    fake = tmp_path / "python of mine"
    fake.write_text(f"#!/bin/sh\n{python}\n", "utf-8")
    fake.chmod(0o755)
    done = run_make("serve", f"PYTHON={fake}", folder=tmp_path)
    errors = [line for line in done.stderr.splitlines() if not line.startswith("make: ")]
    assert done.returncode == 2
    assert len(errors) == 1
    assert errors[0].startswith("错误：")
    assert told in errors[0]
    assert not (tmp_path / ".venv" / ".stamp").exists()
