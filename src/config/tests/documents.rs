use std::path::Path;

use super::given;
use crate::config::document;
use crate::config::known::Known;

const REGENERATE: &str = "cargo run --release -- check-config --document > docs/configuration.md";

#[test]
fn the_committed_document_is_the_generated_one() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/configuration.md");
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    let generated = document().unwrap();
    let difference = generated.lines().zip(committed.lines()).find(|(generated, committed)| generated != committed);
    assert!(
        generated == committed,
        "docs/configuration.md is out of date, first at {difference:?}; regenerate it: {REGENERATE}"
    );
    assert!(generated.contains(REGENERATE));
}

#[test]
fn every_key_is_documented() {
    let document = document().unwrap();
    for key in Known::read().unwrap().keys {
        assert!(
            !key.comment.is_empty() && key.comment.ends_with('.'),
            "{} has no comment of its own: {:?}",
            key.path,
            key.comment
        );
        let row = document
            .lines()
            .find(|line| {
                line.starts_with("| `")
                    && line.contains(&format!("`{}{}` |", key.variable(), if key.is_secret() { "[_FILE]" } else { "" }))
            })
            .unwrap();
        let cells: Vec<&str> = row.split(" | ").collect();
        assert_eq!(cells.len(), 5, "{row}");
        assert!(cells.iter().all(|cell| !cell.trim().is_empty()), "{row}");
    }
}

#[test]
fn no_two_keys_share_a_variable() {
    let mut variables: Vec<_> =
        Known::read().unwrap().keys.iter().flat_map(|key| key.variables()).map(|(name, _)| name).collect();
    let count = variables.len();
    variables.sort();
    variables.dedup();
    assert_eq!(variables.len(), count);
}

#[test]
fn the_print_is_a_configuration_file_that_means_the_same() {
    let original = given()
        .file("[store]\nurl = 'embedded:/var/lib/\"unskew\"\\x'\n[limits]\nmax_entity_ids = 7")
        .variable("APP__TELEMETRY__LOG_LEVEL", "debug")
        .config();
    let again = given().file(original.print()).config();
    assert_eq!((again.server, again.limits), (original.server.clone(), original.limits.clone()));
    assert_eq!((again.store, again.telemetry), (original.store.clone(), original.telemetry.clone()));
    let print = original.print();
    assert!(print.starts_with("[server]\naddress = \"127.0.0.1:50051\"  # default\n"), "{print}");
    assert!(print.contains("/unskew.toml:4\n"), "{print}");
    assert!(print.contains("log_level = \"debug\"  # environment: APP__TELEMETRY__LOG_LEVEL\n"), "{print}");
}
