//! What expressions give.

use super::evaluated;

#[track_caller]
fn check(cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        assert_eq!(evaluated(text), *expected, "{text}");
    }
}

#[test]
fn arithmetic() {
    check(&[
        ("1 + 2 * 3", "7"),
        ("(1 + 2) * 3", "9"),
        ("x + n", "9.5"),
        ("x - 0.5", "2.0"),
        ("n / 2", "3.5"),
        ("-n // 2", "-3"),
        ("i % 2", "-1"),
        ("n % -4", "3"),
        ("-x % 2", "-0.5"),
        ("-n", "-7"),
        ("+n", "7"),
        ("- -n", "7"),
        ("-9223372036854775808", "-9223372036854775808"),
        ("f", "0.25"),
        ("n / 0", "null"),
        ("n // 0", "null"),
        ("n % 0", "null"),
        ("x % 0", "null"),
        ("1e308 * 10", "null"),
        ("x + no_float", "null"),
        ("x / nullif(customer_profile.mean_amount, 0)", "0.25"),
        ("\"Odd name\" + 1", "2"),
        ("1.5e3", "1500.0"),
        (".5", "0.5"),
    ]);
}

#[test]
fn what_is_not_finite_is_null() {
    check(&[
        ("nan", "null"),
        ("inf", "null"),
        ("nan is null", "true"),
        ("coalesce(n / 0, 5)", "5.0"),
        ("ln(0)", "null"),
        ("ln(-1)", "null"),
        ("sqrt(-1)", "null"),
        ("exp(1000)", "null"),
        ("power(0, -1)", "null"),
        ("power(-8, 0.5)", "null"),
        ("cast(1e300 as float32)", "null"),
    ]);
}

#[test]
fn overflow() {
    let overflow = "OVERFLOW: the result does not fit its integer type";
    for text in [
        "big + 1",
        "small - 1",
        "big * 2",
        "-small",
        "abs(small)",
        "small // -1",
        "small % -1",
        "cast(big as int32)",
        "cast(x * 1e19 as int64)",
        "cast('9223372036854775808' || coalesce(no_text, '') as int64)",
        "round(big, -1)",
    ] {
        assert_eq!(evaluated(text), overflow, "{text}");
    }
    check(&[
        ("case when b then 1 else big + 1 end", "1"),
        ("coalesce(n, big + 1)", "7"),
        ("try_cast(big as int32)", "null"),
    ]);
}

#[test]
fn logic() {
    check(&[
        ("b and no_bool", "null"),
        ("not b and no_bool", "false"),
        ("b or no_bool", "true"),
        ("not no_bool", "null"),
        ("not b or no_bool", "null"),
        ("b and b and not b", "false"),
        ("not n = 7", "false"),
        ("no_bool is null", "true"),
        ("no_bool is not null", "false"),
        ("no_bool is unknown", "true"),
        ("b is not unknown", "true"),
        ("b is true", "true"),
        ("no_bool is true", "false"),
        ("no_bool is not true", "true"),
        ("no_bool is not false", "true"),
        ("b is false", "false"),
        // What has been decided is not evaluated.
        ("b or big + 1 > 0", "true"),
        ("not b and big + 1 > 0", "false"),
    ]);
}

#[test]
fn comparison() {
    check(&[
        ("n = 7", "true"),
        ("n <> 7", "false"),
        ("n != 7.5", "true"),
        ("n < x", "false"),
        ("n >= 7.0", "true"),
        // An int beside a float is compared as a float.
        ("big = 9223372036854775807.0", "true"),
        ("9007199254740993 = 9007199254740992.0", "true"),
        ("-0.0 = 0", "true"),
        ("s < 'H'", "true"),
        ("'ä' > 'z'", "true"),
        ("false < b", "true"),
        ("bytes = bytes", "true"),
        ("t > timestamp '2026-01-31 09:30:15'", "true"),
        ("t = timestamp '2026-01-31T10:30:15.25+01:00'", "true"),
        ("n = no_int", "null"),
        ("n is distinct from no_int", "true"),
        ("no_int is not distinct from null", "true"),
        ("n is not distinct from 7.0", "true"),
        ("n between 7 and 8", "true"),
        ("n not between 7 and 8", "false"),
        ("n between no_int and 6", "false"),
        ("n between no_int and 8", "null"),
        ("n in (1, 7)", "true"),
        ("n in (1, null)", "null"),
        ("n in (7, null)", "true"),
        ("n not in (1, 2)", "true"),
        ("no_int in (1)", "null"),
        ("9007199254740993 in (9007199254740992, 2.5)", "true"),
        // LIKE, IN and BETWEEN bind more tightly than comparisons.
        ("b = s like 'G%'", "true"),
        ("b = n in (7)", "true"),
        ("b = n between 7 and 8", "true"),
        ("n = 7 is null", "false"),
    ]);
}

