//! Bad rows are told with their place, and do not stop the rest unless that is asked for.

use std::sync::Arc;

use arrow_array::{Int64Array, StringArray, TimestampMicrosecondArray};
use serde_json::json;

use super::files::write_parquet;
use super::process::{Gateway, Run, file};

/// Both ways into the store; the gateway is up after the load.
fn both(settings: &[(&'static str, &'static str)], load: impl Fn(&Gateway, bool) -> Run) -> Vec<(Gateway, Run)> {
    [false, true]
        .into_iter()
        .map(|offline| {
            let mut gateway = Gateway::stopped_with(settings);
            if !offline {
                gateway.up();
            }
            let run = load(&gateway, offline);
            if offline {
                gateway.up();
            }
            (gateway, run)
        })
        .collect()
}

#[test]
fn bad_lines_are_told_in_order_and_the_others_stored() {
    let directory = tempfile::tempdir().unwrap();
    let mut text = Vec::new();
    let long = format!("{{\"entity_id\":\"long\",\"x\":\"{}\"}}\n", "y".repeat(2 << 20));
    for line in [
        &b"{\"entity_id\":\"row_0\",\"x\":1}\n"[..],
        b"\n",
        b"{\"entity_id\":\"torn\"\n",
        b"{\"entity_id\":\"row_1\",\"x\":1}\r\n",
        b"{\"entity_id\":\"a\",\"event_time\":\"yesterday\"}\n",
        b"{\"entity_id\":\"\xff\"}\n",
        b"{\"entity_id\":\"a\",\"__event_time\":1}\n",
        b"{\"entity_id\":\"a\",\"event_time\":\"9999-01-01T00:00:00Z\"}\n",
        long.as_bytes(),
        b"{\"entity_id\":\"a\",\"\x1b[2J\":}\n",
        b"{\"entity_id\":\"row_2\",\"x\":1}",
    ] {
        text.extend_from_slice(line);
    }
    let path = file(&directory, "rows.ndjson", text);
    for (gateway, run) in both(&[], |gateway, offline| gateway.load(&path, offline, &["--batch-rows", "3"])) {
        assert_eq!(run.code, Some(1), "{run:?}");
        assert!(run.out.starts_with("rows read: 10, accepted: 3, bad: 7, "), "{run:?}");
        assert!(run.messages.ends_with("error: 7 of 10 rows are bad\n"), "{run:?}");
        let expected = [
            ("bad row: line 3: ", "the text ends early at byte 19", "INVALID_ROW"),
            ("bad row: line 5: event_time: ", "\"yesterday\" is no RFC 3339 time", "INVALID_ROW"),
            ("bad row: line 6: ", "invalid UTF-8 at byte 14", "INVALID_ROW"),
            ("bad row: line 7: __event_time: ", "reserved", "INVALID_ROW"),
            ("bad row: line 8: event_time: ", "", "FUTURE"),
            ("bad row: line 9: ", "limits.max_row_bytes", "TOO_LARGE"),
            ("bad row: line 10: ", "", "INVALID_ROW"),
        ];
        let bad = run.bad();
        assert_eq!(bad.len(), expected.len(), "{run:?}");
        for (line, (start, part, code)) in bad.iter().zip(expected) {
            assert!(line.starts_with(start) && line.contains(part) && line.ends_with(&format!("({code})")), "{line}");
        }
        assert!(!run.messages.contains('\x1b'));
        assert_eq!(gateway.stored(3), 3);
    }
}

#[test]
fn columns_are_told_by_their_name_in_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let csv = file(
        &directory,
        "rows.csv",
        "customer,at,x\n1,today,2\n2,2026-01-01T00:00:00Z,3\n,2026-01-01T00:00:00Z,3\n3,,4\n4,5\n",
    );
    let options = ["--entity-id", "customer", "--event-time", "at", "--entity-prefix", "row_"];
    let gateway = Gateway::start();
    let run = gateway.load(&csv, false, &options);
    let expected = [
        "bad row: line 2: at: \"today\" is no RFC 3339 time with Z or an offset, such as 2026-01-31T09:30:00Z (INVALID_ROW)",
        "bad row: line 4: customer: the entity id is empty (BAD_KEY)",
        "bad row: line 5: at: the event time is empty (INVALID_ROW)",
        "bad row: line 6: the row has 2 fields, the header has 3 (INVALID_ROW)",
    ];
    assert_eq!((run.code, run.bad()), (Some(1), expected.to_vec()));
    let parquet = write_parquet(
        &directory,
        "rows.parquet",
        vec![
            ("customer", Arc::new(StringArray::from(vec![Some("5"), None, Some("6")]))),
            ("at", Arc::new(TimestampMicrosecondArray::from(vec![Some(0), Some(0), None]))),
            ("x", Arc::new(Int64Array::from(vec![1, 1, 1]))),
        ],
    );
    let run = gateway.load(&parquet, false, &options);
    let expected = [
        "bad row: row 2: customer: the entity id is null (BAD_KEY)",
        "bad row: row 3: at: the event time is null (INVALID_ROW)",
    ];
    assert_eq!((run.code, run.bad()), (Some(1), expected.to_vec()));
    let found = gateway.rest(&["row_2", "row_5"]);
    assert_eq!((&found["row_2"]["features"], &found["row_5"]["features"]), (&json!({"x": 3}), &json!({"x": 1})));
}

