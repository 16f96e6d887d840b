//! Everything that can be wrong outside of steps.

use super::{TAIL, check, errors};

#[test]
fn keys_of_the_file_and_forms_of_values() {
    check(
        &[
            ("entitys: {}", &["1:1: unknown key `entitys` in the file; did you mean `entities`?"]),
            (
                "stuff: {}",
                &[
                    "1:1: unknown key `stuff` in the file; the keys of a file of definitions are `entities`, `sources`, `views`, `services`",
                ],
            ),
            ("- a", &["1:1: the file must be a mapping that describes a file of definitions, not a list"]),
            ("views: [a]", &["1:8: `views` must be a mapping from the name of each view to what it is, not a list"]),
            (
                "entities: {a-b: {keys: {k: int64}}}",
                &[
                    "1:12: `a-b` can't be the name of a entity; names have letters, digits and `_`, and don't begin with a digit",
                ],
            ),
            (
                "entities:\n  e: {keys: {k: int46}, description: 7, tags: [a, 1]}",
                &[
                    "2:17: `int46` is no type; types are bool, int32, int64, float32, float64, string, bytes, timestamp, list<…> of each, and vector<n> with n from 1 to 65536; did you mean `int64`?",
                    "2:38: `description` must be text, not the number 7; quote what is text",
                    "2:51: an item of `tags` must be text, not the number 1; quote what is text",
                ],
            ),
            ("entities: {e: {keys: {}}}", &["1:22: `keys` must name at least one column"]),
            (
                "entities: {e: {}}",
                &[
                    "1:12: the entity `e` lacks `keys`; `keys` is the key columns with their types, in the order of the stored key",
                ],
            ),
            (
                "entities: {e: 7}",
                &["1:15: the entity `e` must be a mapping that describes an entity, not the number 7"],
            ),
        ],
        "",
    );
}

#[test]
fn a_name_defined_twice_tells_both_places() {
    let text = |name: &str| format!("entities:\n  {name}: {{keys: {{k: int64}}}}\n");
    let files =
        [("a.yaml".into(), text("e")), ("b.yaml".into(), format!("\n{}", text("e"))), ("c.yaml".into(), text("f"))];
    let errors = super::parse(&files).unwrap_err();
    assert_eq!(
        super::shown(&errors),
        ["b.yaml:3:3: the entity `e` is defined twice; it is at a.yaml:2:3 already: rename or remove one"]
    );
}

#[test]
fn an_unread_file_does_not_blame_the_others() {
    let files = [
        ("a.yaml".into(), "entities: [".to_owned()),
        ("b.yaml".into(), "views: {v: {entity: e, features: {f: int64}, tll: 1d}}".to_owned()),
    ];
    let errors = super::shown(&super::parse(&files).unwrap_err());
    assert_eq!(errors.len(), 2, "{errors:?}");
    assert!(errors[0].starts_with("a.yaml:"), "{errors:?}");
    assert_eq!(errors[1], "b.yaml:1:46: unknown key `tll` in the view `v`; did you mean `ttl`?");
}

#[test]
fn entities_and_sources() {
    check(
        &[
            (
                "entities: {e: {keys: {a: float64, b: timestamp, c: list<bool>, d: int32, event_time: string, __x: bytes}}}",
                &[
                    "1:26: `a` can't be a key: it is a float64; keys are int32, int64, string, bytes or bool",
                    "1:38: `b` can't be a key: it is a timestamp; keys are int32, int64, string, bytes or bool",
                    "1:52: `c` can't be a key: it is a list<bool>; keys are int32, int64, string, bytes or bool",
                    "1:74: `event_time` can't be the name of a key: rows have a member of that name",
                    "1:94: `__x` can't be the name of a key: rows have a member of that name",
                ],
            ),
            (
                "
sources:
  s:
    event_time: tme
    event_id: amount
    version: time
    created: id
    known_at: nothing
    columns: {time: timestamp, id: int64, amount: float64}
",
                &[
                    "3:17: `event_time` names `tme`, which is not in `columns`; did you mean `time`?",
                    "4:15: `event_id` must be a column of int64 or string, and `amount` is float64",
                    "5:14: `version` must be a column of int64, and `time` is timestamp",
                    "6:14: `created` must be a column of timestamp, and `id` is int64",
                    "7:15: `known_at` names `nothing`, which is not in `columns`",
                ],
            ),
            (
                "sources: {s: {event_time: a, columns: {a: timestamp}, schedule: dayly}}",
                &[
                    "1:65: `schedule` must be a schedule: minute, hour, day of the month, month and day of the week, such as `30 2 * * *`, or one of `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly`, not the text `dayly`; did you mean `@daily`?",
                ],
            ),
            (
                "sources: {s: {kafka: {topics: t}, columns: {a: int64}}}",
                &[
                    "1:11: the source `s` lacks `event_time`; `event_time` is the timestamp column that says when a row or an event happened",
                    "1:15: `kafka` lacks `topic`; `topic` is the name of the topic",
                    "1:23: unknown key `topics` in `kafka`; did you mean `topic`?",
                ],
            ),
        ],
        "",
    );
}

