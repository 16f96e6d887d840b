//! Opening a file: what it is, and who reads it.

use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, Read};

use super::LoadError;
use super::batch::RowReader;
use super::columns::Names;
use super::csv::CsvRows;
use super::format::{self, Format};
use super::ndjson::NdjsonRows;
use super::options::Options;
use super::parquet::ParquetRows;
use super::progress::Unit;

const BUFFER: usize = 256 << 10;
const BOM: &[u8] = b"\xef\xbb\xbf";

/// A file that is open, and of the form that it should have as far as that shows at its start.
pub(super) struct Source {
    pub(super) rows: Box<dyn RowReader>,
    /// Bytes of a text, rows of a table; none when it is not known.
    pub(super) total: Option<u64>,
    pub(super) unit: Unit,
}

/// Opens the file of these options.
pub(super) fn open(options: &Options) -> Result<Source, LoadError> {
    open_named(options).map_err(|message| LoadError::new(format!("{}: {message}", options.file.display())))
}

fn open_named(options: &Options) -> Result<Source, String> {
    let path = &options.file;
    let file = File::open(path).map_err(|error| error.to_string())?;
    let about = file.metadata().map_err(|error| error.to_string())?;
    if about.is_dir() {
        return Err("is a directory, not a file".to_owned());
    }
    let format = match options.format {
        Some(format) => format,
        None => Format::of_name(path)?,
    };
    if format != Format::Csv && !options.csv_text.is_empty() {
        return Err("--csv-text is for CSV; other formats say themselves what is text".to_owned());
    }
    let names = Names::new(options)?;
    let total = about.is_file().then_some(about.len());
    let (rows, total, unit): (Box<dyn RowReader>, _, _) = match format {
        Format::Parquet => {
            let rows = ParquetRows::open(file, &names)?;
            let total = Some(rows.total());
            (Box::new(rows), total, Unit::Rows)
        }
        Format::Ndjson => (Box::new(NdjsonRows::new(text(file)?, names)), total, Unit::Lines),
        Format::Csv => (Box::new(CsvRows::open(text(file)?, names, &options.csv_text)?), total, Unit::Lines),
    };
    Ok(Source { rows, total, unit })
}

/// The text of a file without its byte order mark.
fn text(mut file: File) -> Result<impl BufRead + Send, String> {
    let mut head = Vec::new();
    file.by_ref().take(4).read_to_end(&mut head).map_err(|error| error.to_string())?;
    if let Some(what) = format::known_binary(&head) {
        return Err(what.to_owned());
    }
    if head.starts_with(BOM) {
        head.drain(..BOM.len());
    }
    Ok(BufReader::with_capacity(BUFFER, Cursor::new(head).chain(file)))
}
