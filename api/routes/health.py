"""GET /healthz and /readyz: is the process alive, and can it answer."""

from fastapi import APIRouter

from api.schemas import Health, Readiness
from api.state import Service

router = APIRouter(tags=["状态"])


@router.get("/healthz", summary="进程是否活着", response_description="活着")
async def healthz() -> Health:
    """启动后立刻返回 200，不管模型是否就绪。"""
    return Health()


@router.get("/readyz", summary="能否回答", response_description="模型已加载，并真正生成过一次")
async def readyz(service: Service) -> Readiness:
    """模型加载、预热完之前返回 503。"""
    bot = service.keeper.get()
    num_chars = bot.max_message_tokens(bot.defaults.max_new_tokens)
    return Readiness(
        model=bot.name, max_message_chars=min(num_chars, service.settings.max_message_chars)
    )
