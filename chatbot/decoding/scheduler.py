"""Who runs next: a bounded queue in front of a bounded number of slots and rows."""

from collections import deque

from chatbot.decoding.request import Request, Status
from chatbot.errors import QueueFull


class Scheduler:
    """First come, first served; a request that got a slot keeps it to its end.

    Attributes:
        num_slots: requests that run at once at most.
        max_waiting: requests that wait at most.
        running: the requests that hold a slot, oldest first.
        waiting: the requests that wait for one, oldest first.
    """

    def __init__(self, *, num_slots: int, max_waiting: int) -> None:
        self.num_slots = num_slots
        self.max_waiting = max_waiting
        self.running: list[Request] = []
        self.waiting: deque[Request] = deque()

    @property
    def capacity(self) -> int:
        """Requests that it holds at most, running and waiting."""
        return self.num_slots + self.max_waiting

    @property
    def is_full(self) -> bool:
        """Whether one more request would be refused."""
        return len(self.running) + len(self.waiting) >= self.capacity

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing to do."""
        return not self.running and not self.waiting

    def add(self, request: Request) -> None:
        """Queue a request; it gets a slot at the next step that has one free.

        Raises:
            QueueFull: as many wait as may.
        """
        if self.is_full:
            raise QueueFull(self.max_waiting)
        self.waiting.append(request)

    def admit(self, *, num_rows: int, num_tokens: int) -> list[Request]:
        """Give slots to the oldest that wait and return them.

        Args:
            num_rows: rows that are free; a request takes one for each of its sequences.
            num_tokens: what their prompts may have together, so that those who run already do not
                stall. A longer prompt comes alone.
        """
        admitted: list[Request] = []
        while self.waiting and len(self.running) < self.num_slots:
            request = self.waiting[0]
            num_rows -= len(request.sequences)
            num_tokens -= len(request.prompt_ids)
            if num_rows < 0 or (num_tokens < 0 and admitted):
                break
            self.waiting.popleft()
            request.status = Status.RUNNING
            self.running.append(request)
            admitted.append(request)
        return admitted

    def remove(self, request: Request) -> None:
        """Free the request's slot or its place in the queue."""
        (self.waiting if request in self.waiting else self.running).remove(request)
