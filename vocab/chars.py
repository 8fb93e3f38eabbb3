"""A character vocabulary: every character of a text, sorted; its index is its id."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Self

from vocab.wordpiece import VocabError


class UnknownCharacters(VocabError):
    """A text holds characters that the vocabulary does not.

    Attributes:
        characters: each of them once, in the order of the text.
    """

    def __init__(self, characters: str) -> None:
        shown = " ".join(
            character if character.isprintable() else repr(character)[1:-1]
            for character in characters
        )
        super().__init__(f"不认得这些字：{shown}；请换成小说里出现过的字，标点用全角")
        self.characters = characters


class CharVocab:
    """The characters of a text and their ids.

    Attributes:
        itos: id -> character, sorted by code point.
        stoi: character -> id.
    """

    def __init__(self, characters: Iterable[str]) -> None:
        self.itos = sorted(set(characters))
        self.stoi = {character: index for index, character in enumerate(self.itos)}

    def __len__(self) -> int:
        return len(self.itos)

    def encode(self, text: str) -> list[int]:
        """Return the id of each character.

        Raises:
            UnknownCharacters: some are not in the vocabulary; it names them all.
        """
        if unknown := "".join(dict.fromkeys(c for c in text if c not in self.stoi)):
            raise UnknownCharacters(unknown)
        return [self.stoi[character] for character in text]

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of ids."""
        return "".join(self.itos[index] for index in ids)

    def save(self, path: str | Path) -> None:
        """Write ``{"characters": "…"}``, the characters in the order of their ids."""
        values = {"characters": "".join(self.itos)}
        Path(path).write_text(json.dumps(values, ensure_ascii=False) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what ``save`` wrote.

        Raises:
            VocabError: the file is missing, no JSON, or not what ``save`` writes.
        """
        path = Path(path)
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise VocabError(f"{path}: 找不到字表；请重新取得或重新训练") from None
        except (ValueError, RecursionError, OSError) as error:
            raise VocabError(f"{path}: 字表坏了（{error}）；请重新取得或重新训练") from None
        characters = values.get("characters") if isinstance(values, dict) else None
        if not isinstance(characters, str) or list(characters) != sorted(set(characters)):
            raise VocabError(f"{path}: 字表里的字须各不相同、从小到大；请重新取得或重新训练")
        return cls(characters)
