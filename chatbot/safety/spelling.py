"""Other spellings of a phrase by which filters are evaded: pinyin, split characters, marks between.

The phrases are respelled when a lexicon is loaded, not the texts when they are judged: a text
keeps its meaning (女马 stays two characters unless it stands in 操你女马), and what was normalised
piece by piece stays as it is.

``spellings.txt`` knows the characters: ``character pinyin [split …]`` a line.
"""

from functools import cache
from itertools import product
from pathlib import Path

from chatbot.safety.normalise import BREAK, normal_form

_TABLE = Path(__file__).with_name("spellings.txt")
_PARTED = range(3, 5)  # lengths of phrases whose characters may each be a clause of its own
_SHORT = 3  # characters of a phrase of which two may be written otherwise; of a longer one, one


def respell(phrase: str) -> set[str]:
    """Return the normalised evasions of a normalised phrase, perhaps with the phrase itself.

    One character, or all, may be spelled otherwise, two of a short phrase (操你妈 → cao你妈,
    操ni女马, caonima); of three or more, one but the last may be an initial (c你妈); of three or
    four, the marks that end a clause may stand between all (操，你，妈).
    A phrase with Latin letters is not put into pinyin: with s逼 it would be sbi.
    """
    has_latin = any(char.isascii() for char in phrase)
    choices = [_ways(char, with_pinyin=not has_latin) for char in phrase]
    most = 2 if len(phrase) <= _SHORT else 1
    spelled: set[str] = set()
    for parts in product(*choices):
        changed = sum(part != char for part, char in zip(parts, phrase, strict=True))
        if changed <= most or changed == len(phrase):
            joined = "".join(parts)
            spelled |= {joined, normal_form(joined)}  # xian nv, xiannv
    if len(phrase) > 2 and not has_latin:
        spelled |= _with_an_initial(phrase)
    if len(phrase) in _PARTED and not has_latin:
        spelled.add(BREAK.join(phrase))
    return spelled


def _with_an_initial(phrase: str) -> set[str]:
    """Return the phrase with one initial; not at its end, where 看你x could mean anything."""
    pinyin = [_table().get(char, ("", ()))[0] for char in phrase[:-1]]
    return {
        f"{phrase[:place]}{syllable[0]}{phrase[place + 1 :]}"
        for place, syllable in enumerate(pinyin)
        if syllable
    }


def _ways(char: str, *, with_pinyin: bool) -> tuple[str, ...]:
    pinyin, splits = _table().get(char, ("", ()))
    return (char, *((pinyin,) if pinyin and with_pinyin else ()), *splits)


@cache
def _table() -> dict[str, tuple[str, tuple[str, ...]]]:
    """Return character -> (pinyin, splits)."""
    rows = (line.split() for line in _TABLE.read_text(encoding="utf-8").splitlines())
    return {row[0]: (row[1], tuple(row[2:])) for row in rows if row and row[0] != "#"}
