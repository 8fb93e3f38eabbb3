"""What the narrow precisions cost the shipped model on dialogues that it was not trained on."""

import math
from pathlib import Path

import pytest

from chatbot.checkpoint import SHIPPED_CHECKPOINT, load_checkpoint
from chatbot.decoding.model import Decoder
from chatbot.decoding.params import Precision
from chatbot.decoding.reading import log_probs
from chatbot.dialogue import DialogueEncoder

HELD_OUT = Path(__file__).parents[3] / "training" / "corpus" / "held_out"
MAX_TOKENS = 128


@pytest.fixture(scope="module")
def perplexities() -> dict[Precision, float]:
    """Of the same tokens in each precision."""
    checkpoint = load_checkpoint(SHIPPED_CHECKPOINT)
    encoder = DialogueEncoder(checkpoint.tokenizer)
    paths = sorted(HELD_OUT.glob("*.txt"))[::2]
    dialogues = [path.read_text("utf-8").split("\n\n", 1)[0].splitlines() for path in paths]
    rows = sorted((encoder.encode(dialogue)[:MAX_TOKENS] for dialogue in dialogues), key=len)
    num_tokens = sum(len(row) - 1 for row in rows)
    assert num_tokens > 1000
    found: dict[Precision, float] = {}
    for precision in ("float32", "int8", "bfloat16"):
        decoder = Decoder(checkpoint.model, precision)
        batches = (rows[begin : begin + 16] for begin in range(0, len(rows), 16))
        nats = sum(
            sum(log_probs(decoder, [row[1:] for row in batch], encoder.cls_id, None))
            for batch in batches
        )
        found[precision] = math.exp(-nats / num_tokens)
    return found


def test_the_reference_knows_chinese(perplexities: dict[Precision, float]) -> None:
    assert 2 < perplexities["float32"] < 60


@pytest.mark.parametrize("precision", ["int8", "bfloat16"])
def test_perplexity_stays_within_1_percent_of_float32(
    perplexities: dict[Precision, float], precision: Precision
) -> None:
    ratio = perplexities[precision] / perplexities["float32"]
    assert ratio == pytest.approx(1, abs=0.01)
    assert ratio != 1
