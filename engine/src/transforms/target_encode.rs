//! `target_encode`.

use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::parameter::{Argument, Arguments, Default, Parameter, Takes};
use super::tokens::{Domain, Lookup, MAX_DISTINCT, Token};
use super::{Fit, Fitted, Kernel, Map, Other, Output, Problem, Step, Transform, types};
use crate::dtype::{DType, Scalar};
use crate::fit::{Categories, EMPTY, TORN, finite, number, number_of};
use crate::numbers::{Moments, Reader};
use crate::scope::{Fault, Scope};
use crate::value::Value;

/// `target_encode`.
pub(super) const TRANSFORM: Transform = Transform {
    name: "target_encode",
    doc: "The mean of `target` over the training rows of the category, drawn towards the `prior`: with `smooth: m` it is \
          (Σ target + m · prior) / (count + m); with `smooth: auto` each category is drawn the more, the fewer rows it has and the more \
          its targets vary (empirical Bayes), as in scikit-learn.\n\n\
          The prior is the mean of the target over all rows unless it is given. A category that training did not have gets the prior. \
          Null passes by, where scikit-learn has a category for it: `on_null: {default: none}` makes one. Rows whose category or \
          target is null are left out. Takes texts, whole numbers and bools.\n\n\
          There are no folds: every training row is encoded with its own target in the mean, which lets a model read the target \
          from rare categories. Smooth strongly, or fit on rows that the model is not trained on. scikit-learn's `fit_transform` \
          has folds; its `fit` and `transform` are this.",
    example: "{target_encode: {target: is_fraud, smooth: 20}}",
    known_as: "TargetEncoder (scikit-learn), mean encoding",
    parameters: &[
        Parameter {
            name: "target",
            takes: Takes::Text,
            default: Default::Required,
            doc: "the column of the training rows that is averaged: a number or a bool",
        },
        Parameter {
            name: "smooth",
            takes: Takes::Constant,
            default: Default::Text("auto"),
            doc: "`auto`, or how many rows the prior counts for; 0 or more",
        },
        Parameter {
            name: "prior",
            takes: Takes::Number,
            default: Default::Absent,
            doc: "what rare and unknown categories are drawn to; the mean of the target if not given",
        },
        MAX_DISTINCT,
    ],
    make,
};

#[derive(Clone, Debug)]
struct TargetEncode {
    target: String,
    /// None: auto.
    smooth: Option<f64>,
    prior: Option<f64>,
    max_distinct: usize,
}

fn make(arguments: &Arguments) -> Result<Arc<dyn Step>, Problem> {
    let smooth = match arguments.get("smooth") {
        None => None,
        Some(Argument::Text(text)) if text == "auto" => None,
        Some(given) => match arguments.number("smooth") {
            Some(rows) if rows >= 0.0 => Some(rows),
            _ => {
                let message = format!("{} is neither `auto` nor a number from 0", types::describe(given));
                return Err(Problem::parameter("smooth", message));
            }
        },
    };
    Ok(Arc::new(TargetEncode {
        target: arguments.text("target").unwrap_or_default().to_owned(),
        smooth,
        prior: arguments.number("prior"),
        max_distinct: types::count(arguments, MAX_DISTINCT.name).unwrap_or(usize::MAX),
    }))
}

impl Step for TargetEncode {
    fn output(&self, input: DType, _others: &[DType]) -> Result<Output, Problem> {
        Domain::of_scalar(input).map(|_| Output::One(Scalar::Float64.into()))
    }

    fn fit(&self, input: DType) -> Option<Box<dyn Fit>> {
        let categories = Categories::new(input.scalar()?, self.max_distinct);
        Some(Box::new(Targets { step: self.clone(), all: Moments::default(), categories }))
    }

    fn kernel(&self, input: DType, _others: &[Other], fitted: &Json) -> Result<Kernel, String> {
        let domain = Domain::of_scalar(input).map_err(|problem| problem.message)?;
        let prior = number(fitted, "prior")?;
        let list = |name: &str| {
            let list = fitted.get(name).and_then(Json::as_array);
            list.ok_or_else(|| format!("the fitted parameters have no list `{name}`; fit the step again"))
        };
        let categories = list("categories")?.iter().map(|category| Token::from_json(category, domain));
        let categories = categories.collect::<Result<Vec<_>, _>>()?;
        let means: Option<Vec<f64>> = list("means")?.iter().map(Json::as_f64).collect();
        let means = means.filter(|means| means.len() == categories.len());
        let means =
            means.ok_or("the fitted `means` are not one number for each of `categories`; fit the step again")?;
        Ok(Kernel::One(Box::new(Encoded { lookup: Lookup::new(&categories, domain), means, prior })))
    }
}