#[test]
fn row_views() {
    check(
        &[
            (
                "views: {v: {entity: custmer, source: txs, features: {amount: float64}}}",
                &[
                    "1:21: there is no entity `custmer`; did you mean `customer`?",
                    "1:38: there is no source `txs`; did you mean `tx`?",
                ],
            ),
            (
                "views: {v: {entity: customer}}",
                &[
                    "1:9: the view `v` has neither `features` nor `aggregations`; a row view has `features`, a window view has `aggregations`",
                ],
            ),
            (
                "views: {v: {entity: customer, features: {f: int64}, aggregations: {}}}",
                &[
                    "1:9: the view `v` has both `features` and `aggregations`; a row view has `features`, a window view has `aggregations`",
                ],
            ),
            (
                "views: {default: {entity: customer, features: {f: int64}}}",
                &["1:9: a view can't be named `default`; that is the built-in view, which needs no definition"],
            ),
            (
                "views: {v: {entity: customer, offset: 1d, ttl: 1 day, layout: jsn, version: 0, features: {f: int64}}}",
                &[
                    "1:31: unknown key `offset` in the view `v`; `offset` is a key of window views, which have `aggregations` instead of `features`",
                    "1:48: `ttl` must be a length of time such as `30d`, at most `36525d`, or `none`, not the text `1 day`",
                    "1:63: `layout` must be one of `packed`, `json`, not the text `jsn`; did you mean `json`?",
                    "1:77: `version` must be a whole number from 1 to 4294967295, not the number 0",
                ],
            ),
            (
                "
views:
  v:
    entity: customer
    source: tx
    features:
      amout: float64
      n: float32
      amount: int64
      kind: {dtype: string, column: knd}
      event_time: timestamp
      entity_id: int64
      __f: int64
      customer_id: int64
",
                &[
                    "6:7: the source `tx` has no column `amout`; did you mean `amount`?",
                    "7:10: the column `n` is int32, whose values don't all fit float32; make the feature int32",
                    "8:15: the column `amount` is float64, whose values don't all fit int64; make the feature float64",
                    "9:37: the source `tx` has no column `knd`; did you mean `kind`?",
                    "10:7: `event_time` can't be the name of a feature: rows have a member of that name",
                    "10:7: the source `tx` has no column `event_time`",
                    "11:7: `entity_id` can't be the name of a feature: rows have a member of that name",
                    "11:7: the source `tx` has no column `entity_id`",
                    "12:7: `__f` can't be the name of a feature: names that begin with `__` are reserved",
                    "12:7: the source `tx` has no column `__f`",
                    "13:7: `customer_id` can't be the name of a feature: it is a key of the entity `customer`",
                ],
            ),
            (
                "views: {v: {entity: customer, features: {f: {dtype: int64, column: c}}}}",
                &["1:68: `column` names a column of the view's source, and the view has none"],
            ),
        ],
        TAIL,
    );
    check(
        &[(
            "
entities: {e: {keys: {a: int64, b: string}}}
sources: {s: {event_time: t, columns: {t: timestamp, a: string}}}
views: {v: {entity: e, source: s, features: {t: timestamp}}}
",
            &[
                "3:32: `a` is string in the source `s` and int64 as a key; the entity `e` and the source must agree",
                "3:32: the source `s` has no column `b`; it is a key of the entity `e`",
            ],
        )],
        "",
    );
}

