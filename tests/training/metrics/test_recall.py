"""Recall by kind and by distance."""

from training.memory.generate import Probe
from training.metrics.intervals import Share
from training.metrics.recall import recall, recall_by_distance, recall_by_kind

ASKED = [("name", 4, "小满"), ("pet", 2, "年糕"), ("name", 2, "知夏"), ("age", 12, "28")]
PROBES = [
    Probe(("说", "嗯", "问"), (expected,), kind, distance) for kind, distance, expected in ASKED
]
REPLIES = ["你叫小满呀", "叫豆豆", "知夏！", "128岁"]


def test_a_reply_recalls_when_it_holds_the_value() -> None:
    assert recall(PROBES, REPLIES) == Share(2, 4)
    assert recall([], []) == Share(0, 0)


def test_kinds_and_distances_are_counted_apart_and_in_order() -> None:
    kinds = recall_by_kind(PROBES, REPLIES)
    assert list(kinds.items()) == [
        ("age", Share(0, 1)),
        ("name", Share(2, 2)),
        ("pet", Share(0, 1)),
    ]
    distances = recall_by_distance(PROBES, REPLIES)
    assert list(distances.items()) == [(2, Share(1, 2)), (4, Share(1, 1)), (12, Share(0, 1))]
