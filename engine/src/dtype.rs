//! The types of columns and features.

use std::fmt;
use std::str::FromStr;

/// The type of one value that is not a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scalar {
    /// True or false.
    Bool,
    /// 32-bit signed integer.
    Int32,
    /// 64-bit signed integer.
    Int64,
    /// IEEE 754 binary32.
    Float32,
    /// IEEE 754 binary64.
    Float64,
    /// UTF-8 text.
    String,
    /// Any bytes.
    Bytes,
    /// Microseconds since 1970-01-01 UTC.
    Timestamp,
}

impl Scalar {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Bool,
        Self::Int32,
        Self::Int64,
        Self::Float32,
        Self::Float64,
        Self::String,
        Self::Bytes,
        Self::Timestamp,
    ];

    /// The name in definitions.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::Int32 => "int32",
            Self::Int64 => "int64",
            Self::Float32 => "float32",
            Self::Float64 => "float64",
            Self::String => "string",
            Self::Bytes => "bytes",
            Self::Timestamp => "timestamp",
        }
    }

    /// Bytes of a value of fixed width; none for strings and bytes.
    #[must_use]
    pub const fn width(self) -> Option<usize> {
        match self {
            Self::Bool => Some(1),
            Self::Int32 | Self::Float32 => Some(4),
            Self::Int64 | Self::Float64 | Self::Timestamp => Some(8),
            Self::String | Self::Bytes => None,
        }
    }

    /// Whether arithmetic makes sense on it.
    #[must_use]
    pub const fn is_number(self) -> bool {
        matches!(self, Self::Int32 | Self::Int64 | Self::Float32 | Self::Float64)
    }

    /// Whether it is a whole number.
    #[must_use]
    pub const fn is_integer(self) -> bool {
        matches!(self, Self::Int32 | Self::Int64)
    }
}

/// The type of a column or feature, as definitions write it: `int64`, `list<string>`, `vector<128>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DType {
    /// One value.
    Scalar(Scalar),
    /// A list of any length, whose items may be null.
    List(Scalar),
    /// A float32 vector of that many items, such as an embedding.
    Vector(u32),
}

/// The longest vector that a definition may ask for.
pub const MAX_VECTOR: u32 = 65_536;

impl DType {
    /// The scalar, if it is one.
    #[must_use]
    pub const fn scalar(self) -> Option<Scalar> {
        match self {
            Self::Scalar(scalar) => Some(scalar),
            Self::List(_) | Self::Vector(_) => None,
        }
    }

    /// Whether it is a number: an int or a float.
    #[must_use]
    pub const fn is_number(self) -> bool {
        matches!(self, Self::Scalar(scalar) if scalar.is_number())
    }
}

impl From<Scalar> for DType {
    fn from(scalar: Scalar) -> Self {
        Self::Scalar(scalar)
    }
}

impl fmt::Display for Scalar {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl fmt::Display for DType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scalar(scalar) => scalar.fmt(formatter),
            Self::List(item) => write!(formatter, "list<{item}>"),
            Self::Vector(length) => write!(formatter, "vector<{length}>"),
        }
    }
}

/// The text is no type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no type; types are bool, int32, int64, float32, float64, string, bytes, timestamp, list<…> of each, and \
     vector<n> with n from 1 to {MAX_VECTOR}"
)]
pub struct NoType(pub String);

impl FromStr for Scalar {
    type Err = NoType;

    fn from_str(text: &str) -> Result<Self, NoType> {
        Self::ALL.into_iter().find(|scalar| scalar.name() == text).ok_or_else(|| NoType(text.to_owned()))
    }
}

impl FromStr for DType {
    type Err = NoType;

    fn from_str(text: &str) -> Result<Self, NoType> {
        let bad = || NoType(text.to_owned());
        if let Some(item) = text.strip_prefix("list<").and_then(|rest| rest.strip_suffix('>')) {
            return item.parse().map(Self::List).map_err(|_| bad());
        }
        if let Some(length) = text.strip_prefix("vector<").and_then(|rest| rest.strip_suffix('>')) {
            let length: u32 = length.parse().map_err(|_| bad())?;
            return (1..=MAX_VECTOR).contains(&length).then_some(Self::Vector(length)).ok_or_else(bad);
        }
        text.parse().map(Self::Scalar)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        for scalar in Scalar::ALL {
            assert_eq!(scalar.name().parse(), Ok(DType::Scalar(scalar)));
            assert_eq!(format!("list<{scalar}>").parse(), Ok(DType::List(scalar)));
        }
        assert_eq!("vector<3>".parse(), Ok(DType::Vector(3)));
        for bad in ["", "int", "Int64", "list<list<int64>>", "vector<0>", "vector<65537>", "vector<x>", "list<int64"] {
            assert_eq!(bad.parse::<DType>(), Err(NoType(bad.to_owned())), "{bad}");
        }
    }
}
