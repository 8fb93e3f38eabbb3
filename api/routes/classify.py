"""GET and POST /classify: which head is loaded, and what it makes of texts."""

from dataclasses import asdict

from fastapi import APIRouter, Request

from api.classifying import Classified, ClassifyAnswer, ClassifyRequest, Head
from api.disconnect import unless_disconnected
from api.state import Service

router = APIRouter(tags=["分类"])

_EXAMPLES = [
    "curl {base}/classify -H 'Content-Type: application/json' -d "
    """'{"texts": ["今天天气真好", "你说话真难听"]}'"""
]


@router.get("/classify", summary="分类模型分哪些类", response_description="装着的分类模型")
async def head(service: Service) -> Head:
    """默认装的是守门的分类器：一句话正常，还是冒犯。换成自己练的：`XIANLIAO_HEAD=文件夹`。"""
    classifier = service.labeller.get()
    return Head(model=classifier.name, labels=list(classifier.labels))


@router.post(
    "/classify",
    summary="给句子分类",
    response_description="每句的类和概率",
    openapi_extra={"x-examples": _EXAMPLES},
)
async def classify(body: ClassifyRequest, request: Request, service: Service) -> ClassifyAnswer:
    """一次最多 64 句，逐句判，互不相干。概率经过校准：说九成，大约十次里对九次。"""
    found = await unless_disconnected(request, service.labeller.classify(body.texts))
    results = [Classified(**asdict(prediction)) for prediction in found]
    return ClassifyAnswer(results=results, model=service.labeller.get().name)
