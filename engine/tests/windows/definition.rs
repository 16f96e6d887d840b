//! A view with every function over every type, in any form that a view can have.

use std::fmt::Write as _;
use std::sync::Arc;

use proptest::prelude::*;
use unskew_engine::definitions::{self, Service, Source, View};

/// What differs between the views.
#[derive(Clone, Debug)]
pub struct Form {
    /// Seconds, all of them.
    pub windows: Vec<i64>,
    pub offset: i64,
    /// None: exact.
    pub hop: Option<i64>,
    pub lateness: i64,
    pub include_request: bool,
    pub serves_incomplete: bool,
    pub ids: Ids,
}

/// What tells two events apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ids {
    None,
    Int,
    Text,
}

/// A form whose states let go of nothing that comes within a day.
pub fn patient() -> impl Strategy<Value = Form> {
    form(Just(86_400).boxed())
}

/// A form whose states let go of events that are some seconds old.
pub fn hasty() -> impl Strategy<Value = Form> {
    form((20_i64..60).boxed())
}

fn form(lateness: BoxedStrategy<i64>) -> impl Strategy<Value = Form> {
    let windows = prop::sample::subsequence(vec![3_i64, 10, 25, 40], 1..3);
    let offset = prop_oneof![2 => Just(0), 1 => 1_i64..30];
    let hop = prop_oneof![1 => Just(None), 1 => prop::sample::select(vec![Some(5_i64), Some(10), Some(20)])];
    let ids = prop::sample::select(vec![Ids::Int, Ids::Int, Ids::Text, Ids::None]);
    (windows, offset, hop, lateness, any::<bool>(), any::<bool>(), ids).prop_map(
        |(windows, offset, hop, lateness, include_request, serves_incomplete, ids)| Form {
            windows,
            offset,
            hop,
            lateness,
            include_request: include_request && offset == 0,
            serves_incomplete,
            ids,
        },
    )
}

/// Columns of events and of requests, with their types.
pub const COLUMNS: [(&str, &str); 8] = [
    ("b", "bool"),
    ("i", "int32"),
    ("n", "int64"),
    ("g", "float32"),
    ("f", "float64"),
    ("s", "string"),
    ("raw", "bytes"),
    ("t", "timestamp"),
];

const FILTERS: [&str; 3] = ["i > 0", "s = 'a' or f < 1", "b and n is not null"];

/// Which types a function takes.
fn takes(function: &str) -> &'static [&'static str] {
    match function {
        "sum" | "variance" | "stddev" | "skew" | "kurtosis" | "approx_quantile" => &["i", "n", "g", "f"],
        "mean" => &["b", "i", "n", "g", "f"],
        "min" | "max" => &["b", "i", "n", "g", "f", "s", "t"],
        _ => &["b", "i", "n", "g", "f", "s", "raw", "t"],
    }
}

/// Every aggregation: its name, and what it is but for its windows.
fn aggregations() -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = Vec::new();
    let over = [
        "count",
        "count_distinct",
        "approx_count_distinct",
        "sum",
        "mean",
        "min",
        "max",
        "variance",
        "stddev",
        "skew",
        "kurtosis",
        "first",
        "last",
        "mode",
        "rate",
    ];
    let with = [
        ("first_n", "n: 2"),
        ("last_n", "n: 3"),
        ("top_k", "k: 2"),
        ("approx_quantile", "q: 0.3"),
        ("approx_quantile", "q: 1"),
    ];
    let plain = over.iter().map(|function| (*function, String::new()));
    let with = with.iter().map(|(function, parameter)| (*function, format!(", {parameter}")));
    for (at, (function, parameter)) in plain.chain(with).enumerate() {
        for column in takes(function) {
            all.push((format!("a{at}_{column}"), format!("function: {function}, column: {column}{parameter}")));
        }
        // One of its columns with each filter.
        let column = takes(function)[at % takes(function).len()];
        for (index, filter) in FILTERS.iter().enumerate() {
            let text = format!("function: {function}, column: {column}{parameter}, where: \"{filter}\"");
            all.push((format!("w{at}_{index}"), text));
        }
    }
    for (name, text) in [
        ("events", "function: count"),
        ("some", "function: count, where: \"i > 0\""),
        ("often", "function: rate"),
        ("since", "function: time_since_last"),
        ("since_some", "function: time_since_last, where: \"s = 'a' or f < 1\", empty: -1"),
        ("share", "function: ratio, column: f, denominator: n"),
        ("share_int", "function: ratio, column: n, denominator: i, where: \"i > 0\", empty: 0.5"),
        ("share_float", "function: ratio, column: i, denominator: g"),
        ("none", "function: sum, column: n, where: \"i > 0 and i < 0\", empty: 7"),
        ("nothing", "function: count, where: \"i > 0 and i < 0\", empty: -1"),
        ("text", "function: last, column: s, where: \"i > 0\", empty: nothing"),
    ] {
        all.push((name.to_owned(), text.to_owned()));
    }
    all
}

/// The definitions: a view `all`, and a service that reads all of it.
fn text(form: &Form) -> String {
    let id = match form.ids {
        Ids::None => "none",
        Ids::Int => "id",
        Ids::Text => "name",
    };
    let columns: String = COLUMNS.iter().fold(String::new(), |mut text, (name, dtype)| {
        write!(text, ", {name}: {dtype}").unwrap();
        text
    });
    let mut text = format!(
        "entities: {{customer: {{keys: {{customer_id: int64}}}}}}\nsources:\n  events: {{event_time: at, event_id: {id}, version: v, known_at: seen_at, \
         columns: {{id: int64, name: string, customer_id: int64, at: timestamp, seen_at: timestamp, v: int64{columns}}}}}\nviews:\n  all:\n    entity: customer\n    \
         source: events\n    lateness: {}s\n",
        form.lateness
    );
    if form.offset > 0 {
        writeln!(text, "    offset: {}s", form.offset).unwrap();
    }
    if let Some(hop) = form.hop {
        writeln!(text, "    resolution: {hop}s").unwrap();
    }
    if form.include_request {
        text.push_str("    include_request: true\n");
    }
    if form.serves_incomplete {
        text.push_str("    warm_up: serve\n");
    }
    text.push_str("    aggregations:\n");
    let finite: Vec<String> = form.windows.iter().map(|window| format!("{window}s")).collect();
    let finite = finite.join(", ");
    let mut slots = String::new();
    for (name, aggregation) in aggregations() {
        let lifetime = form.hop.is_some() && !aggregation.contains("rate");
        let windows = if lifetime { format!("{finite}, lifetime") } else { finite.clone() };
        writeln!(text, "      {name}: {{{aggregation}, windows: [{windows}]}}").unwrap();
        for window in windows.split(", ") {
            write!(slots, "{{input: all.{name}_{window}, steps: [missing_indicator]}}, ").unwrap();
        }
    }
    let slots = slots.trim_end_matches(", ");
    writeln!(text, "services:\n  all: {{time: now, request: {{now: timestamp{columns}}}, vector: [{slots}]}}").unwrap();
    text
}

/// The view, its source, and a service that reads all of it.
pub fn define(form: &Form) -> (Arc<View>, Arc<Source>, Arc<Service>) {
    let text = text(form);
    let parsed = definitions::parse(&[("all.yaml".into(), text.clone())]);
    let definitions = parsed.unwrap_or_else(|why| panic!("{:#?}\n{text}", &why[..why.len().min(3)]));
    let view = definitions.views["all"].clone();
    let source = view.source.clone().unwrap();
    (view, source, definitions.services["all"].clone())
}
