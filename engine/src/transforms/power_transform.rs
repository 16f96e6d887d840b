//! `power_transform`.

mod fit;
mod likelihood;
mod root;

use std::sync::Arc;

use serde_json::Value as Json;

use self::fit::PowerFit;
use super::numeric::to_float;
use super::parameter::{Arguments, Default, Parameter, Takes};
use super::{Fit, Kernel, Map, Other, Output, Problem, Step, Transform};
use crate::dtype::DType;
use crate::fit::number;
use crate::scope::{Fault, Scope};
use crate::value::Value;

/// `power_transform`.
pub(super) const TRANSFORM: Transform = Transform {
    name: "power_transform",
    doc: "Raises the value to a power λ that makes training look as normal as can be (the λ of greatest likelihood), then, unless \
          `standardize` is false, subtracts the mean of the result and divides by its standard deviation.\n\n\
          `box_cox`: (x^λ − 1) / λ, or ln x for λ = 0, for x above 0; `nonpositive` says what others give: null, which the fit leaves \
          out too, or an ERROR. `yeo_johnson` takes any number: (x + 1)^λ as Box-Cox for x ≥ 0, its mirror image with 2 − λ below. λ is \
          found where the derivative of the likelihood is zero, from exact sums, in about fifteen passes over training; it is \
          within 1e-6 of scikit-learn's, which minimises the likelihood itself and so can't come nearer. A constant column has λ = 1, \
          and is not divided, as in scikit-learn. Nulls and NaN are left out of the fit; an infinite value is an error.",
    example: "{power_transform: {method: box_cox}}",
    known_as: "PowerTransformer (scikit-learn), scipy.stats.boxcox, scipy.stats.yeojohnson",
    parameters: &[
        Parameter {
            name: "method",
            takes: Takes::Choice(&["yeo_johnson", "box_cox"]),
            default: Default::Text("yeo_johnson"),
            doc: "the family of powers",
        },
        Parameter {
            name: "standardize",
            takes: Takes::Bool,
            default: Default::Bool(true),
            doc: "whether the result gets mean 0 and variance 1",
        },
        Parameter {
            name: "nonpositive",
            takes: Takes::Choice(&["null", "error"]),
            default: Default::Text("null"),
            doc: "what `box_cox` gives for 0 and below",
        },
    ],
    make,
};

/// The family of powers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    BoxCox,
    YeoJohnson,
}

#[derive(Clone, Copy, Debug)]
struct PowerTransform {
    family: Family,
    standardize: bool,
    refuses: bool,
}

fn make(arguments: &Arguments) -> Result<Arc<dyn Step>, Problem> {
    Ok(Arc::new(PowerTransform {
        family: if arguments.text("method") == Some("box_cox") { Family::BoxCox } else { Family::YeoJohnson },
        standardize: arguments.bool("standardize"),
        refuses: arguments.text("nonpositive") == Some("error"),
    }))
}

impl Step for PowerTransform {
    fn output(&self, input: DType, _others: &[DType]) -> Result<Output, Problem> {
        to_float(input)
    }

    fn fit(&self, _input: DType) -> Option<Box<dyn Fit>> {
        Some(Box::new(PowerFit::new(*self)))
    }

    fn kernel(&self, _input: DType, _others: &[Other], fitted: &Json) -> Result<Kernel, String> {
        let (centre, divisor) = if self.standardize {
            let deviation = number(fitted, "var")?.sqrt();
            (number(fitted, "mean")?, if deviation == 0.0 { 1.0 } else { deviation })
        } else {
            (0.0, 1.0)
        };
        Ok(Kernel::One(Box::new(Power { step: *self, lambda: number(fitted, "lambda")?, centre, divisor })))
    }
}

