"""Generic replies: those that would fit almost any message.

The rule is ours, in the manner of the dull-response lists of Li et al. 2016: a reply is generic
when each of its clauses is on the list, ``generic.txt``. A clause ends at punctuation, white space
or emoji; case, doubled characters (哈哈哈 is 哈) and particles at its end do not count.
"""

import re
from functools import cache
from itertools import groupby
from pathlib import Path

LIST = Path(__file__).with_name("generic.txt")
_PARTICLES = re.compile(r"[呀啦啊嘛吧哦噢哟哈呗诶欸哇]+$")
_CLAUSE = re.compile(r"[^\w]+")


def is_generic(reply: str) -> bool:
    """Tell whether a reply consists of clauses of the list only; one without a letter is."""
    return all(_plain(clause) in _listed() for clause in _CLAUSE.split(reply) if clause)


@cache
def _listed() -> frozenset[str]:
    return frozenset(map(_plain, LIST.read_text(encoding="utf-8").split()))


def _plain(clause: str) -> str:
    single = "".join(character for character, _ in groupby(clause.casefold()))
    return _PARTICLES.sub("", single) or single
