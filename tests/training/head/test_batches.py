"""Texts as batches, and what a frozen backbone makes of them."""

from pathlib import Path

import numpy as np
import pytest
import torch

from chatbot.models.head import BackboneWithHead
from training.collate import IGNORE
from training.head.backbone import load_pretrained
from training.head.batches import Texts, in_order, shuffled
from training.head.features import compute_features

IDS = [[2, 5, 6, 3], [2, 5, 3], [2, 5, 6, 7, 8, 9, 6, 5, 3]]


def test_classes_go_with_their_texts() -> None:
    texts = Texts(IDS, [0, 1, 2], padding=0)
    batch = texts.batch([2, 0])
    ids, mask = batch.inputs
    assert ids.shape == mask.shape == (2, 16)
    assert ids[0, :9].tolist() == IDS[2]
    assert mask.sum(dim=1).tolist() == [9, 4]
    assert batch.labels.tolist() == [2, 0]
    assert batch.num_targets == 2
    assert texts.num_targets == 3
    assert texts.batch([1]).inputs[0].shape == (1, 8)


def test_without_classes_the_next_id_is_the_label() -> None:
    texts = Texts(IDS, None, padding=0)
    batch = texts.batch([0, 1])
    assert batch.labels[0].tolist() == [5, 6, 3, *[IGNORE] * 5]
    assert batch.labels[1].tolist() == [5, 3, *[IGNORE] * 6]
    assert batch.num_targets == 5
    assert texts.num_targets == 3 + 2 + 8


def test_an_epoch_is_every_text_once_in_an_order_of_its_own() -> None:
    lengths = [n % 17 + 1 for n in range(500)]
    first = shuffled(lengths, 8, seed=0, epoch=0)
    assert sorted(place for batch in first for place in batch) == list(range(500))
    assert first == shuffled(lengths, 8, seed=0, epoch=0)
    assert first != shuffled(lengths, 8, seed=0, epoch=1)
    assert first != shuffled(lengths, 8, seed=1, epoch=0)
    longest = [max(lengths[place] for place in batch) for batch in first]
    assert sum(longest) * 8 < 1.15 * sum(lengths), "little padding"
    assert longest != sorted(longest)


def test_in_order_is_shortest_first() -> None:
    assert list(in_order([3, 1, 2], 2)) == [[1, 2], [0]]


@pytest.mark.parametrize("pooling", ["last", "mean", "none"])
def test_features_are_what_the_head_would_read(
    pretrained: dict[str, Path], tmp_path: Path, pooling: str
) -> None:
    backbone, _ = load_pretrained(str(pretrained["gpt2"]))
    model = BackboneWithHead(backbone, 30, pooling=pooling).eval()
    texts = Texts(IDS, None if pooling == "none" else [0, 1, 2], padding=0)
    file = tmp_path / "new" / "features.npy"
    features = compute_features(model, texts, file, size=2, told="")
    assert np.load(file, mmap_mode="r").shape == (texts.num_targets, 32)
    assert len(features.lengths) == texts.num_targets
    kept = features.batch(range(texts.num_targets))
    expected = []
    for place in (1, 0, 2):  # shortest first
        batch = texts.batch([place])
        counts = batch.labels != IGNORE
        vectors = model.features(*batch.inputs)[counts]
        expected += list(zip(vectors, batch.labels[counts], strict=True))
    assert [int(label) for _, label in expected] == kept.labels.tolist()
    vectors = torch.stack([vector for vector, _ in expected])
    torch.testing.assert_close(kept.inputs[0], vectors, atol=1e-5, rtol=1e-5)
    assert features.batch([1]).inputs[0].shape == (1, 32)
