"""POST /feedback: what somebody thinks of a reply."""

from fastapi import APIRouter, Response

from api.admission import Owner
from api.conversation import Feedback
from api.state import Service
from api.store.feedback import rate

router = APIRouter(tags=["会话"])

_POST = "curl {base}/feedback -H 'Content-Type: application/json' -d "
_EXAMPLES = [
    _POST + """'{"session_id": "……", "turn": 1, "rating": "up"}'""",
    _POST + """'{"session_id": "……", "turn": 2, "rating": "down", "reason": "答非所问"}'""",
    _POST + """'{"session_id": "……", "turn": 2, "rating": null}'""",
]


@router.post(
    "/feedback",
    status_code=204,
    summary="赞或踩一轮回复",
    response_class=Response,
    response_description="记下了",
    openapi_extra={"x-examples": _EXAMPLES},
)
async def feedback(body: Feedback, service: Service, owner: Owner) -> None:
    """以最后一次为准，`rating` 为 null 就是收回。读会话时看得到，删会话时一起删。"""
    await rate(service.store.database, body.session_id, body.turn, owner, body.rating, body.reason)
