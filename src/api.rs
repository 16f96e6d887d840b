//! The messages and the client of `proto/feature_store.proto`, generated plainly: what `load`, the tests and the benchmarks speak.

#![expect(missing_docs, clippy::allow_attributes_without_reason, reason = "generated code")]

tonic::include_proto!("plain/feature_store");
