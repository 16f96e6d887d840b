//! Files and options of which nothing can be loaded: exit code 2 and words that help.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, StringArray};

use super::files::write_parquet;
use super::process::{Gateway, file};

fn assert_refused(gateway: &Gateway, path: &Path, options: &[&str], part: &str) {
    let run = gateway.load(path, false, options);
    assert_eq!((run.code, run.out.as_str()), (Some(2), ""), "{run:?}");
    assert!(run.messages.starts_with("error: ") && run.messages.contains(part), "wanted {part:?}: {run:?}");
    assert_eq!(run.messages.lines().count(), 1, "{run:?}");
}

#[test]
fn files_that_are_none_of_the_formats_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let gateway = Gateway::start();
    for (name, content, part) in [
        ("empty.csv", &b""[..], "is empty: a CSV file needs a header"),
        ("empty.parquet", b"", "is no whole Parquet file"),
        ("text.parquet", b"entity_id,x\na,1\n", "is no whole Parquet file"),
        ("rows.txt", b"entity_id\n", "say --format"),
        ("rows", b"entity_id\n", "say --format"),
        ("rows.json", b"[]", "say --format ndjson"),
        ("rows.csv.gz", b"\x1f\x8b\x08", "decompress it first"),
        ("gzip.csv", b"\x1f\x8b\x08\x00", "compressed with gzip"),
        ("zstd.ndjson", b"\x28\xb5\x2f\xfd\x00", "compressed with zstd"),
        ("parquet.csv", b"PAR1....", "say --format parquet"),
        ("utf16.csv", b"\xff\xfee\0", "it is UTF-16"),
        ("header.csv", b"id,x\na,1\n", "there is no column \"entity_id\" (--entity-id); the columns are \"id\", \"x\""),
        ("latin1.csv", b"entity_id,caf\xe9\n", "the header is not UTF-8"),
        ("twice.csv", b"entity_id,x,x\n", "two columns are named \"x\""),
        ("reserved.csv", b"entity_id,__created\n", "reserved"),
    ] {
        assert_refused(&gateway, &file(&directory, name, content), &[], part);
    }
    assert_refused(&gateway, &directory.path().join("missing.csv"), &[], "No such file");
    assert_refused(&gateway, directory.path(), &[], "is a directory");
}

#[test]
fn tables_that_are_no_rows_of_the_view_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let gateway = Gateway::start();
    let ids: ArrayRef = Arc::new(StringArray::from(vec!["a"; 10]));
    let float: ArrayRef = Arc::new(Float64Array::from(vec![1.0; 10]));
    let path = write_parquet(&directory, "rows.parquet", vec![("id", ids), ("x", float)]);
    assert_refused(&gateway, &path, &[], "there is no column \"entity_id\"");
    assert_refused(&gateway, &path, &["--entity-id", "x"], "an entity id is a string or an integer");
    assert_refused(&gateway, &path, &["--entity-id", "id", "--event-time", "x"], "an event time is a timestamp");
    assert_refused(&gateway, &path, &["--entity-id", "id", "--event-time", "id"], "can't be both");
    assert_refused(&gateway, &path, &["--entity-id", "id", "--csv-text", "x"], "--csv-text is for CSV");
    let whole = std::fs::read(&path).unwrap();
    for length in [whole.len() - 1, whole.len() / 2, 4, 3] {
        assert_refused(&gateway, &file(&directory, "torn.parquet", &whole[..length]), &[], "is no whole Parquet file");
    }
}

#[test]
fn a_damaged_page_is_told_and_never_a_panic() {
    let directory = tempfile::tempdir().unwrap();
    let gateway = Gateway::start();
    let ids: ArrayRef = Arc::new(StringArray::from_iter_values((0..10).map(|id| format!("row_{id}"))));
    let floats: ArrayRef = Arc::new(Float64Array::from_iter_values((0..10).map(f64::from)));
    let whole =
        std::fs::read(write_parquet(&directory, "rows.parquet", vec![("entity_id", ids), ("x", floats)])).unwrap();
    for at in (4..whole.len()).step_by(whole.len() / 60) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x55;
        let run = gateway.load(&file(&directory, "damaged.parquet", damaged), false, &[]);
        assert!(matches!(run.code, Some(0..=2)), "byte {at}: {run:?}");
        assert!(!run.messages.contains("panicked"), "byte {at}: {run:?}");
        assert!(run.code != Some(2) || run.messages.contains("error: "), "byte {at}: {run:?}");
    }
}

#[test]
fn a_view_that_is_not_there_and_files_that_can_not_be_read_are_told() {
    let directory = tempfile::tempdir().unwrap();
    let gateway = Gateway::start();
    let path = file(&directory, "rows.ndjson", "{\"entity_id\":\"a\"}\n");
    assert_refused(&gateway, &path, &["--view", "other"], "there is no row view \"other\"");
    assert_refused(&Gateway::stopped(), &path, &[], "port 0");
    let csv = file(&directory, "rows.csv", "entity_id,x\n");
    assert_refused(&gateway, &csv, &["--csv-text", "y"], "there is no column \"y\"");
    assert_refused(&gateway, &csv, &["--event-time", "at"], "there is no column \"at\" (--event-time)");
    std::fs::set_permissions(&csv, std::fs::Permissions::from_mode(0o000)).unwrap();
    // A privileged user may read it all the same.
    let run = gateway.load(&csv, false, &[]);
    assert!(run.code == Some(0) || run.messages.contains("Permission denied"), "{run:?}");
}
