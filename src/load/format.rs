//! The formats of files, and how a file is known to have one.

use std::path::Path;

use clap::ValueEnum;

/// The format of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Apache Parquet.
    Parquet,
    /// One JSON object a line.
    Ndjson,
    /// Comma-separated values (RFC 4180) with a header.
    Csv,
}

impl Format {
    /// The format that the name of a file tells.
    ///
    /// # Errors
    /// What to do, when it tells none that is read here.
    pub(super) fn of_name(path: &Path) -> Result<Self, String> {
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        match extension.to_ascii_lowercase().as_str() {
            "parquet" => Ok(Self::Parquet),
            "ndjson" | "jsonl" => Ok(Self::Ndjson),
            "csv" => Ok(Self::Csv),
            "gz" | "zst" | "zip" | "bz2" | "xz" => Err("compressed files are not read: decompress it first".to_owned()),
            "json" => Err("if it holds one JSON object a line, say --format ndjson".to_owned()),
            _ => Err("the name does not end in .parquet, .ndjson, .jsonl or .csv: say --format".to_owned()),
        }
    }
}

/// What the first bytes of a file say that it is, when that is no text.
pub(super) fn known_binary(head: &[u8]) -> Option<&'static str> {
    let kinds: [(&[u8], &str); 8] = [
        (b"\x1f\x8b", "it is compressed with gzip: decompress it first"),
        (b"\x28\xb5\x2f\xfd", "it is compressed with zstd: decompress it first"),
        (b"PK\x03\x04", "it is a zip archive: unpack it first"),
        (b"BZh", "it is compressed with bzip2: decompress it first"),
        (b"\xfd7zX", "it is compressed with xz: decompress it first"),
        (b"PAR1", "it is a Parquet file: say --format parquet"),
        (b"\xff\xfe", "it is UTF-16: convert it to UTF-8"),
        (b"\xfe\xff", "it is UTF-16: convert it to UTF-8"),
    ];
    kinds.iter().find(|(magic, _)| head.starts_with(magic)).map(|(_, what)| *what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_formats_in_any_case() {
        for (name, format) in [
            ("a.parquet", Format::Parquet),
            ("a.PARQUET", Format::Parquet),
            ("a.b.ndjson", Format::Ndjson),
            ("a.jsonl", Format::Ndjson),
            ("dir.csv/a.csv", Format::Csv),
        ] {
            assert_eq!(Format::of_name(Path::new(name)), Ok(format), "{name}");
        }
        for (name, hint) in [("a.csv.gz", "decompress"), ("a.json", "ndjson"), ("a", "--format"), ("a.txt", "--format")]
        {
            assert!(Format::of_name(Path::new(name)).is_err_and(|message| message.contains(hint)), "{name}");
        }
    }
}
