//! `quantile_transform`.

use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::numeric::to_float;
use super::parameter::{Arguments, Default, Parameter, Takes};
use super::{Fit, Function, Kernel, Other, Output, Problem, Step, Transform};
use crate::dtype::DType;
use crate::fit::{EMPTY, NumberFit, finite, numbers};
use crate::numbers::{Method, Quantiles, Sorted, normal_quantile};

/// `quantile_transform`.
pub(super) const TRANSFORM: Transform = Transform {
    name: "quantile_transform",
    doc: "The rank of the value among those of training, from 0 to 1, or that rank as a quantile of the normal distribution.\n\n\
          Training is kept as `n` quantiles, or as many as there are values; between two of them the rank is in proportion, and where \
          several are equal it is the middle of theirs, as in scikit-learn. Values beyond what training had get the ranks at the \
          ends. `output: normal` ends at ±5.2 (the rank 1e-7 from an end), as in scikit-learn. Unlike there, values within 1e-7 of an \
          end are not taken for the end, and no sample of 10,000 rows is taken. Up to 1,000,000 values the quantiles are exact, between \
          two values in proportion (NumPy's `linear`); above, within 2⁻⁸ of the value. Nulls and NaN are left out of the fit.",
    example: "{quantile_transform: {n: 100, output: normal}}",
    known_as: "QuantileTransformer (scikit-learn), quantile_transformer, rank_normalizer (Hopsworks)",
    parameters: &[
        Parameter {
            name: "n",
            takes: Takes::Integer { min: 2, max: 65_536 },
            default: Default::Integer(1000),
            doc: "how many quantiles are kept",
        },
        Parameter {
            name: "output",
            takes: Takes::Choice(&["uniform", "normal"]),
            default: Default::Text("uniform"),
            doc: "the distribution that training gets",
        },
    ],
    make,
};

/// How near to an end a rank may come before it is made normal: beyond lies infinity.
const LEAST_RANK: f64 = 1e-7 - f64::EPSILON;

#[derive(Clone, Copy, Debug)]
struct QuantileTransform {
    n: i64,
    normal: bool,
}

fn make(arguments: &Arguments) -> Result<Arc<dyn Step>, Problem> {
    let normal = arguments.text("output") == Some("normal");
    Ok(Arc::new(QuantileTransform { n: arguments.int("n").unwrap_or(1000), normal }))
}

/// The rank of knot `index` of `count`.
fn rank(index: usize, count: usize) -> f64 {
    let last = count.saturating_sub(1);
    if index == last && last > 0 { 1.0 } else { index as f64 * (1.0 / last.max(1) as f64) }
}

fn knots(sorted: &Sorted, n: i64) -> Result<Json, String> {
    let count = usize::try_from(n).unwrap_or(usize::MAX).min(sorted.count());
    // By way of a percentage, as scikit-learn reckons them.
    let at = |index| sorted.quantile(rank(index, count) * 100.0 / 100.0, Method::Linear);
    let mut highest = f64::NEG_INFINITY;
    let knots = (0..count).map(|index| {
        // Rounding may put a quantile below the one before.
        highest = highest.max(at(index));
        finite("knots", Some(highest))
    });
    Ok(json!({ "knots": knots.collect::<Result<Vec<_>, _>>()? }))
}

impl Step for QuantileTransform {
    fn output(&self, input: DType, _others: &[DType]) -> Result<Output, Problem> {
        to_float(input)
    }

    fn fit(&self, _input: DType) -> Option<Box<dyn Fit>> {
        let n = self.n;
        Some(Box::new(NumberFit::new(move |quantiles: &Quantiles| knots(&quantiles.sorted().ok_or(EMPTY)?, n))))
    }

