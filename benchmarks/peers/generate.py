"""``generate`` of transformers, as a user calls it."""

import copy

import torch
from transformers import GPT2LMHeadModel

from benchmarks.contender import TOP_K, TOP_P, Ids


class Generate:
    """One padded batch from the first token to the last, with a growing KV cache."""

    def __init__(self, model: GPT2LMHeadModel, dtype: torch.dtype) -> None:
        self._model = copy.deepcopy(model).to(dtype).eval()

    @torch.inference_mode()
    def generate(self, prompts: list[Ids], num_new_tokens: int) -> list[Ids]:
        """Return new ids for each prompt; all prompts have one length, so nothing is padded."""
        input_ids = torch.tensor(prompts, device=self._model.device)  # (B, T)
        output = self._model.generate(
            input_ids,
            attention_mask=torch.ones_like(input_ids),
            max_new_tokens=num_new_tokens,
            min_new_tokens=num_new_tokens,
            do_sample=True,
            top_k=TOP_K,
            top_p=TOP_P,
            pad_token_id=0,
        )
        rows: list[Ids] = output[:, input_ids.shape[1] :].tolist()
        return rows
