//! What an expression costs a row.
#![expect(clippy::expect_used, reason = "a benchmark that can't run ends at once")]

use bumpalo::Bump;
use criterion::{Criterion, criterion_group, criterion_main};
use unskew_engine::dtype::{DType, Scalar};
use unskew_engine::expr::{Expression, Names};
use unskew_engine::scope::Scope;
use unskew_engine::value::Value;

const INPUTS: [(&str, Scalar, Value<'static>); 5] = [
    ("tx_amount", Scalar::Float64, Value::Float(12.5)),
    ("customer_spending.avg_amount_30d", Scalar::Float64, Value::Float(40.0)),
    ("customer_spending.nb_tx_7d", Scalar::Int64, Value::Int(3)),
    ("customer_profile.home_region", Scalar::String, Value::Str("north-west")),
    ("tx_datetime", Scalar::Timestamp, Value::Time(1_769_851_815_250_000)),
];

struct Inputs;

impl Names for Inputs {
    fn dtype(&self, name: &str) -> Option<DType> {
        INPUTS.iter().find(|(known, ..)| *known == name).map(|(_, scalar, _)| DType::Scalar(*scalar))
    }

    fn all(&self) -> Vec<String> {
        INPUTS.iter().map(|(name, ..)| (*name).to_owned()).collect()
    }
}

fn expressions(criterion: &mut Criterion) {
    let cases = [
        ("input", "tx_amount"),
        ("ratio", "tx_amount / nullif(customer_spending.avg_amount_30d, 0)"),
        ("conditions", "case when tx_amount > 100 and customer_spending.nb_tx_7d < 5 then 1 else 0 end"),
        ("hour", "extract(hour from tx_datetime) between 8 and 18"),
        ("like", "customer_profile.home_region like 'north%'"),
        ("upper", "upper(customer_profile.home_region)"),
        ("ln", "ln(1 + tx_amount)"),
    ];
    let values = INPUTS.map(|(.., value)| value);
    for (name, text) in cases {
        let expression = Expression::parse(text, &Inputs).expect(text);
        let program = expression.compile(&|name| INPUTS.iter().position(|(known, ..)| *known == name).expect(name));
        let mut arena = Bump::new();
        criterion.bench_function(&format!("expr/{name}"), |bencher| {
            bencher.iter(|| {
                arena.reset();
                let scope = Scope { inputs: std::hint::black_box(&values), arena: &arena };
                program.eval(&scope).map(|value| value.is_null())
            });
        });
    }
}

criterion_group!(benches, expressions);
criterion_main!(benches);
