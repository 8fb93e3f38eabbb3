"""Sample replies to five fixed openers, shown after each validation; seeded, none picked."""

from typing import Any

from transformers import GPT2LMHeadModel

from chatbot.bot import token_rules
from chatbot.decoding.engine import Engine
from chatbot.decoding.params import SamplingParams
from chatbot.dialogue import DialogueEncoder

OPENERS = ("你好", "今天好累啊", "你叫什么名字？", "我养了一只猫", "晚安")
GENERATION: dict[str, Any] = {
    "temperature": 0.4,
    "top_p": 0.9,
    "repetition_penalty": 1.05,
    "candidates": 8,
}
_SEED = 0
_LONGEST = 40  # tokens of a reply


def sample_replies(
    model: GPT2LMHeadModel, encoder: DialogueEncoder, generation: dict[str, Any]
) -> list[tuple[str, str]]:
    """Return (opener, reply) for the fixed openers, with the model's defaults and a fixed seed.

    No safety filter: what is shown is what the model says. An opener that a small model has no
    room for is left out.
    """
    room = model.config.n_positions
    prompts = {opener: encoder.encode([opener]) for opener in OPENERS}
    prompts = {opener: ids for opener, ids in prompts.items() if len(ids) < room}
    longest = min(_LONGEST, room - max(map(len, prompts.values()), default=0))
    values = {**generation, "max_new_tokens": longest, "seed": _SEED}
    engine = Engine(model)
    replies = engine.generate(prompts.values(), SamplingParams(**values), token_rules(encoder))
    return [(opener, encoder.decode(ids)) for opener, ids in zip(prompts, replies, strict=True)]
