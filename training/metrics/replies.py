"""All figures of a checkpoint's replies to held-out messages."""

from collections.abc import Sequence
from dataclasses import dataclass

from chatbot.safety.guard import Guard
from training.checks.manner import echoes
from training.exchanges import Exchange
from training.metrics.bleu import corpus_bleu
from training.metrics.diversity import (
    distinct,
    identical_replies,
    repetition_across,
    repetition_inside,
)
from training.metrics.generic import is_generic
from training.metrics.intervals import Share, share_of


@dataclass(frozen=True, kw_only=True)
class ReplyFigures:
    """Figures of replies; each is explained where it is computed.

    Attributes:
        num_replies: that were measured.
        bleu_2: against the corpus's own replies, 0 to 1; ``bleu_4`` alike.
        dist_1: different characters among all; ``dist_2``: bigrams.
        repetition_inside: mean share of a reply's bigrams that it says again.
        repetition_across: later replies of a conversation that repeat an earlier one.
        generic: replies that would fit anywhere.
        identical: openers whose reply another opener got as well.
        unsafe: first choices, unfiltered, that the guard would not let out; a message that the
            guard answers itself has none.
        questions: replies that end with a question mark.
        echoes: replies that open with words of the message.
        mean_length: characters.
    """

    num_replies: int
    bleu_2: float
    bleu_4: float
    dist_1: float
    dist_2: float
    repetition_inside: float
    repetition_across: Share
    generic: Share
    identical: Share
    unsafe: Share
    questions: Share
    echoes: Share
    mean_length: float


def measure_replies(
    exchanges: Sequence[Exchange],
    replies: Sequence[str],
    raw: Sequence[str | None],
    talks: Sequence[Sequence[str]],
) -> ReplyFigures:
    """Return the figures.

    Args:
        exchanges: with references; those without history are the openers.
        replies: what was sent to each.
        raw: what would have been sent without a guard; None where the guard answered.
        talks: conversations that the bot held, the person's utterance first.
    """
    references = [exchange.reference for exchange in exchanges]
    asked = list(zip(exchanges, replies, strict=True))
    opening = [(item.message, reply) for item, reply in asked if not item.history]
    guard = Guard.default()
    return ReplyFigures(
        num_replies=len(replies),
        bleu_2=corpus_bleu(replies, references, 2),
        bleu_4=corpus_bleu(replies, references, 4),
        dist_1=distinct(replies, 1),
        dist_2=distinct(replies, 2),
        repetition_inside=repetition_inside(replies),
        repetition_across=repetition_across(talks),
        generic=share_of([is_generic(reply) for reply in replies]),
        identical=identical_replies([o for o, _ in opening], [reply for _, reply in opening]),
        unsafe=share_of([not guard.check_output(text) for text in raw if text is not None]),
        questions=share_of([reply.endswith(("？", "?")) for reply in replies]),
        echoes=share_of([echoes(item.message, reply) for item, reply in asked]),
        mean_length=sum(map(len, replies)) / max(len(replies), 1),
    )
