//! `check`.

use std::path::PathBuf;

use clap::Args;
use unskew_engine::definitions;
use unskew_engine::diagnostics::render;
use unskew_engine::transforms;

use super::{Failure, print};

/// Checks definitions.
#[derive(Debug, Args)]
pub struct Check {
    /// A directory of YAML files, or one file.
    #[arg(value_name = "DEFINITIONS_DIR", required_unless_present_any = ["schema", "transforms"])]
    path: Option<PathBuf>,
    /// Prints the JSON Schema of the files instead, for editors.
    #[arg(long, conflicts_with = "path")]
    schema: bool,
    /// Prints the catalogue of transforms instead, as in docs/transforms.md.
    #[arg(long, conflicts_with_all = ["path", "schema"])]
    transforms: bool,
}

impl Check {
    /// Failures begin with `error:` as they are printed; so does every fault of a rendering.
    fn refused(rendered: &str) -> Failure {
        Failure::found(rendered.strip_prefix("error: ").unwrap_or(rendered).trim_end())
    }

    pub(super) fn run(self) -> Result<(), Failure> {
        let Some(path) = self.path else {
            if self.transforms {
                return print(&transforms::document());
            }
            return print(&definitions::print_json(&definitions::json_schema()));
        };
        let files = definitions::read(&path).map_err(|found| Self::refused(&render(&found, &[])))?;
        match definitions::parse(&files) {
            Ok(found) => print(&format!(
                "{}: {} entities, {} sources, {} views, {} services\n",
                path.display(),
                found.entities.len(),
                found.sources.len(),
                found.views.len(),
                found.services.len()
            )),
            Err(found) => Err(Self::refused(&render(&found, &files))),
        }
    }
}
