"""GET /healthz, /readyz and /metrics: is the service alive, can it answer, and how is it doing."""

from fastapi import APIRouter, Response
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from api.schemas import Defaults, Health, Readiness
from api.state import Service

router = APIRouter(tags=["状态"])


@router.get("/healthz", summary="进程是否活着", response_description="活着")
async def healthz(service: Service) -> Health:
    """启动后立刻返回 200，不管模型是否就绪。有回复在生成却很久没有出字，返回 503：该重启了。"""
    service.keeper.check_moves(service.settings.hang_seconds)
    return Health()


@router.get(
    "/readyz",
    summary="能否回答",
    response_description="模型已加载，并真正生成过一次；会话存取得了",
)
async def readyz(service: Service) -> Readiness:
    """模型加载、预热完之前返回 503；会话的数据库连不上、服务正在停止时也是。"""
    service.generations.refuse_while_draining()
    bot = service.keeper.get()
    await service.store.database.check()
    num_chars = bot.max_message_tokens(bot.defaults.max_new_tokens)
    return Readiness(
        model=bot.name,
        max_message_chars=min(num_chars, service.settings.max_message_chars),
        defaults=Defaults.model_validate(bot.defaults),
    )


@router.get(
    "/metrics",
    summary="监控指标",
    response_class=Response,
    response_description="Prometheus 的文本格式",
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def metrics(service: Service) -> Response:
    """名字和 vLLM 的一样，前缀是 `xianliao_`。里面没有任何对话内容。"""
    return Response(service.metrics.page(), media_type=CONTENT_TYPE_PLAIN_0_0_4)
