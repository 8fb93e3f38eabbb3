"""The corpus in the repository: it passes its checker, and its README tells the truth about it."""

import re
import time
from pathlib import Path

import pytest

import training
from training.checker import CheckReport, check_corpus
from training.corpora import corpus_files, read_dialogues
from training.split import HELD_OUT, SHARE, is_held_out, opener_of

CORPUS = Path(training.__file__).parent / "corpus"
README_ROW = re.compile(
    r"^\| (\S+) \|[^|]*\| ([\d,]+) \| ([\d,]+) \| ([\d,]+) \| ([\d,]+) \|$", re.MULTILINE
)


@pytest.fixture(scope="module")
def checked() -> tuple[CheckReport, float]:
    start = time.process_time()
    report = check_corpus(CORPUS)
    return report, time.process_time() - start


def test_nothing_is_found(checked: tuple[CheckReport, float]) -> None:
    assert [str(finding) for finding in checked[0].findings] == []


def test_check_takes_well_under_a_minute(checked: tuple[CheckReport, float]) -> None:
    assert checked[1] < 40


def test_readme_gives_the_figures_of_the_checker(checked: tuple[CheckReport, float]) -> None:
    text = (CORPUS / "README.md").read_text(encoding="utf-8")
    told = {
        name: tuple(int(count.replace(",", "")) for count in counts)
        for name, *counts in README_ROW.findall(text)
    }
    assert told == {
        file.name: (
            file.num_dialogues,
            file.num_utterances,
            file.num_characters,
            file.num_held_out,
        )
        for file in (*checked[0].files, checked[0].total)
    }


def test_size_is_that_of_a_whole_corpus(checked: tuple[CheckReport, float]) -> None:
    total = checked[0].total
    assert total.num_dialogues >= 9_600
    assert total.num_utterances >= 61_000
    assert total.num_held_out / total.num_dialogues == pytest.approx(SHARE, abs=0.01)


def test_every_dialogue_is_on_its_side() -> None:
    openers: list[set[str]] = []
    for side in (CORPUS, CORPUS / HELD_OUT):
        dialogues = [
            item.utterances for path in corpus_files(side) for item in read_dialogues(path)
        ]
        assert {is_held_out(utterances) for utterances in dialogues} == {side.name == HELD_OUT}
        openers.append({opener_of(utterances) for utterances in dialogues})
    assert not openers[0] & openers[1]


def test_both_sides_hold_the_same_files() -> None:
    names = [[path.name for path in corpus_files(side)] for side in (CORPUS, CORPUS / HELD_OUT)]
    assert names[0] == names[1]
