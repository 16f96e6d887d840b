//! `openapi`.

use clap::Args;

use super::{Failure, print};
use crate::rest;

/// Prints the OpenAPI document.
#[derive(Debug, Args)]
pub struct Openapi {}

impl Openapi {
    pub(super) fn run(self) -> Result<(), Failure> {
        print(&rest::document().map_err(Failure::found)?)
    }
}
