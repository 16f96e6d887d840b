//! Which definitions can follow which while rows are stored.

use super::super::incompatibilities;
use super::{definitions, shown};

const BEFORE: &str = "
entities: {e: {keys: {a: int64}}, f: {keys: {a: int64}}}
sources: {s: {event_time: t, event_id: none, columns: {t: timestamp, a: int64}}}
views:
  v: {entity: e, features: {x: int64, y: string}}
  w: {entity: e, source: s, aggregations: {n: {function: count, windows: [1d]}}}
";

fn after(edits: &[(&str, &str)]) -> Vec<String> {
    let text = edits.iter().fold(BEFORE.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1)
    });
    shown(&incompatibilities(&definitions(BEFORE), &definitions(&text)))
}

#[test]
fn what_keeps_rows_readable() {
    for edits in [
        &[][..],
        &[("y: string", "y: string, z: bool")],
        &[(", y: string", "")],
        &[("  v: {", "  u: {entity: e, features: {x: bool}}\n  v: {")],
        &[("  v: {entity: e, features: {x: int64, y: string}}\n", "")],
        &[("x: int64", "x: {dtype: int64, ttl: 1d, default: 7, description: d}")],
        &[("v: {", "v: {version: 2, "), ("x: int64", "x: float64")],
        &[("v: {", "v: {layout: json, ")],
    ] {
        assert_eq!(after(edits), [""; 0], "{edits:?}");
    }
}

#[test]
fn what_does_not() {
    let raise = |view: &str| format!("raise the `version` of the view `{view}` to 2: it then begins without rows");
    for (edits, expected) in [
        (
            &[("x: int64", "x: float64")][..],
            vec![format!("5:29: the feature `v.x` is stored as int64, and is now float64; {}", raise("v"))],
        ),
        (
            &[("x: int64, y: string", "y: bytes, x: int32")],
            vec![
                format!("5:29: the feature `v.y` is stored as string, and is now bytes; {}", raise("v")),
                format!("5:39: the feature `v.x` is stored as int64, and is now int32; {}", raise("v")),
            ],
        ),
        (
            &[("v: {entity: e", "v: {entity: f")],
            vec![format!(
                "5:3: the view `v` has rows stored by `e` (a: int64), and its keys are now `f` (a: int64); {}",
                raise("v")
            )],
        ),
        (
            &[
                ("e: {keys: {a: int64}}", "e: {keys: {a: int64, b: bool}}"),
                ("t: timestamp, a", "b: bool, t: timestamp, a"),
            ],
            vec![
                format!(
                    "5:3: the view `v` has rows stored by `e` (a: int64), and its keys are now `e` (a: int64, b: bool); {}",
                    raise("v")
                ),
                format!(
                    "6:3: the view `w` has rows stored by `e` (a: int64), and its keys are now `e` (a: int64, b: bool); {}",
                    raise("w")
                ),
            ],
        ),
        (
            &[("source: s, aggregations: {n: {function: count, windows: [1d]}}", "features: {n: int64}")],
            vec![format!("6:3: the view `w` has states of windows stored, and is now a row view; {}", raise("w"))],
        ),
    ] {
        assert_eq!(after(edits), expected, "{edits:?}");
    }
}
