"""docker-compose.yml: one service as it stands, and the profile `cluster` beside it."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
CLUSTER = {"replica", "postgres", "proxy"}


def service(name: str) -> dict[str, Any]:
    found: dict[str, Any] = COMPOSE["services"][name]
    return found


def nginx() -> str:
    """The proxy's configuration without its comments."""
    text = (ROOT / "deploy" / "nginx.conf").read_text("utf-8")
    return re.sub(r"\s*#.*", "", text)


def published(name: str) -> list[str]:
    ports: list[str] = service(name).get("ports", [])
    return ports


def test_without_a_profile_there_is_one_service() -> None:
    services = COMPOSE["services"]
    assert {name for name in services if "profiles" not in services[name]} == {"xianliao"}
    assert {name for name in services if services[name].get("profiles") == ["cluster"]} == CLUSTER
    assert published("xianliao") == ["${PORT:-8000}:8000"]
    assert service("xianliao")["volumes"] == ["data:/data"]


@pytest.mark.parametrize("name", ["xianliao", *sorted(CLUSTER)])
def test_every_container_is_confined_and_comes_back(name: str) -> None:
    container = service(name)
    assert container["read_only"] is True
    assert container["cap_drop"] == ["ALL"]
    assert container["security_opt"] == ["no-new-privileges:true"]
    assert container["restart"] == "unless-stopped"
    assert container["healthcheck"]["interval"]
    # Our own image names its user itself.
    assert container["image"] == "xianliao" or container["user"] not in {"root", "0"}


def test_three_replicas_keep_their_sessions_in_postgres() -> None:
    replica = service("replica")
    assert replica["deploy"]["replicas"] == 3
    assert replica["image"] == service("xianliao")["image"]
    assert replica["environment"]["XIANLIAO_DATABASE_URL"].startswith("postgresql://")
    assert replica["depends_on"]["postgres"]["condition"] == "service_healthy"
    assert any(volume.startswith("postgres:") for volume in service("postgres")["volumes"])
    assert ".[postgres]" in (ROOT / "Dockerfile").read_text("utf-8")


def test_only_the_proxy_is_reached_from_outside() -> None:
    assert [name for name in CLUSTER if published(name)] == ["proxy"]
    assert COMPOSE["networks"]["inside"] == {"internal": True}
    assert service("replica")["networks"] == service("postgres")["networks"] == ["inside"]
    assert service("proxy")["depends_on"]["replica"]["condition"] == "service_healthy"


def test_named_volumes_are_declared() -> None:
    named = {
        volume.partition(":")[0]
        for container in COMPOSE["services"].values()
        for volume in container.get("volumes", [])
        if not volume.startswith(".")
    }
    assert named == set(COMPOSE["volumes"])


def test_the_proxy_tells_addresses_streams_at_once_and_repeats_only_what_is_harmless() -> None:
    text = nginx()
    assert "proxy_set_header X-Forwarded-For $remote_addr;" in text
    assert service("replica")["environment"]["XIANLIAO_TRUSTED_PROXIES"] == "*"
    assert "proxy_buffering off;" in text
    assert "server replica:8000 resolve" in text
    harmful = [line for line in text.splitlines() if "non_idempotent" in line]
    assert len(harmful) == 1
    location = text[: text.index(harmful[0])].rsplit("location", 1)[1]
    assert location.split("{")[0].strip() == "~ ^/chat/[^/]+(/stop)?$"
    seconds = re.search(r"keepalive_timeout (\d+)s;", text)
    assert seconds is not None
    assert int(seconds[1]) < 5, "uvicorn closes an idle connection after 5 s"


@pytest.mark.parametrize("profiles", [[], ["--profile", "cluster"]])
def test_docker_itself_accepts_both_ways(profiles: list[str]) -> None:
    docker = shutil.which("docker")
    command = [docker or "docker", "compose"]
    if docker is None or subprocess.run([*command, "version"], capture_output=True).returncode:
        pytest.skip("there is no docker compose")
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}
    environment |= {n: v for n, v in os.environ.items() if n.startswith("DOCKER_")}
    done = subprocess.run(
        [*command, *profiles, "config", "--services"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert set(done.stdout.split()) == {"xianliao"} | (CLUSTER if profiles else set())
