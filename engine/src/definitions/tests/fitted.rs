//! Fitted files: written, read back, and every fault told.

use std::path::PathBuf;

use serde_json::{Value as Json, json};

use super::super::fitted::{FittedFile, name, parse_fitted};
use super::super::{Service, fingerprint, hex};
use super::{definitions, service, shown};
use crate::diagnostics::Diagnostics;
use crate::fit::{FittedService, FittedSlot};

const TEXT: &str = "
services:
  s:
    request: {a: float64, b: string}
    vector:
      - {input: a, steps: [{clip: {max: 9}}, log]}
      - {input: b, steps: [one_hot]}
";

fn fitted() -> FittedService {
    let slot = |name: &str, min, max, steps| FittedSlot {
        name: name.to_owned(),
        count: 10,
        nulls: 1,
        errors: 0,
        min,
        max,
        steps,
    };
    FittedService {
        rows: 10,
        interval: Some((1_522_540_800_000_000, 1_522_540_801_500_000)),
        slots: vec![
            slot("a", json!(0.1), json!(1e300), vec![Json::Null, json!({"mean": 1.0, "n": 3})]),
            slot("b", Json::Null, Json::Null, vec![json!({"tokens": ["x", "ü"]})]),
        ],
    }
}

fn written(service: &Service) -> String {
    FittedFile::new(service, fitted()).write().unwrap()
}

#[test]
fn they_read_back() {
    let service = service(TEXT, "s");
    let text = written(&service);
    let read = FittedFile::read(&text).unwrap();
    assert_eq!(read, FittedFile::new(&service, fitted()));
    assert_eq!(read.check(&service), Ok(()));
    assert_eq!(read.write().unwrap(), text);
    assert!(text.contains("\"from\": \"2018-04-01T00:00:00Z\""), "{text}");
    assert_eq!(read.parameters(), json!([[null, {"mean": 1.0, "n": 3}], [{"tokens": ["x", "ü"]}]]));
    assert_eq!(read.fingerprint(&service), fingerprint(&service, Some(&read.parameters())));
    assert_ne!(read.fingerprint(&service), fingerprint(&service, None));
    let mut without = fitted();
    without.interval = None;
    let file = FittedFile::new(&service, without);
    assert_eq!(FittedFile::read(&file.write().unwrap()), Ok(file));
}

#[test]
fn faults_of_files() {
    let service = service(TEXT, "s");
    let text = written(&service);
    let fault = |text: &str| FittedFile::read(text).unwrap_err();
    assert!(fault("nothing").starts_with("this is no JSON: "));
    for none in ["7", "{}", "{\"format\": \"1\"}", "{\"format\": 0}"] {
        assert_eq!(fault(none), "this is no fitted file: it has no `format: 1`");
    }
    assert_eq!(
        fault(&text.replace("\"format\": 1", "\"format\": 2")),
        "format 2 is of a newer version of unskew; this one reads format 1"
    );
    let changed = "the contents do not belong to the `digest`: the file was changed after it was written; fit again";
    for (from, to) in [
        ("1.0", "1.5"),
        ("\"count\": 10", "\"count\": 11"),
        ("ü", "u"),
        ("00:00Z", "00:01Z"),
        ("\"digest\"", "\"other\""),
    ] {
        assert!(text.contains(from));
        assert_eq!(fault(&text.replacen(from, to, 1)), changed, "{from}");
    }
    // With a digest that fits, and members that do not.
    let mut json: Json = serde_json::from_str(&text).unwrap();
    json["rows"] = json!(-1);
    json["digest"] = super::super::fitted::digest(&json).into();
    assert!(
        fault(&json.to_string()).starts_with("the fitted file is not as it should be: invalid value: integer `-1`")
    );
    let other = json!({"format": 1});
    let other = json!({"format": 1, "digest": super::super::fitted::digest(&other)});
    assert_eq!(fault(&other.to_string()), "the fitted file is not as it should be: missing field `service`");
}

#[test]
fn a_file_serves_the_definition_that_it_was_fitted_on() {
    let service_of = |text: &str| service(text, "s");
    let file = FittedFile::new(&service_of(TEXT), fitted());
    for (from, to, change) in [
        ("input: a", "name: c, input: a", "the slot `a` is gone, the slot `c` is new"),
        ("      - {input: b", "      - {name: c, input: a}\n      - {input: b", "the slot `c` is new"),
        ("      - {input: b, steps: [one_hot]}\n", "", "the slot `b` is gone"),
        ("[one_hot]", "[vocabulary, log]", "the slot `b` had 1 steps and has 2"),
        (
            "max: 9",
            "max: 8",
            "the slots have the same names, so a step, an expression, a view, a source or a type changed",
        ),
    ] {
        let error = file.check(&service_of(&TEXT.replacen(from, to, 1))).unwrap_err();
        assert_eq!(error, format!("it was fitted on another definition of `s`: {change}; fit again"));
    }
    let mut older = file;
    older.semantics = 0;
    assert_eq!(
        older.check(&service_of(TEXT)).unwrap_err(),
        "it was fitted under semantics 0 of the engine, and this engine has 1; fit again"
    );
}

#[test]
fn names_of_files() {
    for (file, parts) in [
        ("s.fitted.json", Some(("s", ""))),
        ("s.v2.fitted.json", Some(("s", "v2"))),
        ("s.2026-01.fitted.json", Some(("s", "2026-01"))),
        ("s.json", None),
        (".fitted.json", None),
        ("s..fitted.json", None),
        ("s.a.b.fitted.json", None),
        ("a b.fitted.json", None),
    ] {
        assert_eq!(name(file), parts, "{file}");
    }
}

#[test]
fn the_good_ones_are_kept() {
    let all = definitions(TEXT);
    let good = written(&all.services["s"]);
    let stale = written(&service(&TEXT.replace("max: 9", "max: 8"), "s"));
    let files: Vec<(PathBuf, String)> = [
        ("d/s.fitted.json", &good),
        ("d/s.v1.fitted.json", &stale),
        ("d/s.v2.fitted.json", &good),
        ("d/sub/s.v2.fitted.json", &good),
        ("d/t.fitted.json", &good),
        ("d/s.a.b.fitted.json", &good),
    ]
    .map(|(path, text)| (path.into(), text.clone()))
    .into();
    let mut out = Diagnostics::default();
    let found = parse_fitted(&files, &all, &mut out);
    assert_eq!(found.keys().map(|(_, name)| name.as_str()).collect::<Vec<_>>(), ["", "v2"]);
    assert_eq!(hex(&found.values().next().unwrap().fingerprint(&all.services["s"])).len(), 64);
    assert_eq!(
        shown(&out.into_sorted()),
        [
            "d/s.a.b.fitted.json:1:1: `s.a.b.fitted.json` is not the name of a fitted file; fitted files are named `<service>.fitted.json` or `<service>.<name>.fitted.json`",
            "d/s.v1.fitted.json:1:1: it was fitted on another definition of `s`: the slots have the same names, so a step, an expression, a view, a source or a type changed; fit again",
            "d/sub/s.v2.fitted.json:1:1: the service `s` has two fitted files of this name; the other one is `d/s.v2.fitted.json`",
            "d/t.fitted.json:1:1: there is no service `t`",
        ]
    );
}
