"""Build the image, run both ways of docker-compose.yml for real, and print what held.

Needs Docker with `docker compose`. The stacks get names, ports and volumes of their own, which
are removed at the end; nothing that runs already is touched.
"""

import shutil
import sys
import time
from collections.abc import Callable, Iterator

import checks
from stack import Failed, Stack

Check = tuple[str, Callable[[], str]]


def all_checks(single: Stack, cluster: Stack) -> Iterator[Check]:
    """Every check, in order: each needs those before it."""
    yield "构建镜像", lambda: checks.build(single)
    yield "单个：启动", single.up
    yield "单个：镜像", lambda: checks.look_into_image(single)
    yield "单个：重启后接着聊", lambda: checks.survive(single, ["restart", "xianliao"])
    yield (
        "单个：删掉容器再建",
        lambda: checks.survive(single, ["down"], ["up", "-d", "--wait", "xianliao"]),
    )
    yield "单个：收起", single.down
    yield "集群：启动", cluster.up
    yield "集群：没有 cookie 就分散", lambda: checks.spread(cluster)
    yield "集群：边生成边到", lambda: checks.stream(cluster)
    yield "集群：续收和叫停", lambda: checks.follow(cluster)
    yield "集群：一个浏览器去一处", lambda: checks.open_page(cluster)
    yield "集群：聊着时杀掉副本", lambda: checks.kill_in_conversation(cluster)
    yield "集群：单个副本的地址", lambda: checks.one_process_only(cluster)
    yield "集群：全部重启后接着聊", lambda: checks.survive(cluster, ["restart"])


def main() -> int:
    """Run all; returns 1 when one did not hold, and then leaves out the rest."""
    if shutil.which("docker") is None:
        print("错误：没有 Docker；请先装好 Docker 和它的 compose 插件。", file=sys.stderr)
        return 2
    single = Stack("xianliao-check-single", "xianliao")
    cluster = Stack("xianliao-check-cluster", "proxy")
    print("| 检查 | 结果 | 用时 |\n|---|---|---:|")
    try:
        for name, check in all_checks(single, cluster):
            began = time.monotonic()
            words = check()
            print(f"| {name} | {words} | {time.monotonic() - began:.0f} 秒 |", flush=True)
    except Failed as error:
        print(f"错误：{name}：{error}", file=sys.stderr)
        return 1
    finally:
        for stack in (single, cluster):
            stack.down()
    return 0


if __name__ == "__main__":
    sys.exit(main())
