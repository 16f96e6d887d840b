//! The open loop. Request k is due at start + k / rate whatever happened to those before it, and its latency counts from that
//! time, so a server that stalls is charged for all requests that had to wait (no coordinated omission).

use std::time::{Duration, Instant};

use crate::client::Ended;
use crate::client::{Client, Method};
use crate::error::BenchError;
use crate::floor;
use crate::options::Paced;
use crate::report::{DRAIN, Report, Tally};
use crate::requests::Requests;

/// Requests sent without a look at the replies when the client is late.
const BURST: u64 = 32;
/// More requests than this in flight mean a server that will never catch up.
const MOST_OUTSTANDING: usize = 100_000;

/// When a request was due, and when the client had time for it.
#[derive(Debug, Clone, Copy)]
struct Times {
    due: Instant,
    sent: Instant,
}

/// Runs the load to its end and reports on it.
pub(crate) fn run(options: &Paced) -> Result<Report, BenchError> {
    let address = match &options.address {
        Some(address) => address.clone(),
        None => floor::start(options.floor_reply_bytes)?.to_string(),
    };
    let load = &options.load;
    let mut client: Client<Times> = Client::connect(&Method::new(&address, &load.method)?, load.connections, false)?;
    let mut requests = Requests::new(load);
    let mut tally = Tally::new()?;
    let mut ended = Vec::new();

    let start = Instant::now() + Duration::from_millis(20);
    let total = (load.duration.as_secs_f64() * options.rate).ceil() as u64;
    let due = |number: u64| start + Duration::from_secs_f64(number as f64 / options.rate);
    let mut connections = (0..client.connections()).cycle();
    let mut number = 0;
    while number < total {
        let first = number;
        while number < total.min(first + BURST) && due(number) <= Instant::now() {
            let Some(connection) = connections.next() else { break };
            client.send(connection, requests.next(), Times { due: due(number), sent: Instant::now() });
            number += 1;
        }
        client.flush();
        let now = Instant::now();
        (first..number).for_each(|number| tally.sent(now.saturating_duration_since(due(number))));
        let outstanding = client.outstanding();
        if outstanding > MOST_OUTSTANDING && !options.overload {
            return Err(BenchError::Overloaded {
                outstanding,
                after_s: start.elapsed().as_secs_f64(),
                rate: options.rate,
            });
        }
        client.wait(due(number), &mut ended)?;
        for call in ended.drain(..) {
            ended_call(&mut tally, call);
        }
    }
    client.drain(DRAIN, |call| ended_call(&mut tally, call))?;
    Ok(tally.report("paced", start.elapsed()))
}

/// How long a refusal took counts from the sending: that the client was late is not the server's fault.
fn ended_call(tally: &mut Tally, call: Ended<Times>) {
    tally.refused(call.at.saturating_duration_since(call.tag.sent), &call.outcome);
    tally.ended(call.at.saturating_duration_since(call.tag.due), call.outcome);
}
