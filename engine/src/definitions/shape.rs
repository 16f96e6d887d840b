//! What the keys of definitions take: the form in which [`super::tables`] declares it, once for the checker, the JSON Schema and
//! every message.

use super::functions;
use super::schedule;

/// A mapping of the format, such as a source or a slot.
#[derive(Debug)]
pub(super) struct Table {
    /// What one is called, in messages and in the JSON Schema: `source`.
    pub(super) name: &'static str,
    /// What it is, in words.
    pub(super) doc: &'static str,
    /// Its keys.
    pub(super) fields: &'static [Field],
    /// Keys that people will try, and why they are refused.
    pub(super) refused: &'static [(&'static str, &'static str)],
}

impl Table {
    /// Its name with its article: `an entity`.
    pub(super) fn one(&self) -> String {
        let article = if self.name.starts_with(['a', 'e']) { "an" } else { "a" };
        format!("{article} {}", self.name)
    }
}

/// A key of a mapping.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: &'static str,
    /// What it is: lower case, no final stop.
    pub(super) doc: &'static str,
    pub(super) takes: Shape,
    pub(super) required: bool,
}

impl Field {
    pub(super) const fn required(name: &'static str, doc: &'static str, takes: Shape) -> Self {
        Self { name, doc, takes, required: true }
    }

    pub(super) const fn optional(name: &'static str, doc: &'static str, takes: Shape) -> Self {
        Self { name, doc, takes, required: false }
    }
}

/// What a key takes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
    /// Text, not empty.
    Text,
    /// A name: letters, digits and `_`, not beginning with a digit.
    Name,
    /// The name of an input: a request column, or `view.feature`.
    Input,
    /// The name of a fitted file between service and `.fitted.json`; may be empty.
    FittedName,
    /// A SQL expression.
    Sql,
    /// `true` or `false`.
    Flag,
    /// A whole number within the bounds, both included.
    Integer { min: i64, max: i64 },
    /// A number from 0 to 1.
    Fraction,
    /// A length of time; 0 and `none` are allowed if so.
    Duration { none: bool },
    /// The width of a window: a length of time, or `lifetime`.
    Window,
    /// A length of time, or `exact`.
    Resolution,
    /// When something is due, as cron writes it.
    Schedule,
    /// A type.
    DType,
    /// A bool, number, text, or a list of these.
    Constant,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// The name of a function of [`super::functions`].
    Function,
    /// A step of a slot: its form depends on the catalogue of transforms.
    Step,
    /// A list.
    List { of: &'static Shape, min: usize },
    /// A mapping from names to something: `noun` says what one entry is.
    Map { noun: &'static str, of: &'static Shape, min: usize },
    /// A mapping with known keys.
    Table(&'static Table),
    /// A mapping with known keys, or a type as its short form.
    DTypeOr(&'static Table),
    /// A mapping whose kind shows in which of two keys it has.
    Either([(&'static str, &'static Table); 2]),
}

impl Shape {
    /// What it takes, in words: "a whole number from 1 to 9".
    pub(super) fn expects(self) -> String {
        match self {
            Self::Text => "text".to_owned(),
            Self::Name => "a name (letters, digits and `_`, not beginning with a digit)".to_owned(),
            Self::Input => "the name of an input, a request column or `view.feature`".to_owned(),
            Self::FittedName => "the name of a fitted file (letters, digits, `_` and `-`)".to_owned(),
            Self::Sql => "a SQL expression, as text".to_owned(),
            Self::Flag => "`true` or `false`".to_owned(),
            Self::Integer { min, max } => format!("a whole number from {min} to {max}"),
            Self::Fraction => "a number from 0 to 1".to_owned(),
            Self::Duration { none: false } => {
                format!(
                    "a length of time: a whole number and `s`, `m`, `h` or `d`, such as `30d`, at most `{MAX_DAYS}d`"
                )
            }
            Self::Duration { none: true } => {
                format!("a length of time such as `30d`, at most `{MAX_DAYS}d`, or `none`")
            }
            Self::Window => format!("a length of time such as `7d`, at most `{MAX_DAYS}d`, or `lifetime`"),
            Self::Resolution => format!("`exact`, or a length of time such as `1h`, at most `{MAX_DAYS}d`"),
            Self::Schedule => format!(
                "a schedule: minute, hour, day of the month, month and day of the week, such as `30 2 * * *`, or one of {}",
                quoted(schedule::PRESETS.iter().copied())
            ),
            Self::DType => "a type such as `int64`".to_owned(),
            Self::Constant => "a value: a bool, a number, text, or a list of these".to_owned(),
            Self::Choice(words) => format!("one of {}", quoted(words.iter().copied())),
            Self::Function => format!("one of {}", quoted(functions::FUNCTIONS.iter().map(|function| function.name))),
            Self::Step => "a step: the name of a transform, or a mapping from it to its parameters".to_owned(),
            Self::List { .. } => "a list".to_owned(),
            Self::Map { noun, .. } => format!("a mapping from the name of each {noun} to what it is"),
            Self::Table(table) => format!("a mapping that describes {}", table.one()),
            Self::DTypeOr(table) => format!("a type such as `int64`, or a mapping that describes {}", table.one()),
            Self::Either([(_, first), (_, second)]) => {
                format!("a mapping that describes {} or {}", first.one(), second.one())
            }
        }
    }
}

/// The longest length of time, a hundred years: so that sums with any event time stay within int64 microseconds.
pub(super) const MAX_DAYS: i64 = 36_525;

/// `` `a`, `b`, `c` ``.
pub(super) fn quoted<'a>(words: impl Iterator<Item = &'a str>) -> String {
    words.map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

/// A length of time in microseconds: `<n>s|m|h|d`, n ≥ 1 without leading zeros, so that no two texts are one length in one unit.
pub(super) fn duration(text: &str) -> Option<i64> {
    let unit = match text.as_bytes().last()? {
        b's' => 1,
        b'm' => 60,
        b'h' => 3_600,
        b'd' => 86_400,
        _ => return None,
    };
    let digits = text.get(..text.len() - 1)?;
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0');
    let seconds = digits.parse::<i64>().ok().filter(|_| plain)?.checked_mul(unit)?;
    (seconds <= MAX_DAYS * 86_400).then(|| seconds * 1_000_000)
}

/// Whether a text is a name: `[A-Za-z_][A-Za-z0-9_]*`.
pub(super) fn is_name(text: &str) -> bool {
    text.starts_with(|char: char| char.is_ascii_alphabetic() || char == '_')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Whether a text can name an input: a request column, or `view.feature`.
pub(super) fn is_input(text: &str) -> bool {
    text.split('.').count() <= 2 && text.split('.').all(is_name)
}

/// Whether a text is the name of a fitted file between service and `.fitted.json`.
pub(super) fn is_fitted_name(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read() {
        for (text, micros) in
            [("1s", 1_000_000), ("90m", 5_400_000_000), ("1h", 3_600_000_000), ("30d", 2_592_000_000_000)]
        {
            assert_eq!(duration(text), Some(micros));
        }
        assert!(duration("36525d").is_some());
        for text in
            ["", "d", "0d", "07d", "1", "1w", "-1d", "+1d", "1.5h", "1 d", "36526d", "9223372036854775807d", "1é"]
        {
            assert_eq!(duration(text), None, "{text}");
        }
    }

    #[test]
    fn names_are_plain() {
        assert!(["a", "_a1", "A_b"].into_iter().all(is_name));
        assert!(!["", "1a", "a-b", "a.b", "é", "a b"].into_iter().any(is_name));
    }
}
