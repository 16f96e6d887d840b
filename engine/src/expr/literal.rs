//! Literals, and the words that stand for types and parts of time.

use sqlparser::ast::Value;

use super::node::{Constant, Kind, Part, Target};
use super::time;

/// The constant of a literal of the parser.
pub(super) fn constant(value: &Value) -> Result<(Constant, Kind), String> {
    if let Value::Number(digits, false) = value {
        return number(digits);
    }
    if let Value::SingleQuotedString(text) = value {
        return Ok((Constant::Text(text.as_str().into()), Kind::Text));
    }
    if let Value::Boolean(value) = value {
        return Ok((Constant::Bool(*value), Kind::Bool));
    }
    if matches!(value, Value::Null) {
        return Ok((Constant::Null, Kind::Null));
    }
    Err(format!(
        "`{value}` is no literal of expressions; they are numbers, 'text', true, false, null and timestamp '…'"
    ))
}

/// Digits alone are an int64; with a point or an exponent they are a float64.
pub(super) fn number(digits: &str) -> Result<(Constant, Kind), String> {
    if digits.trim_start_matches('-').bytes().all(|byte| byte.is_ascii_digit()) {
        let value = digits
            .parse()
            .map_err(|_| format!("{digits} does not fit int64, which ends at {}; {digits}.0 is a float64", i64::MAX))?;
        return Ok((Constant::Int(value), Kind::Int));
    }
    match digits.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok((Constant::Float(value), Kind::Float)),
        Ok(_) => Err(format!("{digits} does not fit float64")),
        Err(_) => Err(format!("`{digits}` is no number")),
    }
}

/// The constant of `timestamp '…'`.
pub(super) fn timestamp(text: &str) -> Result<Constant, String> {
    time::parse(text).map(Constant::Time).ok_or_else(|| {
        format!("`{text}` is no timestamp; one is written as 2026-01-31, 2026-01-31 09:30:00.5 (UTC) or 2026-01-31T09:30:00+01:00")
    })
}

/// The type that a CAST names, as SQL or as definitions call it.
pub(super) fn target(name: &str) -> Result<Target, String> {
    match name.to_ascii_lowercase().as_str() {
        "bool" | "boolean" => Ok(Target::Bool),
        "int32" | "int" | "int4" | "integer" => Ok(Target::Int32),
        "int64" | "int8" | "bigint" => Ok(Target::Int64),
        "float32" | "float" | "float4" | "real" => Ok(Target::Float32),
        "float64" | "float8" | "double" | "double precision" => Ok(Target::Float64),
        "string" | "text" | "varchar" => Ok(Target::Text),
        "timestamp" => Ok(Target::Time),
        _ => Err(format!(
            "`{name}` is no type to cast to; types are bool, int32, int64, float32, float64, string and timestamp \
             (in SQL: boolean, integer, bigint, real, double, varchar)"
        )),
    }
}

const PARTS: &str =
    "microsecond, millisecond, second, minute, hour, day, dow, isodow, doy, week, isoyear, month, quarter, year";

/// The part that `extract` names; none is `epoch`, which is a float64.
pub(super) fn part(name: &str) -> Result<Option<Part>, String> {
    let name = name.trim_matches(|quote| quote == '\'' || quote == '"').to_ascii_lowercase();
    let part = match name.as_str() {
        "epoch" => return Ok(None),
        "microsecond" | "microseconds" => Part::Microsecond,
        "millisecond" | "milliseconds" => Part::Millisecond,
        "second" | "seconds" => Part::Second,
        "minute" | "minutes" => Part::Minute,
        "hour" | "hours" => Part::Hour,
        "day" | "days" => Part::Day,
        "dow" | "dayofweek" => Part::DayOfWeek,
        "isodow" => Part::IsoDayOfWeek,
        "doy" | "dayofyear" => Part::DayOfYear,
        "week" | "weeks" => Part::Week,
        "isoyear" => Part::IsoYear,
        "month" | "months" => Part::Month,
        "quarter" => Part::Quarter,
        "year" | "years" => Part::Year,
        _ => return Err(format!("`{name}` is no part of a timestamp; parts are epoch, {PARTS}")),
    };
    Ok(Some(part))
}

/// The unit that `date_trunc` names.
pub(super) fn unit(name: &str) -> Result<Part, String> {
    let units = "microsecond, millisecond, second, minute, hour, day, week, month, quarter, year";
    let refused = || format!("`{name}` is no unit of date_trunc; units are {units}");
    match part(name) {
        Ok(Some(Part::DayOfWeek | Part::IsoDayOfWeek | Part::DayOfYear | Part::IsoYear) | None) | Err(_) => {
            Err(refused())
        }
        Ok(Some(part)) => Ok(part),
    }
}
