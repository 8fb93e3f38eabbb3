"""A text's characters and their ids, in memory and on disk."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vocab.chars import CharVocab, UnknownCharacters
from vocab.wordpiece import VocabError

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


def test_ids_follow_the_sorted_characters() -> None:
    vocab = CharVocab("江湖\n江，A")
    assert vocab.itos == ["\n", "A", "江", "湖", "，"]
    assert vocab.stoi == {"\n": 0, "A": 1, "江": 2, "湖": 3, "，": 4}
    assert len(vocab) == 5
    assert vocab.encode("湖A江") == [3, 1, 2]
    assert vocab.decode([3, 1, 2]) == "湖A江"


@given(TEXTS)
def test_every_text_comes_back_from_its_own_vocabulary(text: str) -> None:
    vocab = CharVocab(text)
    assert vocab.decode(vocab.encode(text)) == text
    assert vocab.itos == sorted(vocab.itos)


def test_unknown_characters_are_all_named_once_in_one_line_with_the_remedy() -> None:
    with pytest.raises(UnknownCharacters) as error:
        CharVocab("江湖").encode("江龘a\n龘湖靐a")
    assert error.value.characters == "龘a\n靐"
    line = str(error.value)
    assert "\n" not in line
    assert "龘 a \\n 靐；" in line
    assert line.count("龘") == 1


@given(TEXTS)
def test_a_saved_vocabulary_is_the_same(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    path = tmp_path_factory.mktemp("chars") / "chars.json"
    CharVocab(text).save(path)
    assert CharVocab.load(path).itos == CharVocab(text).itos


def test_chinese_stands_in_the_file_as_it_is(tmp_path: Path) -> None:
    CharVocab("江湖\n").save(tmp_path / "chars.json")
    text = (tmp_path / "chars.json").read_text("utf-8")
    assert json.loads(text) == {"characters": "\n江湖"}
    assert "江湖" in text


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "{}", '{"characters": 1}', '{"characters": "湖江"}', '{"characters": "江江"}'],
)
def test_a_broken_file_is_told_in_one_line(tmp_path: Path, content: str) -> None:
    path = tmp_path / "chars.json"
    path.write_text(content, "utf-8")
    with pytest.raises(VocabError) as error:
        CharVocab.load(path)
    line = str(error.value)
    assert line.startswith(f"{path}: ")
    assert "\n" not in line
    assert "；请" in line


def test_a_missing_file_and_one_that_is_no_text_are_told(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    for name in ("nothing", "binary", "."):
        with pytest.raises(VocabError, match="；请"):
            CharVocab.load(tmp_path / name)
