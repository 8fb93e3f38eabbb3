"""The keys and values of one prompt and the replies behind it."""

import copy

import torch
from transformers import DynamicCache, PretrainedConfig


class SequenceCache:
    """What attention needs of the tokens that the model has read.

    Attributes:
        past: in the form that transformers' models take: per layer, keys and values
            ``(num_rows, num_heads, num_tokens, head_dim)``.
    """

    def __init__(self, config: PretrainedConfig) -> None:
        self.past = DynamicCache(config=config)

    @property
    def num_tokens(self) -> int:
        """Tokens of a row whose keys and values are held."""
        return int(self.past.get_seq_length())

    def expanded(self, num_rows: int) -> "SequenceCache":
        """Return a copy in which the only row stands ``num_rows`` times."""
        twin = copy.copy(self)
        twin.past = copy.deepcopy(self.past)
        twin.past.batch_repeat_interleave(num_rows)
        return twin

    def keep_rows(self, rows: list[int]) -> None:
        """Let go of all rows but these."""
        self.past.batch_select_indices(torch.tensor(rows))
