"""The exceptions a caller of ``chatbot`` can meet.

    ChatbotError
    ├── CheckpointError       a folder cannot be loaded: missing, corrupt, a pickle, a misfit
    ├── InvalidMessage        the message cannot be answered as it stands
    │   ├── MessageEmpty      nothing is left of it after tokenization
    │   └── MessageTooLong    it does not fit the model's window
    ├── InvalidPrompt         the novelist cannot go on from this text
    ├── InvalidParams         a sampling parameter is out of its range
    ├── QueueFull             too many requests wait; try again later
    ├── EngineStopped         the engine is closed or closing
    └── GenerationFailed      the model raised while it answered this request

Every message names what is wrong and the remedy, in Chinese, in one line.
"""


class ChatbotError(Exception):
    """Base of all errors that ``chatbot`` raises on purpose."""


class CheckpointError(ChatbotError):
    """A checkpoint folder cannot be loaded."""


class InvalidMessage(ChatbotError):
    """The message cannot be answered as it stands."""


class MessageEmpty(InvalidMessage):
    """Nothing is left of the message after tokenization."""

    def __init__(self) -> None:
        super().__init__("消息里没有可读的文字；请写点什么再发")


class MessageTooLong(InvalidMessage):
    """The message does not fit the model's window beside the reply."""

    def __init__(self, tokens: int, limit: int) -> None:
        super().__init__(f"消息有 {tokens} 个 token，最多 {limit} 个；请分成几条发")
        self.tokens = tokens
        self.limit = limit


class InvalidPrompt(ChatbotError):
    """The novelist cannot go on from this text: it holds characters unknown to it."""


class InvalidParams(ChatbotError, ValueError):
    """A sampling parameter is out of its range."""

    def __init__(self, field: str, value: object, allowed: str) -> None:
        super().__init__(f"{field}={value!r} 不可用；允许 {allowed}")
        self.field = field
        self.value = value
        self.allowed = allowed


class QueueFull(ChatbotError):
    """Too many requests wait already."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"排队的已有 {limit} 个；请稍后再试")
        self.limit = limit


class EngineStopped(ChatbotError):
    """The engine is closed or closing."""

    def __init__(self) -> None:
        super().__init__("引擎已经停止；请重启服务")


class GenerationFailed(ChatbotError):
    """The model raised while it answered this request."""
