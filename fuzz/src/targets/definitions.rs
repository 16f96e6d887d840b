//! Definitions in YAML: all that is wrong is told, and what is right can be served.

use std::path::PathBuf;

use unskew_engine::definitions;

pub(super) fn run(text: &[u8]) {
    let Ok(text) = str::from_utf8(text) else { return };
    match definitions::parse(&[(PathBuf::from("d.yaml"), text.to_owned())]) {
        Ok(definitions) => drop(format!("{definitions:?}")),
        Err(found) => {
            assert!(!found.is_empty(), "refused without a reason");
            drop(found.iter().map(ToString::to_string).collect::<String>());
        }
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let texts = [
        include_str!("../../definitions.yaml"),
        include_str!("../../../examples/fraud/definitions/fraud.yaml"),
        include_str!("../../../tests/every_transform/every.yaml"),
    ];
    texts.map(|text| text.as_bytes().to_vec()).to_vec()
}
