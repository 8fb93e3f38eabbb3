"""The engine of this project, as it is raced."""

from transformers import GPT2LMHeadModel

from benchmarks.contender import TOP_K, TOP_P, Ids
from chatbot.decoding.engine import Engine
from chatbot.decoding.params import CACHE_BYTES, SamplingParams
from chatbot.decoding.sequence import TokenRules


class Ours:
    """In the precision that it picks for the hardware; conversations stay between calls."""

    def __init__(self, model: GPT2LMHeadModel, num_slots: int) -> None:
        """Make an engine with room for so many streams, and for their conversations beside them."""
        config = model.config
        row_bytes = 2 * 4 * config.n_layer * config.n_positions * config.n_embd
        self._engine = Engine(
            model,
            num_slots=num_slots,
            max_waiting=num_slots,
            cache_bytes=max(CACHE_BYTES, 2 * num_slots * row_bytes),
        )

    def generate(self, prompts: list[Ids], num_new_tokens: int) -> list[Ids]:
        """Return new ids for each prompt; what an earlier call read need not be read again."""
        params = SamplingParams(
            temperature=1,
            top_k=TOP_K,
            top_p=TOP_P,
            repetition_penalty=1,
            max_new_tokens=num_new_tokens,
        )
        return self._engine.generate(prompts, params, TokenRules(stop_ids=frozenset()))
