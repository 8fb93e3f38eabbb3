"""``report`` and ``rate`` on the command line, and ``make report``."""

import shutil
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from chatbot.classifier import SHIPPED_GUARD
from training.__main__ import main
from training.report.config import ReportConfig
from training.report.ratings import Row, write_key, write_sheet

ROOT = Path(__file__).parents[3]
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_main: Run) -> Run:
    """Run the command line in this process, in an empty folder: exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)

    return partial(run_main, main)


def test_every_option_reaches_the_report(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[ReportConfig] = []

    def write_report(config: ReportConfig) -> Path:
        seen.append(config)
        return Path("out")

    monkeypatch.setattr("training.report.build.write_report", write_report)
    assert run("report") == (0, "成绩单写好了：out/report.md\n", "")
    options = "--checkpoint a --against b --corpus c --cdial d --out e --seed 3 --size 9 --no-known"
    more = "--openers f --contexts g --cold h --no-judge"
    assert run("report", *options.split(), *more.split())[0] == 0
    assert seen == [
        ReportConfig(judge=SHIPPED_GUARD),
        ReportConfig(
            judge=None,
            checkpoint=Path("a"),
            against=Path("b"),
            corpus=Path("c"),
            cdial=Path("d"),
            out=Path("e"),
            seed=3,
            size=9,
            use_known=False,
            openers=Path("f"),
            contexts=Path("g"),
            cold=Path("h"),
        ),
    ]


def test_rate_prints_the_table(run: Run, tmp_path: Path) -> None:
    for name, ratings in (("a", (2, 0)), ("b", (2, 1))):
        rows = [Row(f"r{n}", "人：a", "b", given) for n, given in enumerate(ratings)]
        write_sheet(tmp_path / f"{name}.tsv", rows)
    write_key(tmp_path / "key.json", {"r0": "甲", "r1": "乙"})
    code, out, err = run("rate", "a.tsv", "b.tsv", "--key", "key.json")
    assert (code, err) == (0, "")
    assert "| 甲 | 1 | 100.0%" in out
    assert "| 全部 | 2 |" in out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("report --checkpoint none", "none: 找不到模型文件夹；"),
        ("report --against none", "none: 找不到模型文件夹；"),
        ("report --size 0", "size=0 不可用；"),
        ("report --seed -1", "seed=-1 不可用；"),
        ("rate none.tsv", "none.tsv: 找不到评分表；"),
        ("rate empty.tsv", "empty.tsv:1: 第一行须是"),
    ],
)
def test_a_mistake_ends_in_one_line_and_exit_code_2(
    run: Run, tmp_path: Path, arguments: str, told: str
) -> None:
    (tmp_path / "empty.tsv").write_text("", "utf-8")
    code, _, err = run(*arguments.split())
    assert code == 2
    (line,) = err.splitlines()
    assert line.startswith("错误：")
    assert told in line


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
@pytest.mark.parametrize(
    ("variables", "options"),
    [
        ("", "--corpus 'training/corpus'"),
        (
            "CHECKPOINT=a AGAINST=b CORPUS=c CDIAL=d COLD=f OUT=e",
            "--checkpoint 'a' --against 'b' --corpus 'c' --cdial 'd' --cold 'f' --out 'e'",
        ),
    ],
)
def test_make_report_passes_its_variables(variables: str, options: str) -> None:
    command = ["make", "--no-print-directory", "-n", "report", *variables.split()]
    environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, encoding="utf-8", check=True
    )
    shown = " ".join(done.stdout.replace("\\\n", " ").split())
    assert shown.endswith(f".venv/bin/python -m training report {options}")
