"""What the service counts and times, for Prometheus; named as vLLM names them."""

import time
from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from chatbot.bot import Timing, Vitals

_PREFIX = "xianliao"
_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80)
_SHORT = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)
_NEWEST_SHARE = 0.1  # of the running mean of how long a slot is held
_LONGEST_RETRY = 120  # seconds


class Metrics:
    """The service's own registry of metrics. Safe to use from any thread."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()

        def counter(name: str, words: str, *labels: str) -> Counter:
            return Counter(f"{_PREFIX}_{name}", words, labels, registry=registry)

        def histogram(name: str, words: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
            full = f"{_PREFIX}_{name}_seconds"
            return Histogram(full, words, labels, buckets=buckets, registry=registry)

        self.rejections = counter("request_rejections", "refused requests", "reason")
        self.cancellations = counter("request_cancellations", "replies ended early", "reason")
        self.finished = counter("request_success", "whole replies", "finished_reason")
        self.failures = counter("request_failures", "replies that the model could not finish")
        self.prompt_tokens = counter("prompt_tokens", "tokens read")
        self.generation_tokens = counter("generation_tokens", "tokens sampled, all candidates")
        self.reloads = counter("model_reloads", "attempts to load the model anew", "outcome")
        self.first_token = histogram(
            "time_to_first_token", "from the request to the first piece that leaves", _SECONDS
        )
        self.request = histogram("e2e_request_latency", "from the request to its end", _SECONDS)
        self.queue = histogram("request_queue_time", "waiting for a slot", _SECONDS)
        self.token = histogram("inter_token_latency", "between two tokens of a reply", _SHORT)
        self.cancel = histogram("cancel_latency", "from cancelling to the free slot", _SHORT)
        self.http = histogram(
            "http_request_duration", "until the response's end", _SECONDS, "route", "status"
        )
        self._slot_seconds: float | None = None

    def observe(self, timing: Timing) -> None:
        """Count a generation that ended; the engine's thread calls this."""
        assert timing.ended is not None, "it has ended"
        self.prompt_tokens.inc(timing.prompt_tokens)
        self.generation_tokens.inc(timing.sampled_tokens)
        if timing.finish_reason == "failed":
            self.failures.inc()
        if timing.started is not None:
            self.queue.observe(timing.started - timing.submitted)
        for earlier, later in zip(timing.steps, timing.steps[1:], strict=False):
            self.token.observe(later - earlier)
        if timing.cancelled is not None:
            self.cancel.observe(timing.ended - timing.cancelled)
        elif timing.started is not None:
            self._note_slot(timing.ended - timing.started)

    def note_cancelled(self, reason: str) -> None:
        """Count a reply that ended early."""
        self.cancellations.labels(reason).inc()

    def note_rejected(self, problem_type: str) -> None:
        """Count a request that got a problem, by the kind's slug."""
        self.rejections.labels(problem_type.rpartition("#problem-")[2]).inc()

    def retry_after(self, vitals: Vitals) -> int:
        """Seconds until those who wait now will have been served, as far as can be told."""
        seconds = (vitals.num_waiting + 1) / vitals.num_slots * (self._slot_seconds or 1.0)
        return max(1, min(_LONGEST_RETRY, round(seconds)))

    def watch(self, vitals: Callable[[], Vitals]) -> None:
        """Read the engine at each scrape."""
        self.registry.register(_EngineCollector(vitals))

    def page(self) -> bytes:
        """All metrics in Prometheus's text format."""
        return generate_latest(self.registry)

    def _note_slot(self, seconds: float) -> None:
        mean = seconds if self._slot_seconds is None else self._slot_seconds
        self._slot_seconds = mean + _NEWEST_SHARE * (seconds - mean)


class Stopwatch:
    """Times one reply for its client; `begin` at the request."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._began = time.monotonic()
        self._has_spoken = False

    def piece(self) -> None:
        """A piece of the reply leaves."""
        if not self._has_spoken:
            self._has_spoken = True
            self._metrics.first_token.observe(time.monotonic() - self._began)

    def end(self, finish_reason: str) -> None:
        """The reply is whole."""
        self._metrics.request.observe(time.monotonic() - self._began)
        self._metrics.finished.labels(finish_reason).inc()


class _EngineCollector(Collector):
    def __init__(self, vitals: Callable[[], Vitals]) -> None:
        self._vitals = vitals

    def collect(self) -> Iterator[Metric]:
        """What the engine's state is at this moment."""
        now = self._vitals()
        for name, words, value in (
            ("num_requests_running", "requests that hold a slot", now.num_running),
            ("num_requests_waiting", "requests that wait for a slot", now.num_waiting),
            ("num_slots", "requests that can run at once", now.num_slots),
            ("engine_step_seconds", "how long the step under way has taken", now.step_seconds),
            ("engine_up", "whether the engine takes requests", int(now.is_alive)),
        ):
            yield GaugeMetricFamily(f"{_PREFIX}_{name}", words, value)
        queries = now.prefix_hits + now.prefix_misses
        for name, words, value in (
            ("prefix_cache_queries", "prompt tokens looked up in the cache", queries),
            ("prefix_cache_hits", "prompt tokens found in the cache", now.prefix_hits),
        ):
            yield CounterMetricFamily(f"{_PREFIX}_{name}", words, value)
