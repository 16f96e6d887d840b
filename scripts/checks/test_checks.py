"""The checks find what they are for, and nothing else."""

from pathlib import Path

import error_pages
import generated
import layering
import links
import log_format
import no_local_paths
import pytest
import rust_source
import size_budget

LOOKUP = Path("src/lookup/mod.rs")


@pytest.mark.parametrize(
    ("path", "source", "fragment"),
    [
        ("src/lookup/mod.rs", "use axum::Router;", "uses the crate axum"),
        ("src/lookup/mod.rs", "use crate::{clock, rest::Gateway};", "crate::rest::Gateway"),
        ("src/lookup/mod.rs", "use crate::store::redis::Options;", "items of its root"),
        ("src/lookup/mod.rs", "use crate::store::{OnlineStore, embedded::Options};", "crate::store::embedded"),
        ("src/lookup/mod.rs", "fn f() -> fred::Client { todo!() }", "uses the crate fred"),
        ("src/rest/ops.rs", "use crate::grpc::status;", "rest uses crate::grpc::status"),
        ("src/rest/ops.rs", "use crate::store::OnlineStore;", "rest uses crate::store"),
        ("src/grpc/mod.rs", "fn f() { crate::rest::router() }", "crate::rest::router"),
        ("src/store/mod.rs", "use tonic::Status;", "uses the crate tonic"),
        ("src/store/mod.rs", "use crate::lookup::Lookup;", "crate::lookup::Lookup"),
        ("src/middleware/measure.rs", "use crate::lookup::Tally;", "crate::lookup::Tally"),
        ("src/rest/mod.rs", "use crate::server::run;", "server is for cli, main"),
        ("src/attic/mod.rs", "", "the room 'attic' is in no table"),
    ],
)
def test_layering_finds(path: str, source: str, fragment: str) -> None:
    (found,) = layering.faults(Path(path), source)
    assert found.startswith(path)
    assert fragment in found


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("src/lookup/mod.rs", "use crate::store::{OnlineStore, PutRow, order};\nuse crate::error::Error;"),
        ("src/lookup/mod.rs", "#[cfg(test)]\nmod tests { use axum::Router; }\n#[cfg(test)]\nuse crate::rest::x;"),
        ("src/lookup/mod.rs", '// use axum::Router;\nconst A: &str = "crate::rest::a";'),
        ("src/rest/mod.rs", "use axum::Router;\nuse super::router;"),
        ("src/lookup/mod.rs", "use crate::telemetry::metrics::Metrics;"),
        ("src/cli/serve.rs", "use crate::server::run;"),
        ("src/server/stack.rs", "use crate::{grpc, rest, store, middleware::deadline::DeadlineLayer as D};"),
    ],
)
def test_layering_lets_pass(path: str, source: str) -> None:
    assert list(layering.faults(Path(path), source)) == []


def test_layering_names_the_line() -> None:
    source = "//! Doc \"'\n/* a\n b */\nuse crate::clock;\nuse crate::grpc::status;\n"
    (found,) = layering.faults(LOOKUP, source)
    assert found.startswith("src/lookup/mod.rs:5:")


def test_source_keeps_its_lines() -> None:
    text = 'let a = r#"x " y\n"#; // b\nlet c = \'d\'; let e: &\'static str = "\\"";\n'
    source = rust_source.code(text)
    assert len(source) == len(text)
    assert "x" not in source
    assert "'static" in source


@pytest.mark.parametrize(
    ("source", "fragment"),
    [
        ('tracing::info!("Listening");', "upper-case"),
        ('tracing::warn!(error = %error, "it failed.");', "stop"),
        ('info!("row {id} is bad");', "field"),
        ('tracing::error!(\n    kind = "A",\n    "Bad",\n);', "upper-case"),
    ],
)
def test_log_format_finds(source: str, fragment: str) -> None:
    (found,) = log_format.faults(LOOKUP, source)
    assert fragment in found


@pytest.mark.parametrize(
    "source",
    [
        'tracing::info!(%address, "listening");',
        'tracing::info!(kind = "Upper.", "all is well");',
        'tracing::info!("SIGTERM came");',
        'println!("Not a log line.");',
        '#[cfg(test)]\nmod tests { fn f() { info!("Bad."); } }',
    ],
)
def test_log_format_lets_pass(source: str) -> None:
    assert list(log_format.faults(LOOKUP, source)) == []


@pytest.mark.parametrize(
    "line", ["cd /work/x", 'path = "/root/.cargo"', "see /home/ann/a", "pip install --index-url x"]
)
def test_local_paths_are_found(line: str) -> None:
    assert len(list(no_local_paths.faults(Path("a"), line))) == 1


@pytest.mark.parametrize(
    "line", ["https://example.org/work/a", "./root/a", "target/work/a", "$HOME/work/a", "framework/a"]
)
def test_other_paths_pass(line: str) -> None:
    assert list(no_local_paths.faults(Path("a"), line)) == []


def test_size_budget() -> None:
    assert size_budget.faults({"Rust": {"a.rs": 600, **{f"{i}.rs": 400 for i in range(9)}}}) == []
    assert len(size_budget.faults({"Rust": {"a.rs": 601, **{f"{i}.rs": 400 for i in range(9)}}})) == 1
    assert len(size_budget.faults({"Rust": {"a.rs": 401}})) == 1


def test_error_pages() -> None:
    rows = error_pages.table('Self::A => ("A", 400, 3, None),\nSelf::B => ("B", 503, 14, Some(1_000)),')
    good = {
        "README.md": "A B",
        "A.md": "# A\n\nHTTP 400 · gRPC INVALID_ARGUMENT · retry: no\n",
        "B.md": "# B\n\nHTTP 503 · gRPC UNAVAILABLE · retry: yes, after the time given\n",
    }
    assert error_pages.faults(rows, good) == []
    assert len(error_pages.faults(rows, {**good, "C.md": "# C\n"})) == 1
    assert len(error_pages.faults(rows, {**good, "A.md": "# A\n"})) == 1
    without = {name: page for name, page in good.items() if name != "B.md"}
    assert len(error_pages.faults(rows, without)) == 1
    with pytest.raises(ValueError, match="read 0 rows of 1"):
        error_pages.table("Self::A => (NAME, 1, 2),")


def test_generated_shows_the_difference() -> None:
    assert generated.difference("a", "x\ny\n", "x\ny\n") == ""
    assert "+z" in generated.difference("a", "x\ny\n", "x\nz\n")


def test_links() -> None:
    pages = {Path("docs/b.md"): "# Big Title: x\n", Path("docs"): ""}
    good = (
        "[a](docs/b.md) [b](docs/b.md#big-title-x) [c](docs) [d](https://example.org/x) [e](#top)\n\n# Top\n"
        "```\n[f](no.md)\n```\n"
    )
    assert list(links.faults(Path("README.md"), good, pages.get)) == []
    bad = "[a](docs/c.md) [b](docs/b.md#small) [c](#top)"
    assert len(list(links.faults(Path("README.md"), bad, pages.get))) == len(["a", "b", "c"])
