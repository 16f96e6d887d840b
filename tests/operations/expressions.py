"""Every PromQL expression of the dashboards, the rules and the alerts, and what they name."""

import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import promql_parser
import yaml
from servers import ROOT, RULES

DASHBOARD = ROOT / "dashboards" / "gateway.json"
# What Grafana puts in the place of its variables: the interval is several scrapes of the test.
VARIABLES = {"$__rate_interval": "10s", "$job": ".*", "$instance": ".*"}
# Labels that Prometheus itself gives to what it scrapes.
TARGET_LABELS = {"job", "instance"}


@dataclass(frozen=True)
class Expression:
    """A PromQL expression, and where it stands."""

    where: str
    text: str


@dataclass(frozen=True)
class Selector:
    """A selector of series: its metric, and what it asks of their labels."""

    metric: str
    matchers: str
    # Labels that an aggregation around it keeps, or a match looks at.
    labels: frozenset[str]
    # By label: the values that it names one by one.
    values: tuple[tuple[str, str], ...]


def panels() -> Iterator[dict[str, Any]]:
    """The panels of the dashboard, those of folded rows too."""
    for panel in json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]:
        yield panel
        yield from panel.get("panels", [])


def of_dashboard() -> Iterator[Expression]:
    """What the panels ask, with Grafana's variables filled in."""
    for panel in panels():
        for target in panel.get("targets", []):
            text = target["expr"]
            for variable, value in VARIABLES.items():
                text = text.replace(variable, value)
            yield Expression(f"panel {panel['title']!r}", text)


def rules() -> Iterator[dict[str, Any]]:
    """The recording rules and the alerts."""
    for name in ("recording.yml", "alerts.yml"):
        for group in yaml.safe_load((RULES / name).read_text(encoding="utf-8"))["groups"]:
            yield from group["rules"]


def of_rules() -> Iterator[Expression]:
    """What the recording rules and the alerts ask."""
    for rule in rules():
        yield Expression(f"rule {rule.get('record') or rule['alert']}", rule["expr"])


def selectors(text: str) -> set[Selector]:
    """What an expression selects."""
    return set(_selectors(promql_parser.parse(text), frozenset()))


def _selectors(node: promql_parser.Expr, labels: frozenset[str]) -> Iterator[Selector]:
    """The selectors below a node; `labels`: those that the nodes above it ask for."""
    match node:
        case promql_parser.VectorSelector():
            yield _selector(node, labels)
        case promql_parser.MatrixSelector():
            yield _selector(node.vector_selector, labels)
        case promql_parser.AggregateExpr():
            # What is above sees only what the aggregation keeps.
            kept = node.modifier.labels if node.modifier is not None else []
            yield from _selectors(node.expr, frozenset(kept))
        case promql_parser.BinaryExpr():
            matching = node.modifier.matching if node.modifier is not None else None
            asked = labels | frozenset(matching.labels if matching is not None else [])
            for side in (node.lhs, node.rhs):
                yield from _selectors(side, frozenset(asked))
        case promql_parser.Call():
            for argument in node.args:
                yield from _selectors(argument, labels)
        case promql_parser.ParenExpr() | promql_parser.UnaryExpr() | promql_parser.SubqueryExpr():
            yield from _selectors(node.expr, labels)
        case promql_parser.NumberLiteral() | promql_parser.StringLiteral():
            return
        case _:
            raise AssertionError(f"the test does not know this kind of node: {node!r}")


def _selector(node: promql_parser.VectorSelector, labels: frozenset[str]) -> Selector:
    assert node.name is not None, f"names no metric: {node!r}"
    matchers = list(node.matchers.matchers)
    values = itertools.chain.from_iterable(
        ((matcher.name, value) for value in _values(matcher))
        for matcher in matchers
        if matcher.op in (promql_parser.MatchOp.Equal, promql_parser.MatchOp.NotEqual)
        or re.fullmatch(r"[\w|]+", matcher.value)
    )
    named = labels | {matcher.name for matcher in matchers}
    return Selector(node.name, str(node.matchers), frozenset(named), tuple(values))


def _values(matcher: promql_parser.Matcher) -> list[str]:
    is_list = matcher.op in (promql_parser.MatchOp.Re, promql_parser.MatchOp.NotRe)
    return matcher.value.split("|") if is_list else [matcher.value]
