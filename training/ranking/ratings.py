"""Rated replies as they stand in a file: a conversation, and what could be said next.

A block is the conversation, an utterance a line, the person first and last, then the replies that
were rated, each behind its rating (2 fits and is worth saying, 1 passable, 0 does not fit) and a
tab. Blank lines between blocks.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from training.errors import CorpusError

RATINGS = Path(__file__).with_name("rated")
_GRADES = {"0": 0, "1": 1, "2": 2}


@dataclass(frozen=True)
class Rated:
    """A conversation and replies to its last message.

    Attributes:
        utterances: an odd number, the person's first and last.
        replies: different ones.
        ratings: 0, 1 or 2 for each.
    """

    utterances: tuple[str, ...]
    replies: tuple[str, ...]
    ratings: tuple[int, ...]


def read_ratings(path: str | Path) -> list[Rated]:
    """Read a file, or every ``.txt`` of a folder.

    Raises:
        CorpusError: missing, not UTF-8, empty, or a block that is not of that form; names the line.
    """
    path = Path(path)
    files = sorted(path.glob("*.txt")) if path.is_dir() else [path]
    found = [item for file in files for item in _read_file(file)]
    if not found:
        raise CorpusError(path, None, "没有打过分的回答；请给“上文、分数<制表符>回答”的文件")
    return found


def write_ratings(path: Path, items: Iterable[Rated]) -> None:
    """Write what ``read_ratings`` reads."""
    blocks = (
        [*item.utterances, *(f"{g}\t{r}" for r, g in zip(item.replies, item.ratings, strict=True))]
        for item in items
    )
    path.write_text("\n\n".join("\n".join(block) for block in blocks) + "\n", encoding="utf-8")


def _read_file(path: Path) -> Iterator[Rated]:
    lines: list[str] = []
    first = 1
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CorpusError(path, None, f"读不了（{error}）；请检查路径，转成 UTF-8") from None
    for number, line in enumerate([*text.split("\n"), ""], start=1):
        if line.strip():
            first = first if lines else number
            lines.append(line)
        elif lines:
            yield _block(lines, path, first)
            lines = []


def _block(lines: list[str], path: Path, number: int) -> Rated:
    cells = [line.partition("\t") for line in lines]
    said = [cell[0] for cell in cells if not cell[1]]
    rated = [(cell[2].strip(), _GRADES.get(cell[0])) for cell in cells[len(said) :]]
    is_whole = bool(rated) and len(said) % 2 == 1
    if not is_whole or not all(text and grade is not None for text, grade in rated):
        what = "这一段须是单数句上文（人先说、人后说），再是“0、1 或 2<制表符>回答”；请改正"
        raise CorpusError(path, number, what)
    grades = dict(rated)
    return Rated(tuple(said), tuple(grades), tuple(g for g in grades.values() if g is not None))
