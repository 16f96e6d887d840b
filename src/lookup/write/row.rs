//! One row of the built-in view: `entity_id`, optionally `event_time`, then features of any JSON.

use std::collections::HashSet;
use std::time::Duration;

use super::RowFault;
use crate::clock::Micros;
use crate::lookup::scan::writer::JsonWriter;
use crate::lookup::scan::{First, Scalar, ScanError, Scanner, Sink};
use crate::lookup::{Limits, key, time};
use crate::store::{PutRow, order};

const ENTITY_ID: &str = "entity_id";
const EVENT_TIME: &str = "event_time";

/// Why a row is refused.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) fault: RowFault,
    pub(super) field: String,
    pub(super) message: String,
}

impl Fault {
    fn new(fault: RowFault, field: &str, message: impl Into<String>) -> Self {
        Self { fault, field: field.to_owned(), message: message.into() }
    }
}

impl From<ScanError> for Fault {
    fn from(error: ScanError) -> Self {
        Self::new(RowFault::InvalidRow, "", error.to_string())
    }
}

/// Checks a row and makes what is stored of it. `now`: the time of arrival.
pub(super) fn parse(text: &[u8], now: Micros, limits: &Limits) -> Result<PutRow, Fault> {
    let mut scanner = Scanner::new(text)?;
    scanner.expect(b'{', "a row must be a JSON object")?;
    let mut entity_id = None;
    let mut event_time = None;
    let mut features = Vec::with_capacity(text.len());
    let mut names = HashSet::new();
    if !scanner.is_empty(b'}') {
        loop {
            let name = scanner.name()?;
            let meant = name.unescape();
            if matches!(meant.as_ref(), order::EVENT_TIME | order::CREATED) {
                return Err(Fault::new(RowFault::InvalidRow, &meant, "the name is reserved"));
            }
            match meant.as_ref() {
                ENTITY_ID => entity_id = Some(string(&mut scanner, RowFault::BadKey, ENTITY_ID)?),
                EVENT_TIME => {
                    let text = string(&mut scanner, RowFault::InvalidRow, EVENT_TIME)?;
                    let parsed =
                        time::parse(&text).map_err(|message| Fault::new(RowFault::InvalidRow, EVENT_TIME, message))?;
                    event_time = Some(parsed);
                }
                _ => {
                    let mut writer = JsonWriter::new(&mut features);
                    writer.begin_member(name);
                    scanner.value(&mut writer)?;
                    writer.end_member();
                }
            }
            if names.contains(&meant) {
                return Err(Fault::new(RowFault::InvalidRow, &meant, "the name stands twice in the row"));
            }
            names.insert(meant);
            if !scanner.more(b'}')? {
                break;
            }
        }
    }
    scanner.finish()?;
    let Some(entity_id) = entity_id else {
        return Err(Fault::new(RowFault::BadKey, ENTITY_ID, "a row needs the member entity_id, a string"));
    };
    if let Some(message) = key::fault(&entity_id, limits.request.id_bytes) {
        return Err(Fault::new(RowFault::BadKey, ENTITY_ID, message));
    }
    let event_time = event_time.unwrap_or(now);
    check_not_future(event_time, now, limits.max_future)?;
    let mut value = format!("{{\"{}\":{event_time},\"{}\":{now}", order::EVENT_TIME, order::CREATED).into_bytes();
    value.extend_from_slice(&features);
    value.push(b'}');
    Ok(PutRow { key: key::of(&entity_id), event_time, created: now, value: value.into() })
}

fn string(scanner: &mut Scanner<'_>, fault: RowFault, field: &str) -> Result<String, Fault> {
    if let First::Scalar(Scalar::String(text)) = scanner.first()? {
        return Ok(text.unescape().into_owned());
    }
    Err(Fault::new(fault, field, "must be a string"))
}

fn check_not_future(event_time: Micros, now: Micros, max_future: Duration) -> Result<(), Fault> {
    let limit = now.saturating_add(i64::try_from(max_future.as_micros()).unwrap_or(i64::MAX));
    if event_time <= limit {
        return Ok(());
    }
    let message = format!(
        "{} is later than {}, the arrival plus {max_future:?} (ingest.max_future)",
        time::format(event_time),
        time::format(limit)
    );
    Err(Fault::new(RowFault::Future, EVENT_TIME, message))
}