impl PowerTransform {
    /// The value to the power λ, before it is standardized. None where the family does not have it.
    fn raise(self, value: f64, lambda: f64) -> Option<f64> {
        match self.family {
            Family::BoxCox => (value > 0.0).then(|| power(lambda, libm::log(value))),
            Family::YeoJohnson if value >= 0.0 => Some(power(lambda, libm::log1p(value))),
            Family::YeoJohnson => Some(-power(2.0 - lambda, libm::log1p(-value))),
        }
    }
}

/// (b^p − 1) / p of a base b that is given by its logarithm; ln b for p = 0, its limit.
fn power(p: f64, log: f64) -> f64 {
    // Below this the quotient is the logarithm to the last bit, and its numerator might underflow.
    if (p * log).abs() < 1e-17 { log } else { libm::expm1(p * log) / p }
}

#[derive(Clone, Copy, Debug)]
struct Power {
    step: PowerTransform,
    lambda: f64,
    centre: f64,
    divisor: f64,
}

impl Map for Power {
    fn apply<'v>(&'v self, value: Value<'v>, _scope: &Scope<'v>) -> Result<Value<'v>, Fault> {
        let Some(number) = value.as_f64() else { return Ok(Value::Null) };
        if number.is_nan() {
            return Ok(value);
        }
        match self.step.raise(number, self.lambda) {
            Some(raised) => Ok(Value::Float((raised - self.centre) / self.divisor)),
            None if self.step.refuses => {
                Err(Fault::refused("the value is not above 0, which `nonpositive: error` refuses"))
            }
            None => Ok(Value::Null),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fitting::{apply, assert_close, fit_floats};
    use super::super::parameter::Argument;
    use super::super::testing::{Bench, text};
    use super::*;
    use crate::dtype::Scalar;

    const ABOVE: [f64; 8] = [2.5, 0.1, 7.25, 33.0, 1.0, 0.75, 12.0, 4.5];
    const BOTH: [f64; 8] = [-3.0, -0.5, 0.0, 0.25, 1.5, 2.0, 8.0, -1.0];

    fn assert_lambda(bench: &Bench, values: &[f64], lambda: f64) -> Bench {
        let fitted = fit_floats(bench, values).unwrap();
        let got = fitted.parameters()["lambda"].as_f64().unwrap();
        assert!((got - lambda).abs() < 1e-6, "{got} for {lambda}");
        fitted
    }

    /// Expected: `PowerTransformer(method=...).fit(x)`, `lambdas_` and the first three values of `transform(x)`.
    #[test]
    fn powers_are_those_of_scikit_learn() {
        let yeo_johnson = Bench::new(&TRANSFORM, &[]);
        let box_cox = Bench::new(&TRANSFORM, &[("method", text("box_cox"))]);
        let below = ABOVE.map(|value| -value);
        let fitted = assert_lambda(&box_cox, &ABOVE, 0.12139717348430465);
        assert_close(&fitted, &ABOVE, &[-0.1380210531423573, -1.7265527014793045, 0.539598349733377], 1e-6);
        let fitted = assert_lambda(&yeo_johnson, &ABOVE, -0.2102808423149203);
        assert_close(&fitted, &ABOVE, &[-0.19330103507483784, -1.5272315779987042, 0.6053392995448399], 1e-6);
        let fitted = assert_lambda(&yeo_johnson, &below, 2.210280824237295);
        assert_close(&fitted, &below, &[0.19330104377622914, 1.5272315646884516, -0.6053392923626094], 1e-6);
        let fitted = assert_lambda(&yeo_johnson, &BOTH, 0.6029864736637632);
        assert_close(&fitted, &BOTH, &[-1.8916119825140423, -0.3185875020141537, -0.08690974523815453], 1e-6);
    }

    #[test]
    fn the_result_is_standardized() {
        let fitted = fit_floats(&Bench::new(&TRANSFORM, &[]), &BOTH).unwrap();
        let made: Vec<f64> = apply(&fitted, &BOTH).into_iter().flatten().collect();
        let mean = made.iter().sum::<f64>() / 8.0;
        let var = made.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / 8.0;
        assert!(mean.abs() < 1e-15 && (var - 1.0).abs() < 1e-14, "{mean} {var}");
        let plain = Bench::new(&TRANSFORM, &[("standardize", Argument::Bool(false))]);
        let plain = fit_floats(&plain, &BOTH).unwrap();
        assert_eq!(plain.parameters().as_object().unwrap().len(), 1);
        assert_eq!(apply(&plain, &[0.0]), [Some(0.0)]);
    }

    /// A column far from zero: the likelihood must not drown in the −1 / λ that all raised values share. Expected: the root of the
    /// derivative, relative to the geometric mean, by `scipy.optimize.brentq`; `scipy.stats.boxcox` says 0.7496274.
    #[test]
    fn columns_far_from_zero() {
        let plain = Bench::new(&TRANSFORM, &[("method", text("box_cox")), ("standardize", Argument::Bool(false))]);
        let years: Vec<f64> = (0..50).map(|year| 1970.0 + f64::from(year)).collect();
        let fitted = fit_floats(&plain, &years).unwrap();
        let lambda = fitted.parameters()["lambda"].as_f64().unwrap();
        assert!((lambda - 0.749623115207694).abs() < 1e-8, "{lambda}");
        let near = [1e9, 1e9 + 1.0, 1e9 + 5.0];
        assert!(fit_floats(&plain, &near).unwrap().parameters()["lambda"].as_f64().unwrap() < -1e6);
        let error = fit_floats(&Bench::new(&TRANSFORM, &[("method", text("box_cox"))]), &near).unwrap_err();
        assert!(error.contains("leaves no difference between the values"), "{error}");
    }

    #[test]
    fn constant_columns_keep_their_values() {
        for name in ["box_cox", "yeo_johnson"] {
            let fitted = fit_floats(&Bench::new(&TRANSFORM, &[("method", text(name))]), &[5.0; 4]).unwrap();
            assert_eq!(fitted.parameters()["lambda"], 1.0);
            assert_close(&fitted, &[5.0, 7.0], &[0.0, 2.0], 1e-15);
        }
    }

    #[test]
    fn extreme_columns_have_a_power() {
        let plain = Bench::new(&TRANSFORM, &[("standardize", Argument::Bool(false))]);
        for values in [&[1e300, 1e-300, 1.0][..], &[-1e300, 1e300, 5.0], &[0.0, 0.0, 0.0, 1.0], &[-1e308, 1.0, 2.0]] {
            let lambda = fit_floats(&plain, values).unwrap().parameters()["lambda"].as_f64().unwrap();
            assert!(lambda.is_finite());
        }
        let error = fit_floats(&plain, &[1.0, f64::INFINITY]).unwrap_err();
        assert!(error.starts_with("`max` is not finite"), "{error}");
    }

    #[test]
    fn box_cox_takes_values_above_zero() {
        let nulls = Bench::new(&TRANSFORM, &[("method", text("box_cox"))]);
        let fitted = fit_floats(&nulls, &[0.0, -1.0, 1.0, 2.0, 4.0]).unwrap();
        assert_eq!(apply(&fitted, &[0.0, -1.0]), [None; 2]);
        assert_eq!(
            fit_floats(&nulls, &[0.0]).unwrap_err(),
            "no value to fit: the column is empty or all null, or has nothing above 0"
        );
        let errors = Bench::new(&TRANSFORM, &[("method", text("box_cox")), ("nonpositive", text("error"))]);
        let error = fit_floats(&errors, &[1.0, -3.0]).unwrap_err();
        assert_eq!(error, "`box_cox` takes values above 0, and the column has -3; `yeo_johnson` takes any number");
        let fitted = fit_floats(&errors, &[1.0, 2.0, 4.0]).unwrap();
        assert!(fitted.run(Scalar::Float64, Value::Float(0.0)).is_err());
    }
}
