//! `max_abs`.

use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::numeric::to_float;
use super::parameter::Arguments;
use super::{Fit, Function, Kernel, Other, Output, Problem, Step, Transform};
use crate::dtype::DType;
use crate::fit::{NumberFit, finite, number};
use crate::numbers::Extremes;

/// `max_abs`.
pub(super) const TRANSFORM: Transform = Transform {
    name: "max_abs",
    doc: "Divides by the greatest absolute value of training, so that 0 stays 0 and training lies within −1 and 1.\n\n\
          A column of nothing but zeros gives 0, whatever the value; scikit-learn leaves values as they are then. Nulls and NaN are \
          left out of the fit; an infinite value is an error.",
    example: "max_abs",
    known_as: "MaxAbsScaler (scikit-learn)",
    parameters: &[],
    make,
};

#[derive(Clone, Copy, Debug)]
struct MaxAbs;

fn make(_arguments: &Arguments) -> Result<Arc<dyn Step>, Problem> {
    Ok(Arc::new(MaxAbs))
}

impl Step for MaxAbs {
    fn output(&self, input: DType, _others: &[DType]) -> Result<Output, Problem> {
        to_float(input)
    }

    fn fit(&self, _input: DType) -> Option<Box<dyn Fit>> {
        Some(Box::new(NumberFit::new(|extremes: &Extremes| {
            Ok(json!({ "max_abs": finite("max_abs", Some(extremes.max.max(-extremes.min)))? }))
        })))
    }

    fn kernel(&self, _input: DType, _others: &[Other], fitted: &Json) -> Result<Kernel, String> {
        Ok(Kernel::Number(Box::new(Shrunk { most: number(fitted, "max_abs")? })))
    }
}

#[derive(Clone, Copy, Debug)]
struct Shrunk {
    most: f64,
}

impl Function for Shrunk {
    fn of(&self, number: f64) -> f64 {
        if self.most == 0.0 { 0.0 } else { number / self.most }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fitting::{apply, fit_floats};
    use super::super::testing::Bench;
    use super::*;

    #[test]
    fn divides_by_the_greatest() {
        let bench = fit_floats(&Bench::new(&TRANSFORM, &[]), &[2.0, -4.0, 0.0]).unwrap();
        assert_eq!(apply(&bench, &[2.0, -4.0, 0.0, 8.0]), [0.5, -1.0, 0.0, 2.0].map(Some));
        let zeros = fit_floats(&Bench::new(&TRANSFORM, &[]), &[-0.0, 0.0]).unwrap();
        assert_eq!(zeros.parameters().to_string(), r#"{"max_abs":0.0}"#);
        assert_eq!(apply(&zeros, &[0.0, 5.0]), [Some(0.0); 2]);
    }
}
