"""A novel as one string, and its end that is held out."""

import re
import unicodedata
from collections import Counter
from pathlib import Path

from training.errors import CorpusError

STORY = Path(__file__).parents[1] / "story"  # the novel that comes with the project
HELD_OUT_SHARE = 0.05
MIN_CHARS = 2_000


def read_novel(path: str | Path) -> str:
    """Return the text of a file, or of a folder's ``.txt`` files in the order of their names.

    UTF-8 or GB18030; line ends become ``\\n``. The text begins after a blank line, as chapters
    do, and ends with its last line.

    Raises:
        CorpusError: nothing is there, it is no text, or it is too short to learn from.
    """
    path = Path(path)
    texts = [_read(file).strip() for file in _files(path)]
    text = "".join(f"\n\n{text}" for text in texts if text) + "\n"
    if len(text) < MIN_CHARS:
        what = f"只有 {len(text.strip()):,} 个字，至少要 {MIN_CHARS:,} 个；请换一部长些的"
        raise CorpusError(path, None, what)
    return text


def split_novel(text: str) -> tuple[str, str]:
    """Return what is trained on and the end of the text, which never is."""
    place = round(len(text) * (1 - HELD_OUT_SHARE))
    return text[:place], text[place:]


def opening_of(text: str) -> str:
    """Return the character that chapters begin with most often: the one after a blank line."""
    found: Counter[str] = Counter(re.findall(r"\n\n(\S)", text))
    return found.most_common(1)[0][0]


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise CorpusError(path, None, "找不到小说；请检查 NOVEL= 的路径")
    files = sorted(path.glob("*.txt"))
    if not files:
        raise CorpusError(path, None, "文件夹里没有 .txt；请把小说存成 .txt，或直接给出文件")
    return files


def _read(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CorpusError(path, None, f"打不开（{error.strerror}）；请检查路径和权限") from None
    text = _decode(data, path).replace("\r\n", "\n").replace("\r", "\n")
    text = text.replace("\f", "\n")
    for number, line in enumerate(text.split("\n"), start=1):
        if any(unicodedata.category(c) in ("Cc", "Cn") and c != "\t" for c in line):
            what = "不是文字（含有控制字符或不存在的字）；请确认是纯文本，并另存为 UTF-8"
            raise CorpusError(path, number, what)
    return text


def _decode(data: bytes, path: Path) -> str:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise CorpusError(path, None, "既不是 UTF-8 也不是 GB18030 的文字；请另存为 UTF-8")
