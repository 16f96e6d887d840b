//! Rows from CSV (RFC 4180) with a header. Types are those that the cells show, see [`cells`](super::cells).

use std::io::{self, BufRead};

use csv_core::{ReadRecordResult, Reader};

use super::batch::{BadRow, MAX_ROW_BYTES, Row, RowReader, too_long};
use super::columns::{Names, Role, opening};
use super::{LoadError, cells};

const MAX_COLUMNS: usize = 1 << 16;

/// A CSV file after its header.
pub(super) struct CsvRows<R> {
    records: Records<R>,
    columns: Vec<Column>,
    prefix: Vec<u8>,
}

struct Column {
    name: String,
    role: Role,
    is_text: bool,
    /// Its name as it begins a member of a row.
    opening: Vec<u8>,
}

impl<R: BufRead> CsvRows<R> {
    /// Reads the header. `text`: the columns that are text whatever they look like.
    ///
    /// # Errors
    /// When there is no header, or it does not fit.
    pub(super) fn open(input: R, names: Names, text: &[String]) -> Result<Self, String> {
        let mut records = Records::new(input);
        let header = match records.next().map_err(|error| error.to_string())? {
            Some(Record { fault: None, .. }) => records.fields().collect::<Result<Vec<_>, _>>(),
            Some(Record { fault: Some(fault), .. }) => return Err(format!("the header can't be read: {fault}")),
            None => return Err("is empty: a CSV file needs a header with the names of its columns".to_owned()),
        };
        let header = header.map_err(|_| "the header is not UTF-8".to_owned())?;
        let roles = names.roles(&header)?;
        if let Some(unknown) = text.iter().find(|name| !header.contains(&name.as_str())) {
            return Err(format!("--csv-text: there is no column {unknown:?}"));
        }
        let columns = header
            .iter()
            .zip(roles)
            .enumerate()
            .map(|(index, (name, role))| Column {
                name: (*name).to_owned(),
                role,
                is_text: role != Role::Feature || text.iter().any(|text| text == name),
                opening: opening(index, name, role),
            })
            .collect();
        Ok(Self { records, columns, prefix: names.prefix })
    }

    fn row(&self, line: u64, out: &mut Vec<u8>) -> Result<(), BadRow> {
        let found = self.records.count;
        if found != self.columns.len() {
            let message = format!("the row has {found} fields, the header has {}", self.columns.len());
            return Err(BadRow::invalid(line, "", message));
        }
        for (column, cell) in self.columns.iter().zip(self.records.fields()) {
            let cell = cell.map_err(|()| BadRow::invalid(line, column.name.as_str(), "the text is not UTF-8"))?;
            out.extend_from_slice(&column.opening);
            match column.role {
                Role::EntityId if cell.is_empty() => {
                    return Err(BadRow::bad_key(line, column.name.as_str(), "the entity id is empty"));
                }
                Role::EventTime if cell.is_empty() => {
                    return Err(BadRow::invalid(line, column.name.as_str(), "the event time is empty"));
                }
                Role::EntityId | Role::EventTime | Role::Feature => {}
            }
            let start = out.len();
            cells::write(cell, column.is_text, out)
                .map_err(|message| BadRow::invalid(line, column.name.as_str(), message))?;
            if column.role == Role::EntityId {
                out.splice(start + 1..start + 1, self.prefix.iter().copied());
            }
        }
        out.push(b'}');
        Ok(())
    }
}

impl<R: BufRead + Send> RowReader for CsvRows<R> {
    fn next(&mut self, out: &mut Vec<u8>) -> Result<Option<Row>, LoadError> {
        let record =
            self.records.next().map_err(|error| LoadError::new(format!("line {}: {error}", self.records.line)))?;
        let Some(Record { line, fault }) = record else {
            return Ok(None);
        };
        let row = match fault {
            Some(Fault::TooLong) => Err(BadRow::too_large(line, too_long("row"))),
            Some(fault) => Err(BadRow::invalid(line, "", fault.to_string())),
            None => self.row(line, out),
        };
        Ok(Some(row.map_or_else(Row::Bad, |()| Row::Good(line))))
    }