#[test]
fn strict_stops_at_the_first_bad_row() {
    let directory = tempfile::tempdir().unwrap();
    let mut rows: Vec<_> = (0..1000).map(|row| format!("{{\"entity_id\":\"row_{row}\",\"x\":1}}\n")).collect();
    for bad in ["{\"x\":1}\n", "{\"entity_id\":\"a\",\"event_time\":1}\n"] {
        rows[50] = bad.to_owned();
        let path = file(&directory, "rows.ndjson", rows.concat());
        let options = ["--strict", "--batch-rows", "10", "--in-flight", "1"];
        for (gateway, run) in both(&[], |gateway, offline| gateway.load(&path, offline, &options)) {
            assert_eq!(run.code, Some(1), "{run:?}");
            assert_eq!(run.bad().len(), 1, "{run:?}");
            assert!(run.bad()[0].starts_with("bad row: line 51: "), "{run:?}");
            let stored = gateway.stored(1000);
            assert!((50..=60).contains(&stored), "{stored} {run:?}");
        }
    }
}

#[test]
fn bad_rows_beyond_those_shown_are_counted() {
    let directory = tempfile::tempdir().unwrap();
    let path = file(&directory, "rows.csv", format!("entity_id,x\n{}", ",1\n".repeat(30)));
    let gateway = Gateway::start();
    for (options, shown, hidden) in [(&[][..], 20, 10), (&["--max-errors-shown", "0"][..], 0, 30)] {
        let run = gateway.load(&path, false, options);
        assert_eq!(run.bad().len(), shown);
        assert!(
            run.messages.contains(&format!("bad rows that are not shown: {hidden} (--max-errors-shown)\n")),
            "{run:?}"
        );
        assert!(run.out.starts_with("rows read: 30, accepted: 0, bad: 30, "), "{run:?}");
    }
    let run = gateway.load(&path, false, &["--max-errors-shown", "30"]);
    assert_eq!(run.bad().len(), 30);
    assert!(!run.messages.contains("not shown"));
}

#[test]
fn batches_that_the_gateway_does_not_allow_are_sent_in_parts() {
    let directory = tempfile::tempdir().unwrap();
    let row =
        |row: usize, bytes: usize| format!("{{\"entity_id\":\"row_{row}\",\"x\":1,\"y\":\"{}\"}}\n", "y".repeat(bytes));
    let mut rows: Vec<_> = (0..1000).map(|index| row(index, 500)).collect();
    rows[500] = row(500, 100_000);
    let path = file(&directory, "rows.ndjson", rows.concat());
    let settings = [
        ("APP__LIMITS__MAX_REQUEST_BYTES", "64KiB"),
        ("APP__LIMITS__MAX_BATCH_ROWS", "100"),
        ("APP__LIMITS__MAX_ROW_BYTES", "64KiB"),
    ];
    for (gateway, run) in both(&settings, |gateway, offline| gateway.load(&path, offline, &[])) {
        assert_eq!(run.code, Some(1), "{run:?}");
        assert!(run.out.starts_with("rows read: 1000, accepted: 999, bad: 1, "), "{run:?}");
        assert!(run.bad()[0].starts_with("bad row: line 501: ") && run.bad()[0].ends_with("(TOO_LARGE)"), "{run:?}");
        assert_eq!(gateway.stored(1000), 999);
    }
}

#[test]
fn a_line_of_100_mb_is_that_line_s_error() {
    let directory = tempfile::tempdir().unwrap();
    let mut text = b"{\"entity_id\":\"row_0\",\"x\":1}\n{\"entity_id\":\"a\",\"x\":\"".to_vec();
    text.resize(100 << 20, b'y');
    text.extend_from_slice(b"\"}\n{\"entity_id\":\"row_1\",\"x\":1}\n");
    let path = file(&directory, "rows.ndjson", text);
    let gateway = Gateway::start();
    let run = gateway.load(&path, false, &[]);
    assert_eq!(
        run.bad(),
        ["bad row: line 2: the line has more than 16 MiB, which no gateway takes (TOO_LARGE)"],
        "{run:?}"
    );
    assert_eq!(gateway.stored(2), 2);
}