#[test]
fn choice() {
    check(&[
        ("case when n > 5 then 'big' else 'small' end", "'big'"),
        ("case when no_bool then 1 when b then 2.5 end", "2.5"),
        ("case when no_bool then 1 end", "null"),
        ("case n when 1 then 'one' when 7.0 then 'seven' end", "'seven'"),
        ("case no_int when null then 1 else 2 end", "2"),
        ("case n when 1 then 1 else x end", "2.5"),
        // Each value is compared by itself; in IN an int is compared as a float if one is there.
        ("case big when 2.5 then 1 when 9223372036854775806 then 2 else 3 end", "3"),
        ("big in (2.5, 9223372036854775806)", "true"),
        ("coalesce(no_int, no_float, n)", "7.0"),
        ("coalesce(null, no_text, s)", "'Grüße'"),
        ("nullif(n, 7)", "null"),
        ("nullif(n, 7.5)", "7"),
        ("nullif(no_int, 1)", "null"),
        ("least(n, x, no_float)", "2.5"),
        ("greatest(n, i, no_int)", "7"),
        ("least(no_int, no_int)", "null"),
        ("greatest(s, 'H')", "'H'"),
        ("least(t, no_time)", "@1769851815250000"),
    ]);
}

#[test]
fn numbers() {
    check(&[
        ("abs(i)", "3"),
        ("abs(-2.5)", "2.5"),
        ("round(2.5)", "3.0"),
        ("round(-2.5)", "-3.0"),
        ("round(0.49999999999999994)", "0.0"),
        ("round(n)", "7"),
        ("round(n, 1)", "7"),
        ("round(25, -1)", "30"),
        ("round(-25, -1)", "-30"),
        ("round(5, -22)", "0"),
        ("round(1234.567, 2)", "1234.57"),
        ("round(1234.567, -2)", "1200.0"),
        ("round(1e300, 22)", "1e300"),
        ("round(1.7976931348623157e308, -12)", "1.7976931348623157e308"),
        ("floor(-0.5)", "-1.0"),
        ("ceil(-0.5)", "-0.0"),
        ("ceiling(n)", "7.0"),
        ("floor(n)", "7.0"),
        ("sqrt(6.25)", "2.5"),
        ("power(2, 10)", "1024.0"),
        ("pow(x, 2)", "6.25"),
        ("exp(0)", "1.0"),
        ("ln(1)", "0.0"),
        ("log10(1000)", "3.0"),
        ("haversine(0, 0, 0, 0)", "0.0"),
        ("round(haversine(52.52, 13.405, 48.8566, 2.3522), 6)", "877.464538"),
        ("round(haversine(0, 0, 0, 180), 6)", "20015.114442"),
        ("haversine(no_float, 0, 0, 0)", "null"),
    ]);
}

#[test]
fn texts() {
    check(&[
        ("length(s)", "5"),
        ("length('👨‍👩‍👧')", "5"),
        ("lower(s)", "'grüße'"),
        ("upper(s)", "'GRÜßE'"),
        ("upper('ﬁ ŉ ᾀ ᾳ ǆ')", "'ﬁ ŉ ᾈ ᾼ Ǆ'"),
        ("lower('İ ẞ Σ')", "'i ß σ'"),
        ("upper('abc') || lower('DEF')", "'ABCdef'"),
        ("trim('  a b ')", "'a b'"),
        ("trim(s, 'Ge')", "'rüß'"),
        ("trim(both 'G' from s)", "'rüße'"),
        ("trim(leading 'x' from 'xax')", "'ax'"),
        ("trim(trailing 'x' from 'xax')", "'xa'"),
        ("ltrim('  a ')", "'a '"),
        ("rtrim('  a ')", "'  a'"),
        ("substr(s, 2, 3)", "'rüß'"),
        ("substring(s from 3 for 1)", "'ü'"),
        ("substr(s, -2)", "'ße'"),
        ("substr(s, 0, 2)", "'G'"),
        ("substr(s, 3, -2)", "'Gr'"),
        ("substr(s, 10)", "''"),
        ("substr(s, big, big)", "''"),
        ("substr(s, small)", "'Grüße'"),
        ("substr(s, small, small)", "''"),
        ("substr(s, no_int)", "null"),
        ("concat(s, no_text, '!')", "'Grüße!'"),
        ("concat(no_text)", "''"),
        ("s || no_text", "null"),
        ("s || '!' || s", "'Grüße!Grüße'"),
        ("'it''s'", "'it's'"),
    ]);
}

#[test]
fn like() {
    check(&[
        ("s like 'Gr%'", "true"),
        ("s like 'gr%'", "false"),
        ("s like 'Gr__e'", "true"),
        ("s not like '%x%'", "true"),
        ("'' like '%'", "true"),
        ("'' like '_'", "false"),
        ("'aXbXc' like 'a%X_'", "true"),
        ("'abab' like '%ab'", "true"),
        ("'mississippi' like '%iss%ip%'", "true"),
        ("percent like '50!%' escape '!'", "true"),
        ("'50x' like '50!%' escape '!'", "false"),
        ("percent like '50\\%'", "false"),
        ("s like no_text", "null"),
        ("'a' like s", "false"),
        ("'ab' like 'a!b' escape '!'", "true"),
        ("percent like 'x' || percent || '!' escape '!'", "false"),
        ("percent like percent || '!' escape '!'", "REFUSED: the pattern of a like ends with its escape character"),
    ]);
}

