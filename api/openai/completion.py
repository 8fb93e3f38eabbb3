"""The replies to one request of an OpenAI client, begun together and read as they come."""

import time
from collections.abc import Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import replace
from typing import Any

from api import keys
from api.admission import working_bot
from api.live_reply import Event, Events
from api.metrics import Stopwatch
from api.openai.answers import (
    FINISH_REASONS,
    Choice,
    ChoiceDelta,
    ChoiceMessage,
    Chunk,
    Completion,
    logprobs_of,
    usage_of,
)
from api.openai.choices import pieces_of
from api.openai.request import CompletionRequest
from api.problems import NO_MODEL, ProblemError, invalid_field
from api.schemas import Started
from api.state import ServiceState
from api.turn import HISTORY_UTTERANCES
from api.wording import in_words
from chatbot.bot import Bot, Generation

_MAX_SEED = 2**63


def require_model(name: str, bot: Bot) -> None:
    """Raises: ProblemError: 404 when the bot has another name."""
    if name != bot.name:
        raise ProblemError(NO_MODEL, f"没有这个模型；这里回答的是 {bot.name}，见 /v1/models。")


async def completion_events(
    body: CompletionRequest, reply_id: str, service: ServiceState, owner: str | None
) -> Events:
    """All that happens to a request: `start`, chunks as `delta`, and the whole as `done`.

    Raises:
        ProblemError, ChatbotError: before the start, when it is not admitted.
    """
    watch = Stopwatch(service.metrics)
    with (
        working_bot(service) as bot,
        service.spans.reply(body.model, body.sampling, streams=bool(body.stream)) as span,
    ):
        require_model(body.model, bot)
        async with AsyncExitStack() as stack:
            choices = await _start(body, bot, service, owner, stack)
            span.began(body.messages[-1].content or "", *choices)
            yield Event("start", Started(reply_id=reply_id))
            chunk = Chunk(
                id=f"chatcmpl-{reply_id}", created=int(time.time()), model=bot.name, choices=[]
            )
            for number in range(len(choices)):
                yield _delta(chunk, number, {"role": "assistant", "content": ""})
            # Log-probabilities are known when the reply is whole, and leave with its text.
            whole = bool(body.logprobs)
            pieces = await stack.enter_async_context(aclosing(pieces_of(choices, whole=whole)))
            async for number, piece in pieces:
                watch.piece()
                if piece:
                    told = choices[number].log_probs if whole else None
                    yield _delta(chunk, number, {"content": piece}, logprobs=logprobs_of(told))
                else:
                    reason = FINISH_REASONS[choices[number].reply.finish_reason]
                    yield _delta(chunk, number, {}, finish_reason=reason)
            replies = [choice.reply for choice in choices]
            span.whole(bot.name, replies)
            watch.end(replies[0].finish_reason)
            yield Event("done", _completion(chunk, choices, with_logprobs=whole))


async def _start(
    body: CompletionRequest,
    bot: Bot,
    service: ServiceState,
    owner: str | None,
    stack: AsyncExitStack,
) -> list[Generation]:
    """Begin all replies, or none; whatever happens, `stack` ends them."""
    history, message = body.conversation()
    num_top = body.num_top_logprobs()
    limit = service.settings.max_message_chars
    if len(message) > limit:
        raise invalid_field(
            "messages", "too_long", in_words("string_too_long", {"max_length": limit})
        )
    params = replace(bot.defaults, **body.sampling()).seeded()
    assert params.seed is not None
    choices: list[Generation] = []
    async with AsyncExitStack() as charged:
        for number in range(body.n or 1):
            await charged.enter_async_context(keys.one_turn(service.store.database, owner))
            own = replace(params, seed=(params.seed + number) % _MAX_SEED)
            choice = bot.start(
                history[-HISTORY_UTTERANCES:],
                message,
                own,
                body.stop or (),
                top_log_probs=num_top,
            )
            stack.callback(choice.cancel)
            choices.append(choice)
    return choices


def _delta(chunk: Chunk, number: int, new: dict[str, str], **told: Any) -> Event:
    choice = ChoiceDelta(index=number, delta=new, **told)
    return Event("delta", chunk.model_copy(update={"choices": [choice]}))


def _completion(
    chunk: Chunk, generations: Sequence[Generation], *, with_logprobs: bool
) -> Completion:
    replies = [generation.reply for generation in generations]
    return Completion(
        id=chunk.id,
        created=chunk.created,
        model=chunk.model,
        choices=[
            Choice(
                index=number,
                message=ChoiceMessage(content=generation.reply.text),
                finish_reason=FINISH_REASONS[generation.reply.finish_reason],
                logprobs=logprobs_of(generation.log_probs) if with_logprobs else None,
            )
            for number, generation in enumerate(generations)
        ],
        usage=usage_of(replies),
        seed=replies[0].seed,
    )
