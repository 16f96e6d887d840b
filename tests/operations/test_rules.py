"""The rules of Prometheus: well-formed, each alert fires when it should and not else, and each has its runbook."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from expressions import rules
from servers import ROOT, RULES

RUNBOOKS = ROOT / "docs" / "runbooks"
CASES = sorted((RULES / "tests").glob("*.yml"))
ALERTS = [rule for rule in rules() if "alert" in rule]
NAMES = {rule["alert"] for rule in ALERTS}
HEADINGS = ["## What it means", "## How to look", "## What to do"]


def promtool(*arguments: str) -> None:
    """Runs promtool, which must be content."""
    command = ["promtool", *arguments]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert run.returncode == 0, run.stdout + run.stderr


def test_the_config_is_well_formed() -> None:
    promtool("check", "config", str(RULES / "prometheus.yml"))


@pytest.mark.parametrize("name", ["recording.yml", "alerts.yml"])
def test_rules_are_well_formed(name: str) -> None:
    promtool("check", "rules", str(RULES / name))


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_cases_of_the_alerts(path: Path) -> None:
    promtool("test", "rules", str(path))


def test_each_alert_has_a_case_in_which_it_fires_and_one_in_which_it_is_silent() -> None:
    cases: list[dict[str, Any]] = [
        case
        for path in CASES
        for test in yaml.safe_load(path.read_text(encoding="utf-8"))["tests"]
        for case in test["alert_rule_test"]
    ]
    severities = {(rule["alert"], rule["labels"]["severity"]) for rule in ALERTS}
    fired = {(case["alertname"], alert["exp_labels"]["severity"]) for case in cases for alert in case["exp_alerts"]}
    silent = {case["alertname"] for case in cases if not case["exp_alerts"]}
    assert (fired, silent) == (severities, NAMES)


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: f"{rule['alert']} {rule['labels']['severity']}")
def test_an_alert_says_how_urgent_it_is_and_where_to_read_on(rule: dict[str, Any]) -> None:
    assert rule["labels"] in ({"severity": "page"}, {"severity": "ticket"})
    assert rule["annotations"]["runbook_url"] == f"docs/runbooks/{rule['alert']}.md"
    assert rule["annotations"]["summary"]


def test_each_alert_has_its_runbook_and_each_runbook_its_alert() -> None:
    assert {page.stem for page in RUNBOOKS.glob("*.md")} - {"README"} == NAMES
    index = (RUNBOOKS / "README.md").read_text(encoding="utf-8")
    for rule in ALERTS:
        page = (RUNBOOKS / f"{rule['alert']}.md").read_text(encoding="utf-8")
        assert page.startswith(f"# {rule['alert']}\n"), rule["alert"]
        assert rule["labels"]["severity"] in page.split("##")[0], rule["alert"]
        assert [line for line in page.splitlines() if line.startswith("## ")] == HEADINGS, rule["alert"]
        assert f"[{rule['alert']}]({rule['alert']}.md)" in index, rule["alert"]
