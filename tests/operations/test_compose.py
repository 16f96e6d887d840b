"""docker-compose.yml, as far as it can be checked without a docker daemon."""

import hashlib
import os
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from servers import ROOT


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    """The file as docker-compose understands it."""
    command = ["docker-compose", "--file", str(ROOT / "docker-compose.yml"), "config"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert run.returncode == 0, run.stderr
    understood: dict[str, Any] = yaml.safe_load(run.stdout)
    return understood


def test_services(compose: dict[str, Any]) -> None:
    assert set(compose["services"]) == {"secrets", "redis", "gateway", "prometheus", "grafana", "collector"}


def test_files_that_are_mounted_are_there(compose: dict[str, Any]) -> None:
    mounts = [volume for service in compose["services"].values() for volume in service.get("volumes", [])]
    files = [Path(str(mount).split(":", 1)[0]) for mount in mounts if str(mount).startswith(("/", "."))]
    assert files
    for file in files:
        assert file.exists(), file


def test_grafana_finds_the_dashboard(compose: dict[str, Any]) -> None:
    provisioned = (ROOT / "dashboards" / "grafana" / "dashboards.yml").read_text(encoding="utf-8")
    mounted = [str(volume) for volume in compose["services"]["grafana"]["volumes"]]
    assert "path: /etc/grafana/dashboards\n" in provisioned
    assert f"{ROOT}/dashboards/gateway.json:/etc/grafana/dashboards/gateway.json:ro" in mounted


def test_the_collector_takes_what_the_gateway_sends(compose: dict[str, Any]) -> None:
    collector = yaml.safe_load((ROOT / "dashboards" / "collector.yml").read_text(encoding="utf-8"))
    port = collector["receivers"]["otlp"]["protocols"]["grpc"]["endpoint"].rsplit(":", 1)[1]
    environment = compose["services"]["gateway"]["environment"]
    assert environment["APP__TELEMETRY__TRACING__OTLP_ENDPOINT"] == f"http://collector:{port}"
    assert set(compose["services"]["collector"]["networks"]) <= set(compose["services"]["gateway"]["networks"])
    pipeline = collector["service"]["pipelines"]["traces"]
    for kind in ("receivers", "processors", "exporters"):
        assert set(pipeline[kind]) == set(collector[kind])


def test_nothing_is_reached_from_other_machines(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        for port in service.get("ports", []):
            assert str(port).startswith("127.0.0.1:"), f"{name}: {port}"
    assert compose["networks"]["store"]["internal"] is True
    assert list(compose["services"]["redis"]["networks"]) == ["store"]


def test_services_are_pinned_and_hardened(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert name == "gateway" or service["image"].rsplit(":", 1)[1][:1] in set("0123456789v"), service["image"]
        if name != "secrets":
            assert service["read_only"] is True, name
            assert service["cap_drop"] == ["ALL"], name


def test_no_secret_stands_in_the_file(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        for variable in service.get("environment", {}):
            is_secret = any(word in variable for word in ("PASSWORD", "SECRET", "TOKEN"))
            assert not is_secret or variable.endswith("_FILE"), f"{name}: {variable}"


def test_the_gateway_takes_its_environment(compose: dict[str, Any], tmp_path: Path) -> None:
    settings = {key: str(value) for key, value in compose["services"]["gateway"]["environment"].items()}
    secret = tmp_path / "password"
    secret.write_text("unguessed\n", encoding="utf-8")
    settings["APP__STORE__PASSWORD_FILE"] = str(secret)
    keys = tmp_path / "keys"
    keys.write_text('[{name = "compose", sha256 = "' + 64 * "a" + '", scopes = ["read"]}]', encoding="utf-8")
    settings["APP__AUTH__KEYS_FILE"] = str(keys)
    settings["APP__DEFINITIONS__PATH"] = str(ROOT / "examples" / "fraud" / "definitions")
    binary = os.environ.get("UNSKEW_GATEWAY_BIN", str(ROOT / "target" / "release" / "unskew-gateway"))
    run = subprocess.run(
        [binary, "check-config"], env=settings, capture_output=True, text=True, check=False, timeout=10
    )
    assert run.returncode == 0, run.stderr
    assert "redis://redis:6379" in run.stdout
    assert "unguessed" not in run.stdout


def test_the_script_that_makes_the_secrets(compose: dict[str, Any], tmp_path: Path) -> None:
    service = compose["services"]["secrets"]
    # Compose writes a dollar of the script as two.
    script = service["command"][0].replace("$$", "$").replace("cd /secrets", f"cd {tmp_path}")
    for folder in ("redis", "grafana", "gateway"):
        (tmp_path / folder).mkdir()
    command = [*service["entrypoint"], script]
    subprocess.run(command, check=True, timeout=10)
    made = {path: path.read_text(encoding="utf-8") for path in tmp_path.rglob("*") if path.is_file()}
    password = made[tmp_path / "redis" / "password"]
    assert len(password) >= 32
    assert made[tmp_path / "redis" / "redis.conf"] == f"requirepass {password}\n"
    assert made[tmp_path / "grafana" / "password"] not in ("", password)
    key = made[tmp_path / "gateway" / "key"]
    assert re.fullmatch("unskew_[0-9a-f]{64}", key)
    digest = hashlib.sha256(key.encode()).hexdigest()
    assert tomllib.loads(f"keys = {made[tmp_path / 'gateway' / 'keys']}") == {
        "keys": [{"name": "compose", "sha256": digest, "scopes": ["read", "write", "admin"]}]
    }
    subprocess.run(command, check=True, timeout=10)
    assert made == {path: path.read_text(encoding="utf-8") for path in made}, "made again"
