//! Generates plain messages of the wire contract from the gateway's `proto/` into the build folder. No `protoc` is needed.

const PROTO: &str = "../../proto";
/// What a load needs of the contract: the request, and the reply with all that it holds.
const MESSAGES: [&str; 4] = ["OnlineFeaturesRequest", "OnlineFeaturesResponse", "FeatureSet", "FeatureStatus"];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut descriptors = protox::compile(["feature_store.proto"], [PROTO])?;
    for file in descriptors.file.iter_mut().filter(|file| file.package() == "feature_store") {
        file.message_type.retain(|message| MESSAGES.contains(&message.name()));
        file.service.clear();
        // Comments are found by position, and positions have moved.
        file.source_code_info = None;
    }
    prost_build::Config::new().btree_map(["."]).compile_fds(descriptors)?;
    println!("cargo::rerun-if-changed={PROTO}");
    Ok(())
}
