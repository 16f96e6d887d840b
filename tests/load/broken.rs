//! A gateway that goes away while rows are sent to it.

use std::io::Write;
use std::path::Path;
use std::process::{Child, Stdio};

use super::process::{Gateway, Run, wait_until};

const BATCH: usize = 50;

/// A load that reads what the test writes to it.
struct Piped {
    child: Child,
    rows: usize,
}

impl Piped {
    fn start(gateway: &Gateway, options: &[&str]) -> Self {
        let options = [&["--format", "ndjson", "--batch-rows", "50"], options].concat();
        let child = gateway.command(Path::new("/dev/stdin"), false, &options).stdin(Stdio::piped()).spawn().unwrap();
        Self { child, rows: 0 }
    }

    fn write(&mut self, batches: usize) {
        let input = self.child.stdin.as_mut().unwrap();
        for row in self.rows..self.rows + batches * BATCH {
            writeln!(input, "{{\"entity_id\":\"row_{row}\",\"event_time\":\"2026-01-01T00:00:00Z\",\"x\":{row}}}")
                .unwrap();
        }
        input.flush().unwrap();
        self.rows += batches * BATCH;
    }

    fn end(mut self) -> Run {
        drop(self.child.stdin.take());
        Run::of(self.child.wait_with_output().unwrap())
    }
}

#[test]
fn a_gateway_that_comes_back_has_every_row() {
    let mut gateway = Gateway::start();
    let mut load = Piped::start(&gateway, &[]);
    for _ in 0..3 {
        load.write(20);
        wait_until("the rows before the fall", || gateway.stored(load.rows) >= load.rows - BATCH);
        load.write(2);
        gateway.down();
        load.write(3);
        std::thread::sleep(std::time::Duration::from_millis(300));
        gateway.up();
    }
    load.write(1);
    let rows = load.rows;
    let run = load.end();
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(run.out.starts_with(&format!("rows read: {rows}, accepted: {rows}, bad: 0, ")), "{run:?}");
    assert!(run.messages.contains("trying again for 30s"), "{run:?}");
    assert_eq!(gateway.stored(rows), rows);
}

#[test]
fn a_gateway_that_stays_away_is_told_with_what_is_stored() {
    let mut gateway = Gateway::start();
    let mut load = Piped::start(&gateway, &["--retry-for", "500ms"]);
    load.write(4);
    wait_until("the rows before the fall", || gateway.stored(load.rows) == load.rows);
    gateway.down();
    load.write(1);
    let run = load.end();
    assert_eq!((run.code, run.out.as_str()), (Some(2), ""), "{run:?}");
    assert!(run.messages.contains("(tried again for 500ms, --retry-for)"), "{run:?}");
    assert!(run.messages.ends_with("; rows stored for sure: 200, bad: 0\n"), "{run:?}");
}

#[test]
fn a_gateway_that_is_not_there_is_told_at_once() {
    let mut gateway = Gateway::start();
    gateway.down();
    let run = Piped::start(&gateway, &[]).end();
    assert_eq!(run.code, Some(2), "{run:?}");
    assert!(
        run.messages.contains("no connection: ") && run.messages.contains("is the gateway running there?"),
        "{run:?}"
    );
}

#[test]
fn a_store_that_a_gateway_has_open_is_refused_offline() {
    let directory = tempfile::tempdir().unwrap();
    let gateway = Gateway::start();
    let path = super::process::file(&directory, "rows.ndjson", "{\"entity_id\":\"a\"}\n");
    let run = gateway.load(&path, true, &[]);
    assert_eq!((run.code, run.out.as_str()), (Some(2), ""), "{run:?}");
    assert!(run.messages.starts_with("error: "), "{run:?}");
}
