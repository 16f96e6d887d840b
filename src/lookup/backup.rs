//! Backups of the store, for an operator.

use std::path::PathBuf;

use super::Lookup;
use crate::error::{Code, Error};
use crate::store::{Backup, StoreErrorKind};

impl Lookup {
    /// Writes all that is stored to a new file in this directory.
    ///
    /// # Errors
    /// FAILED_PRECONDITION when the store is no embedded one, or a backup is being written already; UNAVAILABLE when the file can't be
    /// written, or the store is damaged.
    pub async fn backup(&self, into: PathBuf) -> Result<Backup, Error> {
        self.store.backup(into).await.map_err(|error| {
            let code = match error.kind {
                StoreErrorKind::Refused | StoreErrorKind::Busy => Code::FailedPrecondition,
                StoreErrorKind::Unreachable | StoreErrorKind::Timeout | StoreErrorKind::Io | StoreErrorKind::Closed => {
                    Code::Unavailable
                }
            };
            Error::new(code, error.message)
        })
    }
}
