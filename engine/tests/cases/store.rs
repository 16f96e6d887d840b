//! A store in memory, which keeps the greatest row of each key as the gateway's stores do.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bumpalo::Bump;
use unskew_engine::definitions::{Definitions, View, ViewKind};
use unskew_engine::keys::{self, BadKey, EntityKey};
use unskew_engine::plan::Stored;
use unskew_engine::row::{
    Arrival, BadRow, Cell, Intake, JsonReader, Mapping, Options, PackedRow, Refusal, Schema, SchemaId, WrittenRows,
    is_json,
};
use unskew_engine::status::Reason;

use crate::Faults;
use crate::format::{ExpectedBad, Write};

/// 2100-01-01: requests without a time come then.
pub const NOW: i64 = 4_102_444_800_000_000;
/// As the gateway is configured.
pub const MAX_KEY_BYTES: usize = 512;

/// When a row became true and when it was made; none of both is older than any.
type Order = Option<(i64, i64)>;

#[derive(Default)]
pub struct Store {
    values: BTreeMap<Vec<u8>, (Order, Vec<u8>)>,
    schemas: HashMap<SchemaId, Arc<Schema>>,
    /// Which case has written a key: cases don't meet in the store.
    owners: HashMap<Vec<u8>, String>,
    case: String,
    /// How many there were: each is a microsecond later than the one before.
    writes: i64,
}

/// What reads the rows of a view.
pub struct Reader {
    key: EntityKey,
    name: String,
    version: u32,
    json: JsonReader,
    mappings: HashMap<SchemaId, Mapping>,
}

impl Store {
    pub fn begin_case(&mut self, name: &str) {
        self.case = name.to_owned();
    }

    fn own(&mut self, key: &[u8]) {
        let owner = self.owners.entry(key.to_vec()).or_insert_with(|| self.case.clone());
        let shown = key.escape_ascii();
        assert_eq!(*owner, self.case, "two cases write the key {shown}");
    }

    /// Puts a value as another tool would.
    pub fn set(&mut self, key: &str, value: Vec<u8>) {
        self.own(key.as_bytes());
        self.values.insert(key.as_bytes().to_vec(), (order(&value), value));
    }

    /// Writes rows; tells what differs from the refusals that are expected.
    pub fn write(&mut self, definitions: &Definitions, write: &Write) -> Faults {
        let view = definitions.views.get(&write.view).unwrap_or_else(|| panic!("there is no view {}", write.view));
        let options = Options { ignore_unknown: false, max_key_bytes: MAX_KEY_BYTES, max_row_bytes: 1 << 20 };
        let intake = Intake::new(view, options).unwrap();
        self.schemas.insert(intake.schema().id(), intake.schema().clone());
        let mut written = WrittenRows::default();
        self.writes += 1;
        for (at, line) in write.lines().iter().enumerate() {
            // The gateway's limit is some minutes after its own time, which is before NOW.
            intake.json(at, line.as_bytes(), Arrival { now: self.writes, latest: NOW }, &mut written);
        }
        for row in &written.rows {
            let (key, value) = (&written.bytes[row.key.clone()], written.bytes[row.value.clone()].to_vec());
            self.own(key);
            let new = (Some((row.times.event_time, row.times.created)), value);
            match self.values.get(key) {
                Some(old) if *old >= new => {}
                Some(_) | None => {
                    self.values.insert(key.to_vec(), new);
                }
            }
        }
        bad_faults(&written.bad, &write.bad)
    }

    /// What reads the rows of a view, under any schema that rows were written with; none for a window view.
    pub fn reader(&self, view: &View) -> Option<Reader> {
        let ViewKind::Row(rows) = &view.kind else { return None };
        let features = || rows.features.iter().map(|feature| (feature.name.as_str(), feature.dtype));
        let mappings =
            self.schemas.iter().map(|(id, schema)| (*id, Mapping::new(features(), schema.clone()))).collect();
        Some(Reader {
            key: EntityKey::new(&view.entity, MAX_KEY_BYTES).unwrap(),
            name: view.name.clone(),
            version: view.version,
            json: JsonReader::new(features()),
            mappings,
        })
    }

    /// The row of an entity.
    pub fn read<'v>(
        &'v self,
        reader: &'v Reader,
        encode: impl FnOnce(&EntityKey, &mut Vec<u8>) -> Result<(), BadKey>,
        arena: &'v Bump,
    ) -> Stored<'v> {
        let mut encoded = Vec::new();
        if encode(&reader.key, &mut encoded).is_err() {
            return Stored::Error(Reason::BadKey, "the key is bad");
        }
        let mut key = Vec::new();
        keys::append_store_key(&encoded, &reader.name, reader.version, &mut key);
        self.values.get(&key).map_or(Stored::Missing, |(_, value)| reader.read(value, arena))
    }
}

impl Reader {
    fn read<'v>(&'v self, value: &'v [u8], arena: &'v Bump) -> Stored<'v> {
        const UNDECODABLE: Stored<'_> = Stored::Error(Reason::Undecodable, "the row can't be read");
        if is_json(value) {
            let mut cells: Vec<Cell<'v>> = Vec::new();
            return match self.json.read(value, arena, &mut cells) {
                Ok(row) if row.is_deleted => Stored::Deleted(row.event_time),
                Ok(row) => Stored::Json(arena.alloc_slice_copy(&cells), row.event_time),
                Err(_) => UNDECODABLE,
            };
        }
        let Ok(row) = PackedRow::read(value) else { return UNDECODABLE };
        if row.is_deleted() {
            return Stored::Deleted(Some(row.event_time()));
        }
        let opened = self.mappings.get(&row.schema_id()).map(|mapping| mapping.open(row));
        opened.and_then(Result::ok).map_or(UNDECODABLE, |open| Stored::Packed(open, row.event_time()))
    }
}

/// What differs between the rows or events that were refused and those that should be.
pub fn bad_faults(found: &[BadRow], expected: &[ExpectedBad]) -> Faults {
    let mut faults = Faults::new();
    let places: Vec<_> = found.iter().map(|bad| (bad.row, code(bad.refusal), bad.field.as_str())).collect();
    let wanted: Vec<_> = expected.iter().map(|bad| (bad.row, bad.code.as_str(), bad.field.as_str())).collect();
    if places != wanted {
        faults.push(format!("bad rows: expected {wanted:?}\n    found {found:?}"));
    }
    for (bad, expected) in found.iter().zip(expected) {
        if !bad.message.contains(&expected.message) {
            faults.push(format!("bad row {}: expected {:?}\n    found {:?}", bad.row, expected.message, bad.message));
        }
    }
    faults
}

fn order(value: &[u8]) -> Order {
    if let Ok(row) = PackedRow::read(value) {
        return Some((row.event_time(), row.created()));
    }
    let arena = Bump::new();
    let row = JsonReader::new([]).read(value, &arena, &mut Vec::new()).ok()?;
    Some((row.event_time?, row.created.unwrap_or(i64::MIN)))
}

fn code(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::InvalidRow => "INVALID_ROW",
        Refusal::BadKey => "BAD_KEY",
        Refusal::Future => "FUTURE",
        Refusal::TooLarge => "TOO_LARGE",
    }
}
