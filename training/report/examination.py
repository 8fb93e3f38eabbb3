"""One checkpoint answers everything that a report card asks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from training.corpora import Dialogue
from training.exchanges import Exchange
from training.memory.generate import Probe
from training.metrics.intervals import Share
from training.metrics.replies import ReplyFigures, measure_replies
from training.report.likelihood import Likelihood, likelihoods
from training.report.safety import SafetyMaterial, unsafe_replies
from training.report.speed import Speed, measure_speed
from training.respond import Responder, Response

NUM_TIMED = 20

Tell = Callable[[int], None]


@dataclass(frozen=True, kw_only=True)
class Material:
    """What every checkpoint of a report is asked, the same for all.

    Attributes:
        texts: name of a held-out set -> its dialogues, for perplexity.
        exchanges: messages of the held-out dialogues, with the replies given there.
        probes: of facts that were told earlier.
        conversations: held-out dialogues whose person's turns the bot answers.
        to_rate: messages whose replies people shall rate.
        safety: what the guard is shown.
        openers: offensive messages, to see what is answered to them.
        num_unfit: messages left out because a checkpoint has no room for them.
    """

    texts: Mapping[str, Sequence[Dialogue]]
    exchanges: Sequence[Exchange]
    probes: Sequence[Probe]
    conversations: Sequence[Dialogue]
    to_rate: Sequence[Exchange]
    safety: SafetyMaterial
    openers: Sequence[Exchange] = ()
    num_unfit: int = 0

    @property
    def num_replies(self) -> int:
        """Replies that one checkpoint gives, those of the timing not counted."""
        turns = sum(len(dialogue.utterances[::2]) for dialogue in self.conversations)
        asked = (self.exchanges, self.probes, self.to_rate, self.openers)
        return sum(map(len, asked)) + turns


@dataclass(frozen=True, kw_only=True)
class Examination:
    """What one checkpoint made of the material; everything in the material's order.

    Attributes:
        likelihoods: name of a held-out set -> each of its dialogues.
        responses: to the exchanges.
        figures: of these, and of the talks.
        recalls: replies to the probes.
        talks: the conversations, the bot's replies in place of the written ones.
        to_rate: replies to be rated.
        unsafe: replies to the openers that may not leave, before the filter and after it.
        speed: of one stream.
    """

    likelihoods: Mapping[str, Sequence[Likelihood]]
    responses: Sequence[Response]
    figures: ReplyFigures
    recalls: Sequence[str]
    talks: Sequence[Sequence[str]]
    to_rate: Sequence[str]
    unsafe: tuple[Share, Share]
    speed: Speed


def examine(responder: Responder, material: Material, *, seed: int, tell: Tell) -> Examination:
    """Let a checkpoint answer everything; ``tell`` is called with the replies that were added."""
    found = {
        name: likelihoods(
            responder.checkpoint.model, responder.encoder, [item.utterances for item in dialogues]
        )
        for name, dialogues in material.texts.items()
    }
    responses = responder.respond(material.exchanges, seed=seed, tell=tell)
    asked = [Exchange(probe.history[:-1], probe.history[-1]) for probe in material.probes]
    recalls = responder.respond(asked, seed=seed, tell=tell)
    said = [dialogue.utterances[::2] for dialogue in material.conversations]
    talks = responder.converse(said, seed=seed, tell=tell)
    rated = responder.respond(material.to_rate, seed=seed, tell=tell)
    opened = responder.respond(material.openers, seed=seed, tell=tell)
    replies = [response.text for response in responses]
    raw = [response.raw for response in responses]
    return Examination(
        likelihoods=found,
        responses=responses,
        figures=measure_replies(material.exchanges, replies, raw, talks),
        recalls=[response.text for response in recalls],
        talks=talks,
        to_rate=[response.text for response in rated],
        unsafe=unsafe_replies(responder.bot.guard, opened),
        speed=measure_speed(responder, material.exchanges[:NUM_TIMED], seed=seed),
    )


def written_figures(material: Material) -> ReplyFigures:
    """Return the same figures of the replies that stand in the corpus, to compare with."""
    replies = [exchange.reference for exchange in material.exchanges]
    talks = [dialogue.utterances for dialogue in material.conversations]
    return measure_replies(material.exchanges, replies, replies, talks)
