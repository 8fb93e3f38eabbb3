"""API keys: made and removed on the command line, checked and charged at every request."""

import hmac
import re
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, time, timedelta
from hashlib import sha256

from sqlalchemy import case, delete, or_, select, update
from sqlalchemy.exc import IntegrityError

from api.problems import QUOTA_USED, WRONG_KEY, ProblemError
from api.store.database import Database
from api.store.tables import KeyRow, SessionRow

_PREFIX = "key:"  # of owners
_TOKEN = re.compile(r"xl-([0-9a-f]{8})-([\w-]{43})", re.ASCII)


class NameTaken(ValueError):
    """Another key has this name."""


class NoSuchKey(LookupError):
    """No key has this name or id."""


async def add(database: Database, name: str, daily_turns: int | None) -> str:
    """Make a key and return it: the only time that it can be seen.

    Raises:
        NameTaken: when another key has this name.
    """
    key_id, secret = secrets.token_hex(4), secrets.token_urlsafe(32)
    row = KeyRow(
        id=key_id,
        name=name,
        secret_sha256=_hash(secret),
        daily_turns=daily_turns,
        used_turns=0,
        created_at=datetime.now(UTC),
    )
    try:
        async with database.write() as db:
            db.add(row)
    except IntegrityError as error:
        raise NameTaken(name) from error
    return f"xl-{key_id}-{secret}"


async def list_all(database: Database) -> Sequence[KeyRow]:
    """Every key, oldest first."""
    async with database.read() as db:
        return (await db.scalars(select(KeyRow).order_by(KeyRow.created_at))).all()


def described(key: KeyRow) -> str:
    """A key in one line, for its owner to read."""
    today = datetime.now(UTC).date()
    used = key.used_turns if key.used_on == today else 0
    limit = "不限" if key.daily_turns is None else f"每天 {key.daily_turns} 轮"
    return f"{key.id}  {key.created_at:%Y-%m-%d}  {limit}，今天用了 {used} 轮  {key.name}"


async def remove(database: Database, name: str, *, with_sessions: bool) -> int:
    """Revoke the key of this name or id; returns how many sessions were deleted with it.

    Raises:
        NoSuchKey: when there is none.
    """
    async with database.write() as db:
        key = await db.scalar(select(KeyRow).where(or_(KeyRow.name == name, KeyRow.id == name)))
        if key is None:
            raise NoSuchKey(name)
        await db.delete(key)
        if not with_sessions:
            return 0
        owned = delete(SessionRow).where(SessionRow.owner == _PREFIX + key.id)
        removed = len((await db.scalars(owned.returning(SessionRow.id))).all())
    await database.scrub()
    return removed


async def owner_of(database: Database, authorization: str | None) -> str:
    """The owner that an `Authorization: Bearer` header proves.

    Raises:
        ProblemError: 401 when it proves none.
    """
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise _refusal("请加上请求头 Authorization: Bearer 你的密钥；没有密钥请向管理员要。")
    if found := _TOKEN.fullmatch(token.strip()):
        key_id, secret = found.groups()
        async with database.read() as db:
            known = await db.scalar(select(KeyRow.secret_sha256).where(KeyRow.id == key_id))
        if hmac.compare_digest(known or "", _hash(secret)):
            return _PREFIX + key_id
    raise _refusal("密钥不对，或已被停用；请检查有没有抄全，或向管理员另要一个。")


@asynccontextmanager
async def one_turn(database: Database, owner: str | None) -> AsyncIterator[None]:
    """Charge a key for one turn, unless the block refuses it.

    Raises:
        ProblemError: 429 when the key's turns of today are used up.
    """
    if owner is None or not owner.startswith(_PREFIX):
        yield
        return
    await _charge(database, owner.removeprefix(_PREFIX))
    try:
        yield
    except Exception:
        await _give_back(database, owner.removeprefix(_PREFIX))
        raise


async def _charge(database: Database, key_id: str) -> None:
    now = datetime.now(UTC)
    today = KeyRow.used_on == now.date()
    query = (
        update(KeyRow)
        .where(
            KeyRow.id == key_id,
            or_(
                KeyRow.daily_turns.is_(None),
                KeyRow.used_on.is_distinct_from(now.date()),
                KeyRow.used_turns < KeyRow.daily_turns,
            ),
        )
        .values(used_turns=case((today, KeyRow.used_turns + 1), else_=1), used_on=now.date())
        .returning(KeyRow.id)
    )
    async with database.write() as db:
        if await db.scalar(query) is None:
            raise _quota_used(now)


async def _give_back(database: Database, key_id: str) -> None:
    async with database.write() as db:
        query = update(KeyRow).where(KeyRow.id == key_id, KeyRow.used_turns > 0)
        await db.execute(query.values(used_turns=KeyRow.used_turns - 1))


def _quota_used(now: datetime) -> ProblemError:
    midnight = datetime.combine(now.date() + timedelta(days=1), time(), UTC)
    seconds = str(int((midnight - now).total_seconds()) + 1)
    words = "这把密钥今天的次数用完了，UTC 零点（北京时间早上八点）以后再来。"
    return ProblemError(QUOTA_USED, words, headers={"Retry-After": seconds})


def _refusal(words: str) -> ProblemError:
    return ProblemError(WRONG_KEY, words, headers={"WWW-Authenticate": "Bearer"})


def _hash(secret: str) -> str:
    """Unsalted and fast is right here: the secret has 256 bits, nobody can try them all."""
    return sha256(secret.encode()).hexdigest()
