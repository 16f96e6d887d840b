//! What fred and Redis say when something is wrong, as errors of a store.

use fred::error::{Error, ErrorKind};
use fred::types::Resp3Frame;

use crate::store::{StoreError, StoreErrorKind};

/// Replies that refuse a command, by their first word: which kind of fault it is, and what an operator should know.
const REFUSALS: [(&str, StoreErrorKind, &str); 12] = [
    ("WRONGPASS", StoreErrorKind::Refused, "the user or the password is wrong"),
    ("NOAUTH", StoreErrorKind::Refused, "it needs a password and none is configured"),
    ("NOPERM", StoreErrorKind::Refused, "the user is not permitted to run the command on the key"),
    ("READONLY", StoreErrorKind::Refused, "it is a read-only replica"),
    ("OOM", StoreErrorKind::Refused, "it has used up its maxmemory"),
    ("MISCONF", StoreErrorKind::Refused, "it refuses writes because it can't save to its disk"),
    ("NOREPLICAS", StoreErrorKind::Refused, "it refuses writes because too few replicas follow it"),
    ("MOVED", StoreErrorKind::Refused, "it is a node of a cluster, which this version does not serve"),
    ("CLUSTERDOWN", StoreErrorKind::Refused, "it is a node of a cluster, which this version does not serve"),
    ("LOADING", StoreErrorKind::Busy, "it is still loading its data"),
    ("MASTERDOWN", StoreErrorKind::Unreachable, "it is a replica that has lost its master"),
    ("BUSY", StoreErrorKind::Busy, "it is running a script that takes too long"),
];

/// What an error means for the caller.
pub(super) fn explain(server: &str, error: &Error) -> StoreError {
    let said = error.details();
    if let Some((_, kind, meaning)) = REFUSALS.iter().find(|(word, _, _)| says(said, word)) {
        return StoreError::new(*kind, format!("redis at {server} refused: {meaning} ({said})"));
    }
    if said.contains("InvalidCertificate(") {
        let message =
            format!("redis at {server} can't be reached: its certificate is not trusted, see the CA file ({said})");
        return StoreError::new(StoreErrorKind::Unreachable, message);
    }
    let kind = match error.kind() {
        ErrorKind::IO
        | ErrorKind::Canceled
        | ErrorKind::Routing
        | ErrorKind::Tls
        | ErrorKind::Protocol
        | ErrorKind::Parse => StoreErrorKind::Unreachable,
        ErrorKind::Timeout => StoreErrorKind::Timeout,
        ErrorKind::Backpressure => StoreErrorKind::Busy,
        // fred's own words, as for a connection that went away under a call; those of the server begin with a word in capitals.
        ErrorKind::Unknown if !from_server(said) => StoreErrorKind::Unreachable,
        ErrorKind::Auth
        | ErrorKind::Config
        | ErrorKind::InvalidCommand
        | ErrorKind::InvalidArgument
        | ErrorKind::Url
        | ErrorKind::Unknown
        | ErrorKind::Cluster
        | ErrorKind::Sentinel
        | ErrorKind::NotFound => StoreErrorKind::Refused,
    };
    match kind {
        StoreErrorKind::Unreachable => StoreError::new(kind, format!("redis at {server} can't be reached: {said}")),
        StoreErrorKind::Timeout => StoreError::new(kind, format!("redis at {server} did not answer in time")),
        StoreErrorKind::Busy => StoreError::new(kind, format!("too many calls wait for redis at {server}")),
        StoreErrorKind::Refused | StoreErrorKind::Io | StoreErrorKind::Closed => {
            StoreError::new(kind, format!("redis at {server} refused: {said}"))
        }
    }
}

/// A reply that is an error as an error; any other reply is fine.
pub(super) fn refuse(server: &str, reply: Resp3Frame) -> Result<(), StoreError> {
    match error_text(&reply) {
        Some(said) => Err(explain(server, &Error::new(ErrorKind::Unknown, said))),
        None => Ok(()),
    }
}

/// The error for a reply that no such command has.
pub(super) fn unexpected(server: &str, reply: &Resp3Frame) -> StoreError {
    match error_text(reply) {
        Some(said) => explain(server, &Error::new(ErrorKind::Unknown, said)),
        None => StoreError::new(
            StoreErrorKind::Unreachable,
            format!("redis at {server} gave an answer that does not fit the question; is it a Redis server?"),
        ),
    }
}

/// Whether the server does not know our script.
pub(super) fn is_no_script(error: &Error) -> bool {
    error.details().starts_with("NOSCRIPT")
}

/// Whether the key holds a list, a hash or the like.
pub(super) fn is_wrong_type(error: &Error) -> bool {
    says(error.details(), "WRONGTYPE")
}

/// Whether an error is the server's reply.
fn from_server(said: &str) -> bool {
    said.split(' ').next().is_some_and(|word| word.len() > 1 && word.bytes().all(|byte| byte.is_ascii_uppercase()))
}

/// Whether a reply begins with this word, or a script was stopped by a reply that does: Redis before 7 wraps that in text of its own.
fn says(reply: &str, word: &str) -> bool {
    let first = reply.split(' ').next().unwrap_or_default();
    first == word
        || (first == "ERR" && reply.contains("user_script") && reply.split(['-', ' ']).any(|part| part == word))
}

fn error_text(reply: &Resp3Frame) -> Option<String> {
    match reply {
        Resp3Frame::SimpleError { data, .. } => Some(data.to_string()),
        Resp3Frame::BlobError { data, .. } => Some(String::from_utf8_lossy(data).into_owned()),
        Resp3Frame::BlobString { .. }
        | Resp3Frame::SimpleString { .. }
        | Resp3Frame::Boolean { .. }
        | Resp3Frame::Null
        | Resp3Frame::Number { .. }
        | Resp3Frame::Double { .. }
        | Resp3Frame::BigNumber { .. }
        | Resp3Frame::VerbatimString { .. }
        | Resp3Frame::Array { .. }
        | Resp3Frame::Map { .. }
        | Resp3Frame::Set { .. }
        | Resp3Frame::Push { .. }
        | Resp3Frame::Hello { .. }
        | Resp3Frame::ChunkedString(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_is_told_apart() {
        let kind = |said: &'static str| explain("host:1", &Error::new(ErrorKind::Unknown, said)).kind;
        assert_eq!(kind("WRONGPASS invalid username-password pair or user is disabled."), StoreErrorKind::Refused);
        assert_eq!(kind("LOADING Redis is loading the dataset in memory"), StoreErrorKind::Busy);
        assert_eq!(kind("ERR max number of clients reached"), StoreErrorKind::Refused);
        assert_eq!(kind("Failed to route command."), StoreErrorKind::Unreachable);
        let wrapped =
            "ERR Error running script (call to f_1): @user_script:9: @user_script: 9: -OOM command not allowed";
        assert!(explain("host:1", &Error::new(ErrorKind::Unknown, wrapped)).message.contains("maxmemory"));
        let lost = explain("host:1", &Error::new(ErrorKind::IO, "Connection reset by peer"));
        assert_eq!(lost.kind, StoreErrorKind::Unreachable);
        assert_eq!(lost.message, "redis at host:1 can't be reached: Connection reset by peer");
    }
}
