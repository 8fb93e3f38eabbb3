"""Several replies to one message at once, their pieces as they come."""

import asyncio
from collections.abc import AsyncGenerator, Sequence

from chatbot.generation import Generation


async def pieces_of(
    generations: Sequence[Generation], *, whole: bool = False
) -> AsyncGenerator[tuple[int, str], None]:
    """Each piece with the number of its reply; "" when that reply is whole.

    With `whole`, a reply comes in one piece.

    Raises:
        GenerationFailed, EngineStopped: as soon as one of them cannot go on.
    """
    news: asyncio.Queue[tuple[int, str | Exception]] = asyncio.Queue()

    async def read(number: int, generation: Generation) -> None:
        try:
            async for piece in _in_one_piece(generation) if whole else generation:
                news.put_nowait((number, piece))
            news.put_nowait((number, ""))
        except Exception as error:
            news.put_nowait((number, error))

    tasks = [asyncio.create_task(read(*item)) for item in enumerate(generations)]
    num_open = len(tasks)
    try:
        while num_open:
            number, item = await news.get()
            if isinstance(item, Exception):
                raise item
            num_open -= not item
            yield number, item
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _in_one_piece(generation: Generation) -> AsyncGenerator[str, None]:
    if text := "".join([piece async for piece in generation]):
        yield text
