"""Run the model: read a prompt, or one more token."""

import torch
from transformers import PreTrainedModel

from chatbot.decoding.cache import SequenceCache
from chatbot.decoding.sequence import Sequence


class ModelRunner:
    """The handed-in model, in eval mode. Only one thread may call it."""

    def __init__(self, model: PreTrainedModel) -> None:
        self.model = model.eval()
        self.max_length: int = model.config.max_position_embeddings

    @torch.inference_mode()
    def run(self, sequences: list[Sequence]) -> list[torch.Tensor | Exception]:
        """Return each sequence's next logits, ``(V,)`` float32 on the CPU, or what it raised.

        Sequences run one by one, so a row never depends on its neighbours and an error is its
        own sequence's.
        """
        return [self._run_one(sequence) for sequence in sequences]

    def _run_one(self, sequence: Sequence) -> torch.Tensor | Exception:
        try:
            if sequence.cache is None:
                return self.prefill(sequence)
            return self.decode_one_token(sequence)
        except Exception as error:
            return error

    def prefill(self, sequence: Sequence) -> torch.Tensor:
        """Read the prompt into a new cache; return the logits of the first new token."""
        sequence.cache = SequenceCache(self.model.config)
        return self._forward(sequence.prompt_ids, sequence.cache)

    def decode_one_token(self, sequence: Sequence) -> torch.Tensor:
        """Read the newest token; return the logits of the next."""
        assert sequence.cache is not None, "prefill comes first"
        return self._forward(sequence.output_ids[-1:], sequence.cache)

    def _forward(self, ids: tuple[int, ...] | list[int], cache: SequenceCache) -> torch.Tensor:
        input_ids = torch.tensor([ids], device=self.model.device)  # (1, T)
        output = self.model(input_ids, past_key_values=cache.past, use_cache=True, logits_to_keep=1)
        logits: torch.Tensor = output.logits[0, -1]  # (V,)
        return logits.float().cpu()
