//! Rows from NDJSON: the values as they are written, the columns of entity and time under the names of the view.

use std::io::BufRead;

use super::LoadError;
use super::batch::{BadRow, MAX_ROW_BYTES, Row, RowReader, too_long};
use super::columns::{ENTITY_ID, EVENT_TIME, Names, Role};
use super::lines::{Line, Lines};
use crate::lookup::scan::{First, Scalar, ScanError, Scanner};

/// A file with one JSON object a line.
pub(super) struct NdjsonRows<R> {
    lines: Lines<R>,
    line: Vec<u8>,
    names: Names,
}

impl<R: BufRead> NdjsonRows<R> {
    pub(super) fn new(input: R, names: Names) -> Self {
        Self { lines: Lines::new(input, MAX_ROW_BYTES), line: Vec::new(), names }
    }
}

impl<R: BufRead + Send> RowReader for NdjsonRows<R> {
    fn next(&mut self, out: &mut Vec<u8>) -> Result<Option<Row>, LoadError> {
        loop {
            let read = self.lines.next(&mut self.line);
            let position = self.lines.number();
            match read.map_err(|error| LoadError::new(format!("line {}: {error}", position + 1)))? {
                None => return Ok(None),
                Some(Line::TooLong) => return Ok(Some(Row::Bad(BadRow::too_large(position, too_long("line"))))),
                Some(Line::Whole) => {}
            }
            let line = self.line.trim_ascii();
            if !line.is_empty() {
                return Ok(Some(match rewrite(line, &self.names, position, out) {
                    Ok(()) => Row::Good(position),
                    Err(bad) => Row::Bad(bad),
                }));
            }
        }
    }

    fn progress(&self) -> u64 {
        self.lines.bytes()
    }
}

fn rewrite(line: &[u8], names: &Names, position: u64, out: &mut Vec<u8>) -> Result<(), BadRow> {
    let malformed = |error: ScanError| BadRow::invalid(position, "", error.to_string());
    let mut scanner = Scanner::new(line).map_err(malformed)?;
    scanner.expect(b'{', "a row must be a JSON object").map_err(malformed)?;
    out.push(b'{');
    let (mut has_entity, mut has_time) = (false, false);
    if !scanner.is_empty(b'}') {
        loop {
            let name = scanner.name().map_err(malformed)?;
            let meant = name.unescape();
            if out.last() != Some(&b'{') {
                out.push(b',');
            }
            let role = names.role(&meant).map_err(|message| BadRow::invalid(position, meant.as_ref(), message))?;
            let written = match role {
                Role::EntityId => ENTITY_ID,
                Role::EventTime => EVENT_TIME,
                Role::Feature => name.raw(),
            };
            out.push(b'"');
            out.extend_from_slice(written.as_bytes());
            out.extend_from_slice(b"\":");
            if role == Role::EntityId {
                has_entity = true;
                entity_id(&mut scanner, names, position, out)?;
            } else {
                has_time |= role == Role::EventTime;
                scanner.skip_space();
                let start = scanner.at();
                scanner.skip_value().map_err(malformed)?;
                out.extend_from_slice(scanner.slice(start, scanner.at()).as_bytes());
            }
            if !scanner.more(b'}').map_err(malformed)? {
                break;
            }
        }
    }
    scanner.finish().map_err(malformed)?;
    out.push(b'}');
    if let Some(entity_id) = names.entity_id.as_ref().filter(|_| !has_entity) {
        return Err(BadRow::bad_key(position, entity_id.as_str(), "is missing: a row needs a string or an integer"));
    }
    if names.needs_event_time && !has_time {
        return Err(BadRow::invalid(position, names.event_time.as_str(), "is missing: --event-time names it"));
    }
    Ok(())
}

/// An id is a string; an integer becomes its decimal text, as it does from the other formats.
fn entity_id(scanner: &mut Scanner<'_>, names: &Names, position: u64, out: &mut Vec<u8>) -> Result<(), BadRow> {
    let column = names.entity_id.as_deref().unwrap_or_default();
    let first = scanner.first().map_err(|error| BadRow::invalid(position, column, error.to_string()))?;
    let id = match &first {
        First::Scalar(Scalar::String(text)) => Some(text.raw()),
        First::Scalar(Scalar::Number(number)) if !number.text().contains(['.', 'e', 'E']) => Some(number.text()),
        First::Scalar(Scalar::Null | Scalar::Bool(_) | Scalar::Number(_)) | First::Object | First::List => None,
    };
    let Some(id) = id else {
        return Err(BadRow::bad_key(position, column, "must be a string or an integer"));
    };
    if id.is_empty() {
        return Err(BadRow::bad_key(position, column, "the entity id is empty"));
    }
    out.push(b'"');
    out.extend_from_slice(&names.prefix);
    out.extend_from_slice(id.as_bytes());
    out.push(b'"');
    Ok(())
}

#[cfg(test)]
mod tests;
