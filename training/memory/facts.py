"""Facts of a made-up person: values drawn from the pools of one side, fit to stand together."""

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from training.memory.material import Kind, Material

_TRIES = 200


@dataclass(frozen=True)
class Fact:
    """A kind with its words.

    Attributes:
        kind: the kind of fact.
        words: what the slots and attributes of a template stand for.
        accepted: slot -> the strings of which an answer must hold one.
    """

    kind: Kind
    words: Mapping[str, str]
    accepted: Mapping[str, tuple[str, ...]]

    @property
    def values(self) -> tuple[str, ...]:
        """The drawn values, without attributes."""
        return tuple(self.words[slot] for slot in self.kind.slots)

    @property
    def answers(self) -> tuple[str, ...]:
        """All strings by which one of the values is known."""
        return tuple(text for texts in self.accepted.values() for text in texts)


class FactDraw:
    """Draws facts from the training side of every pool, or from the reserved side only."""

    def __init__(self, material: Material, rng: random.Random, *, reserved: bool) -> None:
        self._material = material
        self._rng = rng
        self._reserved = reserved

    def some(self, count: int, among: Sequence[Kind] | None = None) -> list[Fact]:
        """Return ``count`` facts of different kinds that agree; the first is of ``among``."""
        for _ in range(_TRIES):
            kinds = [self._kind(among or self._material.kinds)]
            kinds += [self._kind(self._material.kinds) for _ in range(count - 1)]
            facts = list(map(self._fact, kinds))
            if len({kind.id for kind in kinds}) == count and agree(facts):
                return facts
        raise AssertionError("the pools hold no facts that agree")

    def two_of_a_kind(self) -> list[Fact] | None:
        """Return two facts of one kind that differ in its key; None: there are none."""
        keyed = [kind for kind in self._material.kinds if kind.key]
        for _ in range(_TRIES):
            kind = self._kind(keyed)
            facts = [self._fact(kind), self._fact(kind)]
            if agree(facts):
                return facts
        return None

    def corrected(self, fact: Fact, beside: Iterable[Fact]) -> Fact | None:
        """Return the fact with another value of its ``fix_slot``; None: no other fits.

        Its word ``old`` is the value before.
        """
        slot = fact.kind.fix_slot
        for _ in range(_TRIES):
            drawn = self._fact(fact.kind)
            words = {**fact.words, "old": fact.words[slot]}
            words |= {name: text for name, text in drawn.words.items() if _belongs(name, slot)}
            accepted = {**fact.accepted, slot: drawn.accepted[slot]}
            new = replace(fact, words=words, accepted=accepted)
            changed = not _overlap((words[slot],), (words["old"],))
            if changed and self._same_scale(fact, new) and agree([new, *beside]):
                return new
        return None

    def _same_scale(self, fact: Fact, new: Fact) -> bool:
        """Whether the new value is of the pool that the fact's other words ask for."""
        slot = fact.kind.fix_slot
        pool = fact.kind.slots[slot].format_map(fact.words)
        return pool.startswith("@") or any(
            new.words[slot] == entry.partition("|")[0] for entry in self._material.pools[pool]
        )

    def _kind(self, kinds: Sequence[Kind]) -> Kind:
        (kind,) = self._rng.choices(kinds, [kind.weight for kind in kinds])
        return kind

    def _fact(self, kind: Kind) -> Fact:
        words: dict[str, str] = {}
        accepted: dict[str, tuple[str, ...]] = {}
        for slot, pool in kind.slots.items():
            if pool.startswith("@"):
                name, call = self._name(pool)
                words |= {slot: name, f"{slot}_call": call}
                accepted[slot] = (name,) if name == call else (name, call)
                continue
            entry = self._rng.choice(self._entries(pool.format_map(words)))
            value, *attributes = entry.split("|")
            words[slot] = value
            words |= dict(zip((f"{slot}_a", f"{slot}_b"), [*attributes, "", ""], strict=False))
            accepted[slot] = (value,)
        return Fact(kind, words, accepted)

    def _entries(self, pool: str) -> tuple[str, ...]:
        return self._material.sides[pool, self._reserved]

    def _name(self, pool: str) -> tuple[str, str]:
        """Return a name as it is told, and as 小闲 calls its bearer."""
        weights = {"@own": (11, 2, 4, 3, 0), "@person": (8, 2, 2, 2, 5)}
        ways = (self._full, self._given, self._nick, self._nickname, self._by_surname)
        (way,) = self._rng.choices(ways, weights[pool])
        return way()

    def _full(self) -> tuple[str, str]:
        while True:
            given = self._rng.choice(self._entries("given"))
            name = self._rng.choice(self._material.pools["surname"]) + given
            if name not in self._material.pools["famous"]:
                return name, given if len(given) > 1 else name

    def _given(self) -> tuple[str, str]:
        given = self._rng.choice([g for g in self._entries("given") if len(g) > 1])
        return given, given

    def _nick(self) -> tuple[str, str]:
        form = self._rng.choice(("小{}", "阿{}", "小{}", "阿{}", "{}哥", "{}姐"))
        signs = [
            sign
            for sign in self._entries("nick_char")
            # 小米 may be reserved as a whole, though 米 is not.
            if self._reserved or not self._material.reserves(form.format(sign))
        ]
        name = form.format(self._rng.choice(signs))
        return name, name

    def _nickname(self) -> tuple[str, str]:
        name = self._rng.choice(self._entries("nickname"))
        return name, name

    def _by_surname(self) -> tuple[str, str]:
        names = [
            f"{prefix}{surname}"
            for prefix in "小老"
            for surname in self._material.pools["surname"]
            if len(surname) == 1
        ]
        name = self._rng.choice([n for n in names if self._material.reserves(n) is self._reserved])
        return name, name


def agree(facts: Sequence[Fact]) -> bool:
    """Whether one person may tell all these facts, and each can be asked for by itself."""
    return all(_agree(one, other) for one, other in combinations(facts, 2))


def _agree(one: Fact, other: Fact) -> bool:
    if one.kind.id in other.kind.apart or other.kind.id in one.kind.apart:
        return False
    if one.kind.id == other.kind.id and not one.kind.key:
        return False
    if one.kind.family and one.kind.family == other.kind.family:
        return not set("".join(one.values)) & set("".join(other.values))
    return not _overlap(one.answers, other.answers)


def _overlap(some: Iterable[str], others: Sequence[str]) -> bool:
    return any(one in other or other in one for one in some for other in others)


def _belongs(name: str, slot: str) -> bool:
    return name == slot or name.startswith(f"{slot}_")
