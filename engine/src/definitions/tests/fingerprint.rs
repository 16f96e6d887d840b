//! The fingerprint, in both directions: what must not change it, and what must.

use std::path::PathBuf;

use serde_json::json;

use super::super::{canonical, definition_digest, fingerprint, hex, parse};
use super::service;

const BEFORE: &str = "
entities:
  customer:
    keys: {customer_id: int64, shop: string}
  other: {keys: {customer_id: int64}}
sources:
  events:
    iceberg: shop.events
    event_time: at
    event_id: id
    version: ver
    created: made
    known_at: known
    columns: {id: int64, ver: int64, customer_id: int64, shop: string, at: timestamp, made: timestamp, known: timestamp, amount: float64, n: int64, late: int64, i: int32, at2: timestamp}
  unread:
    event_time: at
    columns: {at: timestamp}
views:
  profile:
    entity: customer
    source: events
    ttl: 30d
    features:
      amount: {dtype: float64, default: 1.5}
      n: int64
      i: int32
      unread: {dtype: int64, column: n}
  windows:
    entity: customer
    source: events
    include_request: true
    resolution: 1h
    aggregations:
      total: {function: sum, column: amount, windows: [1d, 7d], where: n > 0, empty: 0}
      top: {function: top_k, k: 3, column: n, windows: [1d]}
      unread: {function: count, windows: [1d]}
services:
  model:
    time: at
    request: {amount: float64, at: timestamp, n: int64}
    vector:
      - {input: amount, steps: [{clip: {max: 20}}, log]}
      - {input: profile.amount, steps: [{coalesce: {inputs: [profile.n]}}]}
      - {input: profile.i}
      - {input: windows.total_1d}
      - {input: windows.top_1d, steps: [multi_hot]}
      - {expr: \"amount / (n + 1)\"}
";

fn edited(edits: &[(&str, &str)]) -> String {
    edits.iter().fold(BEFORE.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1)
    })
}

fn digest(text: &str) -> [u8; 32] {
    definition_digest(&service(text, "model"))
}

#[test]
fn what_must_not_change_it() {
    let before = digest(BEFORE);
    for edits in [
        // Words for people.
        &[("  customer:\n", "  customer:\n    description: who\n    owner: me\n    tags: [a]\n")][..],
        &[("iceberg: shop.events", "iceberg: shop.events\n    description: d\n    owner: me\n    tags: [a]")],
        &[("    ttl: 30d", "    ttl: 30d\n    description: d\n    owner: me\n    tags: [a]")],
        &[("{dtype: float64, default: 1.5}", "{dtype: float64, default: 1.5, description: d, owner: me, tags: [a]}")],
        &[("empty: 0}", "empty: 0, description: d, owner: me, tags: [a]}")],
        &[("    time: at", "    time: at\n    description: d\n    owner: me\n    tags: [a]\n    default: v2")],
        // Places.
        &[("iceberg: shop.events", "iceberg: elsewhere.events\n    kafka: {topic: events}")],
        &[("    iceberg: shop.events\n", "")],
        &[("    iceberg: shop.events\n", "    schedule: '@daily'\n")],
        &[("    ttl: 30d", "    ttl: 30d\n    layout: json")],
        // What the service does not read.
        &[("      unread: {dtype: int64, column: n}\n", "")],
        &[("unread: {dtype: int64, column: n}", "unread: {dtype: float64, column: amount, ttl: 1d, default: 7}")],
        &[("      unread: {function: count, windows: [1d]}\n", "")],
        &[("windows: [1d, 7d], where", "windows: [1d, 30d], where")],
        &[("  other: {keys: {customer_id: int64}}\n", "")],
        &[("  unread:\n    event_time: at\n    columns: {at: timestamp}\n", "")],
        &[("services:\n", "services:\n  another: {request: {x: bool}, vector: [{input: x}]}\n")],
        // Form.
        &[("\nentities:", "# a comment\nentities:")],
        &[("{id: int64, ver: int64, ", "{ver: int64, id: int64, ")],
        &[("{amount: float64, at: timestamp, n: int64}", "{n: int64, at: timestamp, amount: float64}")],
        &[("    event_time: at\n    event_id: id\n", "    event_id: id\n    event_time: at\n")],
        &[(
            "      amount: {dtype: float64, default: 1.5}\n      n: int64\n",
            "      n: int64\n      amount: {default: 1.5, dtype: float64}\n",
        )],
        &[("windows: [1d, 7d]", "windows: [7d, 1d]")],
        &[("ttl: 30d", "ttl: 720h")],
        &[("\"amount / (n + 1)\"", "  'amount /  (n  +  1)'")],
        &[("where: n > 0", "where: 'n  >  0'")],
        // Defaults written out.
        &[("    ttl: 30d", "    ttl: 30d\n    version: 1\n    layout: packed")],
        &[("n: int64\n      i: int32", "n: {dtype: int64, column: n, ttl: 30d}\n      i: int32")],
        &[(
            "include_request: true",
            "include_request: true\n    offset: none\n    lateness: 1h\n    warm_up: error\n    version: 1",
        )],
        &[("log]", "{log: {base: e, offset: 0, on_null: propagate, nan: null}}]")],
        &[("max: 20", "max: 20.0")],
        &[("empty: 0", "empty: 0.0")],
    ] {
        assert_eq!(hex(&digest(&edited(edits))), hex(&before), "{edits:?}");
    }
}

