//! No text may panic, and every fault has its place.

use proptest::prelude::*;

use super::super::{fitted::FittedFile, parse};
use super::{FRAUD, file};

/// Pieces of the format, and of YAML that is hard to read.
fn piece() -> impl Strategy<Value = String> {
    let words = [
        "entities",
        "sources",
        "views",
        "services",
        "keys",
        "columns",
        "features",
        "aggregations",
        "vector",
        "input",
        "expr",
        "steps",
        "request",
        "time",
        "windows",
        "where",
        "function",
        "count",
        "mean",
        "log",
        "clip",
        "one_hot",
        "customer",
        "int64",
        "list<",
        "vector<3>",
        "timestamp",
        "none",
        "30d",
        ": ",
        ":\n  ",
        "- ",
        "\n",
        "\n    ",
        "{",
        "}",
        "[",
        "]",
        ", ",
        "'",
        "\"",
        "\\",
        "|",
        ">-\n",
        "#",
        "&a ",
        "*a",
        "!!str ",
        "<<: ",
        "? ",
        "---\n",
        "...\n",
        "%TAG ! a\n",
        "\t",
        "\r",
        "\u{feff}",
        "ü",
        "\u{85}",
        "1e999",
        "0x",
        "~",
    ];
    prop_oneof![4 => prop::sample::select(words.to_vec()).prop_map(str::to_owned), 1 => any::<String>()]
}

fn is_fine(text: &str) {
    if let Err(errors) = parse(&file(text)) {
        assert!(!errors.is_empty());
        assert!(errors.iter().all(|error| error.span.is_some()));
        let _ = crate::diagnostics::render(&errors, &file(text));
    }
}

proptest! {
    #[test]
    fn any_text(text in any::<String>()) {
        is_fine(&text);
        let _ = FittedFile::read(&text);
    }

    #[test]
    fn pieces_of_the_format(pieces in prop::collection::vec(piece(), 0..40)) {
        is_fine(&pieces.concat());
    }

    #[test]
    fn the_example_with_a_change(at in 0..FRAUD.len(), length in 0..20_usize, with in piece()) {
        let end = (at + length).min(FRAUD.len());
        is_fine(&format!("{}{with}{}", &FRAUD[..at], &FRAUD[end..]));
    }
}
