//! Runs the scenario table over both stores and both protocols.

use serde_json::Value;

use crate::clients::{self, Answer, Request};
use crate::scenario::{self, Case};
use crate::stores::Store;
use crate::support::gateway::Gateway;

#[tokio::test(flavor = "multi_thread")]
async fn the_table_over_an_embedded_store() {
    run(Store::embedded()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_table_over_redis() {
    run(Store::redis()).await;
}

async fn run(store: Store) {
    let mut cases = scenario::all();
    assert!(cases.len() >= 40, "only {} cases were found", cases.len());
    if let Store::Redis(server) = &store {
        cases.iter().flat_map(|case| &case.redis).for_each(|command| server.run(command));
    } else {
        cases.retain(|case| case.redis.is_empty());
    }
    let stored: Vec<_> =
        cases.iter().flat_map(|case| &case.stored).map(|(id, value)| (id.as_str(), value.bytes())).collect();
    store.set(stored.iter().map(|(id, value)| (*id, value.as_slice()))).await;
    let gateway = Gateway::start(&store.url());
    clients::until_ready(&gateway, true).await;
    let callers = Callers { http: clients::http1(), grpc: clients::grpc(&gateway).await, gateway };
    let mut faults = Vec::new();
    for (at, case) in cases.iter().enumerate() {
        callers.write(case, at % 2 == 0).await;
        let mut found = callers.faults(case).await;
        faults.extend(found.drain(..).map(|fault| format!("{} over {}: {fault}", case.name, store.name())));
    }
    assert!(faults.is_empty(), "{} of {} cases:\n{}", faults.len(), cases.len(), faults.join("\n"));
}

struct Callers {
    http: reqwest::Client,
    grpc: unskew_gateway::api::feature_store_client::FeatureStoreClient<tonic::transport::Channel>,
    gateway: Gateway,
}

impl Callers {
    /// Writes the rows of a case, over one protocol or the other: they store the same.
    async fn write(&self, case: &Case, over_rest: bool) {
        if case.rows.is_empty() {
            return;
        }
        let lines: Vec<_> = case.rows.iter().map(Value::to_string).collect();
        let ndjson = lines.join("\n");
        let report = if over_rest {
            clients::write_rest(&self.http, &self.gateway, ndjson).await
        } else {
            clients::write_grpc(&mut self.grpc.clone(), vec![clients::batch(ndjson)]).await.remove(0)
        };
        let report = report.unwrap_or_else(|failure| panic!("{}: {failure:?}", case.name));
        assert_eq!(report["accepted"], case.rows.len(), "{}: {report}", case.name);
    }

    /// Asks in every way, and tells what is wrong with the answers.
    async fn faults(&self, case: &Case) -> Vec<String> {
        let mut request = case.request.clone();
        let first = clients::post(&self.http, &self.gateway, &request).await;
        // From here on all answer for one time, so that they can be compared whole.
        if let (Ok(reply), None) = (&first, &request.as_of) {
            request.as_of = reply["as_of"].as_str().map(str::to_owned);
        }
        let mut answers = vec![("POST", first), ("gRPC", clients::ask(&mut self.grpc.clone(), &request).await)];
        if case.fits_get() {
            answers.push(("GET", clients::get(&self.http, &self.gateway, &request).await));
        }
        let mut faults: Vec<_> =
            answers.iter().filter_map(|(way, answer)| Some(format!("{way}: {}", case.fault(answer)?))).collect();
        for (way, answer) in &answers[1..] {
            if !same(&answers[0].1, answer) {
                faults.push(format!("POST and {way} differ:\n{:?}\n{answer:?}", answers[0].1));
            }
        }
        faults.extend(self.text_faults(case, &request).await);
        faults
    }

    async fn text_faults(&self, case: &Case, request: &Request) -> Vec<String> {
        if case.rest_text.is_empty() {
            return Vec::new();
        }
        let url = self.gateway.url("/v1/online-features");
        let text = self.http.post(url).json(request).send().await.unwrap().text().await.unwrap();
        let missing = case.rest_text.iter().filter(|part| !text.contains(*part));
        missing.map(|part| format!("{part:?} is not in {text}")).collect()
    }
}

/// gRPC has no list of fields at fault; all else is equal.
fn same(one: &Answer, other: &Answer) -> bool {
    match (one, other) {
        (Ok(one), Ok(other)) => one == other,
        (Err(one), Err(other)) => one.code == other.code && one.message == other.message,
        (Ok(_), Err(_)) | (Err(_), Ok(_)) => false,
    }
}