#[test]
fn the_split_into_files_does_not_change_it() {
    let (first, second) = BEFORE.split_once("views:").unwrap();
    let files = [(PathBuf::from("z.yaml"), first.to_owned()), (PathBuf::from("a.yaml"), format!("views:{second}"))];
    let split = parse(&files).unwrap();
    assert_eq!(definition_digest(&split.services["model"]), digest(BEFORE));
}

#[test]
fn what_must_change_it() {
    let mut seen = vec![hex(&digest(BEFORE))];
    for edits in [
        // Entities: names and types of keys, and their order, which is that of the stored key.
        &[
            ("customer_id: int64, shop: string}", "customer_id: int32, shop: string}"),
            ("customer_id: int64, shop: string, at", "customer_id: int32, shop: string, at"),
        ][..],
        &[("{customer_id: int64, shop: string}", "{shop: string, customer_id: int64}")],
        &[("{customer_id: int64, shop: string}", "{customer_id: int64}")],
        &[
            ("  customer:\n", "  client:\n"),
            ("entity: customer", "entity: client"),
            ("entity: customer", "entity: client"),
        ],
        // Sources.
        &[("event_time: at", "event_time: at2")],
        &[("event_id: id", "event_id: late")],
        &[("event_id: id", "event_id: none")],
        &[("version: ver", "version: late")],
        &[("    version: ver\n", "")],
        &[("created: made", "created: at2")],
        &[("known_at: known", "known_at: at2")],
        &[("late: int64", "late: int32")],
        &[("late: int64, ", "")],
        &[
            ("sources:\n  events:", "sources:\n  evts:"),
            ("source: events", "source: evts"),
            ("source: events", "source: evts"),
        ],
        // Row views.
        &[("ttl: 30d", "ttl: 29d")],
        &[("    ttl: 30d\n", "")],
        &[("default: 1.5", "default: 2.5")],
        &[(", default: 1.5", "")],
        &[("n: int64\n      i: int32", "n: {dtype: int64, column: late}\n      i: int32")],
        &[("i: int32\n", "i: int64\n")],
        &[("n: int64\n      i: int32", "n: {dtype: int64, ttl: 1d}\n      i: int32")],
        &[("    ttl: 30d", "    ttl: 30d\n    version: 2")],
        // Window views.
        &[("include_request: true", "include_request: false")],
        &[("include_request: true", "offset: 1d")],
        &[("resolution: 1h", "resolution: 2h")],
        &[("    resolution: 1h\n", "")],
        &[("resolution: 1h", "resolution: 1h\n    lateness: 3h")],
        &[("resolution: 1h", "resolution: 1h\n    warm_up: serve")],
        &[("resolution: 1h", "resolution: 1h\n    version: 2")],
        &[("function: sum", "function: max")],
        &[("k: 3", "k: 4")],
        &[
            ("column: n, windows", "column: late, windows"),
            ("n: int64}\n    vector", "n: int64, late: int64}\n    vector"),
        ],
        &[("where: n > 0", "where: n > 1")],
        &[("where: n > 0, ", "")],
        &[("empty: 0", "empty: 1")],
        &[(", empty: 0", "")],
        &[("windows.total_1d", "windows.total_7d")],
        // The service.
        &[("  model:\n", "  model2:\n")],
        &[
            ("    time: at", "    time: at2"),
            ("at: timestamp, n: int64}\n", "at: timestamp, at2: timestamp, n: int64}\n"),
        ],
        &[("n: int64}\n    vector", "n: int64, more: bool}\n    vector")],
        &[(
            "{input: amount, steps: [{clip: {max: 20}}, log]}",
            "{input: amount, name: other, steps: [{clip: {max: 20}}, log]}",
        )],
        &[("max: 20", "max: 21")],
        &[("max: 20", "min: 20")],
        &[("max: 20", "max: 20, on_null: error")],
        &[("max: 20", "max: 20, on_null: {default: 0}")],
        &[("max: 20", "max: 20, on_null: {default: 1}")],
        &[("max: 20", "max: 20, nan: keep")],
        &[("[{clip: {max: 20}}, log]", "[log, {clip: {max: 20}}]")],
        &[(", log]", "]")],
        &[("inputs: [profile.n]", "inputs: [n]")],
        &[("amount / (n + 1)", "amount / (n + 2)")],
        &[("      - {input: windows.total_1d}\n", "")],
        &[(
            "      - {input: windows.total_1d}\n      - {input: windows.top_1d, steps: [multi_hot]}\n",
            "      - {input: windows.top_1d, steps: [multi_hot]}\n      - {input: windows.total_1d}\n",
        )],
        &[("      - {input: windows.total_1d}\n", "      - {input: windows.total_1d}\n      - {input: n}\n")],
    ] {
        let name = if edits[0].1.contains("model2") { "model2" } else { "model" };
        let digest = hex(&definition_digest(&service(&edited(edits), name)));
        assert!(!seen.contains(&digest), "{edits:?}");
        seen.push(digest);
    }
}

