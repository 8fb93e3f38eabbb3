"""Markdown: tables, figures, and paths as a reader would write them."""

import math
from pathlib import Path

import pytest

from training.metrics.intervals import Estimate, Share
from training.report.markdown import interval, number, percent, shown, table


def test_a_cell_breaks_no_table() -> None:
    assert table(["", "a|b"], [["x\ny", "1"]]) == "|  | a\\|b |\n| --- | --- |\n| x y | 1 |"


def test_figures_have_their_interval_and_nothing_is_a_dash() -> None:
    assert interval(Estimate(1234.567, 1, 2000)) == "1,234.57 [1.00, 2,000.00]"
    assert percent(Share(81, 263)) == "30.8% [25.5%, 36.6%]"
    nothing = Estimate(math.nan, math.nan, math.nan)
    assert interval(nothing) == percent(Share(0, 0)) == number(math.nan) == "—"
    assert number(0.21, 3) == "0.210"


def test_a_path_inside_this_folder_is_shown_from_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert shown(tmp_path / "here" / "a") == shown(Path("a")) == "a"
    assert shown(tmp_path / "b") == str(tmp_path / "b")
