"""Which races a choice leads to."""

import sys

import pytest

from benchmarks.errors import BenchmarkError
from benchmarks.program import Program

pytestmark = pytest.mark.usefixtures("tiny")


def raced(**choice: list[str]) -> list[tuple[str, str, str]]:
    program = Program(**{"subjects": ["tiny"], **choice}, num_pairs=1, num_threads=1, run="我")
    return [(figure.subject, figure.workload, figure.peer) for figure in program.figures()]


def test_chosen_rows_and_peers_are_raced_where_they_can() -> None:
    choice = {"rows": ["1", "8"], "peers": ["generate-fp32", "no-cache"]}
    assert raced(**choice) == [
        ("tiny", "1", "generate-fp32"),
        ("tiny", "8", "generate-fp32"),
        ("tiny", "1", "no-cache"),
    ]


def test_a_conversation_is_raced() -> None:
    assert raced(rows=["turn5"], peers=["generate-bf16"]) == [("tiny", "turn5", "generate-bf16")]


def test_without_a_gpu_its_rows_are_left_out() -> None:
    assert raced(subjects=["tiny-cuda"], rows=["1"]) == []


def test_a_missing_peer_is_skipped_with_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "ctranslate2", None)
    assert raced(rows=["1"], peers=["ctranslate2"]) == []
    assert "跳过 CTranslate2 int8：没有安装；用 make bench" in capsys.readouterr().out


def test_a_figure_tells_how_it_came_about() -> None:
    program = Program(
        rows=["1"], subjects=["tiny"], peers=["generate-fp32"], num_pairs=2, num_threads=1, run="我"
    )
    (figure,) = program.figures()
    assert figure.run == "我"
    assert figure.precision in {"int8", "bfloat16", "float32"}
    assert len(figure.race.ours) == len(figure.race.theirs) == 2
    assert figure.ceiling is not None
    assert figure.ceiling > 0


@pytest.mark.parametrize("option", ["rows", "subjects", "peers"])
def test_unknown_names_are_refused(option: str) -> None:
    with pytest.raises(BenchmarkError, match="没有叫 nobody 的；可用的有 "):
        raced(**{option: ["nobody"]})
