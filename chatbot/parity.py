"""Whether a bot's engine says what its checkpoint's model would: the last look before a swap."""

from pathlib import Path

import torch

from chatbot.bot import Bot
from chatbot.checkpoint import load_checkpoint
from chatbot.errors import CheckpointError

_MESSAGE = "你好，今天过得怎么样？"
_NUM_TOKENS = 8
# The engine may compute in eight bits, which swaps near neighbours at the top, and no others.
_NUM_BEST = 5


def check_parity(bot: Bot, folder: str | Path) -> None:
    """Let the engine answer greedily, and ask the model itself about each token.

    Blocks, and not to be called on an event loop.

    Raises:
        CheckpointError: the folder cannot be read, or the two do not agree.
        GenerationFailed: the engine does not work.
    """
    prompt_ids, reply_ids = bot.greedy_ids(_MESSAGE, _NUM_TOKENS)
    model = load_checkpoint(folder).model
    with torch.inference_mode():
        logits = model(torch.tensor([[*prompt_ids, *reply_ids]])).logits[0]
        logits = logits[len(prompt_ids) - 1 : -1]  # (T, V), of the reply's tokens
        logits[:, sorted(bot.banned_ids)] = -torch.inf
        chosen = logits.gather(1, torch.tensor(reply_ids).unsqueeze(1))
        ranks = (logits > chosen).sum(1)
    if not chosen.isfinite().all() or ranks.max() >= _NUM_BEST:
        raise CheckpointError(f"{folder}: 引擎算出来的和模型本身对不上；请检查权重是否完好")
