//! Values as the oracle has them: owned, with the total order of the contract.

use std::cmp::Ordering;

/// A value of a column or of a feature. int32 and int64 are both `Int`, float32 and float64 both `Float`.
#[derive(Clone, Debug)]
pub enum Cell {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    Bytes(Vec<u8>),
    /// Microseconds.
    Time(i64),
    List(Vec<Cell>),
}

impl Cell {
    pub const fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// As it stands in a projection: NaN is null, −0.0 is +0.0.
    pub fn projected(&self) -> Self {
        if let Self::Float(value) = self {
            // Minus zero plus zero is plus zero, and nothing else changes.
            return if value.is_nan() { Self::Null } else { Self::Float(value + 0.0) };
        }
        self.clone()
    }

    const fn rank(&self) -> u8 {
        match self {
            Self::Null => 0,
            Self::Bool(_) => 1,
            Self::Int(_) => 2,
            Self::Float(_) => 3,
            Self::Text(_) => 4,
            Self::Bytes(_) => 5,
            Self::Time(_) => 6,
            Self::List(_) => 7,
        }
    }
}

/// Null first, false before true, numbers and times by value, text and bytes byte by byte. Equal floats are equal bit for bit.
impl Ord for Cell {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Bool(a), Self::Bool(b)) => a.cmp(b),
            (Self::Int(a), Self::Int(b)) | (Self::Time(a), Self::Time(b)) => a.cmp(b),
            (Self::Float(a), Self::Float(b)) => a.total_cmp(b),
            (Self::Text(a), Self::Text(b)) => a.as_bytes().cmp(b.as_bytes()),
            (Self::Bytes(a), Self::Bytes(b)) => a.cmp(b),
            (Self::List(a), Self::List(b)) => a.cmp(b),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

impl PartialOrd for Cell {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Cell {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Cell {}
