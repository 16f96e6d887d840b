//! The status of a value: null, missing, expired and error are four different answers.

/// What a client learns of a value beside it. The numbers are those of the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Status {
    /// There is a value.
    Present = 0,
    /// Stored, and null.
    Null = 1,
    /// No such entity, deleted, or no such feature in its row.
    Missing = 2,
    /// Something is wrong: see the reason.
    Error = 4,
}

impl Status {
    /// Every status that this version gives.
    pub const ALL: [Self; 4] = [Self::Present, Self::Null, Self::Missing, Self::Error];

    /// The name in JSON, logs and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Present => "PRESENT",
            Self::Null => "NULL",
            Self::Missing => "MISSING",
            Self::Error => "ERROR",
        }
    }
}

/// Why a status is ERROR. The numbers are those of the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Reason {
    /// The store did not answer for this key.
    Store = 1,
    /// The stored value can't be read.
    Undecodable = 2,
    /// The entity id is malformed or too long.
    BadKey = 3,
    /// The only row kept is later than t.
    NewerThanAsOf = 4,
}

impl Reason {
    /// Every reason that this version gives.
    pub const ALL: [Self; 4] = [Self::Store, Self::Undecodable, Self::BadKey, Self::NewerThanAsOf];

    /// The name in JSON, logs and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Store => "STORE",
            Self::Undecodable => "UNDECODABLE",
            Self::BadKey => "BAD_KEY",
            Self::NewerThanAsOf => "NEWER_THAN_AS_OF",
        }
    }
}

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
