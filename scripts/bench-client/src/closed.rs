//! The closed loop: as many requests in flight as there are streams, each for other entities than the last. It complements
//! h2load, which repeats one body, with the throughput and CPU of a load that no cache of a few rows can flatter.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::client::{Client, Method};
use crate::error::BenchError;
use crate::options::Closed;
use crate::report::{DRAIN, Report, Tally};
use crate::requests::Requests;

/// The pause after a call that failed: a server that refuses at once must not turn the loop into a busy one.
const PAUSE: Duration = Duration::from_millis(10);

/// Runs the load to its end and reports on it.
pub(crate) fn run(options: &Closed) -> Result<Report, BenchError> {
    let load = &options.load;
    // Requests are known by the time when they were sent.
    let mut client: Client<Instant> =
        Client::connect(&Method::new(&options.address, &load.method)?, load.connections, false)?;
    let mut requests = Requests::new(load);
    let mut tally = Tally::new()?;
    let start = Instant::now();
    let end = start + load.duration;
    for connection in 0..client.connections() {
        for _ in 0..options.streams {
            client.send(connection, requests.next(), Instant::now());
        }
    }
    // Connections of failed calls, and when each may be used again.
    let mut pauses: VecDeque<(Instant, usize)> = VecDeque::new();
    let mut ended = Vec::new();
    while Instant::now() < end {
        client.wait(pauses.front().map_or(end, |(over, _)| end.min(*over)), &mut ended)?;
        for call in ended.drain(..) {
            if call.outcome.is_ok() {
                client.send(call.connection, requests.next(), Instant::now());
            } else {
                pauses.push_back((Instant::now() + PAUSE, call.connection));
            }
            tally.ended(call.at.saturating_duration_since(call.tag), call.outcome);
        }
        while let Some((_, connection)) = pauses.pop_front_if(|(over, _)| *over <= Instant::now()) {
            client.send(connection, requests.next(), Instant::now());
        }
    }
    client.drain(DRAIN, |call| tally.ended(call.at.saturating_duration_since(call.tag), call.outcome))?;
    Ok(tally.report("closed", start.elapsed()))
}
