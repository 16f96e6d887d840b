//! What holds for every step that learns numbers: its fit depends on the rows alone, and no value or saved state panics. Also what
//! the tests of these steps share.

use proptest::prelude::*;
use serde_json::Value as Json;

use super::parameter::Argument;
use super::testing::{Bench, int, number, text};
use super::{Fit, Fitted, find};
use crate::dtype::{DType, Scalar};
use crate::value::Value;

/// Fits a step in as many passes as it asks for; rows come with their target.
pub(super) fn fit(bench: &Bench, input: impl Into<DType>, rows: &[(Value<'_>, Value<'_>)]) -> Result<Bench, String> {
    let mut fit = bench.step().fit(input.into()).unwrap();
    loop {
        rows.iter().try_for_each(|(value, target)| fit.update(*value, *target))?;
        if let Fitted::Done(fitted) = fit.finish()? {
            return Ok(bench.fitted(fitted));
        }
    }
}

/// Fits a step on floats.
pub(super) fn fit_floats(bench: &Bench, values: &[f64]) -> Result<Bench, String> {
    let rows: Vec<_> = values.iter().map(|value| (Value::Float(*value), Value::Null)).collect();
    fit(bench, Scalar::Float64, &rows)
}

/// Applies a step to floats.
pub(super) fn apply(bench: &Bench, values: &[f64]) -> Vec<Option<f64>> {
    values.iter().map(|value| bench.run(Scalar::Float64, Value::Float(*value)).unwrap().as_f64()).collect()
}

/// Checks what a step makes of floats against a library, up to a few roundings.
pub(super) fn assert_close(bench: &Bench, values: &[f64], expected: &[f64], tolerance: f64) {
    for ((value, got), expected) in values.iter().zip(apply(bench, values)).zip(expected) {
        let got = got.unwrap();
        assert!((got - expected).abs() <= tolerance * expected.abs().max(1.0), "{value}: {got} for {expected}");
    }
}

/// Every step that learns numbers, in every form.
fn benches() -> Vec<Bench> {
    let steps: Vec<(&str, Vec<(&'static str, Argument)>)> = vec![
        ("impute", vec![("strategy", text("mean"))]),
        ("impute", vec![("strategy", text("median"))]),
        ("impute", vec![("strategy", text("mode"))]),
        ("max_abs", vec![]),
        ("min_max", vec![("clip", Argument::Bool(true))]),
        ("power_transform", vec![]),
        ("power_transform", vec![("method", text("box_cox")), ("standardize", Argument::Bool(false))]),
        ("quantile_bucketize", vec![("bins", int(3))]),
        ("quantile_bucketize", vec![("bins", int(7)), ("method", text("inverted_cdf")), ("null", text("bucket"))]),
        ("quantile_transform", vec![("n", int(5)), ("output", text("normal"))]),
        ("quantile_transform", vec![]),
        ("robust_scale", vec![]),
        ("standardize", vec![]),
        ("standardize", vec![("ddof", int(1)), ("center", Argument::Bool(false))]),
        ("target_encode", vec![("target", text("y"))]),
        ("target_encode", vec![("target", text("y")), ("smooth", number(2.5)), ("prior", int(0))]),
        ("winsorize", vec![]),
    ];
    steps.iter().map(|(name, arguments)| Bench::new(find(name).unwrap(), arguments)).collect()
}

/// The types that a step is tried on.
fn inputs(bench: &Bench) -> impl Iterator<Item = Scalar> {
    let scalars = [Scalar::Bool, Scalar::Int64, Scalar::Float64, Scalar::String];
    scalars.into_iter().filter(|scalar| bench.output((*scalar).into()).is_ok())
}

/// A value of a type.
fn value(scalar: Scalar, seed: Option<f64>) -> Value<'static> {
    const WORDS: [&str; 4] = ["a", "b", "", "ü"];
    match (seed, scalar) {
        (None, _) => Value::Null,
        (Some(seed), Scalar::Bool) => Value::Bool(seed > 1.0),
        (Some(seed), Scalar::String) => Value::Str(WORDS[seed.abs() as usize % 4]),
        (Some(seed), Scalar::Int64) => Value::Int(seed as i64),
        (Some(seed), _) => Value::Float(seed),
    }
}

fn seeds() -> impl Strategy<Value = Option<f64>> {
    prop_oneof![
        1 => Just(None),
        4 => (-50_i32..200).prop_map(|tenths| Some(f64::from(tenths) / 10.0)),
        3 => (-10.0..1e6_f64).prop_map(Some),
        1 => prop::sample::select(vec![0.0, -0.0, 1e300, 5e-324, -1e9]).prop_map(Some),
    ]
}

/// A fresh fit in the pass of another.
fn worker(bench: &Bench, scalar: Scalar, start: &[u8]) -> Box<dyn Fit> {
    let mut fit = bench.step().fit(scalar.into()).unwrap();
    fit.merge(start).unwrap();
    fit
}

