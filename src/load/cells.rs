//! A cell of a CSV file as JSON.

use crate::lookup::scan::writer::JsonWriter;
use crate::lookup::scan::{First, Scalar, Scanner};

/// Appends a cell as the JSON that it looks like: empty is null; a JSON number stays as it is written, so that it is rounded once, by who
/// reads it as a number; `true` and `false`; anything else is a string.
///
/// # Errors
/// For a number that no float64 holds.
pub(super) fn write(cell: &str, is_text: bool, out: &mut Vec<u8>) -> Result<(), String> {
    if cell.is_empty() {
        out.extend_from_slice(b"null");
    } else if !is_text && (matches!(cell, "true" | "false") || is_number(cell)) {
        out.extend_from_slice(cell.as_bytes());
    } else if !is_text && is_beyond_float(cell) {
        return Err(format!("{cell:.40} is outside float64; --csv-text keeps a column as text"));
    } else {
        JsonWriter::new(out).string(cell);
    }
    Ok(())
}

fn begins_like_a_number(cell: &str) -> bool {
    cell.strip_prefix('-').unwrap_or(cell).starts_with(|first: char| first.is_ascii_digit())
}

/// Whether it is a number in JSON's grammar: no `+`, no leading zeros, no spaces, nothing after it.
fn is_number(cell: &str) -> bool {
    let Ok(mut scanner) = Scanner::new(cell.as_bytes()) else {
        return false;
    };
    begins_like_a_number(cell)
        && matches!(scanner.first(), Ok(First::Scalar(Scalar::Number(_))))
        && scanner.at() == cell.len()
}

fn is_beyond_float(cell: &str) -> bool {
    begins_like_a_number(cell) && fast_float2::parse::<f64, _>(cell).is_ok_and(f64::is_infinite)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(cell: &str, is_text: bool) -> String {
        let mut out = Vec::new();
        write(cell, is_text, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn json_numbers_and_words_stay_as_they_are() {
        let hard = "0.1000000000000000055511151231257827021181583404541015625";
        for cell in ["0", "-1", "1.50", "1e5", "-2.5E-3", "9007199254740993", "true", "false", hard, "5e-324"] {
            assert_eq!(json(cell, false), cell);
        }
    }

    #[test]
    fn all_else_is_text_and_empty_is_null() {
        for cell in [
            "007", "-01", "+1", "1.", ".5", " 1", "1 ", "1,5", "0x10", "True", "null", "NaN", "inf", "-", "-inf", "1e",
            "1_0", "é",
        ] {
            assert_eq!(json(cell, false), format!("\"{cell}\""));
        }
        assert_eq!(json("a\"b\\c\n\u{1}", false), "\"a\\\"b\\\\c\\n\\u0001\"");
        assert_eq!(json("", false), "null");
    }

    #[test]
    fn a_text_column_keeps_what_looks_like_a_number() {
        assert_eq!(json("1", true), "\"1\"");
        assert_eq!(json("true", true), "\"true\"");
        assert_eq!(json("1e999", true), "\"1e999\"");
        assert_eq!(json("", true), "null");
    }

    #[test]
    fn a_number_that_no_float_holds_is_an_error() {
        for cell in ["1e999", "-1e400"] {
            assert!(write(cell, false, &mut Vec::new()).is_err(), "{cell}");
        }
    }
}
