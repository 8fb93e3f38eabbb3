"""What is kept between runs, and when it is not."""

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.errors import BenchmarkError
from benchmarks.machine import Machine
from benchmarks.perplexity import Perplexities
from benchmarks.race import Race
from benchmarks.results import Figure, Quality, Results, load_results

MACHINE = Machine("CPU", 2, 2, ("avx2",), "", ("torch==2",))
FIGURE = Figure(
    subject="chitchat",
    workload="1",
    peer="no-cache",
    race=Race((1.0, 2.0), (3.0, 4.0)),
    precision="int8",
    ceiling=None,
    run="一",
)


def test_what_was_saved_is_loaded_on_the_same_machine_only(tmp_path: Path) -> None:
    results = Results(MACHINE, [FIGURE], Quality(Perplexities(2.0, 1.5, 9), "二"))
    path = tmp_path / "results.json"
    results.save(path)
    assert load_results(path, MACHINE) == results
    other = replace(MACHINE, versions=("torch==3",))
    assert load_results(path, other) == Results(other)
    assert load_results(tmp_path / "none.json", MACHINE) == Results(MACHINE)


def test_a_new_figure_takes_the_place_of_its_forerunner() -> None:
    results = Results(MACHINE)
    eight = replace(FIGURE, workload="8", run="二")
    again = replace(FIGURE, race=Race((5.0,), (6.0,)), run="三")
    for figure in (FIGURE, eight, again):
        results.add(figure)
    assert results.figures == [eight, again]
    assert results.runs == ["二", "三"]
    results.quality = Quality(Perplexities(2.0, 1.5, 9), "二")
    assert results.runs == ["二", "三"]


def test_another_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    for text in ("{", '{"figures": []}'):
        path.write_text(text, "utf-8")
        with pytest.raises(BenchmarkError, match="请删掉它"):
            load_results(path, MACHINE)
