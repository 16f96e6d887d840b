//! How a client finds out what there is: reflection, health, the OpenAPI document and its page.

use prost::Message;
use prost_types::FileDescriptorProto;
use serde_json::Value;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::clients;
use crate::stores::Store;
use crate::support::gateway::{self, Gateway};

macro_rules! reflects {
    ($test:ident, $version:ident) => {
        #[tokio::test]
        async fn $test() {
            use tonic_reflection::pb::$version::ServerReflectionRequest;
            use tonic_reflection::pb::$version::server_reflection_client::ServerReflectionClient;
            use tonic_reflection::pb::$version::server_reflection_request::MessageRequest;
            use tonic_reflection::pb::$version::server_reflection_response::MessageResponse;

            let store = Store::embedded();
            let gateway = Gateway::start(&store.url());
            let mut client = ServerReflectionClient::new(clients::channel(&gateway).await);
            let ask = |request| ServerReflectionRequest { host: String::new(), message_request: Some(request) };
            let requests = [
                ask(MessageRequest::ListServices(String::new())),
                ask(MessageRequest::FileContainingSymbol("feature_store.FeatureStore".to_owned())),
                ask(MessageRequest::FileByFilename("google/protobuf/struct.proto".to_owned())),
            ];
            let mut answers = client.server_reflection_info(tokio_stream::iter(requests)).await.unwrap().into_inner();
            let mut next = async || answers.message().await.unwrap().unwrap().message_response.unwrap();
            let MessageResponse::ListServicesResponse(services) = next().await else { panic!("no list") };
            let names: Vec<_> = services.service.iter().map(|service| service.name.as_str()).collect();
            for name in ["feature_store.FeatureStore", "grpc.health.v1.Health"] {
                assert!(names.contains(&name), "{names:?}");
            }
            let MessageResponse::FileDescriptorResponse(files) = next().await else { panic!("no file") };
            let file = FileDescriptorProto::decode(files.file_descriptor_proto[0].as_slice()).unwrap();
            let methods: Vec<_> = file.service[0].method.iter().map(|method| method.name().to_owned()).collect();
            assert_eq!(
                (file.package(), methods),
                (
                    "feature_store",
                    [
                        "GetOnlineFeatures",
                        "GetFeatureVectors",
                        "Explain",
                        "GetDefinitions",
                        "WriteRows",
                        "WriteEvents",
                        "WriteStates"
                    ]
                    .map(str::to_owned)
                    .to_vec()
                )
            );
            let MessageResponse::FileDescriptorResponse(files) = next().await else { panic!("no file") };
            let file = FileDescriptorProto::decode(files.file_descriptor_proto[0].as_slice()).unwrap();
            assert_eq!(file.package(), "google.protobuf");
        }
    };
}

reflects!(reflection_v1, v1);
reflects!(reflection_v1alpha, v1alpha);

#[tokio::test]
async fn health() {
    let store = Store::embedded();
    let gateway = Gateway::start(&store.url());
    clients::until_ready(&gateway, true).await;
    let mut client = HealthClient::new(clients::channel(&gateway).await);
    for service in ["", "feature_store.FeatureStore"] {
        let request = HealthCheckRequest { service: service.to_owned() };
        let mut watched = client.watch(request.clone()).await.unwrap().into_inner();
        let mut status = watched.message().await.unwrap().unwrap().status();
        if status != ServingStatus::Serving {
            // The first look at the store may still be under way.
            status = watched.message().await.unwrap().unwrap().status();
        }
        assert_eq!(status, ServingStatus::Serving, "{service:?}");
        assert_eq!(client.check(request).await.unwrap().into_inner().status(), ServingStatus::Serving);
    }
    // The health protocol gives this code to a service that it does not know.
    let unknown = client.check(HealthCheckRequest { service: "nothing".to_owned() }).await.unwrap_err();
    assert_eq!(unknown.code(), tonic::Code::NotFound, "{unknown:?}");
    let text = clients::http1().get(gateway.url("/healthz")).send().await.unwrap().text().await.unwrap();
    assert_eq!(text, "ok\n");
    let text = clients::http1().get(gateway.url("/readyz")).send().await.unwrap().text().await.unwrap();
    assert_eq!(text, "ready\n");
}

#[tokio::test]
async fn the_openapi_document_is_the_same_everywhere() {
    let store = Store::embedded();
    let gateway = Gateway::start(&store.url());
    let served: Value = clients::http1().get(gateway.url("/openapi.json")).send().await.unwrap().json().await.unwrap();
    let output = gateway::run(&["openapi"], &[]);
    assert!(output.status.success());
    let printed: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(served, printed);
    assert!(served["openapi"].as_str().unwrap().starts_with("3.1"), "{}", served["openapi"]);
    let paths: Vec<_> = served["paths"].as_object().unwrap().keys().collect();
    let expected = [
        "/healthz",
        "/metrics",
        "/readyz",
        "/v1/online-features",
        "/v1/online-features/{entity_id}",
        "/v1/views/{view}/rows",
    ];
    assert!(expected.iter().all(|path| paths.iter().any(|found| found == path)), "{paths:?}");
}

#[tokio::test]
async fn the_page_works_offline() {
    let store = Store::embedded();
    let gateway = Gateway::start(&store.url());
    let http = clients::http1();
    let get = async |path: &str| {
        let response = http.get(gateway.url(path)).send().await.unwrap();
        assert!(response.status().is_success(), "{path}: {}", response.status());
        (response.headers()["content-type"].to_str().unwrap().to_owned(), response.text().await.unwrap())
    };
    for path in ["/docs", "/docs/"] {
        let (media_type, page) = get(path).await;
        assert!(media_type.starts_with("text/html"), "{media_type}");
        assert!(!page.contains("http://") && !page.contains("https://") && !page.contains("=\"//"), "{page}");
        let links =
            page.split(['"', '\'']).filter(|text| [".js", ".css", ".png"].iter().any(|end| text.ends_with(end)));
        let links: Vec<_> = links.map(|link| link.trim_start_matches("./").to_owned()).collect();
        assert!(links.len() >= 3, "{links:?}");
        for link in links {
            let (_, asset) = get(&format!("/docs/{link}")).await;
            assert!(!asset.is_empty(), "{link}");
        }
    }
    let (_, start) = get("/docs/swagger-initializer.js").await;
    assert!(start.contains("/openapi.json"), "{start}");
}
