"""The span of a reply: one for the whole, one each for the queue, prefill, decode, guard and store.

Attributes have the names of the semantic conventions for generative AI:
https://github.com/open-telemetry/semantic-conventions-genai
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from opentelemetry import trace
from opentelemetry.trace import Span, StatusCode, Tracer, TracerProvider

from api.handlers import as_problem
from api.openai.answers import FINISH_REASONS
from chatbot.generation import Generation, Reply

_NAME = "xianliao"
_FIELDS = {"max_new_tokens": "max_tokens"}  # ours: theirs


class ReplySpans:
    """Begins the spans of replies; without a provider they are nothing."""

    def __init__(self, provider: TracerProvider | None, *, with_messages: bool = False) -> None:
        """Trace with `provider`; what was said becomes part of it only if asked."""
        self._tracer = trace.NoOpTracer() if provider is None else provider.get_tracer(_NAME)
        self._with_messages = with_messages

    @contextmanager
    def reply(
        self, model: str, asked: Callable[[], Mapping[str, Any]], *, streams: bool
    ) -> Iterator["ReplySpan"]:
        """The span of a reply; `asked` tells the sampling parameters that the client chose."""
        span = self._tracer.start_span(f"chat {model}")
        reply = ReplySpan(self._tracer, span, self._with_messages)
        if span.is_recording():
            reply.asked(model, asked(), streams=streams)
        try:
            yield reply
        except BaseException as error:
            reply.fail(error)
            raise
        finally:
            reply.end()


class ReplySpan:
    """The span of one reply, and those of its parts."""

    def __init__(self, tracer: Tracer, span: Span, with_messages: bool) -> None:
        self._tracer, self._span = tracer, span
        self._within = trace.set_span_in_context(span)
        self._with_messages = with_messages
        self._generations: Sequence[Generation] = ()

    def asked(self, model: str, params: Mapping[str, Any], *, streams: bool) -> None:
        """What the client wants."""
        self._span.set_attributes(
            {
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": _NAME,
                "gen_ai.output.type": "text",
                "gen_ai.request.model": model,
                "gen_ai.request.stream": streams,
                **{f"gen_ai.request.{_FIELDS.get(name, name)}": params[name] for name in params},
            }
        )

    def began(self, message: str, *generations: Generation) -> None:
        """The engine has the message; each choice is a generation."""
        self._generations = generations
        if len(generations) > 1:
            self._span.set_attribute("gen_ai.request.choice.count", len(generations))
        if self._with_messages:
            self._span.set_attribute("gen_ai.input.messages", _messages("user", [message]))

    @contextmanager
    def storing(self) -> Iterator[None]:
        """The block stores the turn."""
        with self._tracer.start_as_current_span("store", self._within, record_exception=False):
            yield

    def whole(self, model: str, replies: Sequence[Reply]) -> None:
        """All choices are whole."""
        if not self._span.is_recording():
            return
        reasons = [FINISH_REASONS[reply.finish_reason] for reply in replies]
        self._span.set_attributes(
            {
                "gen_ai.response.model": model,
                "gen_ai.response.finish_reasons": reasons,
                "gen_ai.usage.input_tokens": replies[0].prompt_tokens,
                "gen_ai.usage.output_tokens": sum(reply.completion_tokens for reply in replies),
            }
        )
        if self._with_messages:
            texts = [reply.text for reply in replies]
            self._span.set_attribute("gen_ai.output.messages", _messages("assistant", texts))

    def fail(self, error: BaseException) -> None:
        """There is no whole reply; the kind of the error is noted, not its text."""
        kind = "cancelled"
        if isinstance(error, Exception):
            kind = as_problem(error).problem.type.rpartition("#problem-")[2]
        self._span.set_attribute("error.type", kind)
        self._span.set_status(StatusCode.ERROR)

    def end(self) -> None:
        """End the span; when its parts began and ended is known by now."""
        if self._span.is_recording():
            to_epoch = time.time_ns() - time.monotonic_ns()
            for choice, generation in enumerate(self._generations):
                for name, began, ended in _parts(generation):
                    self._tracer.start_span(
                        name,
                        self._within,
                        attributes={f"{_NAME}.choice": choice},
                        start_time=int(began * 1e9) + to_epoch,
                    ).end(int(ended * 1e9) + to_epoch)
        self._span.end()


def _parts(generation: Generation) -> Iterator[tuple[str, float, float]]:
    """Name, begin and end of each part, by `time.monotonic`."""
    for began, ended in generation.checks:
        yield "guard", began, ended
    moments = generation.moments
    if moments is None:
        return
    last = moments.ended or time.monotonic()
    yield "queue", moments.submitted, moments.started or last
    if moments.started is not None and moments.steps:
        yield "prefill", moments.started, moments.steps[0]
        yield "decode", moments.steps[0], last


def _messages(role: str, texts: Sequence[str]) -> str:
    """Messages as the conventions write them."""
    messages = [{"role": role, "parts": [{"type": "text", "content": text}]} for text in texts]
    return json.dumps(messages, ensure_ascii=False)
