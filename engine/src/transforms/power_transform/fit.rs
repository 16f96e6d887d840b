//! The fit of a power, in passes: survey the column, search for λ, take mean and variance of what λ makes.

use serde_json::{Value as Json, json};

use super::likelihood::{Column, Side, Sums};
use super::root::Root;
use super::{Family, PowerTransform};
use crate::fit::{EMPTY, TORN, finite, number_of};
use crate::numbers::{ExactSum, Extremes, Moments, Reader};
use crate::transforms::{Fit, Fitted};
use crate::value::Value;

/// The state of the fit.
#[derive(Clone, Debug)]
pub(super) struct PowerFit {
    step: PowerTransform,
    stage: Stage,
}

/// What a pass is for, and what it has gathered.
#[derive(Clone, Debug)]
enum Stage {
    /// Where the column lies, and the sum of ±ln b.
    Survey { extremes: Extremes, logs: ExactSum },
    /// The derivative of the likelihood at the point that the search asks for.
    Search { column: Column, root: Root, sums: Sums },
    /// Mean and variance of the raised values.
    Standardize { lambda: f64, raised: Moments<2> },
}

impl PowerFit {
    pub(super) fn new(step: PowerTransform) -> Self {
        Self { step, stage: Stage::Survey { extremes: Extremes::default(), logs: ExactSum::default() } }
    }

    /// λ is found: standardize, or end.
    fn found(&mut self, lambda: f64) -> Result<Fitted, String> {
        if !self.step.standardize {
            return Ok(Fitted::Done(json!({ "lambda": finite("lambda", Some(lambda))? })));
        }
        self.stage = Stage::Standardize { lambda, raised: Moments::default() };
        Ok(Fitted::Again)
    }
}

/// What the first pass tells.
fn surveyed(family: Family, extremes: &Extremes, logs: &ExactSum) -> Result<Column, String> {
    finite("min", Some(extremes.min))?;
    finite("max", Some(extremes.max))?;
    let side = match family {
        Family::BoxCox => Side::Above,
        Family::YeoJohnson if extremes.min >= 0.0 => Side::Above,
        Family::YeoJohnson if extremes.max <= 0.0 => Side::Below,
        Family::YeoJohnson => Side::Both,
    };
    Ok(Column { side, mean_log: logs.mean().unwrap_or(0.0) })
}

/// The fitted parameters of a standardized power.
fn standardized(lambda: f64, raised: &Moments<2>) -> Result<Json, String> {
    let var = raised.variance(0);
    if var == Some(0.0) && lambda != 1.0 {
        return Err(format!(
            "the power {lambda} leaves no difference between the values in float64, which lie far from zero and near each \
             other; put a `standardize` before the step"
        ));
    }
    Ok(json!({
        "lambda": finite("lambda", Some(lambda))?,
        "mean": finite("mean", raised.mean())?,
        "var": finite("var", var)?,
    }))
}

impl Fit for PowerFit {
    fn update(&mut self, value: Value<'_>, _target: Value<'_>) -> Result<(), String> {
        let Some(number) = number_of(value)? else { return Ok(()) };
        let (step, number) = (self.step, number + 0.0);
        if step.family == Family::BoxCox && number <= 0.0 {
            let refused =
                format!("`box_cox` takes values above 0, and the column has {number}; `yeo_johnson` takes any number");
            return if step.refuses { Err(refused) } else { Ok(()) };
        }
        match &mut self.stage {
            Stage::Survey { extremes, logs } => {
                extremes.add(number);
                logs.add(match step.family {
                    Family::BoxCox => libm::log(number),
                    Family::YeoJohnson => libm::log1p(number.abs()).copysign(number),
                });
            }
            Stage::Search { column, root, sums } => sums.add(*column, step.family, number, root.at),
            Stage::Standardize { lambda, raised } => {
                step.raise(number, *lambda).into_iter().for_each(|value| raised.add(value));
            }
        }
        Ok(())
    }

    fn merge(&mut self, saved: &[u8]) -> Result<(), String> {
        let mut reader = Reader::new(saved);
        let other = read(&mut reader).filter(|_| reader.is_done()).ok_or(TORN)?;
        match (&mut self.stage, other) {
            (Stage::Survey { extremes, logs }, Stage::Survey { extremes: more, logs: more_logs }) => {
                extremes.merge(&more);
                logs.merge(&more_logs);
            }
            (Stage::Search { column, root, sums }, Stage::Search { column: of, root: at, sums: more })
                if *column == of && root.at == at.at =>
            {
                sums.merge(&more);
            }
            (Stage::Standardize { lambda, raised }, Stage::Standardize { lambda: of, raised: more })
                if *lambda == of =>
            {
                raised.merge(&more);
            }
            // A fit that has seen nothing takes over the pass of the other.
            (stage @ Stage::Survey { .. }, other) if is_empty(stage) => *stage = other,
            (Stage::Survey { .. } | Stage::Search { .. } | Stage::Standardize { .. }, _) => return Err(TORN.to_owned()),
        }
        Ok(())
    }

    fn save(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match &self.stage {
            Stage::Survey { extremes, logs } => {
                out.push(0);
                extremes.save(&mut out);
                logs.save(&mut out);
            }
            Stage::Search { column, root, sums } => {
                out.push(1);
                out.push(match column.side {
                    Side::Above => 0,
                    Side::Below => 1,
                    Side::Both => 2,
                });
                out.extend_from_slice(&column.mean_log.to_le_bytes());
                root.save(&mut out);
                sums.save(&mut out);
            }
            Stage::Standardize { lambda, raised } => {
                out.push(2);
                out.extend_from_slice(&lambda.to_le_bytes());
                raised.save(&mut out);
            }
        }
        out
    }

    fn finish(&mut self) -> Result<Fitted, String> {
        let lambda = match &mut self.stage {
            Stage::Survey { logs, .. } if logs.count() == 0 => {
                let above = if self.step.family == Family::BoxCox { ", or has nothing above 0" } else { "" };
                return Err(format!("{EMPTY}{above}"));
            }
            Stage::Survey { extremes, logs } => {
                let column = surveyed(self.step.family, extremes, logs)?;
                if extremes.min == extremes.max {
                    return self.found(1.0);
                }
                self.stage = Stage::Search { column, root: Root::new(), sums: Sums::default() };
                return Ok(Fitted::Again);
            }
            Stage::Search { column, root, sums } => match sums.derivative(*column, root.at) {
                // The values differ, but not their logarithms.
                None => 1.0,
                Some(derivative) => match root.take(derivative)? {
                    Some(power) => column.lambda(power),
                    None => {
                        *sums = Sums::default();
                        return Ok(Fitted::Again);
                    }
                },
            },
            Stage::Standardize { lambda, raised } => return standardized(*lambda, raised).map(Fitted::Done),
        };
        self.found(lambda)
    }
}

fn is_empty(stage: &Stage) -> bool {
    matches!(stage, Stage::Survey { logs, .. } if logs.count() == 0)
}

fn read(reader: &mut Reader<'_>) -> Option<Stage> {
    match reader.u8()? {
        0 => Some(Stage::Survey { extremes: Extremes::read(reader)?, logs: ExactSum::read(reader)? }),
        1 => {
            let side = match reader.u8()? {
                0 => Side::Above,
                1 => Side::Below,
                2 => Side::Both,
                _ => return None,
            };
            let column = Column { side, mean_log: reader.f64()? };
            Some(Stage::Search { column, root: Root::read(reader)?, sums: Sums::read(reader)? })
        }
        2 => Some(Stage::Standardize { lambda: reader.f64()?, raised: Moments::read(reader)? }),
        _ => None,
    }
}
