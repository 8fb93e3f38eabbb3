"""What must hold of each way of running it; each returns what was found, or raises `Failed`."""

import http.client
import json
import threading
import time

from stack import Stack, require, run

NUM_REPLICAS = 3
_COUNT_CHATS = """
import http.client
ask = http.client.HTTPConnection("127.0.0.1", 8000, timeout=20)
ask.request("GET", "/metrics")
lines = ask.getresponse().read().decode().splitlines()
name = 'http_request_duration_seconds_count{route="/chat",status="200"}'
print(int(sum(float(line.split()[-1]) for line in lines if name in line)))
"""
_NO_COMPILER = "for name in cc gcc g++ c++ clang make; do ! command -v $name || exit 1; done"


def numbers_of_chats(stack: Stack) -> dict[str, int]:
    """How many chats each replica has answered."""
    ask = ["python", "-c", _COUNT_CHATS]
    return {name: int(run(["docker", "exec", name, *ask])) for name in stack.replicas()}


def events(text: str) -> list[str]:
    """The names of a stream's events."""
    return [line.removeprefix("event: ") for line in text.splitlines() if line[:7] == "event: "]


def build(stack: Stack) -> str:
    """The image, from this folder."""
    stack.compose("build", "xianliao")
    size = int(run(["docker", "image", "inspect", "-f", "{{.Size}}", "xianliao"]))
    return f"{size / 1e9:.2f} GB"


def look_into_image(stack: Stack) -> str:
    """Who it runs as, and what lies in it."""
    inside = ["docker", "run", "--rm", "--read-only", "--tmpfs", "/tmp", "xianliao", "sh", "-c"]
    require(run([*inside, "id -u"]).strip() != "0", "以 root 运行")
    run([*inside, _NO_COMPILER])
    kernels = run([*inside, "ls chatbot/decoding/native/*.so || true"]).strip()
    writable = stack.compose("exec", "-T", "xianliao", "sh", "-c", "touch /x 2>&1 || echo no")
    require(writable.strip().endswith("no"), "根文件系统可写")
    return f"非 root，根只读，没有编译器，{'有' if kernels else '没有'}原生内核"


def survive(stack: Stack, *how: list[str]) -> str:
    """Chat, do something to the containers, and go on with the same conversation."""
    first = stack.chat("我叫小雨").json
    stack.chat("你好呀", first["session_id"])
    for command in how:
        stack.compose(*command)
    require(stack.chat("还记得我吗", first["session_id"]).json["turn"] == 3, "不是第三轮")
    said = [turn["user"] for turn in stack.turns(first["session_id"])]
    require(said == ["我叫小雨", "你好呀", "还记得我吗"], said)
    return "三轮都在"


def open_page(stack: Stack) -> str:
    """Get a browser's cookie: from now on this client is one asker."""
    answer = stack.ask("GET", "/")
    require(answer.status == 200, answer.status)
    stack.headers["Cookie"] = answer.headers["set-cookie"].partition(";")[0]
    before = numbers_of_chats(stack)
    require(len(before) == NUM_REPLICAS, f"只有 {len(before)} 个副本")
    session_id = stack.chat("你好").json["session_id"]
    for number in range(2, 7):
        require(stack.chat("说说看", session_id).json["turn"] == number, "轮数不对")
    after = numbers_of_chats(stack)
    busy = [name for name in after if after[name] > before[name]]
    require(len(busy) == 1, f"去了 {len(busy)} 个副本")
    return f"{NUM_REPLICAS} 个副本中的同一个答了 6 轮"


def spread(stack: Stack) -> str:
    """Askers without a cookie go everywhere."""
    before = numbers_of_chats(stack)
    for _ in range(40):
        stack.chat("你好")
    counts = [after - before[name] for name, after in numbers_of_chats(stack).items()]
    require(all(counts), counts)
    return f"40 个请求分到 {'、'.join(map(str, counts))} 个"


def stream(stack: Stack) -> str:
    """The pieces of a reply come as they are made."""
    connection = http.client.HTTPConnection("127.0.0.1", stack.port, timeout=90)
    body = {"message": "讲个长一点的故事吧", "stream": True}
    connection.request("POST", "/chat", json.dumps(body), {"Content-Type": "application/json"})
    answer, began, times = connection.getresponse(), time.monotonic(), []
    while piece := answer.read1():
        times += [time.monotonic() - began] * piece.count(b"event: ")
    connection.close()
    require(len(set(times)) > 2, f"{len(times)} 个事件只分 {len(set(times))} 次到")
    return f"{len(times)} 个事件分 {len(set(times))} 次到，前后相隔 {times[-1] - times[0]:.2f} 秒"


def follow(stack: Stack) -> str:
    """Whichever replica is asked, a reply is found where it was made, and can be stopped."""
    body = {"message": "讲个故事", "stream": True, "resumable": True}
    first = stack.ask("POST", "/chat", body)
    names, address = events(first.text), f"/chat/{first.headers['x-reply-id']}"
    for _ in range(2 * NUM_REPLICAS):
        rest = stack.ask("GET", address, **{"Last-Event-ID": "0"})
        require(events(rest.text) == names[1:], (rest.status, rest.text))
    require(stack.ask("POST", f"{address}/stop").status == 204, "停不了")
    unknown = stack.ask("GET", "/chat/nobody")
    require(unknown.status == 404 and unknown.json["title"] == "没有这个回复", unknown.text)
    return f"续收 {2 * NUM_REPLICAS} 次都完整，别处也停得下"


class Talker(threading.Thread):
    """Talks on in one conversation, whatever happens, until it has `wanted` replies."""

    def __init__(self, stack: Stack, session_id: str, wanted: int) -> None:
        super().__init__()
        self.replies: list[str] = []
        self.failures: list[str] = []
        self._stack, self._wanted = stack, wanted
        self._body = {"message": "接着说", "session_id": session_id}

    def run(self) -> None:
        """Say the same again and again."""
        while len(self.replies) < self._wanted:
            answer = self._stack.ask("POST", "/chat", self._body)
            if answer.status == 200:
                self.replies.append(answer.json["reply"])
                continue
            self.failures.append(f"{answer.status} {answer.text}")
            if answer.status not in {0, 503}:
                return
            time.sleep(0.2)


def kill_in_conversation(stack: Stack) -> str:
    """Kill the replica that answers while a client talks on: what was acknowledged stays."""
    before = numbers_of_chats(stack)
    session_id = stack.chat("开始").json["session_id"]
    home = next(name for name, count in numbers_of_chats(stack).items() if count > before[name])
    talker = Talker(stack, session_id, 40)
    talker.start()
    while len(talker.replies) < 5 and talker.is_alive():
        time.sleep(0.01)
    run(["docker", "kill", home])
    num_before = len(talker.replies)
    talker.join()
    require(len(talker.replies) == 40, talker.failures)
    stored = iter([turn["bot"] for turn in stack.turns(session_id)][1:])
    require(all(reply in stored for reply in talker.replies), "有答过的轮次不在库里")
    run(["docker", "start", home])
    broken = len(talker.failures)
    return f"{num_before} 轮后杀掉，换一个副本聊到 40 轮；{broken} 次要重试，答过的都在库里"


def one_process_only(stack: Stack) -> str:
    """What is about one process is not asked through the proxy."""
    for method, path in (("GET", "/metrics"), ("POST", "/admin/reload")):
        answer = stack.ask(method, path)
        require(answer.status == 404, answer.status)
        require(answer.headers["content-type"] == "application/problem+json", answer.headers)
    return "404，problem+json"
