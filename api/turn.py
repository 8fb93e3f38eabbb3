"""One turn of a conversation: admitted, generated, stored, answered."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from api import keys
from api.schemas import ChatAnswer, ChatRequest, Usage
from api.store.sessions import SessionStore, new_session_id
from api.store.tables import TurnRow
from chatbot.bot import Bot, Generation, Reply

HISTORY_UTTERANCES = 64  # more than the model's window ever holds


@dataclass(frozen=True)
class Past:
    """What was said before: the part the bot is given, and how much lies before that.

    `session_id` and `index`, the coming turn's place, are None when nothing will be stored;
    `owner` is whose session it is or will be.
    """

    utterances: list[str]
    num_skipped: int
    session_id: str | None
    index: int | None
    owner: str | None


class Turn:
    """A message that was admitted; its reply is being generated."""

    def __init__(self, chat: ChatRequest, past: Past, generation: Generation, bot: Bot) -> None:
        self.chat = chat
        self.generation = generation
        self._past = past
        self._model = bot.name
        self._storing: asyncio.Task[None] | None = None

    async def finish(self, store: SessionStore) -> ChatAnswer:
        """Wait for the whole reply, store the turn, and only then give the answer."""
        reply = await self.generation.wait()
        if self._past.session_id is not None:
            self._storing = asyncio.create_task(store.append(self._row(reply), self._past.owner))
            await asyncio.shield(self._storing)  # a commit is never torn by a client leaving
        return self._answer(reply)

    async def settle(self) -> None:
        """Stop what still runs: the generation at once, a commit under way when it ended."""
        self.generation.cancel()
        if self._storing is not None:
            await asyncio.gather(self._storing, return_exceptions=True)

    def _row(self, reply: Reply) -> TurnRow:
        return TurnRow(
            session_id=self._past.session_id,
            index=self._past.index,
            user=self.chat.message,
            bot=reply.text,
            finish_reason=reply.finish_reason,
            model=self._model,
            seed=reply.seed,
            created_at=datetime.now(UTC),
        )

    def _answer(self, reply: Reply) -> ChatAnswer:
        return ChatAnswer(
            reply=reply.text,
            session_id=self._past.session_id,
            turn=self._past.index,
            finish_reason=reply.finish_reason,
            usage=Usage(
                prompt_tokens=reply.prompt_tokens,
                completion_tokens=reply.completion_tokens,
                history_used=reply.history_used,
                history_dropped=reply.history_dropped + self._past.num_skipped,
            ),
            model=self._model,
            seed=reply.seed,
        )


@asynccontextmanager
async def admit(
    chat: ChatRequest,
    bot: Bot,
    store: SessionStore,
    owner: str | None = None,
) -> AsyncIterator[Turn]:
    """Start the reply to a message; on leaving, whatever the reason, nothing of it goes on.

    A session stays locked meanwhile, so its turns follow one another.

    An API key is charged for the turn once it was admitted.

    Raises:
        SessionNotFound, StoreUnavailable, ChatbotError: before anything was generated.
        ProblemError: when the key's turns of today are used up.
    """
    async with AsyncExitStack() as stack:
        if chat.session_id is not None:
            await stack.enter_async_context(store.locked(chat.session_id))
        past = await _past_of(chat, store, owner)
        params = replace(bot.defaults, **chat.sampling())
        async with keys.one_turn(store.database, owner):
            generation = bot.start(past.utterances, chat.message, params)
        turn = Turn(chat, past, generation, bot)
        stack.push_async_callback(turn.settle)
        yield turn


async def _past_of(chat: ChatRequest, store: SessionStore, owner: str | None) -> Past:
    if chat.history is not None:
        recent = chat.history[-HISTORY_UTTERANCES:]
        return Past(recent, len(chat.history) - len(recent), None, None, owner)
    if chat.session_id is None:
        return Past([], 0, new_session_id(), 1, owner)
    turns = await store.last_turns(chat.session_id, HISTORY_UTTERANCES // 2, owner)
    recent = [utterance for turn in turns for utterance in (turn.user, turn.bot)]
    num_earlier = 2 * turns[-1].index - len(recent)
    return Past(recent, num_earlier, chat.session_id, turns[-1].index + 1, owner)
