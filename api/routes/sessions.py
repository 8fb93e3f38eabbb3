"""GET and DELETE /sessions/{id}: read a conversation again, or delete it."""

from typing import cast

from fastapi import APIRouter, Response

from api.schemas import StoredSession, StoredTurn
from api.state import Service
from chatbot.generation import FinishReason

router = APIRouter(prefix="/sessions", tags=["会话"])


@router.get("/{session_id}", summary="读一个会话", response_description="会话的每一轮，从早到晚")
async def read_session(session_id: str, service: Service) -> StoredSession:
    """知道 `session_id` 就能读到整个会话，请像密码一样保管。"""
    created_at = await service.store.created_at(session_id)
    turns = await service.store.last_turns(session_id)
    return StoredSession(
        session_id=session_id,
        created_at=created_at,
        turns=[
            StoredTurn(
                turn=turn.index,
                user=turn.user,
                bot=turn.bot,
                finish_reason=cast(FinishReason, turn.finish_reason),
                created_at=turn.created_at,
            )
            for turn in turns
        ],
    )


@router.delete(
    "/{session_id}",
    status_code=204,
    summary="删除一个会话",
    response_class=Response,
    response_description="已删除",
    openapi_extra={"x-examples": ["curl -X DELETE {base}/sessions/{session_id}"]},
)
async def delete_session(session_id: str, service: Service) -> None:
    """真正删除，不能恢复。正在生成的一轮会先说完。"""
    async with service.store.locked(session_id):
        await service.store.remove(session_id)
