//! The closed sets of label values. No client chooses a label.

use crate::error::Code;

/// The protocol of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// gRPC.
    Grpc,
    /// REST.
    Rest,
}

impl Protocol {
    /// Every protocol.
    pub const ALL: [Self; 2] = [Self::Grpc, Self::Rest];

    /// The label value.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Grpc => "grpc",
            Self::Rest => "rest",
        }
    }
}

/// Methods of gRPC by their path, routes of REST by their template; what is not listed is `unknown`.
pub const METHODS: [&str; 25] = [
    "unknown",
    "/feature_store.FeatureStore/GetOnlineFeatures",
    "/feature_store.FeatureStore/GetFeatureVectors",
    "/feature_store.FeatureStore/Explain",
    "/feature_store.FeatureStore/GetDefinitions",
    "/feature_store.FeatureStore/WriteRows",
    "/feature_store.FeatureStore/WriteEvents",
    "/feature_store.FeatureStore/WriteStates",
    "/grpc.health.v1.Health/Check",
    "/grpc.health.v1.Health/Watch",
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
    "/v1/online-features",
    "/v1/online-features/{entity_id}",
    "/v1/feature-vectors",
    "/v1/explain",
    "/v1/definitions",
    "/v1/views/{view}/rows",
    "/v1/sources/{source}/events",
    "/v1/admin/reload",
    "/v1/admin/backup",
    "/healthz",
    "/readyz",
    "/metrics",
    "/docs",
];

/// Position of a method or a matched route among [`METHODS`]; 0 when it is not listed.
#[must_use]
pub fn method(path: &str) -> usize {
    METHODS.iter().position(|method| *method == path).unwrap_or_default()
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It was answered.
    Ok,
    /// It failed with one of our codes.
    Failed(Code),
    /// The client went away before the end of the answer.
    Cancelled,
}

impl Outcome {
    /// How many there are.
    pub const COUNT: usize = Code::ALL.len() + 2;

    /// The label value.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Failed(code) => code.facts().name,
            Self::Cancelled => "CANCELLED",
        }
    }

    /// A position below [`Self::COUNT`].
    #[must_use]
    pub const fn index(self) -> usize {
        match self {
            Self::Ok => 0,
            Self::Cancelled => 1,
            Self::Failed(code) => code as usize + 2,
        }
    }
}
