import asyncio
import threading
from collections.abc import Callable

import pytest

from chatbot.decoding.request import Request
from chatbot.decoding.stream import TokenStream, deliver
from chatbot.errors import EngineStopped, GenerationFailed

MakeRequest = Callable[..., Request]


async def read(stream: TokenStream) -> list[int]:
    return [token_id async for token_id in stream]


def test_each_id_is_delivered_once_and_from_any_thread(make_request: MakeRequest) -> None:
    async def talk() -> list[int]:
        request = make_request()
        stream = TokenStream(request, lambda _: None)

        def write() -> None:
            for token_id in (10, 11, 12):
                request.sequences[0].append(token_id)
                stream.deliver()
                stream.deliver()
            request.finish("length")
            stream.deliver()

        thread = threading.Thread(target=write)
        thread.start()
        reply = await read(stream)
        thread.join()
        assert stream.finish_reason == "length"
        assert await read(stream) == []  # it has ended
        return reply

    assert asyncio.run(talk()) == [10, 11, 12]


def test_of_several_candidates_the_chosen_one_comes_at_the_end(make_request: MakeRequest) -> None:
    async def talk() -> None:
        request = make_request(candidates=2)
        stream = TokenStream(request, lambda _: None)
        request.sequences[0].append(10)
        stream.deliver()
        request.choose([20, 21], "stop")
        stream.deliver()
        assert await read(stream) == [20, 21]

    asyncio.run(talk())


def test_cancel_stops_the_request_once_and_ends_the_iteration(make_request: MakeRequest) -> None:
    async def talk() -> None:
        stopped: list[Request] = []
        request = make_request()
        stream = TokenStream(request, stopped.append)
        request.sequences[0].append(10)
        stream.deliver()
        await asyncio.sleep(0)
        stream.cancel()
        stream.cancel()
        assert await read(stream) == []
        assert stream.finish_reason == "cancelled"
        assert stopped == [request]
        stream.cancel()
        assert stopped == [request]

    asyncio.run(talk())


def test_whoever_waits_wakes_up_when_it_is_cancelled(make_request: MakeRequest) -> None:
    async def talk() -> None:
        stream = TokenStream(make_request(), lambda _: None)
        reading = asyncio.create_task(read(stream))
        await asyncio.sleep(0)
        stream.cancel()
        assert await asyncio.wait_for(reading, 30) == []

    asyncio.run(talk())


def test_a_failure_is_raised_after_what_was_written_with_its_cause(
    make_request: MakeRequest,
) -> None:
    async def talk() -> None:
        request, error = make_request(), ValueError("not finite")
        stream = TokenStream(request, lambda _: None)
        request.sequences[0].append(10)
        request.finish("failed", error)
        stream.deliver()
        assert await anext(stream) == 10
        with pytest.raises(GenerationFailed) as caught:
            await anext(stream)
        assert caught.value.__cause__ is error
        assert stream.finish_reason == "failed"

    asyncio.run(talk())


def test_an_engine_that_stops_is_told(make_request: MakeRequest) -> None:
    async def talk() -> None:
        stream = TokenStream(make_request(), lambda _: None)
        stream.deliver(EngineStopped())
        with pytest.raises(EngineStopped):
            await anext(stream)

    asyncio.run(talk())


def test_the_request_is_stopped_when_nobody_can_listen_any_more(make_request: MakeRequest) -> None:
    stopped: list[Request] = []
    request = make_request()

    async def leave() -> TokenStream:
        return TokenStream(request, stopped.append)

    stream = asyncio.run(leave())
    stream.deliver()
    assert stopped == [request]


def test_a_stream_that_comes_whole_comes_with_its_end(make_request: MakeRequest) -> None:
    async def talk() -> None:
        request = make_request()
        stream = TokenStream(request, lambda _: None)
        request.sequences[0].append(10)
        stream.deliver()
        stream.come_whole()
        request.sequences[0].append(11)
        stream.deliver()
        assert await anext(stream) == 10
        early = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not early.done()
        request.sequences[0].append(12)
        request.finish("length")
        stream.deliver()
        assert [await early, *await read(stream)] == [11, 12]

    asyncio.run(talk())


def test_an_error_ends_a_stream_that_comes_whole(make_request: MakeRequest) -> None:
    async def talk() -> None:
        stream = TokenStream(make_request(), lambda _: None)
        stream.come_whole()
        stream.deliver(EngineStopped())
        with pytest.raises(EngineStopped):
            await anext(stream)

    asyncio.run(talk())


def test_streams_are_delivered_together_and_a_loop_is_woken_once(
    make_request: MakeRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def talk() -> None:
        requests = [make_request() for _ in range(3)]
        streams = [TokenStream(request, lambda _: None) for request in requests]
        for token_id, request in enumerate(requests, start=10):
            request.sequences[0].append(token_id)
        loop, wakes = asyncio.get_running_loop(), []
        wake = loop.call_soon_threadsafe
        monkeypatch.setattr(
            loop, "call_soon_threadsafe", lambda *call: (wakes.append(call), wake(*call))
        )
        deliver(streams)
        deliver(streams)  # nothing is new
        assert [await anext(stream) for stream in streams] == [10, 11, 12]
        assert len(wakes) == 1

    asyncio.run(talk())
