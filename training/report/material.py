"""The material of a report: drawn once, and asked of every checkpoint alike."""

from collections.abc import Sequence

from training.errors import CorpusError
from training.exchanges import (
    Exchange,
    exchanges_of,
    held_out_dialogues,
    last_dialogues,
    read_contexts,
    read_openers,
    sample,
)
from training.memory.fillers import read_fillers
from training.memory.generate import probes
from training.recipe import PROVIDED_CORPUS
from training.report.config import ReportConfig
from training.report.examination import Material
from training.report.safety import (
    PROMPTS,
    SafetyMaterial,
    read_evasions,
    read_lookalikes,
    read_rows,
)
from training.respond import Responder

NUM_CONVERSATIONS = 100
NUM_INNOCENT = 1000  # utterances of people, to see which the guard stops
NUM_TO_RATE = 50  # openers, and as many messages with a history


def gather(config: ReportConfig, responders: Sequence[Responder]) -> Material:
    """Return what is asked; messages that a checkpoint has no room for are left out.

    The probes' small talk is always the provided corpus's, so their figures compare.

    Raises:
        CorpusError: names file, line and remedy; also when a checkpoint has room for no message.
    """
    held_out = held_out_dialogues(config.corpus)
    texts = {"留出的对话": sample(held_out, config.size, config.seed)}
    if config.cdial is not None:
        name = f"{config.cdial.name.partition('.')[0]} 末尾"
        texts[name] = last_dialogues(config.cdial)

    def fits(message: str) -> bool:
        return all(responder.can_answer(message) for responder in responders)

    exchanges = list(exchanges_of(held_out))
    safety = _safety(config, exchanges)
    openers = [Exchange((), text) for label, text in safety.rows or () if label and fits(text)]
    fitting = [exchange for exchange in exchanges if fits(exchange.message)]
    if not fitting:
        what = "留出的消息没有一条模型放得下；请换一个更长的模型，或调小它的 max_new_tokens"
        raise CorpusError(config.corpus, None, what)
    talks = [item for item in held_out if all(map(fits, item.utterances[::2]))]
    asked = probes(max(config.size // 2, 1), config.seed, read_fillers(PROVIDED_CORPUS))
    return Material(
        texts=texts,
        exchanges=sample(fitting, config.size, config.seed),
        probes=[probe for probe in asked if fits(probe.history[-1])],
        conversations=sample(talks, NUM_CONVERSATIONS, config.seed),
        to_rate=_own_prompts(config, responders) or _prompts(fitting, config.seed),
        safety=safety,
        openers=openers,
        num_unfit=len(exchanges) - len(fitting),
    )


def _safety(config: ReportConfig, exchanges: Sequence[Exchange]) -> SafetyMaterial:
    messages = [exchange.message for exchange in exchanges]
    return SafetyMaterial(
        rows=read_rows(config.cold) if config.cold is not None else None,
        innocent=sample(messages, NUM_INNOCENT, config.seed),
        lookalikes=read_lookalikes(PROMPTS / "lookalikes.txt"),
        evasions=read_evasions(PROMPTS / "evasions.tsv"),
    )


def _prompts(exchanges: Sequence[Exchange], seed: int) -> list[Exchange]:
    openers = [exchange for exchange in exchanges if not exchange.history]
    later = [exchange for exchange in exchanges if exchange.history]
    return sample(openers, NUM_TO_RATE, seed) + sample(later, NUM_TO_RATE, seed)


def _own_prompts(config: ReportConfig, responders: Sequence[Responder]) -> list[Exchange]:
    """Return the operator's prompts, or none.

    Raises:
        CorpusError: a file is broken, or a message is not answerable; names file and line.
    """
    found = read_openers(config.openers) if config.openers else []
    found += read_contexts(config.contexts) if config.contexts else []
    for exchange in found:
        if not all(responder.can_answer(exchange.message) for responder in responders):
            what = "这句太长，模型放不下，或没有可读的文字；请改短或删去"
            raise CorpusError(exchange.path, exchange.line, what)
    return found