#[test]
fn times() {
    check(&[
        ("extract(year from t)", "2026"),
        ("extract(quarter from t)", "1"),
        ("extract(month from t)", "1"),
        ("extract(week from t)", "5"),
        ("extract(day from t)", "31"),
        ("extract(dow from t)", "6"),
        ("extract(isodow from t)", "6"),
        ("extract(doy from t)", "31"),
        ("extract(hour from t)", "9"),
        ("extract('minute' from t)", "30"),
        ("extract(second from t)", "15"),
        ("extract(milliseconds from t)", "15250"),
        ("extract(microsecond from t)", "15250000"),
        ("extract(epoch from t)", "1769851815.25"),
        ("epoch(t)", "1769851815.25"),
        ("date_part('isoyear', timestamp '2024-12-30')", "2025"),
        ("date_part('week', timestamp '2021-01-03')", "53"),
        ("extract(year from timestamp '1969-12-31 23:59:59.999999')", "1969"),
        ("extract(microsecond from timestamp '1969-12-31 23:59:59.999999')", "59999999"),
        ("date_trunc('day', t) = timestamp '2026-01-31'", "true"),
        ("date_trunc('week', t) = timestamp '2026-01-26'", "true"),
        ("date_trunc('month', t) = timestamp '2026-01-01'", "true"),
        ("date_trunc('quarter', timestamp '1968-05-05 01:01:01') = timestamp '1968-04-01'", "true"),
        ("date_trunc('year', t) = timestamp '2026-01-01'", "true"),
        ("date_trunc('hour', t) = timestamp '2026-01-31 09:00'", "true"),
        ("date_trunc('millisecond', t) = t", "true"),
        ("extract(hour from no_time)", "null"),
        ("cast('2026-01-31T09:30:00Z' as timestamp) = timestamp '2026-01-31 09:30:00'", "true"),
        ("cast(s as timestamp)", "REFUSED: a cast of a text that is no timestamp"),
        ("try_cast('2026-01-31 09:30[Europe/Berlin]' as timestamp)", "null"),
    ]);
}

#[test]
fn casts() {
    check(&[
        ("cast(x as int64)", "2"),
        ("cast(3.5 as int64)", "4"),
        ("cast(-0.5 as bigint)", "0"),
        ("cast(b as int64)", "1"),
        ("cast(n as boolean)", "true"),
        ("cast(0.0 as bool)", "false"),
        ("cast(n as float64)", "7.0"),
        ("cast(0.1 as float32)", "0.10000000149011612"),
        ("n::double", "7.0"),
        ("cast(' 12 ' as int64)", "12"),
        ("cast('1.5' as double)", "1.5"),
        ("try_cast('1.5' as int64)", "null"),
        ("cast('inf' as double)", "null"),
        ("cast('Yes' as bool)", "true"),
        ("cast(s as int64)", "REFUSED: a cast of a text that is no whole number"),
        ("cast(s as float64)", "REFUSED: a cast of a text that is no number"),
        ("cast(s as bool)", "REFUSED: a cast of a text that is no bool"),
        ("try_cast(s as bool)", "null"),
        ("cast(small as string)", "'-9223372036854775808'"),
        ("cast(b as varchar)", "'true'"),
        ("cast(0.1 as string)", "'0.1'"),
        ("cast(10 / 16777216 as string)", "'5.960464477539062e-07'"),
        ("cast(5196845921108391.0 / 25 as string)", "'207873836844335.62'"),
        ("cast(5e-324 as string)", "'5e-324'"),
        ("cast(0.0 as string)", "'0.0'"),
        ("cast(9007199254740993.0 as string)", "'9007199254740992.0'"),
        ("cast('\t-12\n' as int64)", "-12"),
        ("cast(-12.0 as string)", "'-12.0'"),
        ("cast(-0.0 as string)", "'-0.0'"),
        ("cast(1e15 as string)", "'1000000000000000.0'"),
        ("cast(1e16 as string)", "'1e+16'"),
        ("cast(123456.789 as string)", "'123456.789'"),
        ("cast(0.0001 as string)", "'0.0001'"),
        ("cast(0.00012 as string)", "'0.00012'"),
        ("cast(1.5e-7 as string)", "'1.5e-07'"),
        ("cast(1.7976931348623157e308 as string)", "'1.7976931348623157e+308'"),
        ("cast(-2.2250738585072014e-308 as string)", "'-2.2250738585072014e-308'"),
        ("cast(null as int64)", "null"),
    ]);
}
