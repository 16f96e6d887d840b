//! The closed loop: as many requests in flight as there are streams, each for other entities than the last. It complements
//! h2load, which repeats one body, with the throughput and CPU of a load that no cache of a few rows can flatter.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use crate::call::{Connection, Method};
use crate::error::BenchError;
use crate::options::Closed;
use crate::report::{Report, Tally};
use crate::requests::Requests;

#[derive(Debug)]
struct Shared {
    method: Method,
    requests: Mutex<Requests>,
    tally: Mutex<Tally>,
    end: Instant,
}

/// Runs the load to its end and reports on it.
pub(crate) async fn run(options: &Closed) -> Result<Report, BenchError> {
    let load = &options.load;
    let method = Method::new(&options.address, &load.method)?;
    let connections = method.connect(load.connections).await?;
    let requests = Mutex::new(Requests::new(load));
    let start = Instant::now();
    let shared = Arc::new(Shared { method, requests, tally: Mutex::new(Tally::new()?), end: start + load.duration });
    let mut loops = tokio::task::JoinSet::new();
    for connection in connections {
        for _ in 0..options.streams {
            loops.spawn(repeat(Arc::clone(&shared), connection.clone()));
        }
    }
    loops.join_all().await;
    let tally = shared.tally.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(tally.report("closed", start.elapsed()))
}

async fn repeat(shared: Arc<Shared>, connection: Connection) {
    while Instant::now() < shared.end {
        let body = shared.requests.lock().unwrap_or_else(PoisonError::into_inner).next();
        let sent = Instant::now();
        let outcome = shared.method.measure(connection.clone(), body).await;
        let failed = outcome.is_err();
        shared.tally.lock().unwrap_or_else(PoisonError::into_inner).ended(sent.elapsed(), outcome);
        if failed {
            // A server that refuses at once must not turn the loop into a busy one.
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    }
}
