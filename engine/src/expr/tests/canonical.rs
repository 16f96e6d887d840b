//! What changes the canonical form of an expression, and what does not.

use super::parse;

fn canonical(text: &str) -> String {
    parse(text).unwrap_or_else(|errors| panic!("{text}: {errors:?}")).canonical()
}

#[test]
fn forms_are_fixed() {
    let cases = [
        ("x / nullif(n, 0)", "divide_float(\"x\",widen(nullif(\"n\",0)))"),
        ("case when b then 1 else x end", "case(\"b\",widen(1),\"x\")"),
        ("s like 'a''b' escape '!'", "like:21(\"s\",'a''b')"),
        ("extract(hour from t) in (1, 2)", "in(extract:hour(\"t\"),1,2)"),
        ("x > 1.5", "greater(\"x\",float:3ff8000000000000)"),
        ("t < timestamp '1970-01-02'", "less(\"t\",time:86400000000)"),
        ("try_cast(s as int32)", "try_cast:int32(\"s\")"),
        ("round(x, 2) is not null", "not(is_null(round_float:2(\"x\")))"),
    ];
    for (text, expected) in cases {
        assert_eq!(canonical(text), expected, "{text}");
    }
}

#[test]
fn the_way_of_writing_does_not_matter() {
    let same: [&[&str]; 7] = [
        &["x+1", " x  +\n1 ", "(x) + (1)", "((x + 1))", "x + 1 -- more", "\"x\" /* is */ + 1"],
        &["b and no_bool and b", "(b AND no_bool) AND b", "b and (no_bool and b)"],
        &["case when b then 1 end", "CASE WHEN (b) THEN 1 ELSE NULL END"],
        &["pow(x, 2)", "POWER(x, 2)"],
        &["trim(s, 'x')", "TRIM(BOTH 'x' FROM s)", "trim('x' from s)"],
        &["cast(x as integer)", "x::int32", "CAST(x AS INT)"],
        &["extract(hour from t)", "date_part('hours', t)"],
    ];
    for forms in same {
        for form in &forms[1..] {
            assert_eq!(canonical(forms[0]), canonical(form), "{form}");
        }
    }
}

#[test]
fn what_can_change_a_result_matters() {
    let other =
        ["x + 1", "x + 2", "1 + x", "n + 1", "x - 1", "x + 1.5", "x + '1'::int64", "(x + 1) + 1", "x + (1 + 1)"];
    for (index, left) in other.iter().enumerate() {
        for right in &other[index + 1..] {
            assert_ne!(canonical(left), canonical(right), "{left} and {right}");
        }
    }
}

#[test]
fn inputs_are_listed_in_order_of_first_use() {
    let expression = parse("n + x * customer_profile.mean_amount - n").unwrap();
    assert_eq!(expression.inputs(), ["n", "x", "customer_profile.mean_amount"]);
    assert_eq!(expression.output().to_string(), "float64");
    assert_eq!(parse("\"customer_profile.mean_amount\"").unwrap().inputs(), ["customer_profile.mean_amount"]);
    assert_eq!(parse("\"customer_profile\".\"mean_amount\"").unwrap().inputs(), ["customer_profile.mean_amount"]);
}
