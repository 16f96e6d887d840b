//! `robust_scale`.

use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::numeric::{Centred, fitted_quantile, fraction, fractions, to_float};
use super::parameter::Arguments;
use super::{Fit, Kernel, Other, Output, Problem, Step, Transform};
use crate::dtype::DType;
use crate::fit::{EMPTY, NumberFit, finite, number};
use crate::numbers::Quantiles;

/// `robust_scale`.
pub(super) const TRANSFORM: Transform = Transform {
    name: "robust_scale",
    doc: "(x − median) / (quantile `q_high` − quantile `q_low`): like `standardize`, but outliers don't move it.\n\n\
          Up to 1,000,000 values the quantiles are exact, between two values in proportion (NumPy's `linear`), as in scikit-learn; \
          above, within 2⁻⁸ of the value. Where both quantiles are equal the median is subtracted and nothing divided, as in \
          scikit-learn. Nulls and NaN are left out of the fit.",
    example: "robust_scale",
    known_as: "RobustScaler (scikit-learn), robust_scaler (Hopsworks)",
    parameters: &[
        fraction("q_low", 0.25, "the lower quantile, as a fraction of the rows"),
        fraction("q_high", 0.75, "the upper quantile, as a fraction of the rows"),
    ],
    make,
};

#[derive(Clone, Copy, Debug)]
struct RobustScale {
    quantiles: [f64; 2],
}

fn make(arguments: &Arguments) -> Result<Arc<dyn Step>, Problem> {
    Ok(Arc::new(RobustScale { quantiles: fractions(arguments, ["q_low", "q_high"])? }))
}

impl Step for RobustScale {
    fn output(&self, input: DType, _others: &[DType]) -> Result<Output, Problem> {
        to_float(input)
    }

    fn fit(&self, _input: DType) -> Option<Box<dyn Fit>> {
        let [low, high] = self.quantiles;
        Some(Box::new(NumberFit::new(move |quantiles: &Quantiles| {
            let sorted = quantiles.sorted().ok_or(EMPTY)?;
            Ok(json!({
                "median": finite("median", Some(sorted.median()))?,
                "low": fitted_quantile("low", &sorted, low)?,
                "high": fitted_quantile("high", &sorted, high)?,
            }))
        })))
    }

    fn kernel(&self, _input: DType, _others: &[Other], fitted: &Json) -> Result<Kernel, String> {
        let (low, high) = (number(fitted, "low")?, number(fitted, "high")?);
        let divisor = high - low;
        if !divisor.is_finite() {
            return Err(format!("from {low} to {high} is further than float64 reaches; put a `clip` before the step"));
        }
        let divisor = if divisor == 0.0 { 1.0 } else { divisor };
        Ok(Kernel::Number(Box::new(Centred { centre: number(fitted, "median")?, divisor })))
    }
}

#[cfg(test)]
mod tests {
    use super::super::fitting::{apply, fit_floats};
    use super::super::testing::{Bench, int, number, problem};
    use super::*;

    /// Expected: `RobustScaler().fit(x)`, `center_` 2.5 and `scale_` 3.75.
    #[test]
    fn median_and_quartiles() {
        let bench = fit_floats(&Bench::new(&TRANSFORM, &[]), &[13.0, 2.0, 1.0, 2.0, 3.0, 5.0, 8.0, 2.0]).unwrap();
        assert_eq!(bench.parameters().to_string(), r#"{"high":5.75,"low":2.0,"median":2.5}"#);
        assert_eq!(apply(&bench, &[2.5, 6.25]), [Some(0.0), Some(1.0)]);
    }

    #[test]
    fn equal_quartiles_only_centre() {
        let bench = fit_floats(&Bench::new(&TRANSFORM, &[]), &[1.0, 4.0, 4.0, 4.0, 9.0]).unwrap();
        assert_eq!(apply(&bench, &[4.0, 9.0]), [Some(0.0), Some(5.0)]);
    }

    #[test]
    fn fractions_ascend() {
        let message = |given: &[_]| problem(&TRANSFORM, given).message;
        assert_eq!(message(&[("q_low", int(25))]), "25 is not within 0 and 1; a fraction is meant, not a percentage");
        assert_eq!(message(&[("q_high", number(0.25))]), "0.25 is not above `q_low`, which is 0.25");
    }
}
