use std::time::Duration;

use super::recording::Call;
use super::*;
use crate::telemetry::labels::Protocol;

fn recording() -> Arc<Recording> {
    let call = Call { protocol: Protocol::Grpc, method: 1, http_method: Some("POST"), http_version: "2" };
    Arc::new(Recording::new(call, None))
}

fn names(timing: &str) -> Vec<&str> {
    timing.split(", ").map(|part| part.split_once(";dur=").map_or("", |(name, _)| name)).collect()
}

#[tokio::test]
async fn what_a_task_does_is_noted_where_it_is_within() {
    let from = Instant::now();
    let to = from + Duration::from_micros(1_234_567);
    // Of nobody.
    stage(Stage::Store, from, to);
    count(Count::Entities, 1);
    assert!(current().is_none());

    let noted = recording();
    within(noted.clone(), async {
        stage(Stage::Store, from, to);
        tokio::task::yield_now().await;
        stage(Stage::Decode, from, from);
        stage(Stage::Store, from, to);
        assert!(current().is_some());
    })
    .await;
    within_sync(&noted, || stage(Stage::Encode, to, from));
    assert!(current().is_none());
    let timing = noted.server_timing();
    assert_eq!(names(&timing), ["total", "decode", "store", "encode"]);
    assert!(timing.contains("store;dur=2469.134"), "{timing}");
    assert!(timing.ends_with("encode;dur=0.000"), "{timing}");
}

#[test]
fn without_stages_there_is_the_total() {
    assert_eq!(names(&recording().server_timing()), ["total"]);
}
