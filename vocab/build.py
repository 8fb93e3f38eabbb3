"""Build a WordPiece table from corpora and measure how well it covers a text.

Every Chinese character is a token of its own (BERT's pre-tokenizer splits them), so the table is
counted, not learnt: special tokens, the ASCII characters and their ``##`` pieces, every character
above a count, then the commonest Latin words and numbers until the size is reached.
"""

import gzip
import lzma
import re
import string
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tokenizers.normalizers import BertNormalizer
from transformers import BertTokenizerFast

from vocab.wordpiece import SPECIAL_TOKENS, VocabError, encode_texts

_WORD = re.compile(r"[a-z]{2,}|[0-9]{2,4}")
_OPENERS: dict[str, Callable[..., IO[str]]] = {".gz": gzip.open, ".xz": lzma.open}
EMOJI = (
    "😀😁😂🤣😃😄😅😆😉😊😋😎😍😘🥰😗🙂🤗🤩🤔🤨😐😑😶🙄😏😣😥😮🤐😯😪😫🥱😴😌😛😜😝🤤😒😓😔😕🙃🤑😲"
    "🙁😖😞😟😤😢😭😦😧😨😩🤯😬😰😱🥵🥶😳🤪😵😡😠🤬😷🤒🤕🤢🤮🤧😇🤠🥳🥴🥺🤫🤭🧐🤓😈👿👻💀👀👋👌✌🤞👈👉👆👇☝👍👎"
    "✊👊👏🙌🙏💪🤝❤🧡💛💚💙💜🖤💔💕💖✨⭐🌟🔥🎉🎊🎁🎂🌹🌸🌞🌙☀☁☔⛄🌧🌈🐶🐱🐰🐼🐷🐮🐴🐔🍎🍉🍓🍜🍚🍲🍰☕🍺🎵🎮📚💻📱🏃⚽🏀"
)


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """How a table covers a text: counts of tokens, of ``[UNK]``, and the commonest misses."""

    num_tokens: int
    num_unknown: int
    missing: tuple[tuple[str, int], ...]

    @property
    def unknown_share(self) -> float:
        """Share of tokens that are ``[UNK]``, 0 to 1."""
        return self.num_unknown / self.num_tokens if self.num_tokens else 0.0


def read_lines(path: str | Path) -> Iterator[str]:
    """Yield the non-empty lines of a text file, plain or compressed by gzip or xz.

    Raises:
        VocabError: the file is missing, damaged or not UTF-8.
    """
    path = Path(path)
    opener = _OPENERS.get(path.suffix, open)
    try:
        with opener(path, "rt", encoding="utf-8") as file:
            for line in file:
                if line := line.strip():
                    yield line
    except FileNotFoundError:
        raise VocabError(f"{path}: 找不到文件；请检查路径") from None
    except (UnicodeDecodeError, EOFError, lzma.LZMAError, zlib.error, OSError) as error:
        raise VocabError(
            f"{path}: 读不下去（{error}）；需要 UTF-8 文本或完好的 .gz / .xz"
        ) from None


def _is_cjk(character: str) -> bool:
    return "\u3400" <= character <= "\u9fff" or "\U00020000" <= character <= "\U0002fa1f"


def build_vocab(lines: Iterable[str], *, size: int = 7500, min_count: int = 2) -> list[str]:
    """Return the tokens of a WordPiece table of at most ``size`` entries.

    Raises:
        VocabError: ``size`` has no room for the special tokens and ASCII, or there was no text.
    """
    normalizer = BertNormalizer(lowercase=True)
    characters: Counter[str] = Counter()
    words: Counter[str] = Counter()
    for line in lines:
        text = normalizer.normalize_str(line)
        characters.update(text)
        words.update(_WORD.findall(text))
    if not characters:
        raise VocabError("没有读到任何文字；请给出至少一个非空的语料文件")
    alphanumeric = string.ascii_lowercase + string.digits
    tokens = [*SPECIAL_TOKENS, *string.punctuation, *alphanumeric]
    tokens += ["##" + character for character in alphanumeric]
    for emoji in EMOJI:
        tokens += [emoji, "##" + emoji]
    if size < len(tokens):
        raise VocabError(f"--size {size} 太小；至少要 {len(tokens)}")
    seen = set(tokens)
    for character, count in characters.most_common():
        if count < min_count or len(seen) >= size:
            break
        forms = [character] if _is_cjk(character) else [character, "##" + character]
        new = [form for form in forms if form not in seen and not character.isspace()]
        tokens += new
        seen.update(new)
    ranked = sorted(words.items(), key=lambda item: (-item[1], item[0]))
    for word, count in ranked:
        if len(tokens) >= size or count < 10:
            break
        if word not in seen:
            tokens.append(word)
            seen.add(word)
    return tokens[:size]


def measure_coverage(tokenizer: BertTokenizerFast, lines: Iterable[str]) -> Coverage:
    """Tokenize lines in batches and count ``[UNK]``, with the twenty commonest missing words."""
    num_tokens = num_unknown = 0
    missing: Counter[str] = Counter()
    unk_id = tokenizer.unk_token_id
    splitter = tokenizer.backend_tokenizer.pre_tokenizer
    normalizer = tokenizer.backend_tokenizer.normalizer
    for line in lines:
        ids = encode_texts(tokenizer, [line])[0]
        num_tokens += len(ids)
        if unk_id in ids:
            num_unknown += ids.count(unk_id)
            for word, _ in splitter.pre_tokenize_str(normalizer.normalize_str(line)):
                if unk_id in encode_texts(tokenizer, [word])[0]:
                    missing[word] += 1
    return Coverage(
        num_tokens=num_tokens, num_unknown=num_unknown, missing=tuple(missing.most_common(20))
    )