    fn kernel(&self, _input: DType, _others: &[Other], fitted: &Json) -> Result<Kernel, String> {
        let knots = numbers(fitted, "knots")?;
        if knots.is_empty() {
            return Err("the fitted parameters have no `knots`; fit the step again".to_owned());
        }
        Ok(Kernel::Number(Box::new(Ranks { knots, normal: self.normal })))
    }
}

#[derive(Clone, Debug)]
struct Ranks {
    /// Ascending; equal ones may follow each other.
    knots: Vec<f64>,
    normal: bool,
}

impl Ranks {
    /// The rank of a value that is not NaN.
    fn rank(&self, value: f64) -> f64 {
        let (Some(first), Some(last)) = (self.knots.first(), self.knots.last()) else { return 0.0 };
        if value <= *first {
            return 0.0;
        }
        if value >= *last {
            return 1.0;
        }
        let rank = |index| rank(index, self.knots.len());
        // The first knot that is not below the value, and the first that is above it: neither is the first of all, nor behind
        // the last, and they are the same unless the value is a knot.
        let at = self.knots.partition_point(|knot| *knot < value);
        let above = self.knots.partition_point(|knot| *knot <= value);
        if at != above {
            return 0.5 * (rank(at) + rank(above - 1));
        }
        // From both ends, and the mean of both, as scikit-learn interpolates.
        let (low, high) = (self.knots[at - 1], self.knots[at]);
        let slope = (rank(at) - rank(at - 1)) / (high - low);
        0.5 * ((slope * (value - low) + rank(at - 1)) + (rank(at) - slope * (high - value)))
    }
}

impl Function for Ranks {
    fn of(&self, number: f64) -> f64 {
        if number.is_nan() {
            return number;
        }
        let rank = self.rank(number);
        if self.normal { normal_quantile(rank.clamp(LEAST_RANK, 1.0 - LEAST_RANK)) } else { rank }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fitting::{apply, assert_close, fit_floats};
    use super::super::testing::{Bench, int, text};
    use super::*;

    const VALUES: [f64; 8] = [13.0, 1.0, 2.0, 2.0, 2.0, 3.0, 5.0, 8.0];
    const AT: [f64; 9] = [0.0, 1.0, 1.5, 2.0, 2.5, 4.0, 10.0, 13.0, 20.0];

    /// Expected: `QuantileTransformer(n_quantiles=5, output_distribution=...).fit(VALUES).transform(AT)`.
    #[test]
    fn ranks_are_those_of_scikit_learn() {
        let bench = fit_floats(&Bench::new(&TRANSFORM, &[("n", int(5))]), &VALUES).unwrap();
        assert_eq!(bench.parameters().to_string(), r#"{"knots":[1.0,2.0,2.5,5.75,13.0]}"#);
        let ranks = [0.0, 0.0, 0.125, 0.25, 0.5, 0.6153846153846154, 0.896551724137931, 1.0, 1.0];
        assert_close(&bench, &AT, &ranks, 1e-15);
        let bench = fit_floats(&Bench::new(&TRANSFORM, &[("n", int(5)), ("output", text("normal"))]), &VALUES).unwrap();
        let normal = [
            -5.199337582605575,
            -5.199337582605575,
            -1.1503493803760079,
            -0.6744897501960817,
            0.0,
            0.29338123212119344,
            1.2621451766228082,
            5.19933758270342,
            5.19933758270342,
        ];
        assert_close(&bench, &AT, &normal, 1e-14);
    }

    #[test]
    fn equal_values_share_the_middle_of_their_ranks() {
        let bench = fit_floats(&Bench::new(&TRANSFORM, &[]), &[0.0, 5.0, 5.0, 5.0, 9.0]).unwrap();
        assert_eq!(apply(&bench, &[5.0]), [Some(0.5)]);
        let constant = fit_floats(&Bench::new(&TRANSFORM, &[]), &[4.0]).unwrap();
        assert_eq!(apply(&constant, &[3.0, 4.0, 5.0]), [0.0, 0.0, 1.0].map(Some));
    }
}
