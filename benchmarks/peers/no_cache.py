"""A loop that reads everything again for every token, as GPT2-chitchat's ``interact.py`` does."""

import copy

import torch
from transformers import GPT2LMHeadModel

from benchmarks.contender import TOP_K, TOP_P, Ids


class NoCache:
    """The whole text through the model for each new token; one prompt after another."""

    def __init__(self, model: GPT2LMHeadModel) -> None:
        self._model = copy.deepcopy(model).float().eval()

    @torch.inference_mode()
    def generate(self, prompts: list[Ids], num_new_tokens: int) -> list[Ids]:
        """Return new ids for each prompt."""
        return [self._continue(prompt, num_new_tokens) for prompt in prompts]

    def _continue(self, prompt: Ids, num_new_tokens: int) -> Ids:
        ids = torch.tensor(prompt, device=self._model.device)  # (T,)
        for _ in range(num_new_tokens):
            logits = self._model(ids[None], use_cache=False).logits[0, -1]  # (V,)
            ids = torch.cat([ids, _sampled(logits)])
        new: Ids = ids[len(prompt) :].tolist()
        return new


def _sampled(logits: torch.Tensor) -> torch.Tensor:
    """Draw an id, ``(1,)``, from the nucleus of the likeliest ones."""
    top, ids = logits.topk(min(TOP_K, len(logits)))
    probabilities = top.softmax(dim=0)
    before = probabilities.cumsum(dim=0) - probabilities
    probabilities[before >= TOP_P] = 0
    return ids[probabilities.multinomial(1)]
