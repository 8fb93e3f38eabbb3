from pathlib import Path

import pytest
import torch

from chatbot.bot import Bot
from chatbot.checkpoint import load_checkpoint, save_checkpoint
from chatbot.errors import CheckpointError
from chatbot.parity import check_parity


@pytest.mark.parametrize("precision", ["auto", "float32"])
def test_an_engine_agrees_with_its_own_model(tiny_checkpoint: Path, precision: str) -> None:
    bot = Bot.from_checkpoint(tiny_checkpoint, precision=precision)  # type: ignore[arg-type]
    try:
        check_parity(bot, tiny_checkpoint)
    finally:
        bot.close()


def test_an_engine_with_other_weights_is_found(tiny_checkpoint: Path, tmp_path: Path) -> None:
    other = load_checkpoint(tiny_checkpoint)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        other.model.transformer.wte.weight.data.normal_(std=0.2)
    save_checkpoint(tmp_path / "other", other.model, other.tokenizer, name="other")
    bot = Bot.from_checkpoint(tiny_checkpoint)
    try:
        with pytest.raises(CheckpointError, match="对不上"):
            check_parity(bot, tmp_path / "other")
    finally:
        bot.close()