#[test]
fn parameters_are_part_of_it() {
    let service = service(BEFORE, "model");
    let of = |json: serde_json::Value| fingerprint(&service, Some(&json));
    assert_eq!(of(json!([[null, null], [null], [], [null], []])), fingerprint(&service, None));
    assert_ne!(of(json!([[null, {"mean": 1.0}], [null], [], [null], []])), fingerprint(&service, None));
    assert_ne!(of(json!([[null, {"mean": 1.0}]])), of(json!([[null, {"mean": 1.5}]])));
    assert_eq!(of(json!([[{"a": 1, "b": 2}]])), of(json!([[{"b": 2, "a": 1}]])));
    assert_ne!(fingerprint(&service, None), definition_digest(&service));
}

/// A change of this text is a change of every fingerprint: it needs a reason, and a new number of semantics.
#[test]
fn the_form_is_pinned() {
    let text = "
services:
  s:
    request: {a: float64}
    vector: [{input: a, steps: [{clip: {max: 2}}]}]
";
    assert_eq!(
        canonical(&service(text, "s")),
        concat!(
            r#"{"entities":{},"request":{"a":"float64"},"semantics":1,"service":"s","slots":[{"input":"a","name":"a","steps":[{"#,
            r#""arguments":{"max":2.0},"keeps_nan":false,"name":"clip","on_null":"propagate"}]}],"sources":{},"time":null,"views":{}}"#
        )
    );
}
