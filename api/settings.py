"""What an operator can set, from arguments or `XIANLIAO_*` environment variables."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AliasChoices, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from api.limits import valid_rules
from api.wording import in_words
from chatbot.decoding.params import CACHE_BYTES, MAX_WAITING, NUM_SLOTS, Precision

MAX_MESSAGE_CHARS = 2000
MAX_HISTORY_UTTERANCES = 200
MAX_DEADLINE_SECONDS = 600
MIN_ADMIN_KEY = 16
LogFormat = Literal["text", "json"]
LogLevel = Literal["debug", "info", "warning", "error"]
RateLimit = Annotated[str, AfterValidator(valid_rules)]
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
    database_url: str = Field(  # empty: a SQLite file in data_dir; hosts set the plain name
        "", validation_alias=AliasChoices("xianliao_database_url", "database_url")
    )
    session_days: int = Field(0, ge=0, le=36_500)  # unused for longer, a session goes; 0: never
    max_sessions: int = Field(1000, ge=1)  # an owner has; one more, and the oldest unused goes
    require_key: bool = False  # every request but the page's needs an API key
    max_message_chars: int = Field(MAX_MESSAGE_CHARS, ge=1, le=MAX_MESSAGE_CHARS)
    max_history_utterances: int = Field(MAX_HISTORY_UTTERANCES, ge=0, le=MAX_HISTORY_UTTERANCES)
    known_replies: bool = True  # propose the checkpoint's known replies beside generated ones
    precision: Precision = "auto"  # of the model's products
    num_slots: int = Field(NUM_SLOTS, ge=1, le=256)  # replies in the making at once
    max_waiting: int = Field(MAX_WAITING, ge=0, le=10_000)  # that may wait for a slot
    cache_mib: int = Field(CACHE_BYTES // 2**20, ge=1)  # keys and values of conversations
    judge_replies: bool = True  # by the shipped classifier, whole, before they leave
    deadline_seconds: float = Field(60, gt=0, le=MAX_DEADLINE_SECONDS)  # of a reply, in all
    resume_seconds: float = Field(15, ge=0, le=300)  # that a broken resumable stream goes on
    drain_seconds: float = Field(8, ge=0, le=300)  # for replies under way when told to stop
    hang_seconds: float = Field(30, gt=0, le=3600)  # without a token, and the engine hangs
    limit_address: RateLimit = ""  # requests of one address: "60/minute;1000/day"; empty: any
    limit_key: RateLimit = ""  # requests of one API key
    cors_origins: str = ""  # other origins whose pages may call us, with blanks between
    trusted_proxies: str = ""  # whose X-Forwarded-For is believed: addresses, networks, or *
    max_header_bytes: int = Field(16 * 1024, ge=1024, le=2**20)  # of a request, all together
    admin_key: SecretStr | None = Field(None, min_length=MIN_ADMIN_KEY)  # of /admin; none: closed
    log_format: LogFormat = "text"
    log_level: LogLevel = "warning"  # "info" has a line for each request
    log_messages: bool = False  # what was said and answered, too; in traces as well
    tracing: bool = False  # by OpenTelemetry; OTEL_EXPORTER_OTLP_ENDPOINT asks for it, too
    max_body_bytes: int = Field(64 * 1024, ge=1024)
    max_import_bytes: int = Field(4 * 2**20, ge=1024)  # of an exported conversation
    novelist: Path = _SHIPPED_NOVELIST
    head: Path = _SHIPPED_HEAD  # of POST /classify
    max_writings: int = Field(2, ge=1, le=64)  # continuations of a novel at once

    @property
    def sessions_url(self) -> str:
        """The address of the session store; it may leave the driver out."""
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
