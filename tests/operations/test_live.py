"""What the dashboard and the rules ask, asked of a real Prometheus that scrapes a real gateway."""

import math
import re
import urllib.request

import pytest
from expressions import TARGET_LABELS, Expression, of_dashboard, of_rules, rules, selectors
from servers import ROOT, Prometheus, wait

METRICS_PAGE = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
ERROR_CODES = {page.stem for page in (ROOT / "docs" / "errors").glob("*.md")} - {"README"}
DASHBOARD = list(of_dashboard())
EVERYTHING = [*DASHBOARD, *of_rules()]
RECORDED = {rule["record"] for rule in rules() if "record" in rule}
# Prometheus itself makes it.
OF_PROMETHEUS = {"up"}
HISTOGRAM_PARTS = re.compile(r"_(bucket|sum|count)$")


# What is recorded comes with the next evaluations, each second; a busy machine takes its time.
PATIENCE = 30.0
# It is counted for keys with a limit, and this gateway has no keys.
OF_KEYS = {"unskew_rate_limited_total"}


def where(expression: Expression) -> str:
    """The name of a case."""
    return expression.where


@pytest.fixture(scope="session")
def exposed(address: str, live: Prometheus) -> set[str]:
    """The names of the metrics that `/metrics` tells."""
    del live  # the gateway has worked
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as response:
        text = response.read().decode()
    return set(re.findall(r"^# TYPE (\S+)", text, re.MULTILINE))


@pytest.mark.parametrize("expression", DASHBOARD, ids=where)
def test_a_query_of_the_dashboard_has_data(live: Prometheus, expression: Expression) -> None:
    wait(
        f"{expression.text} has data",
        lambda: any(not math.isnan(value) for _, value in live.query(expression.text)),
        PATIENCE,
    )


@pytest.mark.parametrize("expression", EVERYTHING, ids=where)
def test_metrics_labels_and_values_exist(live: Prometheus, exposed: set[str], expression: Expression) -> None:
    found = selectors(expression.text)
    assert found, expression.text
    for selector in found:
        name = selector.metric
        known = name in RECORDED | OF_PROMETHEUS or name in exposed or HISTOGRAM_PARTS.sub("", name) in exposed
        assert known, f"no metric {name} in {sorted(exposed)}"
        wait(f"there are series {name}", lambda: bool(live.series(name)), PATIENCE)  # noqa: B023 (called at once)
        series = live.series(name)
        for label in selector.labels:
            assert all(label in labels for labels in series), f"{name} has no label {label}: {series[0]}"
        for label, value in selector.values:
            if label not in TARGET_LABELS:
                values = {labels[label] for labels in series} | documented(name, label)
                assert value in values, f"{name} has no {label}={value}, but {sorted(values)}"


def test_rules_are_evaluated_without_fault(live: Prometheus) -> None:
    evaluated = [rule for group in live.ask("rules")["groups"] for rule in group["rules"]]
    assert len(evaluated) == len(list(rules()))
    faults = {rule["name"]: rule["lastError"] for rule in evaluated if rule["health"] != "ok"}
    assert not faults


@pytest.mark.parametrize("rule", [rule for rule in rules() if "record" in rule], ids=lambda rule: rule["record"])
def test_what_is_recorded_has_data(live: Prometheus, rule: dict[str, str]) -> None:
    wait(f"{rule['record']} has data", lambda: bool(live.query(rule["record"])), PATIENCE)


def test_each_metric_is_documented_and_each_documented_metric_is_there(exposed: set[str]) -> None:
    pages = set(re.findall(r"^\| `(unskew_\w+)` \|", METRICS_PAGE, re.MULTILINE))
    assert pages == {name for name in exposed if name.startswith("unskew_")} | OF_KEYS


def documented(metric: str, label: str) -> set[str]:
    """The values of a label that docs/metrics.md lists for a metric, and the codes of errors."""
    if label == "code":
        return ERROR_CODES | {"OK", "CANCELLED"}
    name = HISTOGRAM_PARTS.sub("", metric)
    found = re.search(rf"^\| `{name}` \|[^|]*\|[^|]*`{label}` \(([^)]*)\)", METRICS_PAGE, re.MULTILINE)
    return set(found[1].split(", ")) if found else set()
