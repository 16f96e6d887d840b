//! The status of a value: null, missing, expired and error are four different answers.

/// What a client learns of a value beside it. The numbers are those of the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Status {
    /// There is a value.
    Present = 0,
    /// Stored, and null.
    Null = 1,
    /// No such entity, deleted, or no such feature in its row.
    Missing = 2,
    /// Older than the view's TTL; the value is withheld.
    Expired = 3,
    /// Something is wrong: see the reason.
    Error = 4,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 5] = [Self::Present, Self::Null, Self::Missing, Self::Expired, Self::Error];

    /// The name in JSON, logs and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Present => "PRESENT",
            Self::Null => "NULL",
            Self::Missing => "MISSING",
            Self::Expired => "EXPIRED",
            Self::Error => "ERROR",
        }
    }
}

/// Why a status is ERROR. The numbers are those of the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Reason {
    /// The store did not answer for this key.
    Store = 1,
    /// The stored value can't be read.
    Undecodable = 2,
    /// The entity id is malformed or too long.
    BadKey = 3,
    /// The only row kept is later than t.
    NewerThanAsOf = 4,
    /// The state of a window does not reach back as far as the window at t.
    AsOfTooOld = 5,
    /// The view does not know all events of the window.
    Incomplete = 6,
    /// An integer does not fit its type.
    Overflow = 7,
    /// An event of the window was refused because its state was too large.
    StateLimit = 8,
    /// A step or an expression refuses the value, as its definition says.
    Refused = 9,
}

impl Reason {
    /// Every reason that this version gives.
    pub const ALL: [Self; 9] = [
        Self::Store,
        Self::Undecodable,
        Self::BadKey,
        Self::NewerThanAsOf,
        Self::AsOfTooOld,
        Self::Incomplete,
        Self::Overflow,
        Self::StateLimit,
        Self::Refused,
    ];

    /// The name in JSON, logs and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Store => "STORE",
            Self::Undecodable => "UNDECODABLE",
            Self::BadKey => "BAD_KEY",
            Self::NewerThanAsOf => "NEWER_THAN_AS_OF",
            Self::AsOfTooOld => "AS_OF_TOO_OLD",
            Self::Incomplete => "INCOMPLETE",
            Self::Overflow => "OVERFLOW",
            Self::StateLimit => "STATE_LIMIT",
            Self::Refused => "REFUSED",
        }
    }
}
