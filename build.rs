//! Generates the gRPC code from `proto/` into the build folder, twice: a server whose hot messages are our own types, and a plain
//! client with plain messages for `load`, the tests and the benchmarks. No `protoc` is needed.

use std::path::Path;
use std::{env, fs};

use prost::Message;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let out = env::var("OUT_DIR")?;
    let out = Path::new(&out);
    let descriptors = protox::compile(["proto/feature_store.proto"], ["proto"])?;
    fs::write(out.join("feature_store.bin"), descriptors.encode_to_vec())?;

    let plain = out.join("plain");
    fs::create_dir_all(&plain)?;
    tonic_prost_build::configure().build_server(false).out_dir(&plain).compile_fds(descriptors.clone())?;

    let server = out.join("server");
    fs::create_dir_all(&server)?;
    // Messages of the plain code; the nested ones come with them.
    let messages = [
        "Bools",
        "Ints",
        "Floats",
        "Texts",
        "Blobs",
        "Column",
        "FeatureSet",
        "FeatureStatus",
        "WriteRowsRequest",
        "WriteRowsResponse",
        "WriteEventsRequest",
        "WriteEventsResponse",
        "WriteStatesRequest",
        "WriteStatesResponse",
        "BadRow",
        "Status",
        "Reason",
        "FeatureVectorsRequest",
        "FeatureVectorsResponse",
        "IncompleteRow",
        "ViewTimes",
        "DefinedColumn",
        "DefinedService",
        "DefinedView",
        "DefinitionsRequest",
        "DefinitionsResponse",
        "ExplainRequest",
        "ExplainResponse",
        "ExplainedInput",
        "ExplainedSlot",
        "ExplainedStep",
    ];
    let mut builder = tonic_prost_build::configure()
        .build_client(false)
        .out_dir(&server)
        .codec_path("crate::grpc::codec::WireCodec")
        .extern_path(".feature_store.OnlineFeaturesRequest", "crate::grpc::request::OnlineFeaturesRequest")
        .extern_path(".feature_store.OnlineFeaturesResponse", "crate::grpc::reply::EncodedReply");
    for message in messages {
        builder = builder.extern_path(format!(".feature_store.{message}"), format!("crate::api::{message}"));
    }
    builder.compile_fds(descriptors)?;

    println!("cargo::rerun-if-changed=proto");
    Ok(())
}
