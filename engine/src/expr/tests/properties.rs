//! Nothing that can be written may panic, for whatever values; and what is constant gives what it gives as an input.

use bumpalo::Bump;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::{Inputs, fits, inputs};
use crate::dtype::Scalar;
use crate::expr::Expression;
use crate::scope::Scope;
use crate::value::Value;

const NUMBERS: [&str; 14] = [
    "x",
    "f",
    "nan",
    "inf",
    "no_float",
    "n",
    "i",
    "big",
    "small",
    "no_int",
    "customer_profile.mean_amount",
    "1.5",
    "7",
    "-2",
];
const TEXTS: [&str; 6] = ["s", "percent", "no_text", "'%a_'", "''", "'12'"];
const TIMES: [&str; 3] = ["t", "no_time", "timestamp '2026-01-31 09:30:00'"];
const BOOLS: [&str; 4] = ["b", "no_bool", "true", "null"];

/// Expressions that mostly have the right types.
fn number() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        8 => select(&NUMBERS[..]).prop_map(str::to_owned),
        1 => (select(&TEXTS[..])).prop_map(|s| format!("length({s})")),
        1 => (select(&["year", "week", "doy", "isodow", "epoch", "quarter", "microsecond"][..]), select(&TIMES[..]))
            .prop_map(|(part, t)| format!("extract({part} from {t})")),
        1 => (select(&["try_cast", "cast"][..]), select(&TEXTS[..]), select(&["int64", "int32", "float64", "bool"][..]))
            .prop_map(|(cast, s, dtype)| format!("cast({cast}({s} as {dtype}) as float64)")),
        1 => (select(&["day", "year", "week", "month", "hour"][..]), select(&TIMES[..]))
            .prop_map(|(unit, t)| format!("epoch(date_trunc('{unit}', {t}))")),
    ];
    leaf.prop_recursive(5, 40, 4, |inner| {
        let condition = condition(inner.clone());
        prop_oneof![
            (inner.clone(), select(&["+", "-", "*", "/", "//", "%"][..]), inner.clone())
                .prop_map(|(a, op, b)| format!("({a} {op} {b})")),
            (select(&["abs", "round", "floor", "ceil", "sqrt", "exp", "ln", "log10", "-", "+"][..]), inner.clone())
                .prop_map(|(function, a)| format!("{function}({a})")),
            (select(&["cast", "try_cast"][..]), inner.clone(), select(&["int64", "int32", "float32", "double"][..]))
                .prop_map(|(cast, a, dtype)| format!("{cast}({a} as {dtype})")),
            (inner.clone(), -22_i8..=22).prop_map(|(a, digits)| format!("round({a}, {digits})")),
            (select(&["least", "greatest", "coalesce", "power", "nullif"][..]), inner.clone(), inner.clone())
                .prop_map(|(function, a, b)| format!("{function}({a}, {b})")),
            (condition, inner.clone(), inner.clone())
                .prop_map(|(test, a, b)| format!("case when {test} then {a} else {b} end")),
            vec(inner, 4).prop_map(|all| format!("haversine({})", all.join(", "))),
        ]
    })
}

fn condition(number: impl Strategy<Value = String> + Clone + 'static) -> impl Strategy<Value = String> {
    prop_oneof![
        select(&BOOLS[..]).prop_map(str::to_owned),
        (number.clone(), select(&["=", "<>", "<", ">=", "is distinct from"][..]), number.clone())
            .prop_map(|(a, op, b)| format!("({a} {op} {b})")),
        (number.clone(), number.clone(), number.clone()).prop_map(|(a, b, c)| format!("({a} between {b} and {c})")),
        (number.clone(), vec(number, 1..4)).prop_map(|(a, list)| format!("({a} in ({}))", list.join(", "))),
        (select(&TEXTS[..]), select(&TEXTS[..])).prop_map(|(a, b)| format!("({a} like {b} escape 'a')")),
        (select(&TEXTS[..]), select(&NUMBERS[5..10]), select(&NUMBERS[5..10]), select(&TEXTS[..]))
            .prop_map(|(a, b, c, d)| format!("(upper(substr({a}, {b}, {c})) < trim(lower({a}) || {d}, {d}))")),
    ]
}

