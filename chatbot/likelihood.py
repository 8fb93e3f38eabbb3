"""How likely the model found the tokens of a reply, in text."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from chatbot.dialogue import DialogueEncoder


class LikelyId(Protocol):
    """How likely the model found an id of the reply; the attributes are ``TokenLogProb``'s."""

    @property
    def token_id(self) -> int: ...

    @property
    def log_prob(self) -> float: ...

    @property
    def top(self) -> Sequence[tuple[int, float]]: ...


@dataclass(frozen=True)
class LikelyToken:
    """A token where it stands, or could have stood.

    Attributes:
        text: what it adds to the reply; of a mark such as ``[SEP]``, which adds nothing, its name.
        is_mark: whether it is one.
        log_prob: natural log P under the model itself, whatever the reply was sampled with.
        top: the likeliest tokens in its place, the likeliest first; empty for one of those.
    """

    text: str
    is_mark: bool
    log_prob: float
    top: tuple["LikelyToken", ...] = ()


def spelled(encoder: DialogueEncoder, found: Sequence[LikelyId], text: str) -> list[LikelyToken]:
    """Return the tokens of a reply, the first of which stand whole in ``text``, as far as they do."""
    tokens: list[LikelyToken] = []
    before: list[int] = []
    length = 0
    for item in found:
        own = _spelled_one(encoder, before, item.token_id, item.log_prob)
        length += 0 if own.is_mark else len(own.text)
        if length > len(text):
            break
        top = tuple(_spelled_one(encoder, before, *likely) for likely in item.top)
        tokens.append(replace(own, top=top))
        before = [item.token_id]
    return tokens


def _spelled_one(
    encoder: DialogueEncoder, before: list[int], token_id: int, log_prob: float
) -> LikelyToken:
    """Spell a token behind the id before it, the only one that has a say in its text."""
    if text := encoder.decode([*before, token_id])[len(encoder.decode(before)) :]:
        return LikelyToken(text, False, log_prob)
    return LikelyToken(encoder.tokenizer.convert_ids_to_tokens(token_id), True, log_prob)
