mod document;
mod intake;
mod json;
mod packed;
mod schema;
pub(crate) mod support;