#[test]
fn defaults_fit_their_type() {
    let one = |dtype: &str, default: &str| {
        errors(&format!(
            "entities: {{e: {{keys: {{k: int64}}}}}}\nviews:\n  v:\n    entity: e\n    features: {{f: {{dtype: {dtype}, default: {default}}}}}"
        ))
    };
    for (dtype, default, right) in [
        ("bool", "1", "`true` or `false` (bool), not the number 1"),
        ("int32", "2147483648", "a whole number from -2147483648 to 2147483647 (int32), not the number 2147483648"),
        ("int64", "1.0", "a whole number from -9223372036854775808 to 9223372036854775807 (int64), not the number 1.0"),
        (
            "int64",
            "9223372036854775808",
            "a whole number from -9223372036854775808 to 9223372036854775807 (int64), not the number 9.223372036854776e18",
        ),
        ("float32", "1e39", "a finite number within ±3.4028235e38 (float32), not the number 1e39"),
        ("float64", ".nan", "a finite number (float64), not the number NaN"),
        ("float64", "x", "a finite number (float64), not the text `x`"),
        ("string", "7", "text, in quotes if it looks like something else (string), not the number 7"),
        ("bytes", "'!'", "base64 (bytes), not the text `!`"),
        (
            "timestamp",
            "2026-01-31",
            "RFC 3339 with `Z` or an offset, such as `2026-01-31T12:00:00Z` (timestamp), not the text `2026-01-31`",
        ),
        (
            "timestamp",
            "'2026-01-31T12:00:00'",
            "RFC 3339 with `Z` or an offset, such as `2026-01-31T12:00:00Z` (timestamp), not the text `2026-01-31T12:00:00`",
        ),
        ("list<int32>", "7", "a list of int32, not the number 7"),
        ("list<int32>", "[x]", "a whole number from -2147483648 to 2147483647 (int32), not a list"),
        ("vector<2>", "[1, 2, 3]", "a list of 2 numbers, not a list"),
    ] {
        let errors = one(dtype, default);
        assert_eq!(errors.len(), 1, "{dtype} {default}: {errors:?}");
        assert!(errors[0].ends_with(&format!(": `default` must be {right}")), "{dtype} {default}: {errors:?}");
    }
    for (dtype, default) in [
        ("bool", "true"),
        ("int32", "-2147483648"),
        ("int64", "9223372036854775807"),
        ("float32", "1"),
        ("float64", "1e308"),
        ("string", "'7'"),
        ("bytes", "aGk="),
        ("timestamp", "2026-01-31T12:00:00.5+02:00"),
        ("list<string>", "[a, null]"),
        ("vector<2>", "[1, 0.5]"),
    ] {
        assert_eq!(one(dtype, default), [""; 0], "{dtype} {default}");
    }
}

#[test]
fn window_views() {
    check(
        &[
            (
                "views: {v: {entity: customer, ttl: 1d, aggregations: {a: {function: count, windows: [1d]}}}}",
                &[
                    "1:9: the view `v` lacks `source`; `source` is the source of its events",
                    "1:31: unknown key `ttl` in the view `v`; a window view has no `ttl`: its windows expire by themselves",
                ],
            ),
            (
                "
views:
  v:
    entity: customer
    source: tx
    offset: 7d
    include_request: true
    aggregations:
      a: {function: summ, column: amount, windows: [1d]}
      b: {function: sum, windows: [1d]}
      c: {function: sum, column: kind, windows: [1d]}
      d: {function: time_since_last, column: at, windows: [1d]}
      e: {function: max, column: tags, windows: [1d, 7x]}
      f: {function: min, column: amout, windows: [1d, 1d]}
      g: {function: approx_quantile, column: amount, windows: [lifetime]}
      h: {function: approx_quantile, column: amount, q: 1.5, windows: [1d]}
      i: {function: ratio, column: amount, denominator: kind, windows: [1d]}
      j: {function: count, k: 3, windows: []}
      __k: {function: count, windows: [1d], window: 1d}
      l: {function: mean, column: amount, windows: [1d], empty: x}
      m: {function: top_k, k: 2, column: n, windows: [1d], empty: 7}
",
                &[
                    "5:13: `offset` and `include_request` exclude each other; a window that ends before the request can't hold it",
                    "8:21: `function` must be one of `count`, `count_distinct`, `approx_count_distinct`, `sum`, `mean`, `min`, `max`, `variance`, `stddev`, `skew`, `kurtosis`, `first`, `last`, `first_n`, `last_n`, `approx_quantile`, `mode`, `top_k`, `ratio`, `rate`, `time_since_last`, not the text `summ`; did you mean `sum`?",
                    "9:7: `sum` needs a `column`; `sum` is the exact sum, rounded once",
                    "10:34: `sum` takes a column of numbers, and `kind` is string",
                    "11:46: `time_since_last` takes no `column`: it is seconds since the newest event",
                    "12:34: `max` takes a column of numbers, text, timestamps or bool, and `tags` is list<string>",
                    "12:54: an item of `windows` must be a length of time such as `7d`, at most `36525d`, or `lifetime`, not the text `7x`",
                    "13:34: the source `tx` has no column `amout`; did you mean `amount`?",
                    "13:55: the window `1d` is listed twice",
                    "14:7: `approx_quantile` needs `q`",
                    "14:64: a `lifetime` window needs a `resolution`; set the view's `resolution`, such as `1d`",
                    "15:57: `q` must be a number from 0 to 1, not the number 1.5",
                    "16:57: `ratio` takes a column of numbers, and `kind` is string",
                    "17:31: `count` takes no `k`",
                    "17:43: `windows` must not be empty",
                    "18:7: `__k` can't be the name of an aggregation: names that begin with `__` are reserved",
                    "18:45: unknown key `window` in the aggregation `__k`; the key is `windows`, a list",
                    "19:65: `empty` must be a finite number (float64), not the text `x`",
                    "20:67: `empty` must be a list of int32, not the number 7",
                ],
            ),
            (
                "views: {v: {entity: customer, source: tx, resolution: 1h, aggregations: {a: {function: rate, windows: [lifetime]}}}}",
                &["1:104: `rate` divides by the length of its window, and `lifetime` has none"],
            ),
        ],
        TAIL,
    );
    check(
        &[(
            "
entities: {e: {keys: {a: int64}}}
sources: {s: {event_time: t, columns: {t: timestamp, a: int64}}}
views: {v: {entity: e, source: s, aggregations: {n: {function: count, windows: [1d]}}}}
",
            &[
                "3:32: the source `s` of a window view must declare `event_id`; name the column that tells two events apart, or `none` if repeats count",
            ],
        )],
        "",
    );
}

