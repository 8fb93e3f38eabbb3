"""What an operator can set, from arguments or `XIANLIAO_*` environment variables."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from api.wording import in_words
from chatbot.decoding.params import CACHE_BYTES, MAX_WAITING, NUM_SLOTS, Precision

MAX_MESSAGE_CHARS = 2000
MAX_HISTORY_UTTERANCES = 200
_PREFIX = "XIANLIAO_"
_SHIPPED_CHECKPOINT = Path(__file__).parents[1] / "chatbot" / "checkpoints" / "xiaoxian"
_SHIPPED_NOVELIST = _SHIPPED_CHECKPOINT.with_name("novelist")
_SHIPPED_HEAD = _SHIPPED_CHECKPOINT.with_name("guard")


class SettingsError(ValueError):
    """A setting that cannot be used; its text is one line that names the variable."""


class Settings(BaseSettings):
    """The service's settings. Build them with `load_settings` for readable errors."""

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX, extra="forbid", frozen=True, env_ignore_empty=True
    )

    checkpoint: Path = _SHIPPED_CHECKPOINT
    host: str = Field("127.0.0.1", min_length=1)
    port: int = Field(8000, ge=0, le=65535)  # 0: any free port
    data_dir: Path = Path("data")
    database_url: str = ""  # empty: a SQLite file in data_dir
    max_message_chars: int = Field(MAX_MESSAGE_CHARS, ge=1, le=MAX_MESSAGE_CHARS)
    max_history_utterances: int = Field(MAX_HISTORY_UTTERANCES, ge=0, le=MAX_HISTORY_UTTERANCES)
    known_replies: bool = True  # propose the checkpoint's known replies beside generated ones
    precision: Precision = "auto"  # of the model's products
    num_slots: int = Field(NUM_SLOTS, ge=1, le=256)  # replies in the making at once
    max_waiting: int = Field(MAX_WAITING, ge=0, le=10_000)  # that may wait for a slot
    cache_mib: int = Field(CACHE_BYTES // 2**20, ge=1)  # keys and values of conversations
    judge_replies: bool = True  # by the shipped classifier, whole, before they leave
    max_body_bytes: int = Field(64 * 1024, ge=1024)
    novelist: Path = _SHIPPED_NOVELIST
    head: Path = _SHIPPED_HEAD  # of POST /classify
    max_writings: int = Field(2, ge=1, le=64)  # continuations of a novel at once

    @property
    def sessions_url(self) -> str:
        """The SQLAlchemy address of the session store."""
        return self.database_url or f"sqlite+aiosqlite:///{self.data_dir / 'xianliao.db'}"


def load_settings(overrides: Mapping[str, Any] | None = None) -> Settings:
    """Read the environment; `overrides` win, entries that are None are left out.

    Raises:
        SettingsError: naming the first variable that is wrong, and what is allowed.
    """
    given = {name: value for name, value in (overrides or {}).items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as error:
        first = error.errors()[0]
        name = "_".join(str(part) for part in first["loc"])
        words = in_words(first["type"], first.get("ctx", {}))
        raise SettingsError(f"配置有误：{_PREFIX}{name.upper()} {words}") from error