    fn progress(&self) -> u64 {
        self.records.bytes
    }
}

/// A record that was read.
struct Record {
    /// The line on which it begins, from 1.
    line: u64,
    /// Why its fields are of no use.
    fault: Option<Fault>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum Fault {
    #[error("{}", too_long("row"))]
    TooLong,
    #[error("it has more than {MAX_COLUMNS} fields")]
    TooManyFields,
    #[error("a quote is opened and never closed")]
    Unclosed,
}

/// Splits a text into records, each bounded in memory.
struct Records<R> {
    input: R,
    core: Reader,
    text: Vec<u8>,
    ends: Vec<usize>,
    /// Fields of the last record.
    count: usize,
    /// The line of the next byte, from 1.
    line: u64,
    bytes: u64,
}

impl<R: BufRead> Records<R> {
    fn new(input: R) -> Self {
        Self { input, core: Reader::new(), text: vec![0; 1024], ends: vec![0; 64], count: 0, line: 1, bytes: 0 }
    }

    /// The fields of the last record; an error for one that is not UTF-8.
    fn fields(&self) -> impl Iterator<Item = Result<&str, ()>> {
        let mut start = 0;
        self.ends[..self.count].iter().map(move |&end| {
            let field = &self.text[start..end];
            start = end;
            std::str::from_utf8(field).map_err(|_| ())
        })
    }

    fn next(&mut self) -> io::Result<Option<Record>> {
        if !self.skip_line_ends()? {
            return Ok(None);
        }
        let line = self.line;
        let (mut at, mut fault, mut quotes) = (0, None, 0);
        self.count = 0;
        loop {
            let buffer = fill(&mut self.input)?;
            let at_end = buffer.is_empty();
            let (result, read, wrote, ends) =
                self.core.read_record(buffer, &mut self.text[at..], &mut self.ends[self.count..]);
            quotes += memchr::memchr_iter(b'"', &buffer[..read]).count();
            self.line += memchr::memchr_iter(b'\n', &buffer[..read]).count() as u64;
            self.bytes += read as u64;
            self.input.consume(read);
            at += wrote;
            self.count += ends;
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull if self.text.len() < MAX_ROW_BYTES => {
                    self.text.resize(self.text.len() * 2, 0);
                }
                ReadRecordResult::OutputFull => fault = Some(Fault::TooLong),
                ReadRecordResult::OutputEndsFull if self.ends.len() < MAX_COLUMNS => {
                    self.ends.resize(self.ends.len() * 2, 0);
                }
                ReadRecordResult::OutputEndsFull => fault = Some(Fault::TooManyFields),
                ReadRecordResult::Record | ReadRecordResult::End => {
                    if at_end && quotes % 2 == 1 {
                        fault = fault.or(Some(Fault::Unclosed));
                    }
                    return Ok(Some(Record { line, fault }));
                }
            }
            if fault.is_some() {
                // The rest of it is read and thrown away.
                at = 0;
                self.count = 0;
            }
        }
    }

    /// Skips blank lines, and what is left of the end of the last; whether there is more.
    fn skip_line_ends(&mut self) -> io::Result<bool> {
        loop {
            let buffer = fill(&mut self.input)?;
            if buffer.is_empty() {
                return Ok(false);
            }
            let ends = buffer.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
            if ends == 0 {
                return Ok(true);
            }
            self.line += memchr::memchr_iter(b'\n', &buffer[..ends]).count() as u64;
            self.bytes += ends as u64;
            self.input.consume(ends);
        }
    }
}

fn fill<R: BufRead>(input: &mut R) -> io::Result<&[u8]> {
    // Twice, because a borrow that is returned on one way only would last too long.
    while let Err(error) = input.fill_buf() {
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    input.fill_buf()
}

#[cfg(test)]
mod tests;
