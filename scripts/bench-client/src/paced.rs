//! The open loop. Request k is due at start + k / rate whatever happened to those before it, and its latency counts from that
//! time, so a server that stalls is charged for all requests that had to wait (no coordinated omission).

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::yield_now;

use crate::call::{CallError, Connection, Method};
use crate::error::BenchError;
use crate::floor;
use crate::options::Paced;
use crate::report::{Report, Tally};
use crate::requests::Requests;
use crate::ticker::Ticker;

/// Requests sent without a look at the replies when the client is late.
const BURST: u32 = 32;
/// More requests than this in flight mean a server that will never catch up.
const MOST_OUTSTANDING: usize = 100_000;
/// The wait for the last replies.
const DRAIN: Duration = Duration::from_secs(10);

/// The part of a run that its calls share.
#[derive(Debug)]
struct Shared {
    method: Method,
    tally: Mutex<Tally>,
    outstanding: AtomicUsize,
}

/// Runs the load to its end and reports on it.
pub(crate) async fn run(options: &Paced) -> Result<Report, BenchError> {
    let address = match &options.address {
        Some(address) => address.clone(),
        None => floor::start(options.floor_reply_bytes)?.to_string(),
    };
    let load = &options.load;
    let method = Method::new(&address, &load.method)?;
    let connections = method.connect(load.connections).await?;
    let mut requests = Requests::new(load);
    let shared = Arc::new(Shared { method, tally: Mutex::new(Tally::new()?), outstanding: AtomicUsize::new(0) });

    let ticker = Ticker::new()?;
    let start = Instant::now() + Duration::from_millis(20);
    let total = (load.duration.as_secs_f64() * options.rate).ceil() as u64;
    let mut late = 0;
    let mut connections = connections.iter().cycle();
    for number in 0..total {
        let due = start + Duration::from_secs_f64(number as f64 / options.rate);
        if due > Instant::now() {
            late = 0;
            ticker.until(due).await?;
        } else {
            late += 1;
            if late % BURST == 0 {
                yield_now().await;
            }
        }
        let Some(connection) = connections.next() else { break };
        let outstanding = shared.outstanding.fetch_add(1, Ordering::Relaxed);
        if outstanding > MOST_OUTSTANDING {
            return Err(BenchError::Overloaded {
                outstanding,
                after_s: start.elapsed().as_secs_f64(),
                rate: options.rate,
            });
        }
        let call = call(Arc::clone(&shared), connection.clone(), requests.next(), due);
        tokio::spawn(call);
    }
    drain(&shared, start).await
}

async fn call(shared: Arc<Shared>, connection: Connection, body: bytes::Bytes, due: Instant) {
    let lag = due.elapsed();
    let outcome = shared.method.measure(connection, body).await;
    let latency = due.elapsed();
    shared.outstanding.fetch_sub(1, Ordering::Relaxed);
    let mut tally = shared.tally.lock().unwrap_or_else(PoisonError::into_inner);
    tally.sent(lag);
    tally.ended(latency, outcome);
}

/// Waits for the last replies; what is still missing then is an error each.
async fn drain(shared: &Shared, start: Instant) -> Result<Report, BenchError> {
    let sent = Instant::now();
    while shared.outstanding.load(Ordering::Relaxed) > 0 && sent.elapsed() < DRAIN {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let elapsed = start.elapsed();
    let mut tally = shared.tally.lock().unwrap_or_else(PoisonError::into_inner);
    for _ in 0..shared.outstanding.load(Ordering::Relaxed) {
        tally.ended(DRAIN, Err(CallError::Unanswered(DRAIN.as_secs())));
    }
    Ok(tally.report("paced", elapsed))
}
