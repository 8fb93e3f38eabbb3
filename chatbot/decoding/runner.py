"""Run the model: read a prompt, one more token of each reply, or whole replies to judge them."""

from collections.abc import Sequence as Listing

import torch
from transformers import PreTrainedModel

from chatbot.decoding.cache import SequenceCache
from chatbot.decoding.request import Request


class ModelRunner:
    """The handed-in model, in eval mode. Only one thread may call it."""

    def __init__(self, model: PreTrainedModel) -> None:
        self.model = model.eval()
        self.max_length: int = model.config.max_position_embeddings

    @torch.inference_mode()
    def run(self, requests: list[Request]) -> list[torch.Tensor | Exception]:
        """Return the next logits of each request's open sequences, or what it raised.

        Logits are ``(num_open, V)``, float32 on the CPU. Requests run one by one, so a row never
        depends on another caller's and an error is its own request's.
        """
        return [self._run_one(request) for request in requests]

    def _run_one(self, request: Request) -> torch.Tensor | Exception:
        try:
            if request.cache is None:
                return self.prefill(request)
            return self.decode_one_token(request)
        except Exception as error:
            return error

    def prefill(self, request: Request) -> torch.Tensor:
        """Read the prompt into a new cache; return the logits of the first new token."""
        cache = SequenceCache(self.model.config)
        logits = self._forward([request.prompt_ids], cache)
        num_rows = len(request.sequences)
        if request.is_ranked:
            request.prompt_cache = cache
            cache = cache.expanded(num_rows)
        request.cache = cache
        return logits.expand(num_rows, -1)

    def decode_one_token(self, request: Request) -> torch.Tensor:
        """Read the newest token of each open sequence; return the logits of the next."""
        assert request.cache is not None, "prefill comes first"
        newest = [sequence.output_ids[-1:] for sequence in request.open_sequences]
        return self._forward(newest, request.cache)

    @torch.inference_mode()
    def log_probs(
        self, replies: Listing[Listing[int]], opening_id: int, prompt: SequenceCache | None
    ) -> list[float]:
        """Return log P of each whole reply, in nats.

        Args:
            opening_id: what stands before a reply: the prompt's last id, or, without a prompt,
                the id that opens one.
            prompt: keys and values of the prompt, that id's included, ``(1, …)``; not changed.
        """
        longest = max(map(len, replies))
        # Padding stands behind the reply, where causal attention never looks.
        padded = torch.tensor([[*ids, *[opening_id] * (longest - len(ids))] for ids in replies])
        padded = padded.to(self.model.device)  # (N, L)
        opening = torch.full((len(replies), 1), opening_id, device=self.model.device)
        inputs = torch.cat([opening, padded[:, :-1]], dim=1)
        past = None
        if prompt is not None:
            past = prompt.expanded(len(replies)).past
            past.crop(-1)  # the opening id is read again, for the logits behind it
        logits = self.model(inputs, past_key_values=past, use_cache=past is not None).logits
        log_probs = logits.float().log_softmax(dim=-1).gather(2, padded[..., None])[..., 0]
        lengths = torch.tensor([len(reply) for reply in replies], device=log_probs.device)
        counts = torch.arange(longest, device=log_probs.device) < lengths[:, None]
        sums: list[float] = (log_probs * counts).sum(dim=1).cpu().tolist()
        return sums

    def _forward(self, ids: Listing[Listing[int]], cache: SequenceCache) -> torch.Tensor:
        input_ids = torch.tensor([list(row) for row in ids], device=self.model.device)  # (B, T)
        output = self.model(input_ids, past_key_values=cache.past, use_cache=True, logits_to_keep=1)
        logits: torch.Tensor = output.logits[:, -1]  # (B, V)
        return logits.float().cpu()
