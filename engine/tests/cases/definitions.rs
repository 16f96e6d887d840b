//! Cases of definitions: what is wrong with them, or the fingerprints of their services.

use std::path::PathBuf;

use unskew_engine::definitions::{self, Definitions, fingerprint, hex};
use unskew_engine::diagnostics::Diagnostic;

use crate::Faults;
use crate::format::Case;

const FILE: &str = "case.yaml";

/// Parses the text of one file; what is wrong with it as `line:column: message`.
pub fn parse(text: &str) -> Result<Definitions, Vec<String>> {
    definitions::parse(&[(PathBuf::from(FILE), text.to_owned())]).map_err(|found| shown(&found))
}

fn shown(found: &[Diagnostic]) -> Vec<String> {
    found.iter().map(|it| it.to_string().replacen(&format!("{FILE}:"), "", 1)).collect()
}

/// Runs a case that has definitions of its own.
pub fn faults(case: &Case) -> Faults {
    let Some(text) = &case.definitions else { return Faults::new() };
    let found = match (parse(text), &case.previous) {
        (Err(found), _) => found,
        (Ok(new), Some(previous)) => {
            let previous = parse(previous).unwrap_or_else(|why| panic!("{}: {why:?}", case.name));
            shown(&definitions::incompatibilities(&previous, &new))
        }
        (Ok(_), None) => Vec::new(),
    };
    let mut faults = Faults::new();
    let same = found.len() == case.diagnostics.len()
        && found.iter().zip(&case.diagnostics).all(|(found, expected)| found.starts_with(expected));
    if !same {
        faults.push(format!("expected {:#?}\n    found {found:#?}", case.diagnostics));
    }
    for (service, expected) in &case.fingerprints {
        let definitions = parse(text).unwrap_or_default();
        let found = definitions.services.get(service).map(|service| hex(&fingerprint(service, None)));
        if found.as_ref() != Some(expected) {
            faults.push(format!("fingerprint of {service}: expected {expected}\n    found {found:?}"));
        }
    }
    faults
}
