"""How an engine is doing, read from outside at any moment."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Vitals:
    """A glance at the engine.

    Attributes:
        is_alive: it takes requests; false once it was closed, or its thread has died.
        num_running, num_waiting: requests that hold a slot, and that wait for one.
        num_slots: requests that can run at once.
        step_seconds: how long the step under way has taken so far; 0 between steps.
        prefix_hits, prefix_misses: prompt tokens that were found in the cache, and that were not.
    """

    is_alive: bool = True
    num_running: int = 0
    num_waiting: int = 0
    num_slots: int = 1
    step_seconds: float = 0.0
    prefix_hits: int = 0
    prefix_misses: int = 0
