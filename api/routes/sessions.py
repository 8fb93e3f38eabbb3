"""/sessions: an owner's conversations, listed, read, renamed, taken out, brought in, deleted."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response
from pydantic import AfterValidator

from api.admission import Owner
from api.archive import exported, rows_of, summary_of, whole_session
from api.conversation import (
    Conversation,
    Deleted,
    Rename,
    SessionPage,
    SessionSummary,
    StoredSession,
)
from api.problems import invalid_field
from api.schemas import plain
from api.state import Service
from api.store import listing
from api.store.listing import Cursor

router = APIRouter(prefix="/sessions", tags=["会话"])

_TYPES = {"json": "application/json", "txt": "text/plain; charset=utf-8"}
_LIST = ["curl {base}/sessions", "curl '{base}/sessions?q=猫&limit=5'"]
_RENAME = [
    "curl -X PATCH {base}/sessions/{session_id} -H 'Content-Type: application/json' "
    """-d '{"title": "周末去哪儿"}'"""
]
_EXPORT = ["curl {base}/sessions/{session_id}/export?format=json -o 会话.json"]
_IMPORT = [
    "curl {base}/sessions/import -H 'Content-Type: application/json' --data-binary @会话.json",
    "curl {base}/sessions/import -H 'Content-Type: application/json' "
    """-d '{"turns": [{"user": "你好", "bot": "你好呀"}]}'""",
]


@router.get(
    "",
    summary="列出自己的会话",
    response_description="一页会话",
    openapi_extra={"x-examples": _LIST},
)
async def list_sessions(
    service: Service,
    owner: Owner,
    q: Annotated[
        str,
        Query(max_length=200, description="在标题和说过的话里找"),
        AfterValidator(plain),
    ] = "",
    limit: Annotated[int, Query(ge=1, le=100, description="一页几个")] = 20,
    cursor: Annotated[
        str | None, Query(max_length=100, description="上一页的 `next_cursor`")
    ] = None,
) -> SessionPage:
    """有密钥就是这把密钥的，没有就是这个浏览器的（打开过网页才算）。

    两样都没有，会话就不属于谁，列不出来；知道 `session_id` 仍然能用。
    """
    after = _cursor(cursor) if cursor else None
    found, following = await listing.list_sessions(
        service.store.database, owner, search=q.strip(), limit=limit, after=after
    )
    return SessionPage(
        sessions=[summary_of(row) for row in found],
        next_cursor=str(following) if following else None,
    )


@router.delete("", summary="删除自己的所有会话", response_description="删掉了几个")
async def delete_sessions(service: Service, owner: Owner) -> Deleted:
    """真正删除，不能恢复。"""
    return Deleted(deleted=await listing.remove_all(service.store.database, owner))


@router.post(
    "/import",
    status_code=201,
    summary="导入一个会话",
    response_description="新的会话",
    openapi_extra={"x-examples": _IMPORT},
)
async def import_session(
    conversation: Conversation, service: Service, owner: Owner
) -> SessionSummary:
    """收的就是导出的 JSON；每次导入都是新的会话，有新的 `session_id`。"""
    session, turns, feedback = rows_of(conversation, owner)
    await service.store.add(session, turns, feedback)
    return summary_of(session)


@router.get("/{session_id}", summary="读一个会话", response_description="会话的每一轮，从早到晚")
async def read_session(session_id: str, service: Service, owner: Owner) -> StoredSession:
    """属于密钥或浏览器的会话，别人读不到。不属于谁的，知道 `session_id` 就能读，请像密码一样保管。"""
    return await whole_session(service.store.database, session_id, owner)


@router.patch(
    "/{session_id}",
    summary="给会话改名",
    response_description="改好的会话",
    openapi_extra={"x-examples": _RENAME},
)
async def rename_session(
    session_id: str, body: Rename, service: Service, owner: Owner
) -> SessionSummary:
    """不算用过：`updated_at` 不变。"""
    row = await listing.rename_session(service.store.database, session_id, owner, body.title)
    return summary_of(row)


@router.delete(
    "/{session_id}",
    status_code=204,
    summary="删除一个会话",
    response_class=Response,
    response_description="已删除",
    openapi_extra={"x-examples": ["curl -X DELETE {base}/sessions/{session_id}"]},
)
async def delete_session(session_id: str, service: Service, owner: Owner) -> None:
    """真正删除，不能恢复。正在生成的一轮会先说完。"""
    async with service.store.locked(session_id):
        await service.store.remove(session_id, owner)


@router.get(
    "/{session_id}/export",
    summary="导出一个会话",
    response_class=Response,
    response_description="一个文件：`json` 可以再导入，`txt` 给人看",
    responses={
        200: {
            "content": {
                "application/json": {"schema": {"$ref": "#/components/schemas/Conversation"}},
                "text/plain": {"schema": {"type": "string"}},
            }
        }
    },
    openapi_extra={"x-examples": _EXPORT},
)
async def export_session(
    session_id: str,
    service: Service,
    owner: Owner,
    format: Annotated[Literal["json", "txt"], Query(description="文件的格式")] = "json",
) -> Response:
    """文件里没有 `session_id`，可以放心给别人。"""
    session = await whole_session(service.store.database, session_id, owner)
    name = f"xianliao-{session.created_at:%Y%m%d-%H%M%S}.{format}"
    return Response(
        exported(session, format),
        media_type=_TYPES[format],
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _cursor(text: str) -> Cursor:
    try:
        return Cursor.parse(text)
    except ValueError:
        raise invalid_field("cursor", "cursor", "读不懂；请用上一页给的 next_cursor") from None
