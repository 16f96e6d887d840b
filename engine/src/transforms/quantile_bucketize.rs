//! `quantile_bucketize`.

use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::bucketize::{Buckets, CLOSED, NULL};
use super::parameter::{Arguments, Default, Parameter, Takes};
use super::{Fit, Kernel, Other, Output, Problem, Step, Transform, types};
use crate::dtype::{DType, Scalar};
use crate::fit::{EMPTY, NumberFit, finite, numbers};
use crate::numbers::{Method, Quantiles, Sorted};

/// `quantile_bucketize`.
pub(super) const TRANSFORM: Transform = Transform {
    name: "quantile_bucketize",
    doc: "The index of the bucket that holds the value, as int64, where the boundaries are quantiles of training, so that each of \
          `bins` buckets holds about as many rows.\n\n\
          Buckets are [a, b), as in scikit-learn; values beyond what training had fall into the first and the last bucket. Quantiles that \
          are equal are merged, those at the ends included, so a column with many equal values has fewer buckets; scikit-learn also \
          merges what is less than 1e-8 apart, and takes a sample of 200,000 rows, where this takes all. Up to 1,000,000 values the \
          quantiles are exact by `method`; above, midpoints within 2⁻⁸ of the value. Nulls and NaN are left out of the fit.",
    example: "{quantile_bucketize: {bins: 10}}",
    known_as: "KBinsDiscretizer(strategy='quantile') (scikit-learn), bucketize (TensorFlow Transform), quantile_binner (Hopsworks)",
    parameters: &[
        Parameter {
            name: "bins",
            takes: Takes::Integer { min: 2, max: 65_536 },
            default: Default::Required,
            doc: "how many buckets",
        },
        Parameter {
            name: "method",
            takes: Takes::Choice(&["linear", "averaged_inverted_cdf", "inverted_cdf"]),
            default: Default::Text("linear"),
            doc: "how a quantile is taken, by NumPy's names; scikit-learn's default is `linear` up to 1.8, `averaged_inverted_cdf` from 1.9",
        },
        CLOSED,
        NULL,
    ],
    make,
};

#[derive(Clone, Debug)]
struct QuantileBucketize {
    bins: i64,
    method: Method,
    closed_right: bool,
    null_has_one: bool,
}

fn make(arguments: &Arguments) -> Result<Arc<dyn Step>, Problem> {
    Ok(Arc::new(QuantileBucketize {
        bins: arguments.int("bins").unwrap_or(2),
        method: match arguments.text("method") {
            Some("averaged_inverted_cdf") => Method::AveragedInvertedCdf,
            Some("inverted_cdf") => Method::InvertedCdf,
            _ => Method::Linear,
        },
        closed_right: arguments.text(CLOSED.name) == Some("right"),
        null_has_one: arguments.text(NULL.name) == Some("bucket"),
    }))
}

/// The boundaries between buckets: the quantiles, each once, without those at the ends.
fn boundaries(sorted: &Sorted, bins: i64, method: Method) -> Vec<f64> {
    let bins = bins as f64;
    // Levels are percentages first, as scikit-learn reckons them: a level that is off by a rounding is another rank.
    let level = |index: f64| if index == bins { 1.0 } else { index * (100.0 / bins) / 100.0 };
    let mut edges: Vec<f64> = (0..=bins as i64).map(|index| sorted.quantile(level(index as f64), method)).collect();
    edges.dedup();
    edges.pop();
    edges.into_iter().skip(1).collect()
}

impl Step for QuantileBucketize {
    fn output(&self, input: DType, _others: &[DType]) -> Result<Output, Problem> {
        types::number(input).map(|()| Output::One(Scalar::Int64.into()))
    }

    fn takes_null(&self) -> bool {
        self.null_has_one
    }

    fn fit(&self, _input: DType) -> Option<Box<dyn Fit>> {
        let (bins, method) = (self.bins, self.method);
        Some(Box::new(NumberFit::new(move |quantiles: &Quantiles| {
            let sorted = quantiles.sorted().ok_or(EMPTY)?;
            let boundaries = boundaries(&sorted, bins, method).into_iter();
            let boundaries = boundaries.map(|edge| finite("boundaries", Some(edge))).collect::<Result<Vec<_>, _>>()?;
            Ok(json!({ "boundaries": boundaries }))
        })))
    }

    fn kernel(&self, _input: DType, _others: &[Other], fitted: &Json) -> Result<Kernel, String> {
        let boundaries = numbers(fitted, "boundaries")?;
        let (closed_right, null_has_one) = (self.closed_right, self.null_has_one);
        Ok(Kernel::One(Box::new(Buckets { boundaries, closed_right, null_has_one })))
    }
}

#[cfg(test)]
mod tests {
    use super::super::fitting::{apply, fit_floats};
    use super::super::testing::{Bench, int, text};
    use super::*;
    use crate::value::Value;

    const VALUES: [f64; 8] = [13.0, 1.0, 2.0, 2.0, 2.0, 3.0, 5.0, 8.0];

    /// Expected: `KBinsDiscretizer(n_bins=4, strategy='quantile', quantile_method='linear')`, `bin_edges_` [1, 2, 2.5, 5.75, 13].
    #[test]
    fn boundaries_are_quantiles() {
        let bench = fit_floats(&Bench::new(&TRANSFORM, &[("bins", int(4))]), &VALUES).unwrap();
        assert_eq!(bench.parameters().to_string(), r#"{"boundaries":[2.0,2.5,5.75]}"#);
        let buckets = apply(&bench, &[-9.0, 1.0, 2.0, 2.5, 5.0, 5.75, 13.0, 99.0]);
        assert_eq!(buckets, [0.0, 0.0, 1.0, 2.0, 2.0, 3.0, 3.0, 3.0].map(Some));
        assert_eq!(bench.run(Scalar::Float64, Value::Float(2.0)), Ok(Value::Int(1)));
        let right = Bench::new(&TRANSFORM, &[("bins", int(4)), ("closed", text("right"))]);
        assert_eq!(apply(&fit_floats(&right, &VALUES).unwrap(), &[2.0]), [Some(0.0)]);
    }

    #[test]
    fn methods() {
        let boundaries = |method| {
            let bench = Bench::new(&TRANSFORM, &[("bins", int(4)), ("method", text(method))]);
            fit_floats(&bench, &VALUES).unwrap().parameters()["boundaries"].to_string()
        };
        assert_eq!(boundaries("averaged_inverted_cdf"), "[2.0,2.5,6.5]");
        assert_eq!(boundaries("inverted_cdf"), "[2.0,5.0]");
    }

    #[test]
    fn equal_quantiles_are_merged() {
        let bench = Bench::new(&TRANSFORM, &[("bins", int(4)), ("null", text("bucket"))]);
        let bench = fit_floats(&bench, &[1.0, 1.0, 1.0, 1.0, 1.0, 7.0]).unwrap();
        assert_eq!(bench.parameters().to_string(), r#"{"boundaries":[]}"#);
        assert_eq!(apply(&bench, &[0.0, 9.0]), [Some(0.0); 2]);
        assert_eq!(bench.run(Scalar::Float64, Value::Null), Ok(Value::Int(1)));
    }
}
