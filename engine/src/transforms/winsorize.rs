//! `winsorize`.

use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::numeric::{fitted_quantile, fraction, fractions, to_float};
use super::parameter::Arguments;
use super::{Fit, Function, Kernel, Other, Output, Problem, Step, Transform};
use crate::dtype::DType;
use crate::fit::{EMPTY, NumberFit, number};
use crate::numbers::Quantiles;

/// `winsorize`.
pub(super) const TRANSFORM: Transform = Transform {
    name: "winsorize",
    doc: "Sets what is below the quantile `p_low` of training to it, and what is above the quantile `p_high` to that.\n\n\
          The parameters are fractions, 0.01 and 0.99, where Hopsworks has percentages, 1 and 99. Up to 1,000,000 values the quantiles \
          are exact, between two values in proportion (NumPy's `linear`); above, within 2⁻⁸ of the value. Nulls and NaN are left out of \
          the fit; infinite values count, and are cut like others.",
    example: "{winsorize: {p_low: 0.05, p_high: 0.95}}",
    known_as: "winsorize (Hopsworks), scipy.stats.mstats.winsorize",
    parameters: &[
        fraction("p_low", 0.01, "the lower quantile, as a fraction of the rows"),
        fraction("p_high", 0.99, "the upper quantile, as a fraction of the rows"),
    ],
    make,
};

#[derive(Clone, Copy, Debug)]
struct Winsorize {
    quantiles: [f64; 2],
}

fn make(arguments: &Arguments) -> Result<Arc<dyn Step>, Problem> {
    Ok(Arc::new(Winsorize { quantiles: fractions(arguments, ["p_low", "p_high"])? }))
}

impl Step for Winsorize {
    fn output(&self, input: DType, _others: &[DType]) -> Result<Output, Problem> {
        to_float(input)
    }

    fn fit(&self, _input: DType) -> Option<Box<dyn Fit>> {
        let [low, high] = self.quantiles;
        Some(Box::new(NumberFit::new(move |quantiles: &Quantiles| {
            let sorted = quantiles.sorted().ok_or(EMPTY)?;
            let (low, high) = (fitted_quantile("low", &sorted, low)?, fitted_quantile("high", &sorted, high)?);
            Ok(json!({ "low": low, "high": high }))
        })))
    }

    fn kernel(&self, _input: DType, _others: &[Other], fitted: &Json) -> Result<Kernel, String> {
        let (low, high) = (number(fitted, "low")?, number(fitted, "high")?);
        if low > high {
            return Err(format!("the fitted `low` {low} is above `high`, which is {high}; fit the step again"));
        }
        Ok(Kernel::Number(Box::new(Between { low, high })))
    }
}

#[derive(Clone, Copy, Debug)]
struct Between {
    low: f64,
    high: f64,
}

impl Function for Between {
    fn of(&self, number: f64) -> f64 {
        number.clamp(self.low, self.high)
    }
}

#[cfg(test)]
mod tests {
    use super::super::fitting::{apply, fit_floats};
    use super::super::testing::{Bench, number};
    use super::*;

    #[test]
    fn cuts_both_ends() {
        let bench = Bench::new(&TRANSFORM, &[("p_low", number(0.1)), ("p_high", number(0.9))]);
        let values: Vec<f64> = (0..=10).map(f64::from).collect();
        let bench = fit_floats(&bench, &values).unwrap();
        assert_eq!(apply(&bench, &[-7.0, 1.5, f64::INFINITY]), [1.0, 1.5, 9.0].map(Some));
    }

    #[test]
    fn an_infinite_value_is_cut_unless_it_is_the_quantile() {
        let mut values = vec![1.0; 200];
        values.push(f64::INFINITY);
        let bench = fit_floats(&Bench::new(&TRANSFORM, &[]), &values).unwrap();
        assert_eq!(apply(&bench, &[f64::INFINITY]), [Some(1.0)]);
        let error = fit_floats(&Bench::new(&TRANSFORM, &[]), &[f64::INFINITY]).unwrap_err();
        assert!(error.starts_with("`low` is not finite"), "{error}");
    }
}
