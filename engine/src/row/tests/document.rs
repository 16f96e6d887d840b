//! The test vectors of `docs/row-format.md`, read from the page.

use bumpalo::Bump;
use serde::Deserialize;

use crate::row::json::value;
use crate::row::{Cell, JsonReader, PackedRow, Schema, SchemaId, Times, json, order_key, write_delete};
use crate::value::Value;

const PAGE: &str = include_str!("../../../../docs/row-format.md");

#[derive(Deserialize)]
struct Vector {
    name: String,
    schema: String,
    id: String,
    event_time: i64,
    created: i64,
    values: Option<serde_json::Map<String, serde_json::Value>>,
    packed: String,
    json: String,
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes(hex: &str) -> Vec<u8> {
    hex.as_bytes().chunks(2).map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn vectors() -> Vec<Vector> {
    let (_, rest) = PAGE.split_once("```json\n").unwrap();
    serde_json::from_str(rest.split_once("```").unwrap().0).unwrap()
}

#[test]
fn the_vectors_are_what_is_written() {
    for vector in vectors() {
        let arena = Bump::new();
        let stored: serde_json::Value = serde_json::from_str(&vector.schema).unwrap();
        let features = stored["features"].as_object().unwrap().iter();
        let features = features.map(|(name, dtype)| (name.as_str(), dtype.as_str().unwrap().parse().unwrap()));
        let version = u32::try_from(stored["version"].as_u64().unwrap()).unwrap();
        let schema = Schema::new(stored["view"].as_str().unwrap(), version, features).unwrap();
        let times = Times { event_time: vector.event_time, created: vector.created };
        let (mut packed, mut text) = (Vec::new(), Vec::new());
        if let Some(values) = &vector.values {
            let typed = |name: &str, dtype| value(&values[name], dtype, &arena).unwrap();
            let values: Vec<_> = schema.columns().iter().map(|column| typed(&column.name, column.dtype)).collect();
            schema.encode(times, &values, &mut packed).unwrap();
            schema.encode_json(times, &values, &mut text).unwrap();
        } else {
            write_delete(times, &mut packed);
            json::write_delete(times, &mut text);
        }
        let text = String::from_utf8(text).unwrap();
        assert_eq!(
            (schema.text(), schema.id().to_string(), hex(&packed), text),
            (vector.schema.as_str(), vector.id, vector.packed, vector.json),
            "{}",
            vector.name
        );
    }
}

#[test]
fn the_vectors_are_what_is_read() {
    for vector in vectors() {
        let arena = Bump::new();
        let id = u32::from_str_radix(&vector.id, 16).unwrap().to_be_bytes();
        let schema = Schema::parse(vector.schema.as_bytes(), SchemaId(id)).unwrap();
        let packed = bytes(&vector.packed);
        let times = Times { event_time: vector.event_time, created: vector.created };
        assert_eq!(order_key(&packed), Some(&times.to_bytes()));
        let row = PackedRow::read(&packed).unwrap();
        let reader = JsonReader::new(schema.columns().iter().map(|column| (column.name.as_str(), column.dtype)));
        let mut cells = Vec::new();
        let read = reader.read(vector.json.as_bytes(), &arena, &mut cells).unwrap();
        assert_eq!((read.event_time, read.created), (Some(vector.event_time), Some(vector.created)));
        assert_eq!((row.is_deleted(), read.is_deleted), (vector.values.is_none(), vector.values.is_none()));
        let Some(values) = vector.values else { continue };
        let open = row.open(&schema).unwrap();
        for (index, column) in schema.columns().iter().enumerate() {
            let wanted: Value<'_> = value(&values[&column.name], column.dtype, &arena).unwrap();
            assert_eq!(
                (open.value(index), cells[index]),
                (Cell::Value(wanted), Cell::Value(wanted)),
                "{}",
                column.name
            );
        }
    }
}

#[test]
fn the_example_is_the_first_vector_taken_apart() {
    let (_, example) = PAGE.split_once("taken apart:\n\n").unwrap();
    let parts: String = example.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(parts, vectors()[0].packed);
}
