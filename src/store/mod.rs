//! Stores behind one trait. A store keeps opaque values under keys and, of the rows of one key, the one that is greatest in
//! (event time, created, bytes), whatever the order or the concurrency of its writers. Of the values that writers derive from the one
//! before, each is written only over the one it was derived from.

pub mod embedded;
mod open;
pub mod order;
pub mod redis;
pub mod url;

pub use open::{Options, open};
pub use url::{RedisUrl, Secret, StoreUrl};

use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;

/// A boxed future: one allocation a call of the store.
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// What the store has under one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetched {
    /// The value as it was written.
    Value(Bytes),
    /// Nothing.
    Missing,
    /// A value that fails its checksum, or is no value of ours; what is wrong with it.
    Damaged(&'static str),
    /// The store answered for other keys and not for this one; why.
    Failed(&'static str),
}

/// A row to keep if it is the greatest of its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PutRow {
    /// The whole key, for example `features:user_1`.
    pub key: Bytes,
    /// Event time in microseconds since 1970-01-01 UTC.
    pub event_time: i64,
    /// When the row was first accepted, in microseconds since 1970-01-01 UTC.
    pub created: i64,
    /// The bytes to store. They hold both times, where [`order::of`] finds them again.
    pub value: Bytes,
}

/// What became of one row of a [`OnlineStore::put`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PutOutcome {
    /// The store has it now, or has a greater one.
    Stored,
    /// The store has not got it; why.
    Failed(String),
}

/// A value to write if the key still has what its writer read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SwapRow {
    /// The whole key. Such keys are no keys of rows: a [`PutRow`] knows nothing of what the value was derived from.
    pub key: Bytes,
    /// The value as [`OnlineStore::fetch`] gave it; none for nothing under the key.
    pub expected: Option<Bytes>,
    /// The bytes to store.
    pub value: Bytes,
}

/// What became of one value of a [`OnlineStore::swap`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SwapOutcome {
    /// The store has it now.
    Stored,
    /// Another writer was faster: the key has something else than was expected, and keeps it. The caller reads again.
    Changed,
    /// The store could not compare or could not write, and the key keeps what it has; why.
    Failed(String),
}

/// Whether a store wrote a value; why not, when it could not. False when it left what it has on purpose.
type Written = Result<bool, String>;

impl PutOutcome {
    fn of(written: Written) -> Self {
        match written {
            Ok(_) => Self::Stored,
            Err(why) => Self::Failed(why),
        }
    }
}

impl SwapOutcome {
    fn of(written: Written) -> Self {
        match written {
            Ok(true) => Self::Stored,
            Ok(false) => Self::Changed,
            Err(why) => Self::Failed(why),
        }
    }
}

/// Why a store could not answer at all. Every kind is UNAVAILABLE to the client, and a metric label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StoreErrorKind {
    /// No connection.
    Unreachable,
    /// No answer in time.
    Timeout,
    /// The server refused: wrong password, no permission, read-only, out of memory.
    Refused,
    /// Too much is waiting for it already.
    Busy,
    /// The disk failed, or the files are damaged.
    Io,
    /// It is being closed.
    Closed,
}

impl StoreErrorKind {
    /// Every kind.
    pub const ALL: [Self; 6] = [Self::Unreachable, Self::Timeout, Self::Refused, Self::Busy, Self::Io, Self::Closed];

    /// The name in metrics and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
            Self::Refused => "refused",
            Self::Busy => "busy",
            Self::Io => "io",
            Self::Closed => "closed",
        }
    }
}

/// A store that could not answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreError {
    /// What kind of fault it is.
    pub kind: StoreErrorKind,
    /// What happened, in words, without secrets.
    pub message: String,
}

impl StoreError {
    /// An error of this kind.
    pub fn new(kind: StoreErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "store {}: {}", self.kind.name(), self.message)
    }
}

impl std::error::Error for StoreError {}

/// A backup that was written, or put back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backup {
    /// Where it is.
    pub file: PathBuf,
    /// Keys with their values.
    pub rows: u64,
    /// Bytes of the file.
    pub bytes: u64,
    /// The number of the last commit that it has.
    pub last_commit: u64,
    /// SHA-256 of all but the last 32 bytes, which hold it; in hexadecimal digits.
    pub sha256: String,
}

/// Figures of a store for the metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreGauges {
    /// Connections that the store should have; 0 for one without connections.
    pub connections: usize,
    /// Connections that are up.
    pub connections_up: usize,
    /// Calls or rows that wait in a queue.
    pub queued: usize,
    /// How many may wait; more are refused, or their writers held back.
    pub queue_limit: usize,
}

/// A key-value store of feature rows. Implementations pass one contract test suite.
pub trait OnlineStore: Send + Sync + 'static {
    /// Values of all keys in one round trip (one MGET, one read transaction), in the order of the keys. Answers within `budget`.
    ///
    /// # Errors
    /// Only when the store answered for no key.
    fn fetch(&self, keys: Vec<Bytes>, budget: Duration) -> StoreFuture<'_, Vec<Fetched>>;

    /// Keeps each row that is greater than the stored one of its key, atomically for each key. Answers once all of it is durable, in the
    /// order of the rows, within `budget`.
    ///
    /// # Errors
    /// When it can't be said of any row that it was stored. Some may have been.
    fn put(&self, rows: Vec<PutRow>, budget: Duration) -> StoreFuture<'_, Vec<PutOutcome>>;

    /// Writes each value whose key still has what its writer read, atomically for each key: of all writers that read the same, one wins.
    /// Answers once all of it is durable, in the order of the rows, within `budget`. The keys of one call should be distinct; rows with
    /// the same key are compared one after the other, each with what the one before it left.
    ///
    /// # Errors
    /// When it can't be said of any value that it was stored. Some may have been: the caller reads again to know.
    fn swap(&self, rows: Vec<SwapRow>, budget: Duration) -> StoreFuture<'_, Vec<SwapOutcome>>;

    /// Whether the store would answer now, within `budget`.
    ///
    /// # Errors
    /// When it would not.
    fn ping(&self, budget: Duration) -> StoreFuture<'_, ()>;

    /// Writes all that was acknowledged before this call to a new file in a directory of the gateway's machine, while reads and writes go
    /// on. One at a time; it goes on when its caller has gone.
    ///
    /// # Errors
    /// When the store is a server, which has its own means; when a backup is being written; when the file can't be written whole.
    fn backup(&self, _into: PathBuf) -> StoreFuture<'_, Backup> {
        let message = format!("the store is {}, a server that is backed up by its own means", self.name());
        Box::pin(async move { Err(StoreError::new(StoreErrorKind::Refused, message)) })
    }

    /// Finishes what is queued and lets go of files and connections.
    ///
    /// # Errors
    /// When the last writes could not be finished.
    fn close(&self) -> StoreFuture<'_, ()>;

    /// Figures for the metrics.
    fn gauges(&self) -> StoreGauges;

    /// The name in logs and metrics: `embedded`, `redis`.
    fn name(&self) -> &'static str;
}
