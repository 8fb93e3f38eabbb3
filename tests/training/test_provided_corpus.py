"""The corpus in the repository: it passes its checker, and its README tells the truth about it."""

import re
from pathlib import Path

import pytest

import training
from training.checker import CheckReport, check_corpus
from training.checks.duplicates import normalise
from training.corpora import corpus_files, is_generated, read_dialogues, write_dialogues
from training.exchanges import read_contexts, read_openers
from training.split import HELD_OUT, SHARE, is_held_out, opener_of

CORPUS = Path(training.__file__).parent / "corpus"
PROMPTS = Path(training.__file__).parent / "prompts"
README_ROW = re.compile(
    r"^\| (\S+) \|[^|]*\| ([\d,]+) \| ([\d,]+) \| ([\d,]+) \| ([\d,]+) \|$", re.MULTILINE
)


@pytest.fixture(scope="module")
def checked() -> CheckReport:
    return check_corpus(CORPUS)


def test_nothing_is_found(checked: CheckReport) -> None:
    assert [str(finding) for finding in checked.findings] == []


def test_readme_gives_the_figures_of_the_checker(checked: CheckReport) -> None:
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
        for file in (*checked.files, checked.total)
    }


def test_size_is_that_of_a_whole_corpus(checked: CheckReport) -> None:
    total = checked.total
    written = sum(f.num_dialogues for f in checked.files if not is_generated(f.name))
    assert written >= 12_500
    assert total.num_utterances >= 78_000
    assert total.num_held_out / written == pytest.approx(SHARE, abs=0.01)


def test_topics_are_many_and_none_is_large(checked: CheckReport) -> None:
    """A file is a topic; what is generated is counted apart."""
    sizes = [f.num_dialogues for f in checked.files if not is_generated(f.name)]
    assert len(sizes) >= 60
    assert max(sizes) <= 0.05 * sum(sizes)


def test_no_test_prompt_is_in_it() -> None:
    said: set[str] = set()
    begun: set[tuple[str, ...]] = set()
    for side in (CORPUS, CORPUS / HELD_OUT):
        for path in corpus_files(side):
            for item in read_dialogues(path):
                said |= {opener_of([text]) for text in item.utterances[::2]}
                begun.add(tuple(map(normalise, item.utterances[:2])))
    openers = read_openers(PROMPTS / "openers.txt")
    contexts = read_contexts(PROMPTS / "contexts.txt")
    assert (len(openers), len(contexts)) == (100, 50)
    assert [item.message for item in openers if opener_of([item.message]) in said] == []
    assert not begun & {tuple(map(normalise, item.history[:2])) for item in contexts}


def test_every_dialogue_is_on_its_side() -> None:
    openers: list[set[str]] = []
    for side in (CORPUS, CORPUS / HELD_OUT):
        dialogues = [
            item.utterances
            for path in corpus_files(side)
            if not is_generated(path)
            for item in read_dialogues(path)
        ]
        assert {is_held_out(utterances) for utterances in dialogues} == {side.name == HELD_OUT}
        openers.append({opener_of(utterances) for utterances in dialogues})
    assert not openers[0] & openers[1]


def test_both_sides_hold_the_same_files() -> None:
    trained, held_out = (
        [path.name for path in corpus_files(side)] for side in (CORPUS, CORPUS / HELD_OUT)
    )
    assert [name for name in trained if not is_generated(name)] == held_out


def test_generated_memory_is_marked_and_has_the_form_that_the_command_writes(
    tmp_path: Path,
) -> None:
    path = CORPUS / "generated_memory.txt"
    assert is_generated(path)
    assert not (CORPUS / HELD_OUT / path.name).exists()
    dialogues = [dialogue.utterances for dialogue in read_dialogues(path)]
    num_dialogues, _ = write_dialogues(tmp_path / path.name, dialogues)
    assert num_dialogues >= 3_000
    assert (tmp_path / path.name).read_bytes() == path.read_bytes()
