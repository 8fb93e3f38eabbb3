"""Who runs next: a bounded queue in front of a bounded number of slots."""

from collections import deque

from chatbot.decoding.request import Request, Status
from chatbot.errors import QueueFull


class Scheduler:
    """First come, first served; a request that got a slot keeps it to its end.

    Attributes:
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

    def schedule(self) -> list[Request]:
        """Fill free slots from the queue and return the requests of this step."""
        while self.waiting and len(self.running) < self.num_slots:
            request = self.waiting.popleft()
            request.status = Status.RUNNING
            self.running.append(request)
        return list(self.running)

    def remove(self, request: Request) -> None:
        """Free the request's slot or its place in the queue."""
        (self.waiting if request in self.waiting else self.running).remove(request)
