//! `POST /v1/admin/backup`.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::router::Gateway;
use super::schema;
use crate::error::{Code, Error};
use crate::lookup::Backup;

/// A backup that was written.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BackupResponse {
    /// The file, on the gateway's machine.
    file: String,
    /// Keys with their values.
    rows: u64,
    /// Bytes of the file.
    bytes: u64,
    /// The number of the last commit that it has.
    last_commit: u64,
    /// SHA-256 of all but the last 32 bytes, which hold it.
    sha256: String,
}

/// Writes all that the embedded store holds to a new file in `store.embedded.backup_directory`, while reads and writes go on. It has what was
/// acknowledged before this call. Answers once the file is whole and on disk; it has no deadline but the one that the client sets, and is
/// finished also if the client goes.
#[utoipa::path(
    post,
    path = "/v1/admin/backup",
    tag = "operations",
    operation_id = "backup",
    responses(
        (status = 200, body = BackupResponse, description = "The file is whole and on disk."),
        (status = 409, body = schema::ErrorBody, description = "FAILED_PRECONDITION: no directory for backups is configured, the store is not an embedded one, or a backup is being written"),
        (status = 503, body = schema::ErrorBody, description = "UNAVAILABLE: the file could not be written, the store is damaged, or the gateway is stopping; there is no file"),
        (status = 504, body = schema::ErrorBody, description = "DEADLINE_EXCEEDED: the backup goes on, and the log tells its end"),
    )
)]
pub(super) async fn post(State(gateway): State<Gateway>) -> Result<Json<BackupResponse>, Error> {
    let Some(into) = &gateway.backup_directory else {
        let message = "no directory for backups is configured: set store.embedded.backup_directory";
        return Err(Error::new(Code::FailedPrecondition, message));
    };
    let Backup { file, rows, bytes, last_commit, sha256 } = gateway.lookup.backup(into.to_path_buf()).await?;
    Ok(Json(BackupResponse { file: file.display().to_string(), rows, bytes, last_commit, sha256 }))
}