#[test]
fn conditions_are_checked_where_they_stand() {
    let text = format!(
        "views:\n  v:\n    entity: customer\n    source: tx\n    aggregations:\n      a: {{function: count, windows: [1d], where: \"amount > 0 and amout < 5\"}}\n      b: {{function: count, windows: [1d], where: amount + 1}}{TAIL}"
    );
    let errors = errors(&text);
    assert_eq!(errors.len(), 2, "{errors:?}");
    assert!(errors[0].starts_with("6:66: there is no input `amout`"), "{errors:?}");
    assert_eq!(
        errors[1],
        "7:50: `where` must be a condition, and this gives float64; compare with something: `amount > 0`"
    );
}

#[test]
fn services() {
    let tail = format!(
        "
views:
  profile: {{entity: customer, source: tx, features: {{kind: string, amount: float64, tags: list<string>}}}}
  broken: {{entity: nobody, features: {{f: int64}}}}
  windows:
    entity: customer
    source: tx
    include_request: true
    aggregations:
      nb: {{function: count, windows: [1d], where: fraud}}
      mean: {{function: mean, column: amount, windows: [1d]}}
      terminals: {{function: count_distinct, column: terminal_id, windows: [1d]}}{TAIL}"
    );
    let cases: &[(&str, &[&str])] = &[
        (
            "services: {s: {request: {a: int64}}}",
            &["1:12: the service `s` lacks `vector`; `vector` is the slots of the vector, in order"],
        ),
        ("services: {s: {request: {a: int64}, vector: []}}", &["1:45: `vector` must not be empty"]),
        (
            "
services:
  s:
    time: at
    request: {a: int64, at: string}
    vector:
      - {input: a, expr: a}
      - {name: x}
      - {input: amount}
      - {input: profle.amount}
      - {input: profile.amuont}
      - {input: a.b.c}
      - {input: a}
      - {input: a}
      - {input: broken.g}
      - {expr: broken.g + 1}
",
            &[
                "3:11: `time` must be a timestamp column, and `at` is string",
                "6:26: the slot has both `input` and `expr`; an `expr` names its inputs itself",
                "7:9: the slot has neither `input` nor `expr`; `input` is a request column or `view.feature`, `expr` is SQL over them",
                "8:17: `amount` is no request column of the service, and a feature is written `view.feature`; did you mean `profile.amount`?",
                "9:17: there is no view `profle`; did you mean `profile.amount`?",
                "10:17: the view `profile` has no feature `amuont`; did you mean `profile.amount`?",
                "11:17: `input` must be the name of an input, a request column or `view.feature`, not the text `a.b.c`",
                "13:9: there are two slots named `a`; the other one is at line 12; give one of them a `name`",
            ],
        ),
        (
            "services: {s: {time: att, vector: [{input: windows.nb_1d}, {input: windows.mean_1d}]}}",
            &[
                "1:12: `request` lacks `amount`, which `windows` reads of the request; `windows` includes the request: add `amount: float64`",
                "1:12: `request` lacks `fraud`, which `windows` reads of the request; `windows` includes the request: add `fraud: bool`",
                "1:22: `time` names `att`, which is no request column; add it to `request`: `att: timestamp`",
            ],
        ),
        (
            "services: {s: {request: {fraud: int64, customer_id: string}, vector: [{input: windows.nb_1d}]}}",
            &[
                "1:12: the service reads `windows`, which includes the request, and has no `time`; name the request column that is the time of the request",
                "1:25: the request column `fraud` is int64, and bool in the source `tx`; `windows` includes the request: add `fraud: bool`",
                "1:53: `customer_id` is string here and int64 as a key of the entity `customer`; make it int64, or give it another name",
            ],
        ),
    ];
    for (text, expected) in cases {
        let text = format!("{}{tail}", text.strip_prefix('\n').unwrap_or(text));
        let found: Vec<String> = errors(&text).into_iter().filter(|error| !error.contains("`nobody`")).collect();
        assert_eq!(found, *expected, "{text}");
    }
}

