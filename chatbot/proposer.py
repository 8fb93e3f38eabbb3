"""Suggestions as the engine takes them: ids, their worth, and what is found while it runs."""

from collections.abc import Sequence

from torch import Tensor

from chatbot.decoding.params import SamplingParams
from chatbot.decoding.request import Fallback, Find, Proposal, Quote
from chatbot.dialogue import DialogueEncoder
from chatbot.known import Match
from chatbot.suggestions import Suggestions


class Proposer:
    """Proposes replies where several are ranked; a single one streams, and gets nothing."""

    def __init__(self, encoder: DialogueEncoder, suggestions: Suggestions) -> None:
        self._encoder = encoder
        self._suggestions = suggestions

    def retorts(
        self, history: Sequence[str], message: str, params: SamplingParams
    ) -> list[Proposal]:
        """Return retorts to an insult."""
        if params.candidates == 1:
            return []
        return self._as_proposals(self._suggestions.retorts(history, message), params)

    def quotes(self, history: Sequence[str], message: str, params: SamplingParams) -> list[Quote]:
        """Return what was told and may be asked for, said back."""
        if params.candidates == 1:
            return []
        found = self._suggestions.told(history, message)
        ids = self._encoder.encode_utterances([item.told.reply for item in found])
        return [
            Quote(tuple(reply), tuple(self._encoder.encode(item.told.utterances)[1:]), item.prior)
            for reply, item in zip(ids, found, strict=True)
            if self._can_say(reply, params)
        ]

    def finder(self, history: Sequence[str], message: str, params: SamplingParams) -> Find | None:
        """Return what finds known replies by the model's state."""
        if params.candidates == 1:
            return None
        seed = _seed(params)

        def find(state: Tensor) -> list[Proposal]:
            told = state.float().cpu().numpy()
            return self._as_proposals(self._suggestions.known(history, message, told, seed), params)

        return find

    def fallback(
        self, history: Sequence[str], message: str, params: SamplingParams
    ) -> Fallback | None:
        """Return what to say instead of a poor reply; None where nothing is, or has no room."""
        if params.candidates == 1:
            return None
        ear = self._suggestions.fallback(history, message, _seed(params))
        if ear is None:
            return None
        (ids,) = self._encoder.encode_utterances([ear.reply])
        if len(ids) > params.max_new_tokens:
            return None
        return Fallback(tuple(ids), ear.floor, ear.only_proposed)

    def _as_proposals(self, matches: Sequence[Match], params: SamplingParams) -> list[Proposal]:
        ids = self._encoder.encode_utterances([item.reply for item in matches])
        return [
            Proposal(tuple(reply), item.fit)
            for reply, item in zip(ids, matches, strict=True)
            if self._can_say(reply, params)
        ]

    def _can_say(self, reply: Sequence[int], params: SamplingParams) -> bool:
        return 0 < len(reply) <= params.max_new_tokens and self._encoder.unk_id not in reply


def _seed(params: SamplingParams) -> int:
    """Return what chance is drawn from: greedy, there is none."""
    assert params.seed is not None
    return 0 if params.is_greedy else params.seed