#[derive(Clone, Debug)]
struct Encoded {
    lookup: Lookup,
    means: Vec<f64>,
    prior: f64,
}

impl Map for Encoded {
    fn apply<'v>(&'v self, value: Value<'v>, _scope: &Scope<'v>) -> Result<Value<'v>, Fault> {
        let mean = self.lookup.get(value).and_then(|index| self.means.get(index).copied());
        Ok(Value::Float(mean.unwrap_or(self.prior)))
    }
}

/// The fit: exact sums of the target and its square, of all rows and of each category.
#[derive(Clone, Debug)]
struct Targets {
    step: TargetEncode,
    all: Moments<2>,
    categories: Categories<Moments<2>>,
}

impl Targets {
    /// What a category is encoded as.
    fn encode(&self, category: &Moments<2>, prior: f64) -> Option<f64> {
        let (count, sum) = (category.count() as f64, category.sum()?);
        let Some(smooth) = self.step.smooth else {
            let variance = self.all.variance(0)?;
            let share = variance * count / (variance * count + category.squared_deviations()? / count);
            // Where neither the target varies nor that of the category, nothing tells them apart.
            let share = if share.is_nan() { 0.0 } else { share };
            return Some(share * (sum / count) + (1.0 - share) * prior);
        };
        Some((smooth * prior + sum) / (smooth + count))
    }
}

impl Fit for Targets {
    fn update(&mut self, value: Value<'_>, target: Value<'_>) -> Result<(), String> {
        let number = number_of(target).map_err(|message| format!("the target `{}`: {message}", self.step.target))?;
        if let (Some(number), false) = (number, value.is_null()) {
            self.all.add(number);
            self.categories.entry(value)?.add(number);
        }
        Ok(())
    }

    fn merge(&mut self, saved: &[u8]) -> Result<(), String> {
        let mut reader = Reader::new(saved);
        self.all.merge(&Moments::read(&mut reader).ok_or(TORN)?);
        self.categories.merge(&mut reader, |moments, reader| {
            moments.merge(&Moments::read(reader)?);
            Some(())
        })?;
        if reader.is_done() { Ok(()) } else { Err(TORN.to_owned()) }
    }

    fn save(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.all.save(&mut out);
        self.categories.save(&mut out, Moments::save);
        out
    }

    fn finish(&mut self) -> Result<Fitted, String> {
        if self.all.count() == 0 {
            return Err(format!("{EMPTY}, or its target `{}` is", self.step.target));
        }
        let finite = |name, value| {
            finite(name, value).map_err(|_| {
                format!(
                    "`{name}` is not finite: the target `{}` holds infinite values or too large ones",
                    self.step.target
                )
            })
        };
        let prior = self.step.prior.or_else(|| self.all.mean());
        let fitted_prior = finite("prior", prior)?;
        let (mut categories, mut means) = (Vec::new(), Vec::new());
        for (category, moments) in self.categories.iter() {
            categories.push(category);
            means.push(finite("means", self.encode(moments, prior.unwrap_or(0.0)))?);
        }
        Ok(Fitted::Done(json!({ "prior": fitted_prior, "categories": categories, "means": means })))
    }

    fn target(&self) -> Option<&str> {
        Some(&self.step.target)
    }
}

#[cfg(test)]
mod tests {
    use super::super::fitting::fit;
    use super::super::testing::{Bench, int, problem, text};
    use super::*;

    const ROWS: [(&str, f64); 10] = [
        ("a", 1.0),
        ("a", 0.0),
        ("b", 1.0),
        ("b", 1.0),
        ("b", 0.0),
        ("c", 5.0),
        ("c", 4.0),
        ("c", 4.5),
        ("c", 6.0),
        ("a", 2.0),
    ];