#[test]
fn keys_of_one_name_have_one_type() {
    check(
        &[(
            "
entities: {a: {keys: {id: int64}}, b: {keys: {id: string}}}
views:
  v: {entity: a, features: {f: int64}}
  w: {entity: b, features: {f: int64}}
services:
  one: {vector: [{input: v.f}]}
  both: {vector: [{input: v.f}, {input: w.f}]}
",
            &[
                "7:3: the key `id` is int64 in the entity `a` and string in the entity `b`; a service reads entities whose keys of one name have one type",
            ],
        )],
        "",
    );
}

#[test]
fn quality_rules() {
    let rules = "
sources:
  s:
    event_time: at
    columns: {at: timestamp, n: int32, kind: string, xs: list<int64>}
    quality:
      ";
    let cases: &[(&str, &[&str])] = &[
        ("r: {column: m, min: 1}", &["6:19: `column` names `m`, which is not in `columns`"]),
        (
            "r: {not_null: true}",
            &[
                "6:7: the quality rule `r` lacks `column`; name the column that it looks at; only `freshness` looks at the event time",
            ],
        ),
        (
            "r: {column: n, not_null: false}",
            &[
                "6:7: the quality rule `r` checks nothing; give `not_null`, `min`, `max`, `one_of`, `unique` or `freshness`",
            ],
        ),
        ("r: {column: n, min: 2, max: 1}", &["6:35: `max` is below `min`, so that no value would be right"]),
        ("r: {column: kind, min: a}", &["6:30: `min` needs a column of numbers or times, and `kind` is string"]),
        (
            "r: {column: n, min: a, one_of: [1, x]}",
            &[
                "6:27: `min` must be a whole number from -2147483648 to 2147483647 (int32), not the text `a`",
                "6:42: an item of `one_of` must be a whole number from -2147483648 to 2147483647 (int32), not the text `x`",
            ],
        ),
        (
            "r: {column: xs, unique: true}",
            &["6:10: `one_of` and `unique` need a column of single values, and `xs` is list<int64>"],
        ),
        ("r: {freshness: 1d, column: at}", &["6:26: `freshness` stands alone, without `column`; make two rules of it"]),
        (
            "r: {freshness: 1d, on_failure: quarantine}",
            &[
                "6:7: `freshness` is about all rows together, and can't quarantine some; `on_failure` is `fail` or `warn` there",
            ],
        ),
        (
            "r: {column: n, min: 1, range: [1, 2], on_failure: worn}",
            &[
                "6:30: unknown key `range` in the quality rule `r`; give `min` and `max`",
                "6:57: `on_failure` must be one of `fail`, `quarantine`, `warn`, not the text `worn`; did you mean `warn`?",
            ],
        ),
    ];
    let found: Vec<_> = cases.iter().map(|(text, _)| (*text, errors(&format!("{}{text}", &rules[1..])))).collect();
    let expected: Vec<_> = cases
        .iter()
        .map(|(text, expected)| (*text, expected.iter().map(|&error| error.to_owned()).collect()))
        .collect();
    assert_eq!(found, expected);
}
