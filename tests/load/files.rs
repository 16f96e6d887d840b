//! One table in each format.

use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use tempfile::TempDir;

use super::process::file;

/// Hard to read and to write: no short decimal, subnormal, negative zero, an integer at the end of what is exact.
pub const AMOUNTS: [Option<f64>; 4] = [Some(0.1 + 0.2), Some(5e-324), None, Some(-1.5e300)];
pub const COUNTS: [i64; 4] = [9_007_199_254_740_991, -1, 0, 7];
pub const NAMES: [Option<&str>; 4] = [Some("a \"b\", c"), None, Some("zwei\nZeilen é 😀"), Some("x")];
pub const FLAGS: [bool; 4] = [true, false, false, true];
/// Microseconds since the epoch.
pub const TIMES: [i64; 4] = [1_522_540_831_000_000, 1, 1_700_000_000_123_456, -1];
pub const TIME_TEXTS: [&str; 4] = [
    "2018-04-01T00:00:31Z",
    "1970-01-01T00:00:00.000001Z",
    "2023-11-14T22:13:20.123456Z",
    "1969-12-31T23:59:59.999999Z",
];

/// The table as a file of each format: the path, and the options that loading it needs.
pub fn table(directory: &TempDir) -> Vec<(PathBuf, Vec<&'static str>)> {
    vec![
        (parquet(directory), vec![]),
        (file(directory, "rows.ndjson", ndjson()), vec![]),
        (
            file(
                directory,
                "bom.jsonl",
                [b"\xef\xbb\xbf".to_vec(), ndjson().replace('\n', "\r\n").into_bytes()].concat(),
            ),
            vec![],
        ),
        (file(directory, "rows.csv", csv()), vec![]),
        (file(directory, "rows.data", format!("\u{feff}{}", csv())), vec!["--format", "csv"]),
    ]
}

fn ndjson() -> String {
    let row = |index: usize| {
        serde_json::json!({
            "customer": index, "at": TIME_TEXTS[index], "amount": AMOUNTS[index], "count": COUNTS[index],
            "name": NAMES[index], "flag": FLAGS[index],
        })
    };
    (0..4).map(|index| format!("{}\n", row(index))).collect()
}

fn csv() -> String {
    let mut text = "customer,at,amount,count,name,flag\r\n".to_owned();
    for index in 0..4 {
        let amount = AMOUNTS[index].map(|amount| format!("{amount:?}")).unwrap_or_default();
        let name = NAMES[index].map(|name| format!("\"{}\"", name.replace('"', "\"\""))).unwrap_or_default();
        let (time, count, flag) = (TIME_TEXTS[index], COUNTS[index], FLAGS[index]);
        text.push_str(&format!("{index},{time},{amount},{count},{name},{flag}\r\n"));
    }
    text
}

fn parquet(directory: &TempDir) -> PathBuf {
    let times = TimestampMicrosecondArray::from(TIMES.to_vec());
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("customer", Arc::new(Int64Array::from_iter_values(0..4))),
        ("at", Arc::new(times)),
        ("amount", Arc::new(Float64Array::from(AMOUNTS.to_vec()))),
        ("count", Arc::new(Int64Array::from(COUNTS.to_vec()))),
        ("name", Arc::new(StringArray::from(NAMES.to_vec()))),
        ("flag", Arc::new(BooleanArray::from(FLAGS.to_vec()))),
    ];
    write_parquet(directory, "rows.parquet", columns)
}

/// A Parquet file of these columns, compressed, with more than one row group.
pub fn write_parquet(directory: &TempDir, name: &str, columns: Vec<(&str, ArrayRef)>) -> PathBuf {
    let path = directory.path().join(name);
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let properties = WriterProperties::builder()
        .set_max_row_group_row_count(Some(3))
        .set_compression(parquet::basic::Compression::SNAPPY)
        .build();
    let mut writer =
        ArrowWriter::try_new(std::fs::File::create(&path).unwrap(), batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    path
}
