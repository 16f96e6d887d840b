//! A reply that is wire bytes already.

/// An `OnlineFeaturesResponse`, encoded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EncodedReply(pub Vec<u8>);
