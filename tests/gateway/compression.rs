//! Compression of both protocols, and what pages of other origins may do.

use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING};
use reqwest::Method;
use serde_json::{Value, json};
use tonic::codec::CompressionEncoding;
use unskew_gateway::api::feature_store_client::FeatureStoreClient;
use unskew_gateway::error::Code;

use crate::clients::{self, Request};
use crate::raw;
use crate::stores::Store;
use crate::support::gateway::Gateway;

const GET_FEATURES: &str = "/feature_store.FeatureStore/GetOnlineFeatures";

async fn with_large_row(store: &Store, settings: &[(&str, &str)]) -> Gateway {
    let row = json!({"text": "abc ".repeat(5000)}).to_string();
    store.set(std::iter::once(("a", row.as_bytes()))).await;
    Gateway::start_with(&store.url(), settings)
}

#[tokio::test(flavor = "multi_thread")]
async fn replies_of_rest_are_compressed_as_the_client_accepts() {
    let store = Store::embedded();
    let gateway = with_large_row(&store, &[]).await;
    let http = clients::http1();
    let url = gateway.url("/v1/online-features/a");
    let get = |url: String, accepted: Option<&'static str>| {
        let request = http.get(url);
        let request = accepted.into_iter().fold(request, |request, it| request.header(ACCEPT_ENCODING, it));
        async { request.send().await.unwrap() }
    };
    let plain = get(url.clone(), None).await;
    assert!(!plain.headers().contains_key(CONTENT_ENCODING));
    let whole = plain.bytes().await.unwrap();
    assert!(whole.len() > 20_000);
    for (accepted, encoding) in [("gzip", "gzip"), ("zstd", "zstd"), ("gzip, zstd, br", "zstd"), ("br, gzip", "gzip")] {
        let reply = get(url.clone(), Some(accepted)).await;
        assert_eq!(reply.headers()[CONTENT_ENCODING], encoding, "{accepted}");
        assert!(reply.bytes().await.unwrap().len() < 2_000, "{accepted}");
    }
    // A small one is left as it is, and an error.
    for path in ["/v1/online-features/b", "/v1/nothing", "/healthz"] {
        let reply = get(gateway.url(path), Some("gzip")).await;
        assert!(!reply.headers().contains_key(CONTENT_ENCODING), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn replies_of_grpc_are_compressed_only_if_the_request_was() {
    let store = Store::embedded();
    let gateway = with_large_row(&store, &[]).await;
    let request = Request::of(&["a"]);
    let expected = clients::ask(&mut clients::grpc(&gateway).await, &request).await.unwrap();
    let expected = &expected["results"];
    for encoding in [CompressionEncoding::Gzip, CompressionEncoding::Zstd] {
        let channel = clients::channel(&gateway).await;
        let accepts = FeatureStoreClient::new(channel).accept_compressed(encoding);
        let reply = accepts.clone().get_online_features(request.message()).await.unwrap();
        assert!(!reply.metadata().contains_key("grpc-encoding"), "{encoding:?}");
        let mut sends = accepts.send_compressed(encoding);
        let reply = sends.get_online_features(request.message()).await.unwrap();
        assert!(reply.metadata().contains_key("grpc-encoding"), "{encoding:?}");
        let found = clients::ask(&mut sends, &request).await.unwrap();
        assert!(found["results"] == *expected, "{encoding:?} changes the reply");
    }
    let gateway = with_large_row(&Store::embedded(), &[("server.compress_grpc", "true")]).await;
    let mut accepts =
        FeatureStoreClient::new(clients::channel(&gateway).await).accept_compressed(CompressionEncoding::Gzip);
    let reply = accepts.get_online_features(request.message()).await.unwrap();
    assert_eq!(reply.metadata().get("grpc-encoding").unwrap(), "gzip");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_unpacks_to_more_than_is_allowed_is_refused() {
    let store = Store::embedded();
    let gateway = with_large_row(&store, &[("limits.max_request_bytes", "4KiB")]).await;
    let mut client =
        FeatureStoreClient::new(clients::channel(&gateway).await).send_compressed(CompressionEncoding::Gzip);
    let long = "x".repeat(100_000);
    let failure = clients::ask(&mut client, &Request::of(&[&long])).await.unwrap_err();
    assert!(
        failure.code == Code::RequestTooLarge && failure.message.contains("limits.max_request_bytes"),
        "{failure:?}"
    );
    // What is no gzip, and a compression that nobody knows.
    let broken = [b"\x01\0\0\0\x05".as_slice(), b"abcde"].concat();
    let failure = raw::failure(&gateway, GET_FEATURES, &[("grpc-encoding", "gzip")], broken.clone()).await;
    assert_eq!(failure.code, Code::InvalidArgument, "{failure:?}");
    let failure = raw::failure(&gateway, GET_FEATURES, &[("grpc-encoding", "lzma")], broken).await;
    assert_eq!(failure.code, Code::UnsupportedMediaType, "{failure:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_other_origins_call_only_where_the_configuration_names_them() {
    let ours = "https://dashboard.example";
    let ask = async |gateway: &Gateway, method: Method, origin: &str| {
        let request = clients::http1().request(method, gateway.url("/v1/online-features/a")).header("origin", origin);
        request.header("access-control-request-method", "GET").send().await.unwrap()
    };
    let allowed = |response: &reqwest::Response| {
        response.headers().get("access-control-allow-origin").map(|origin| origin.to_str().unwrap().to_owned())
    };
    let store = Store::embedded();
    let closed = with_large_row(&store, &[]).await;
    for method in [Method::GET, Method::OPTIONS] {
        assert_eq!(allowed(&ask(&closed, method, ours).await), None);
    }
    drop(closed);
    let open = with_large_row(
        &Store::embedded(),
        &[("server.cors_origins", "https://other.example, https://dashboard.example")],
    )
    .await;
    for method in [Method::GET, Method::OPTIONS] {
        assert_eq!(allowed(&ask(&open, method.clone(), ours).await).as_deref(), Some(ours), "{method}");
        assert_eq!(allowed(&ask(&open, method, "https://evil.example").await), None);
    }
    // An error can be read by the page, too.
    let reply =
        clients::http1().post(open.url("/v1/online-features")).header("origin", ours).body("{").send().await.unwrap();
    assert_eq!(allowed(&reply).as_deref(), Some(ours));
    let body: Value = reply.json().await.unwrap();
    assert_eq!(body["error"]["code"], "UNSUPPORTED_MEDIA_TYPE");
}