    fn fitted(more: &[(&'static str, Argument)]) -> Bench {
        let mut rows = ROWS.map(|(category, target)| (Value::Str(category), Value::Float(target))).to_vec();
        // Neither teaches anything.
        rows.extend([(Value::Null, Value::Float(100.0)), (Value::Str("d"), Value::Null)]);
        let bench = Bench::new(&TRANSFORM, &[&[("target", text("y"))], more].concat());
        fit(&bench, Scalar::String, &rows).unwrap()
    }

    fn encode(bench: &Bench, category: &'static str) -> f64 {
        bench.run(Scalar::String, Value::Str(category)).unwrap().as_f64().unwrap()
    }

    /// Expected: `TargetEncoder(smooth=..., target_type='continuous').fit(x, y).encodings_`, `target_mean_` 2.45.
    #[test]
    fn encodings_are_those_of_scikit_learn() {
        let expected = [
            (fitted(&[]), [1.0693738412774356, 0.6960443135720609, 4.802280749854347]),
            (fitted(&[("smooth", int(2))]), [1.58, 1.3800000000000001, 4.066666666666666]),
        ];
        for (bench, expected) in expected {
            for (category, expected) in ["a", "b", "c"].into_iter().zip(expected) {
                let got = encode(&bench, category);
                assert!((got - expected).abs() < 1e-14, "{category}: {got} for {expected}");
            }
            assert_eq!(encode(&bench, "d"), 2.45);
            assert_eq!(bench.run(Scalar::String, Value::Null), Ok(Value::Null));
        }
    }

    #[test]
    fn a_given_prior_draws_instead() {
        let bench = fitted(&[("smooth", int(1)), ("prior", int(0))]);
        assert_eq!(encode(&bench, "a"), 0.75);
        assert_eq!(encode(&bench, "unseen"), 0.0);
        let plain = fitted(&[("smooth", int(0))]);
        assert_eq!(encode(&plain, "a"), 1.0);
    }

    #[test]
    fn whole_numbers_and_bools_are_categories() {
        let bench = Bench::new(&TRANSFORM, &[("target", text("y")), ("smooth", int(0))]);
        let rows = [(7, true), (-7, false), (7, false)].map(|(key, y)| (Value::Int(key), Value::Bool(y)));
        let ints = fit(&bench, Scalar::Int64, &rows).unwrap();
        assert_eq!(ints.parameters()["categories"].to_string(), "[-7,7]");
        assert_eq!(ints.run(Scalar::Int64, Value::Int(7)), Ok(Value::Float(0.5)));
        let rows = [(Value::Bool(true), Value::Int(3)), (Value::Bool(false), Value::Int(4))];
        let bools = fit(&bench, Scalar::Bool, &rows).unwrap();
        assert_eq!(bools.run(Scalar::Bool, Value::Bool(false)), Ok(Value::Float(4.0)));
        assert!(bench.output(Scalar::Float64.into()).is_err());
        assert_eq!(bench.step().fit(Scalar::Bool.into()).unwrap().target(), Some("y"));
    }

    #[test]
    fn what_can_not_be_fitted() {
        let bench = Bench::new(&TRANSFORM, &[("target", text("y")), ("max_distinct", int(1))]);
        let error = fit(&bench, Scalar::Int64, &[(Value::Int(1), Value::Str("x"))]).unwrap_err();
        assert_eq!(error, r#"the target `y`: Str("x") is no number"#);
        let error = fit(&bench, Scalar::Int64, &[(Value::Int(1), Value::Null)]).unwrap_err();
        assert_eq!(error, "no value to fit: the column is empty or all null, or its target `y` is");
        let error = fit(&bench, Scalar::Int64, &[(Value::Int(1), Value::Float(f64::INFINITY))]).unwrap_err();
        assert!(error.contains("the target `y` holds infinite values"), "{error}");
        let rows = [1, 2].map(|key| (Value::Int(key), Value::Int(0)));
        assert!(fit(&bench, Scalar::Int64, &rows).unwrap_err().starts_with("more than 1 distinct values"));
        for bad in [text("x"), int(-1), Argument::Bool(true)] {
            let message = problem(&TRANSFORM, &[("target", text("y")), ("smooth", bad)]).message;
            assert!(message.ends_with("is neither `auto` nor a number from 0"), "{message}");
        }
    }
}
