//! `kill -9` of a gateway with writes on their way: what it acknowledged is there when it is back.

use std::time::Duration;

use crate::load::{self, Acknowledged, Stop};
use crate::stores::Store;
use crate::support::gateway::Gateway;

const ROUNDS: u64 = 5;
const WRITERS: usize = 3;

#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_rows_survive_kill_9() {
    let store = Store::embedded();
    let mut acknowledged = Acknowledged::new();
    for round in 0..ROUNDS {
        let mut gateway = Gateway::start(&store.url());
        load::check(&gateway, &acknowledged).await;
        let stop = Stop::default();
        let mut writers = Vec::new();
        for writer in 0..WRITERS {
            writers.push(load::write_stream(&gateway, format!("kill_{round}_{writer}"), &stop).await);
        }
        writers.push(load::write_rest(&gateway, format!("kill_{round}_rest"), &stop));
        tokio::time::sleep(Duration::from_millis(200 + 97 * round)).await;
        gateway.kill();
        stop.now();
        for writer in writers {
            acknowledged.extend(writer.await.unwrap());
        }
    }
    assert!(acknowledged.len() > 500, "{}", acknowledged.len());
    println!("{} acknowledged rows over {ROUNDS} kills", acknowledged.len());
    load::check(&Gateway::start(&store.url()), &acknowledged).await;
}
