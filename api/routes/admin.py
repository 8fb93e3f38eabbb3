"""POST /admin/reload: take over a new checkpoint without a pause."""

import hmac

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field

from api.problems import NO_ADMIN, WRONG_KEY, ProblemError
from api.state import Service


class Reloaded(BaseModel):
    """The model that answers from now on."""

    model: str = Field(description="模型的名字")
    previous: str = Field(description="换下的模型的名字")


async def require_admin(request: Request, service: Service) -> None:
    """Let only the operator pass.

    Raises:
        ProblemError: 403 when the service has no admin key, 401 when the request's is wrong.
    """
    key = service.settings.admin_key
    if key is None:
        words = "这个服务没有设管理密钥；要用这个接口，请设好 XIANLIAO_ADMIN_KEY 再启动。"
        raise ProblemError(NO_ADMIN, words)
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    expected = key.get_secret_value().encode()
    is_right = hmac.compare_digest(given.strip().encode("utf-8", "replace"), expected)
    if scheme.lower() != "bearer" or not is_right:
        words = "请加上请求头 Authorization: Bearer 管理密钥，即 XIANLIAO_ADMIN_KEY 的值。"
        raise ProblemError(WRONG_KEY, words, headers={"WWW-Authenticate": "Bearer"})


router = APIRouter(prefix="/admin", tags=["管理"], dependencies=[Depends(require_admin)])


@router.post(
    "/reload",
    summary="换上新模型",
    response_description="换好了",
    openapi_extra={
        "x-examples": ["curl -X POST {base}/admin/reload -H 'Authorization: Bearer 管理密钥'"]
    },
)
async def reload(service: Service) -> Reloaded:
    """重新读取检查点文件夹：先在旁边加载、校验、试生成，都对了才换上；有一步不对就仍用原来的。

    正在生成的回复由原来的模型说完。也可以给进程发 SIGHUP 信号。
    """
    previous = service.keeper.get().name
    bot = await service.keeper.reload()
    return Reloaded(model=bot.name, previous=previous)
