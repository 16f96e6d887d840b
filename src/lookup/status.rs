//! The status of a row: that of the engine, and what is wrong in words.

pub use unskew_engine::status::{Reason, Status};

/// The status of a row as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowStatus {
    /// There is a row.
    Present,
    /// There is none, or it was deleted.
    Missing,
    /// It can't be served: why, in a code and in words.
    Error(Reason, String),
}

impl RowStatus {
    /// The status without the words.
    #[must_use]
    pub const fn status(&self) -> Status {
        match self {
            Self::Present => Status::Present,
            Self::Missing => Status::Missing,
            Self::Error(..) => Status::Error,
        }
    }

    /// The reason of an error.
    #[must_use]
    pub const fn reason(&self) -> Option<Reason> {
        match self {
            Self::Present | Self::Missing => None,
            Self::Error(reason, _) => Some(*reason),
        }
    }
}
