//! A gateway without its listener: the routes of both protocols over a store in memory, one for each thread.

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body_util::BodyExt;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tower::ServiceExt;
use unskew_gateway::auth::{KeySet, Keys};
use unskew_gateway::capacity::Capacity;
use unskew_gateway::error::{Code, ERROR_CODE};
use unskew_gateway::grpc::{FeatureService, FeatureStoreServer, Streams};
use unskew_gateway::lookup::{Limits, Lookup, RequestLimits};
use unskew_gateway::middleware::respond::RespondLayer;
use unskew_gateway::rest::{self, Gateway};
use unskew_gateway::telemetry::metrics::Metrics;

use crate::memory::Memory;

/// Bytes of a request; small, so that the limits are met too.
const MAX_BYTES: usize = 64 << 10;
const SECOND: Duration = Duration::from_secs(1);

/// Everything that answers.
pub(crate) struct World {
    runtime: Runtime,
    pub(crate) store: Arc<Memory>,
    router: Router,
}

/// A reply.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

thread_local! {
    static WORLD: World = World::new();
}

/// Runs in the world of this thread.
pub(crate) fn with<T>(run: impl FnOnce(&World) -> T) -> T {
    WORLD.with(run)
}

impl World {
    fn new() -> Self {
        static METRICS: OnceLock<&Metrics> = OnceLock::new();
        let metrics = METRICS.get_or_init(|| Metrics::install().expect("the first recorder"));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        let store = Arc::new(Memory::default());
        let limits = Limits {
            request: RequestLimits { entity_ids: 100, feature_names: 100, id_bytes: 64, name_bytes: 64 },
            reply_bytes: MAX_BYTES,
            row_bytes: MAX_BYTES,
            batch_rows: 100,
            state_bytes: MAX_BYTES,
            batches: 8,
            keys_in_flight: 100_000,
            store_timeout: SECOND,
            write_timeout: SECOND,
            max_future: 100_000 * SECOND,
        };
        let definitions = Path::new(env!("CARGO_MANIFEST_DIR")).join("definitions.yaml");
        let lookup = Lookup::new(store.clone(), limits, metrics).with_definitions(&definitions).expect("definitions");
        let gateway = Gateway {
            lookup: lookup.clone(),
            keys: Keys::new(KeySet::default(), Arc::new(|| Ok(KeySet::default()))),
            max_request_bytes: MAX_BYTES,
            stopping: Arc::new(AtomicBool::new(false)),
            backup_directory: None,
        };
        let (_, stopping) = watch::channel(false);
        let streams = Streams { stopping, capacity: Arc::new(Capacity::new(100)), allowed: Arc::new(|_| Ok(())) };
        let features = FeatureStoreServer::new(FeatureService::new(lookup, streams));
        let router = rest::router(gateway).route_service("/feature_store.FeatureStore/{method}", features);
        Self { runtime, store, router: router.layer(RespondLayer) }
    }

    /// Sends a request, and reads the whole reply; a fault of the gateway is a finding.
    pub(crate) fn send(&self, request: Request<Body>) -> Reply {
        let path = request.uri().path().to_owned();
        let reply = self.runtime.block_on(async {
            let Ok(response) = self.router.clone().oneshot(request).await;
            let (parts, body) = response.into_parts();
            let (mut headers, mut bytes) = (parts.headers, Vec::new());
            // A stream that fails says why in its trailers.
            if let Ok(collected) = body.collect().await {
                headers.extend(collected.trailers().cloned().unwrap_or_default());
                bytes = collected.to_bytes().to_vec();
            }
            Reply { status: parts.status.as_u16(), headers, body: bytes.into() }
        });
        let internal = Code::Internal.facts();
        let code = reply.headers.get(ERROR_CODE).map(|code| code.as_bytes());
        if reply.status == internal.http || code == Some(internal.name.as_bytes()) {
            panic!("{path} is answered with a fault of the gateway: {reply:?}");
        }
        reply
    }

    /// Posts a body to a path of REST.
    pub(crate) fn post(&self, path: &str, content_type: &str, body: &[u8]) -> Reply {
        let request = Request::post(path).header("content-type", content_type);
        self.send(request.body(Body::from(body.to_vec())).expect("a request"))
    }

    /// Calls a method of gRPC with one message.
    pub(crate) fn call(&self, method: &str, message: &[u8]) -> Reply {
        let length = u32::try_from(message.len()).expect("a length").to_be_bytes();
        let framed = [&[0], &length[..], message].concat();
        let request = Request::post(format!("/feature_store.FeatureStore/{method}"));
        let request = request.header("content-type", "application/grpc").header("te", "trailers");
        self.send(request.body(Body::from(framed)).expect("a request"))
    }
}
