//! The fit of a column of numbers, and numbers among fitted parameters.

use std::fmt;

use serde_json::Value as Json;

use super::{EMPTY, TORN};
use crate::numbers::{Extremes, Moments, Quantiles, Reader};
use crate::transforms::{Fit, Fitted};
use crate::value::Value;

/// What a fit gathers of numbers: exact and mergeable.
pub(crate) trait State: Default + fmt::Debug + Send + Sync {
    /// Adds a number that is not NaN.
    fn add(&mut self, value: f64);

    /// Reads a saved state; none if the bytes are not one.
    fn read(saved: &mut Reader<'_>) -> Option<Self>;

    /// Adds the numbers of another state.
    fn merge(&mut self, other: Self);

    /// Appends the state; equal multisets give equal bytes.
    fn save(&self, out: &mut Vec<u8>);
}

impl<const N: usize> State for Moments<N> {
    fn add(&mut self, value: f64) {
        Self::add(self, value);
    }

    fn read(saved: &mut Reader<'_>) -> Option<Self> {
        Self::read(saved)
    }

    fn merge(&mut self, other: Self) {
        Self::merge(self, &other);
    }

    fn save(&self, out: &mut Vec<u8>) {
        Self::save(self, out);
    }
}

impl State for Extremes {
    fn add(&mut self, value: f64) {
        Self::add(self, value);
    }

    fn read(saved: &mut Reader<'_>) -> Option<Self> {
        Self::read(saved)
    }

    fn merge(&mut self, other: Self) {
        Self::merge(self, &other);
    }

    fn save(&self, out: &mut Vec<u8>) {
        Self::save(self, out);
    }
}

impl State for Quantiles {
    fn add(&mut self, value: f64) {
        Self::add(self, value);
    }

    fn read(saved: &mut Reader<'_>) -> Option<Self> {
        Self::read(saved)
    }

    fn merge(&mut self, other: Self) {
        Self::merge(self, other);
    }

    fn save(&self, out: &mut Vec<u8>) {
        Self::save(self, out);
    }
}

/// What a state gives in the end.
type Finish<S> = dyn Fn(&S) -> Result<Json, String> + Send + Sync;

/// The fit of a column of numbers in one pass. Null and NaN are skipped; without any number left it is an error.
pub(crate) struct NumberFit<S> {
    count: i64,
    state: S,
    finish: Box<Finish<S>>,
}

impl<S: State> NumberFit<S> {
    pub(crate) fn new(finish: impl Fn(&S) -> Result<Json, String> + Send + Sync + 'static) -> Self {
        Self { count: 0, state: S::default(), finish: Box::new(finish) }
    }
}

impl<S: fmt::Debug> fmt::Debug for NumberFit<S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("NumberFit")
            .field("count", &self.count)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

impl<S: State> Fit for NumberFit<S> {
    fn update(&mut self, value: Value<'_>, _target: Value<'_>) -> Result<(), String> {
        if let Some(number) = number_of(value)? {
            self.count += 1;
            self.state.add(number);
        }
        Ok(())
    }

    fn merge(&mut self, saved: &[u8]) -> Result<(), String> {
        let mut reader = Reader::new(saved);
        let count = reader.i64().ok_or(TORN)?;
        let state = S::read(&mut reader).filter(|_| reader.is_done()).ok_or(TORN)?;
        self.state.merge(state);
        self.count += count;
        Ok(())
    }

    fn save(&self) -> Vec<u8> {
        let mut out = self.count.to_le_bytes().to_vec();
        self.state.save(&mut out);
        out
    }

    fn finish(&mut self) -> Result<Fitted, String> {
        if self.count == 0 {
            return Err(EMPTY.to_owned());
        }
        (self.finish)(&self.state).map(Fitted::Done)
    }
}

/// The number that a fit takes of a value: none for null and NaN.
pub(crate) fn number_of(value: Value<'_>) -> Result<Option<f64>, String> {
    match value.as_f64() {
        Some(number) => Ok((!number.is_nan()).then_some(number)),
        None if value.is_null() => Ok(None),
        None => Err(format!("{value:?} is no number")),
    }
}

/// A fitted parameter, which must be finite.
pub(crate) fn finite(name: &str, value: Option<f64>) -> Result<Json, String> {
    value.filter(|value| value.is_finite()).map(Json::from).ok_or_else(|| {
        format!(
            "`{name}` is not finite: the column holds infinite values or too large ones; put a `clip` before the step"
        )
    })
}

/// A number among fitted parameters.
pub(crate) fn number(fitted: &Json, name: &str) -> Result<f64, String> {
    let number = fitted.get(name).and_then(Json::as_f64);
    number.ok_or_else(|| format!("the fitted parameters have no number `{name}`; fit the step again"))
}

/// Numbers among fitted parameters, which must ascend or stay.
pub(crate) fn numbers(fitted: &Json, name: &str) -> Result<Vec<f64>, String> {
    let items = fitted.get(name).and_then(Json::as_array);
    let numbers: Option<Vec<f64>> = items.and_then(|items| items.iter().map(Json::as_f64).collect());
    numbers
        .filter(|numbers| numbers.is_sorted())
        .ok_or_else(|| format!("the fitted parameters have no ascending numbers `{name}`; fit the step again"))
}
