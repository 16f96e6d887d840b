//! What is wrong with expressions, where, and what would be right.

use super::parse;

/// All that is wrong, as `offset: message; help`.
fn errors(text: &str) -> Vec<String> {
    let errors = parse(text).map(|expression| expression.canonical()).expect_err(text);
    let shown = |error: super::ExprError| match error.help {
        Some(help) => format!("{}: {}; {help}", error.offset, error.message),
        None => format!("{}: {}", error.offset, error.message),
    };
    errors.into_iter().map(shown).collect()
}

#[test]
fn each_says_where_and_what_would_be_right() {
    let cases = [
        ("", "0: expected an expression, found the end"),
        ("x +", "3: expected an expression, found the end"),
        ("x y", "2: expected an operator or the end, found `y`"),
        ("'abc", "0: unterminated string literal"),
        ("1 + y", "4: there is no input `y`; did you mean `b`?"),
        (
            "customer_profile.mean_amout",
            "0: there is no input `customer_profile.mean_amout`; did you mean `customer_profile.mean_amount`?",
        ),
        ("ö + rownd(x)", "0: there is no input `ö`; did you mean `b`?"),
        ("1 + rownd(x)", "4: there is no function rownd; did you mean round?"),
        ("sum(x)", "0: there is no function sum; functions are abs, ceil, ceiling, coalesce"),
        ("ln(x, 2)", "0: ln does not take 2 arguments; write ln(x)"),
        ("round(x, n)", "9: the digits of round are a whole number from -22 to 22, written as such"),
        ("x + s", "4: `+` takes numbers, not a string; CAST(… AS float64) makes it a number"),
        ("t - t", "0: `-` takes numbers, not a timestamp; epoch(…) is the seconds of a timestamp; epoch(a) - epoch(b)"),
        (
            "t > '2026-01-31'",
            "4: `>` takes values of one type, not a timestamp and a string; a timestamp is written as timestamp",
        ),
        ("x // 2", "0: `//` takes int64s, not a float64; floor(a / b)"),
        ("x and b", "0: `and` takes a bool, not a float64; write … <> 0"),
        ("case when n then 1 end", "10: when takes a bool, not an int64; write … <> 0"),
        ("case when b then 1 else 'a' end", "24: case takes values of one type, not an int64 and a string"),
        ("numbers", "0: `numbers` is a list<int64>; expressions take single values"),
        ("embedding is null", "0: `embedding` is a vector<3>; expressions take single values"),
        ("null", "0: the expression is always null"),
        ("9223372036854775808", "0: 9223372036854775808 does not fit int64, which ends at 9223372036854775807"),
        ("1e999", "0: 1e999 does not fit float64"),
        ("1 + 9223372036854775807", "0: this always fails: the result does not fit its integer type"),
        ("cast('x' as int64) + n", "5: this always fails: a cast of a text that is no whole number"),
        ("timestamp '2026-13-01'", "10: `2026-13-01` is no timestamp"),
        ("timestamp '2026-01-01 10:00[Europe/Berlin]'", "10: `2026-01-01 10:00[Europe/Berlin]` is no timestamp"),
        ("extract(fortnight from t)", "23: `fortnight` is no part of a timestamp; parts are epoch"),
        ("date_trunc('dow', t)", "11: `dow` is no unit of date_trunc"),
        ("date_part(s, t)", "10: the part that date_part takes is a text, written as such"),
        ("cast(x as decimal(3, 1))", "5: `DECIMAL(3,1)` is no type to cast to"),
        ("cast(t as int64)", "5: there is no cast of a timestamp to an int64; epoch(…)"),
        ("a = b = b", "0: comparisons can't be chained; join comparisons by and"),
        ("s like 'a!' escape '!'", "7: the pattern of a like ends with its escape character"),
        ("s like 'a' escape 'ab'", "18: the escape of a like is one character, written as such"),
        ("s ilike 'a'", "0: what begins with `s ilike 'a'` is no part of expressions"),
        ("(select 1)", "1: `select` begins a query, which no expression can hold"),
        ("x in (select 1)", "6: `select` begins a query"),
        ("exists (values (1))", "8: `values` begins a query"),
        ("abs(x) over ()", "0: what begins with `abs(x) over ()` is no part of expressions"),
        ("coalesce(distinct x)", "0: what begins with `coalesce(distinct x)` is no part of expressions"),
        ("n & 1", "0: `&` is no operator of expressions"),
        ("n ^ 2", "0: `^` is no operator of expressions"),
        ("~n", "1: `~` is no operator of expressions"),
        ("n -> n", "0: `->` is no operator of expressions"),
        ("[x]", "1: what begins with `x]` is no part of expressions"),
        ("{'a': x}", "0: expected an expression, found `{`"),
        ("x[1]", "0: what begins with `x[1]` is no part of expressions"),
        ("date '2026-01-31'", "5: what begins with `'2026-01-31'` is no part of expressions"),
        ("t + interval '1' day", "13: what begins with `'1' day` is no part of expressions"),
        ("10L", "0: `10L` is no literal of expressions"),
        ("x'ff'", "0: `X'ff'` is no literal of expressions"),
        ("a.b.c.d", "0: there is no input `a.b.c.d`; inputs are request columns, and features as view.feature"),
        ("$1", "0: `$1` is no literal of expressions"),
        ("?", "0: `?` is no literal of expressions"),
        ("concat(s, n)", "10: concat takes a string, not an int64; CAST(… AS string)"),
        ("coalesce(x => 1)", "0: what begins with `coalesce(x => 1)` is no part of expressions"),
        ("current_date", "0: what begins with `current_date` is no part of expressions"),
        ("abs(*)", "0: what begins with `abs(*)` is no part of expressions"),
    ];
    let mut wrong = Vec::new();
    for (text, expected) in cases {
        let found = errors(text);
        if !found[0].starts_with(expected) {
            wrong.push(format!("{text}\n  gives {found:#?}\n  not   {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn all_are_found() {
    let found = errors("y1 + case when zz then n else abs(s) end + foo(q)");
    assert_eq!(found.len(), 5, "{found:#?}");
}

#[test]
fn offsets_count_bytes_over_lines() {
    let found = errors("case when s = 'ü' -- ü\n then\n y1 end");
    assert!(found[0].starts_with("32: there is no input `y1`"), "{found:?}");
}

#[test]
fn depth_and_size_are_bounded() {
    let nested = |levels: usize| format!("{}x{}", "(".repeat(levels), ")".repeat(levels));
    assert!(parse(&nested(20)).is_ok());
    assert!(errors(&nested(1_000))[0].contains("nested more than"));
    let sum = |terms: usize| vec!["x"; terms].join(" + ");
    assert!(parse(&sum(90)).is_ok());
    for terms in [200, 1_900] {
        let found = errors(&sum(terms));
        assert!(found.len() == 1 && found[0].contains("nested more than 100 levels"), "{found:?}");
    }
    // A chain of and, or, or || is one node, however long.
    assert!(parse(&vec!["b"; 1_900].join(" and ")).is_ok());
    assert!(errors(&sum(3_000))[0].contains("more than 4000 words"));
    assert!(errors(&"x".repeat(100_000))[0].contains("at most 65536"));
    // What no text of that size may do: take long, or run out of stack.
    for hostile in [
        "-".repeat(3_000) + "x",
        "- ".repeat(3_000) + "x",
        "not ".repeat(3_000) + "b",
        "case ".repeat(3_000),
        "case when ".repeat(1_900),
        "cast(".repeat(1_900),
        "x in (".repeat(1_300),
        "x in ((".repeat(900),
        "coalesce(".repeat(1_900),
        "x between ".repeat(1_900),
        "interval ".repeat(3_900),
        "trim(".repeat(1_900),
        "a.".repeat(1_900),
        "x is null ".to_owned() + &"is null ".repeat(1_900),
        sum(1_900) + " is null = any(x)",
        sum(1_900) + "[1]",
        format!("({}) over", sum(1_900)),
        "x::int".to_owned() + &"::int".repeat(1_900),
        "'a' || ".repeat(1_900) + "'a'",
        "x = ".repeat(1_900) + "x",
        "f(f(f(".repeat(600),
        "{".repeat(3_000),
        "[".repeat(3_000),
        "x[".repeat(1_900),
        "if(current_time(".repeat(900),
        "map {".repeat(1_900),
        "struct(".repeat(1_900),
        "array(".repeat(1_900),
        "date ".repeat(3_900),
        "exists(".repeat(1_900),
    ] {
        let _ = parse(&hostile).map(|expression| expression.canonical());
    }
}