/// Fits in three parts that are merged, in an order and with what each part gets; the bytes of every pass, and the end.
fn passes(
    bench: &Bench,
    scalar: Scalar,
    rows: &[(Option<f64>, usize)],
    first: usize,
) -> (Vec<Vec<u8>>, Result<Json, String>) {
    let mut whole = bench.step().fit(scalar.into()).unwrap();
    let mut states = Vec::new();
    loop {
        let start = whole.save();
        let mut parts: Vec<_> = (0..3).map(|_| worker(bench, scalar, &start)).collect();
        for (row, (seed, part)) in rows.iter().enumerate() {
            let target = if row % 5 == 0 { Value::Null } else { Value::Float(seed.unwrap_or(0.5)) };
            parts[(part + first) % 3].update(value(scalar, *seed), target).unwrap();
        }
        for part in 0..3 {
            whole.merge(&parts[(first + part) % 3].save()).unwrap();
        }
        states.push(whole.save());
        match whole.finish() {
            Ok(Fitted::Again) => {}
            Ok(Fitted::Done(fitted)) => return (states, Ok(fitted)),
            Err(error) => return (states, Err(error)),
        }
    }
}

proptest! {
    #[test]
    fn fits_depend_on_the_rows_alone(mut rows in prop::collection::vec((seeds(), 0_usize..3), 1..30)) {
        for bench in benches() {
            for scalar in inputs(&bench) {
                let whole = passes(&bench, scalar, &rows.iter().map(|(seed, _)| (*seed, 0)).collect::<Vec<_>>(), 0);
                let split = passes(&bench, scalar, &rows, 1);
                prop_assert_eq!(&split, &whole, "{:?} over {}", bench, scalar);
            }
        }
        // The order of rows, where no target depends on it.
        let before: Vec<_> = benches().iter().map(|bench| fit_rows(bench, &rows)).collect();
        rows.reverse();
        for (bench, before) in benches().iter().zip(before) {
            prop_assert_eq!(fit_rows(bench, &rows), before, "{:?}", bench);
        }
    }

    #[test]
    fn what_is_fitted_applies(rows in prop::collection::vec(seeds(), 1..20), others in prop::collection::vec(any::<f64>(), 1..9)) {
        for bench in benches() {
            for scalar in inputs(&bench) {
                let rows: Vec<_> = rows.iter().map(|seed| (value(scalar, *seed), Value::Float(1.0))).collect();
                let Ok(fitted) = fit(&bench, scalar, &rows) else { continue };
                // Parameters of extreme columns may be refused, in words; nothing panics.
                if fitted.applied(scalar.into()).is_err() {
                    continue;
                }
                for other in &others {
                    let _ = fitted.run(scalar, value(scalar, Some(*other)));
                    let _ = fitted.keeping_nan().run(scalar, value(scalar, Some(f64::NAN)));
                }
                for (row, _) in rows {
                    let made = fitted.run(scalar, row).unwrap();
                    prop_assert!(!matches!(made, Value::Float(made) if made.is_nan()), "{fitted:?} of {row:?}");
                }
            }
        }
    }

    #[test]
    fn foreign_states_are_refused_or_harmless(bytes: Vec<u8>, cut in any::<prop::sample::Index>()) {
        for bench in benches() {
            for scalar in inputs(&bench) {
                let mut fit = bench.step().fit(scalar.into()).unwrap();
                for seed in [1.0, 2.5, 7.0] {
                    fit.update(value(scalar, Some(seed)), Value::Float(seed)).unwrap();
                }
                let saved = fit.save();
                prop_assert!(bench.step().fit(scalar.into()).unwrap().merge(&saved[..cut.index(saved.len())]).is_err());
                let _ = fit.merge(&bytes);
                let _ = fit.finish();
            }
        }
    }
}

fn fit_rows(bench: &Bench, rows: &[(Option<f64>, usize)]) -> Option<Result<Json, String>> {
    let scalar = inputs(bench).last()?;
    let rows: Vec<_> = rows.iter().map(|(seed, _)| (value(scalar, *seed), value(Scalar::Float64, *seed))).collect();
    Some(fit(bench, scalar, &rows).map(|bench| bench.parameters().clone()))
}

#[test]
fn nothing_to_fit_is_an_error() {
    for bench in benches() {
        for scalar in inputs(&bench) {
            for rows in [&[][..], &[(Value::Null, Value::Null)]] {
                let error = fit(&bench, scalar, rows).unwrap_err();
                assert!(error.starts_with("no value to fit: the column is empty or all null"), "{error}");
            }
        }
        if bench.output(Scalar::Float64.into()).is_ok() {
            assert!(fit_floats(&bench, &[f64::NAN]).unwrap_err().starts_with("no value to fit"));
        }
    }
}

#[test]
fn parameters_of_another_step_are_refused() {
    for bench in benches() {
        for scalar in inputs(&bench) {
            assert!(
                bench.fitted(serde_json::json!({})).applied(scalar.into()).unwrap_err().contains("fit the step again")
            );
        }
    }
}
