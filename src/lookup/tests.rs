//! Rows of given stored values, without a store: what the tests of the decoder and of both encoders start from.

use std::sync::OnceLock;
use std::time::Duration;

use bytes::Bytes;

use super::*;

/// Limits that no test reaches by accident.
pub(crate) const LIMITS: Limits = Limits {
    request: RequestLimits { entity_ids: 1000, feature_names: 1000, id_bytes: 64, name_bytes: 64 },
    reply_bytes: usize::MAX,
    row_bytes: 1 << 20,
    batch_rows: 1000,
    state_bytes: 1 << 20,
    batches: 8,
    keys_in_flight: 100_000,
    store_timeout: Duration::from_secs(1),
    write_timeout: Duration::from_secs(1),
    max_future: Duration::from_secs(300),
};

/// The metrics of the test process.
pub(crate) fn metrics() -> &'static Metrics {
    static METRICS: OnceLock<&Metrics> = OnceLock::new();
    METRICS.get_or_init(|| Metrics::install().unwrap())
}

/// A request for these features of entities `e0`, `e1`, … that have these stored values.
pub(crate) fn rows(values: &[&[u8]], names: &[&str], all_statuses: bool) -> Rows {
    let ids: Vec<String> = (0..values.len()).map(|at| format!("e{at}")).collect();
    let asked = Asked {
        entity_ids: ids.iter().map(String::as_str).collect(),
        feature_names: names.iter().copied().collect(),
        as_of: Some(1_000),
        all_statuses,
    };
    Rows {
        request: Request::check(asked, &LIMITS.request, 0, &Catalog::default()).unwrap().0,
        fetched: values.iter().map(|value| Fetched::Value(Bytes::copy_from_slice(value))).collect(),
        defined: None,
        limits: LIMITS,
        metrics: metrics(),
    }
}

#[test]
fn a_request_says_which_field_is_wrong_and_what_would_be_right() {
    let many: Vec<String> = (0..1001).map(|id| id.to_string()).collect();
    let many: StringList = many.iter().map(String::as_str).collect();
    let one: StringList = ["a"].into_iter().collect();
    let long = "n".repeat(65);
    let cases = [
        (Asked::default(), "entity_ids: must name at least one entity"),
        (Asked { entity_ids: many.clone(), ..Asked::default() }, "entity_ids: has 1001 items, at most 1000"),
        (Asked { entity_ids: one.clone(), feature_names: many, ..Asked::default() }, "feature_names: has 1001 items"),
        (
            Asked { entity_ids: one.clone(), feature_names: [long.as_str()].into_iter().collect(), ..Asked::default() },
            "feature_names[0]: has 65 bytes, at most 64",
        ),
        (Asked { entity_ids: one, as_of: Some(i64::MAX), ..Asked::default() }, "as_of: must lie in the years"),
    ];
    for (asked, message) in cases {
        let error = Request::check(asked, &LIMITS.request, 0, &Catalog::default()).unwrap_err();
        assert_eq!(error.code(), Code::InvalidArgument);
        assert!(error.message().starts_with(message), "{error}");
    }
}

#[test]
fn repeated_ids_and_names_count_once() {
    let asked = Asked {
        entity_ids: ["b", "a", "b"].into_iter().collect(),
        feature_names: ["x", "x"].into_iter().collect(),
        ..Asked::default()
    };
    let (request, defined) = Request::check(asked, &LIMITS.request, 0, &Catalog::default()).unwrap();
    assert!(defined.is_none());
    assert_eq!(request.entity_ids.list().iter().collect::<Vec<_>>(), ["b", "a"]);
    assert_eq!(request.wanted.unwrap().list().iter().collect::<Vec<_>>(), ["x"]);
}

#[test]
fn keys_leave_out_malformed_ids() {
    let long = "x".repeat(65);
    let ids: StringList = ["a", "", long.as_str(), "ü"].into_iter().collect();
    assert_eq!(key::of_all(&ids, 64), [Bytes::from("features:a"), Bytes::from("features:ü")]);
    assert_eq!(key::of("a"), Bytes::from("features:a"));
}