fn value(scalar: Scalar) -> BoxedStrategy<Value<'static>> {
    let hard = select(
        &[
            0.0,
            -0.0,
            1.0,
            -1.5,
            0.5,
            2.5,
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::MAX,
            f64::MIN,
            f64::MIN_POSITIVE,
            5e-324,
            9.3e18,
            9_007_199_254_740_993.0,
        ][..],
    );
    let whole = select(&[0, 1, -1, 2, 7, i64::MAX, i64::MIN, i64::MAX - 1, 1 << 53, 2_147_483_648, -2_147_483_649][..]);
    let text = select(
        &["", "a", "%", "aa%_", "Grüße", "ﬁﬀİ", "\u{10ffff}\u{0}", " 12 ", "-9223372036854775808", "1e400", "true"][..],
    );
    let some = match scalar {
        Scalar::Bool => any::<bool>().prop_map(Value::Bool).boxed(),
        Scalar::Int32 => any::<i32>().prop_map(|value| Value::Int(value.into())).boxed(),
        Scalar::Int64 => prop_oneof![whole, any::<i64>()].prop_map(Value::Int).boxed(),
        Scalar::Float32 | Scalar::Float64 => prop_oneof![hard, any::<f64>()].prop_map(Value::Float).boxed(),
        Scalar::String => text.prop_map(Value::Str).boxed(),
        Scalar::Bytes => Just(Value::Bytes(&[0, 255])).boxed(),
        Scalar::Timestamp => prop_oneof![whole, any::<i64>()].prop_map(Value::Time).boxed(),
    };
    prop_oneof![1 => Just(Value::Null), 4 => some].boxed()
}

/// A value of its type for every input, whatever its name says.
fn row() -> BoxedStrategy<Vec<Value<'static>>> {
    let values: Vec<_> =
        inputs().into_iter().map(|(_, dtype, _)| dtype.scalar().map_or(Just(Value::Null).boxed(), value)).collect();
    values.boxed()
}

fn index(name: &str) -> usize {
    inputs().iter().position(|(known, ..)| *known == name).unwrap_or(usize::MAX)
}

/// Tokens of expressions in any order.
fn soup() -> impl Strategy<Value = String> {
    let words = select(
        &[
            "x",
            "s",
            "t",
            "1",
            "1.5",
            "'a'",
            "(",
            ")",
            ",",
            "+",
            "-",
            "*",
            "/",
            "//",
            "%",
            "||",
            "=",
            "<",
            "and",
            "or",
            "not",
            "is",
            "null",
            "case",
            "when",
            "then",
            "else",
            "end",
            "in",
            "between",
            "like",
            "escape",
            "cast",
            "as",
            "int64",
            "::",
            "extract",
            "from",
            "year",
            "trim",
            "both",
            "substr",
            "for",
            "interval",
            "timestamp",
            "date",
            ".",
            "[",
            "]",
            "{",
            "}",
            "->",
            "select",
            "\"",
            "'",
            "--",
            "/*",
            "ü",
            "distinct",
            "any",
            "over",
            "filter",
            "array",
            "struct",
            "floor",
            "to",
            "position",
            "overlay",
            "convert",
            "exists",
            "at",
            "time",
            "zone",
        ][..],
    );
    vec(words, 0..30).prop_map(|words| words.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.max(2_000), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn evaluation_never_panics_and_keeps_its_type(text in number(), rows in vec(row(), 8)) {
        if let Ok(expression) = Expression::parse(&text, &Inputs) {
            let program = expression.compile(&index);
            for row in &rows {
                let arena = Bump::new();
                if let Ok(value) = program.eval(&Scope { inputs: row, arena: &arena }) {
                    prop_assert!(fits(value, expression.output()), "{text} gives {value:?}");
                }
            }
        }
    }

    #[test]
    fn values_of_other_types_do_not_panic(text in number(), values in vec(prop_oneof![value(Scalar::Int64), value(Scalar::String), value(Scalar::Timestamp)], 22)) {
        if let Ok(expression) = Expression::parse(&text, &Inputs) {
            let arena = Bump::new();
            let _ = expression.compile(&index).eval(&Scope { inputs: &values, arena: &arena });
        }
    }

    #[test]
    fn parsing_never_panics(text in prop_oneof![soup(), any::<String>(), "[-+*/%(),.'\" a-z0-9<>=|]{0,40}"]) {
        match Expression::parse(&text, &Inputs) {
            Ok(expression) => prop_assert!(!expression.canonical().is_empty()),
            Err(errors) => {
                prop_assert!(!errors.is_empty());
                for error in errors {
                    prop_assert!(text.is_char_boundary(error.offset), "{error:?}");
                    prop_assert!(!error.message.is_empty());
                }
            }
        }
    }
}
