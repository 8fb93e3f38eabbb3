"""Recall of facts that were told earlier in a conversation (the probes of ``training.memory``)."""

from collections.abc import Iterable, Sequence
from typing import TypeVar

from training.memory.generate import Probe
from training.metrics.intervals import Share, share_of

Key = TypeVar("Key", int, str)


def recall(probes: Sequence[Probe], replies: Sequence[str]) -> Share:
    """Return how many replies hold the fact that was asked for."""
    return share_of(_recalled(probes, replies))


def recall_by_kind(probes: Sequence[Probe], replies: Sequence[str]) -> dict[str, Share]:
    """Return the recall of each kind of fact, in the order of the kinds' names."""
    return _grouped((probe.kind for probe in probes), _recalled(probes, replies))


def recall_by_distance(probes: Sequence[Probe], replies: Sequence[str]) -> dict[int, Share]:
    """Return the recall at each distance (utterances), nearest first."""
    return _grouped((probe.distance for probe in probes), _recalled(probes, replies))


def _recalled(probes: Sequence[Probe], replies: Sequence[str]) -> list[bool]:
    return [probe.recalled(reply) for probe, reply in zip(probes, replies, strict=True)]


def _grouped(keys: Iterable[Key], flags: Sequence[bool]) -> dict[Key, Share]:
    groups: dict[Key, list[bool]] = {}
    for key, flag in zip(keys, flags, strict=True):
        groups.setdefault(key, []).append(flag)
    return {key: share_of(groups[key]) for key in sorted(groups)}
