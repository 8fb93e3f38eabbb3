"""Sample replies to five fixed openers, shown after each validation; seeded, none picked."""

from typing import Any

from transformers import GPT2LMHeadModel

from chatbot.bot import token_rules
from chatbot.decoding.engine import Engine
from chatbot.decoding.params import SamplingParams
from chatbot.decoding.runner import ModelRunner
from chatbot.dialogue import DialogueEncoder

OPENERS = ("你好", "今天好累啊", "你叫什么名字？", "我养了一只猫", "晚安")
GENERATION: dict[str, Any] = {"temperature": 0.7, "top_p": 0.9, "repetition_penalty": 1.1}
_SEED = 0


def sample_replies(
    model: GPT2LMHeadModel, encoder: DialogueEncoder, generation: dict[str, Any]
) -> list[tuple[str, str]]:
    """Return (opener, reply) for the fixed openers, with the model's defaults and a fixed seed.

    No safety filter: what is shown is what the model says.
    """
    room = model.config.n_positions
    prompts = [encoder.encode([opener]) for opener in OPENERS]
    longest = max(1, min(40, room - max(map(len, prompts))))
    values = {**generation, "max_new_tokens": longest, "seed": _SEED}
    engine = Engine(ModelRunner(model))
    replies = engine.generate(prompts, SamplingParams(**values), token_rules(encoder))
    return [(opener, encoder.decode(ids)) for opener, ids in zip(OPENERS, replies, strict=True)]
