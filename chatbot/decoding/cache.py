"""The keys and values of one sequence."""

from transformers import DynamicCache, PretrainedConfig


class SequenceCache:
    """What attention needs of the tokens that the model has read.

    Attributes:
        past: in the form that transformers' models take: per layer, keys and values
            ``(1, num_heads, num_tokens, head_dim)``.
    """

    def __init__(self, config: PretrainedConfig) -> None:
        self.past = DynamicCache(config=config)

    @property
    def num_tokens(self) -> int:
        """Tokens whose keys and values are held."""
        return int(self.past.get_seq_length())
