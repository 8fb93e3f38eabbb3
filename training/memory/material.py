"""The material of the memory dialogues: pools of values and kinds of fact, read from TOML.

A template names the slots it needs: ``{pet}`` is a value, ``{item_a}`` an attribute that stands
behind a ``|`` in the pool, ``{name_call}`` how 小闲 addresses the bearer of a name, ``{old}`` the
value before a correction, ``{phrase}`` the corrected value with its unit, ``{recap}`` the fact in
the second person, ``{a.pet}`` the slot of the first of two facts of one kind.
"""

import hashlib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

MATERIAL = Path(__file__).with_name("material.toml")
RESERVED_SHARE = 0.10
_SALT = "xiaoxian-memory-1452938"  # with it, every pool has values on both sides

Templates = tuple[str, ...]
Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class Question:
    """How one slot of a fact is asked for.

    Attributes:
        slot: the slot whose value the answer names.
        ask: what the person says.
        answer: what 小闲 says when it was told.
        untold: what 小闲 says when it was not told; none: the question is not asked then.
        only: asked only where no second fact of the kind stands in the dialogue.
    """

    slot: str
    ask: Templates
    answer: Templates
    untold: Templates = ()
    only: bool = False


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of fact that a person may tell about itself.

    Attributes:
        id: its name.
        weight: how often it is told, beside the others.
        slots: slot -> pool; a pool with ``@`` is a way to make up a name.
        key: the slot in which two facts of this kind differ; None: one fact of it a dialogue.
        family: facts of one family share no character of a value.
        apart: kinds that would contradict it, or whose questions would be ambiguous beside it.
        clash: a pattern of what no small talk around this fact may speak of.
        aside: often told along with a word about the moment, as on making acquaintance.
        recap: the fact in the second person, without punctuation.
        claim: clauses that tell the fact beside another one; the first may also be asked back.
        tell: messages that tell it.
        nod: clauses that take it up at the start of a reply.
        react: replies that take it up.
        fix: messages that correct the slot ``fix_slot``; ``phrase`` is what is right then.
        pair: two facts of the kind in one message, and the reply.
        use: messages that ask for nothing, and replies that use the fact.
        mirror: the same asked of 小闲, and its answer; ``back`` then turns to the person again.
        questions: the ways to ask for it.
    """

    id: str
    weight: int
    slots: Mapping[str, str]
    key: str | None
    family: str | None
    apart: frozenset[str]
    clash: str
    aside: bool
    recap: str
    claim: Templates
    tell: Templates
    nod: Templates
    react: Templates
    fix: Templates
    fix_slot: str
    phrase: str
    pair: Pairs
    use: Pairs
    mirror: Pairs
    back: Templates
    questions: tuple[Question, ...]


@dataclass(frozen=True, kw_only=True)
class Speech:
    """What goes round the facts, whatever they are; ``Pairs`` are messages with their replies."""

    hello: Templates
    open: Pairs
    also: Templates
    again: Templates
    then: Templates
    fixed: Templates
    sure: Templates
    yes: Templates
    no: Templates
    whole: Templates
    whole_reply: Templates
    tail: Pairs
    praise: Pairs


@dataclass(frozen=True, kw_only=True)
class SmallTalk:
    """What small talk must not be: patterns for the start of a message, for it, for both lines."""

    greeting: re.Pattern[str]
    unclear: re.Pattern[str]
    avoided: re.Pattern[str]


@dataclass(frozen=True)
class Material:
    """All pools, kinds and speech; each pool has a side to train on and a reserved one."""

    pools: Mapping[str, Templates]
    kinds: tuple[Kind, ...]
    speech: Speech
    small_talk: SmallTalk

    @cached_property
    def sides(self) -> Mapping[tuple[str, bool], Templates]:
        """(pool, reserved) -> the entries of that side."""
        return {
            (pool, side): tuple(e for e in entries if self.reserves(e.partition("|")[0]) is side)
            for pool, entries in self.pools.items()
            for side in (False, True)
        }

    def reserves(self, value: str) -> bool:
        """Whether a value is kept for the probes: about 10 % are, by their hash.

        The commonest values, listed in the pool ``common``, never are.
        """
        digest = hashlib.blake2b(f"{_SALT}:{value}".encode(), digest_size=8).digest()
        chosen = int.from_bytes(digest, "big") < RESERVED_SHARE * 2**64
        return chosen and value not in self.pools["common"]


def read_material(path: Path = MATERIAL) -> Material:
    """Read the material; the file is the project's own, so a mistake in it is a bug."""
    values = tomllib.loads(path.read_text(encoding="utf-8"))
    pools = {name: tuple(text.split()) for name, text in values["pools"].items()}
    speech = {name: _tuples(items) for name, items in values["speech"].items()}
    patterns = {
        name: re.compile("|".join(text.split())) for name, text in values["small_talk"].items()
    }
    kinds = tuple(map(_kind, values["kind"]))
    return Material(pools, kinds, Speech(**speech), SmallTalk(**patterns))


def _tuples(items: list[Any]) -> tuple[Any, ...]:
    return tuple(tuple(item) if isinstance(item, list) else item for item in items)


def _kind(values: dict[str, Any]) -> Kind:
    asked: list[dict[str, Any]] = [
        {name: tuple(item) if isinstance(item, list) else item for name, item in question.items()}
        for question in values.pop("question")
    ]
    questions = tuple(Question(**question) for question in asked)
    fix_slot = values.get("fix_slot", questions[0].slot)
    unset: dict[str, Any] = {
        "weight": 1,
        "key": None,
        "family": None,
        "aside": False,
        "phrase": f"{{{fix_slot}}}",
        "fix_slot": fix_slot,
        **dict.fromkeys(("pair", "use", "mirror", "back"), ()),
    }
    given = {
        name: _tuples(item) if isinstance(item, list) else item for name, item in values.items()
    }
    apart = frozenset(values.get("apart", ()))
    return Kind(**{**unset, **given, "apart": apart, "questions": questions})
