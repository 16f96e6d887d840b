//! From what a window remembers to the value of a feature.

use bumpalo::Bump;

use super::accumulator::{Accumulator, Entry, Kind, Read};
use super::multiset::Multiset;
use super::order::Ordered;
use super::plan::ends;
use crate::definitions::{Aggregation, Constant};
use crate::dtype::{DType, Scalar};
use crate::numbers::Moments;
use crate::scope::Fault;
use crate::value::{List, Value, write_list};

/// A feature: one aggregation over one window.
#[derive(Clone, Debug)]
pub(super) struct Feature {
    pub(super) name: String,
    pub(super) dtype: DType,
    pub(super) function: Function,
    /// The position of its accumulator.
    pub(super) spec: usize,
    /// That of the denominator.
    pub(super) second: Option<usize>,
    /// The position of its window.
    pub(super) length: usize,
    /// What an empty window gives.
    pub(super) empty: Option<Constant>,
}

/// What is made of an accumulator.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Function {
    Count,
    CountDistinct,
    ApproxCountDistinct,
    Sum,
    Mean,
    Min,
    Max,
    Variance,
    Stddev,
    Skew,
    Kurtosis,
    First,
    Last,
    FirstN(i64),
    LastN(i64),
    ApproxQuantile(f64),
    Mode,
    TopK(i64),
    Ratio,
    TimeSinceLast,
    /// Seconds of the window.
    Rate(f64),
}

/// A value, or that no value was left.
enum Outcome<'v> {
    Empty,
    Value(Value<'v>),
}

impl Function {
    /// The function of a validated aggregation over a window of this length.
    pub(super) fn of(aggregation: &Aggregation, length: Option<i64>) -> Result<Self, String> {
        let parameter = |name: &str| aggregation.parameters.get(name);
        let whole = |name: &str| parameter(name).and_then(serde_json::Value::as_i64).unwrap_or(1);
        Ok(match aggregation.function.as_str() {
            "count" => Self::Count,
            "count_distinct" => Self::CountDistinct,
            "approx_count_distinct" => Self::ApproxCountDistinct,
            "sum" => Self::Sum,
            "mean" => Self::Mean,
            "min" => Self::Min,
            "max" => Self::Max,
            "variance" => Self::Variance,
            "stddev" => Self::Stddev,
            "skew" => Self::Skew,
            "kurtosis" => Self::Kurtosis,
            "first" => Self::First,
            "last" => Self::Last,
            "first_n" => Self::FirstN(whole("n")),
            "last_n" => Self::LastN(whole("n")),
            "approx_quantile" => {
                Self::ApproxQuantile(parameter("q").and_then(serde_json::Value::as_f64).unwrap_or_default())
            }
            "mode" => Self::Mode,
            "top_k" => Self::TopK(whole("k")),
            "ratio" => Self::Ratio,
            "time_since_last" => Self::TimeSinceLast,
            "rate" => Self::Rate(length.unwrap_or_default() as f64 / 1e6),
            other => return Err(format!("there is no function `{other}`")),
        })
    }

    /// What has to be remembered for it.
    pub(super) const fn remembers(self) -> Kind {
        match self {
            Self::Count | Self::Rate(_) => Kind::Count,
            Self::CountDistinct | Self::Mode | Self::TopK(_) => Kind::Tally,
            Self::ApproxCountDistinct => Kind::Distinct,
            Self::Sum | Self::Mean | Self::Ratio => Kind::Sum,
            Self::Min => Kind::Least,
            Self::Max | Self::TimeSinceLast => Kind::Greatest,
            Self::Variance | Self::Stddev => Kind::Squares,
            Self::Skew | Self::Kurtosis => Kind::Powers,
            Self::First => ends(true, 1),
            Self::Last => ends(false, 1),
            Self::FirstN(most) => ends(true, most),
            Self::LastN(most) => ends(false, most),
            Self::ApproxQuantile(_) => Kind::Bins,
        }
    }

    /// What its accumulator reads, given the column of the aggregation.
    pub(super) fn reads(self, column: Option<Read>) -> Read {
        if self == Self::TimeSinceLast { Read::Time } else { column.unwrap_or(Read::Event) }
    }
}

impl Feature {
    /// The value of the feature at t, from the accumulators of its window.
    ///
    /// # Errors
    /// OVERFLOW: a sum that does not fit its type.
    pub(super) fn finish<'v>(
        &'v self,
        accumulators: &[Accumulator<'v>],
        t: i64,
        arena: &'v Bump,
    ) -> Result<Value<'v>, Fault> {
        let Some(accumulator) = accumulators.get(self.spec) else { return Ok(Value::Null) };
        let second = self.second.and_then(|second| accumulators.get(second));
        Ok(self.value(self.outcome(accumulator, second, t, arena)?))
    }

    /// What an empty window gives.
    pub(super) fn of_empty(&self) -> Value<'_> {
        self.value(Outcome::Empty)
    }

    /// The value of a feature whose function takes but counts and sums.
    ///
    /// # Errors
    /// OVERFLOW: a sum that does not fit its type.
    pub(super) fn of_sum<'v>(&'v self, accumulator: &Accumulator<'v>) -> Result<Value<'v>, Fault> {
        if count(accumulator) == 0 {
            return Ok(self.of_empty());
        }
        Ok(self.value(if self.function == Function::Sum {
            self.sum(accumulator)?
        } else if self.function == Function::Mean {
            Outcome::Value(mean(accumulator).map_or(Value::Null, Value::Float))
        } else if let Function::Rate(seconds) = self.function {
            Outcome::Value(Value::Float(count(accumulator) as f64 / seconds))
        } else {
            Outcome::Value(Value::Int(count(accumulator)))
        }))
    }

    fn value<'v>(&'v self, outcome: Outcome<'v>) -> Value<'v> {
        match outcome {
            // Any NaN is null.
            Outcome::Value(Value::Float(value)) if value.is_nan() => Value::Null,
            Outcome::Value(value) => value,
            Outcome::Empty => match (&self.empty, self.function) {
                (Some(empty), _) => empty.value(self.dtype),
                (None, Function::Count) => Value::Int(0),
                (None, _) => Value::Null,
            },
        }
    }

    fn outcome<'v>(
        &'v self,
        accumulator: &Accumulator<'v>,
        second: Option<&Accumulator<'v>>,
        t: i64,
        arena: &'v Bump,
    ) -> Result<Outcome<'v>, Fault> {
        let some = |value: Option<Value<'v>>| value.map_or(Outcome::Empty, Outcome::Value);
        let float = |value: Option<f64>| Outcome::Value(value.map_or(Value::Null, Value::Float));
        if is_empty(accumulator) || second.is_some_and(is_empty) {
            return Ok(Outcome::Empty);
        }
        Ok(match self.function {
            Function::Count | Function::Rate(_) | Function::Sum | Function::Mean => {
                return self.of_sum(accumulator).map(Outcome::Value);
            }
            Function::CountDistinct => some(values(accumulator).map(|values| Value::Int(values.distinct() as i64))),
            Function::ApproxCountDistinct => some(distinct(accumulator).map(Value::Int)),
            Function::Min => some(values(accumulator).and_then(Multiset::first).map(|value| value.0)),
            Function::Max => some(values(accumulator).and_then(Multiset::last).map(|value| value.0)),
            Function::Variance => float(variance(accumulator)),
            Function::Stddev => float(variance(accumulator).map(f64::sqrt)),
            Function::Skew => float(moments(accumulator).and_then(skew)),
            Function::Kurtosis => float(moments(accumulator).and_then(kurtosis)),
            Function::First => some(entries(accumulator).and_then(Multiset::first).map(|entry| entry.value)),
            Function::Last => some(entries(accumulator).and_then(Multiset::last).map(|entry| entry.value)),
            Function::FirstN(most) => self.list(first(accumulator, most).into_iter(), arena),
            Function::LastN(most) => self.list(last(accumulator, most).into_iter().rev(), arena),
            Function::ApproxQuantile(q) => float(quantile(accumulator, q)),
            Function::Mode => some(most_frequent(accumulator, 1).first().copied()),
            Function::TopK(most) => self.list(most_frequent(accumulator, most).into_iter(), arena),
            Function::Ratio => float(second.and_then(|second| ratio(accumulator, second))),
            Function::TimeSinceLast => {
                let newest = values(accumulator).and_then(Multiset::last);
                some(
                    newest
                        .and_then(|newest| time(newest.0))
                        .map(|newest| Value::Float(t.saturating_sub(newest) as f64 / 1e6)),
                )
            }
        })
    }

    fn sum<'v>(&self, accumulator: &Accumulator<'v>) -> Result<Outcome<'v>, Fault> {
        if let Some(whole) = int_sum(accumulator) {
            let is_int32 = self.dtype == DType::Scalar(Scalar::Int32);
            let fits = if is_int32 { i32::try_from(whole).ok().map(i64::from) } else { i64::try_from(whole).ok() };
            return fits.map(|sum| Outcome::Value(Value::Int(sum))).ok_or(Fault::OVERFLOW);
        }
        let sum = match (accumulator, self.dtype == DType::Scalar(Scalar::Float32)) {
            (Accumulator::Sum(moments), true) => moments.sum_float32().map(f64::from),
            (Accumulator::Squares(moments), true) => moments.sum_float32().map(f64::from),
            (accumulator, _) => sum(accumulator),
        };
        Ok(Outcome::Value(sum.map_or(Value::Null, Value::Float)))
    }

    /// A list of values in this order.
    fn list<'v>(&self, values: impl Iterator<Item = Value<'v>> + Clone, arena: &'v Bump) -> Outcome<'v> {
        let DType::List(item) = self.dtype else { return Outcome::Empty };
        let mut bytes = Vec::new();
        let is_written = write_list(item, values, &mut bytes);
        let list = List::read(item, arena.alloc_slice_copy(&bytes)).filter(|_| is_written);
        list.map_or(Outcome::Empty, |list| Outcome::Value(Value::List(list)))
    }
}

/// How many values were added.
fn count(accumulator: &Accumulator<'_>) -> i64 {
    match accumulator {
        Accumulator::Count(count) | Accumulator::IntSum(count, _) => *count,
        Accumulator::IntSquares(moments) => moments.count(),
        Accumulator::Sum(moments) => moments.count(),
        Accumulator::Squares(moments) => moments.count(),
        Accumulator::Powers(moments) => moments.count(),
        Accumulator::Bins(bins) => bins.count(),
        Accumulator::Values(values) => values.iter().map(|(_, count)| count).sum(),
        Accumulator::Ends(entries) => entries.iter().map(|(_, count)| count).sum(),
        Accumulator::Distinct(registers) => i64::from(!registers.is_empty()),
    }
}

fn is_empty(accumulator: &Accumulator<'_>) -> bool {
    if let Some(values) = values(accumulator) {
        return values.distinct() == 0;
    }
    if let Some(entries) = entries(accumulator) {
        return entries.distinct() == 0;
    }
    count(accumulator) == 0
}

/// The exact sum of whole numbers.
fn int_sum(accumulator: &Accumulator<'_>) -> Option<i128> {
    if let Accumulator::IntSum(_, sum) = accumulator {
        return Some(*sum);
    }
    if let Accumulator::IntSquares(moments) = accumulator { Some(moments.sum()) } else { None }
}

/// The sum as a float, rounded once.
fn sum(accumulator: &Accumulator<'_>) -> Option<f64> {
    if let Some(sum) = int_sum(accumulator) {
        return Some(sum as f64);
    }
    if let Accumulator::Sum(moments) = accumulator {
        return moments.sum();
    }
    if let Accumulator::Squares(moments) = accumulator { moments.sum() } else { None }
}

fn mean(accumulator: &Accumulator<'_>) -> Option<f64> {
    sum(accumulator).map(|sum| sum / count(accumulator) as f64)
}

fn ratio(numerator: &Accumulator<'_>, denominator: &Accumulator<'_>) -> Option<f64> {
    let denominator = sum(denominator).filter(|sum| *sum != 0.0)?;
    Some(sum(numerator)? / denominator)
}

fn variance(accumulator: &Accumulator<'_>) -> Option<f64> {
    if let Accumulator::IntSquares(moments) = accumulator {
        return moments.variance(0);
    }
    if let Accumulator::Squares(moments) = accumulator { moments.variance(0) } else { None }
}

fn moments<'a>(accumulator: &'a Accumulator<'_>) -> Option<&'a Moments<4>> {
    if let Accumulator::Powers(moments) = accumulator { Some(moments) } else { None }
}

fn skew(moments: &Moments<4>) -> Option<f64> {
    let second = moments.variance(0).filter(|second| *second != 0.0)?;
    let (third, _) = moments.third_and_fourth()?;
    Some(third / (second * second.sqrt()))
}

fn kurtosis(moments: &Moments<4>) -> Option<f64> {
    let second = moments.variance(0).filter(|second| *second != 0.0)?;
    let (_, fourth) = moments.third_and_fourth()?;
    Some(fourth / (second * second) - 3.0)
}

fn values<'a, 'v>(accumulator: &'a Accumulator<'v>) -> Option<&'a Multiset<Ordered<'v>>> {
    if let Accumulator::Values(values) = accumulator { Some(values) } else { None }
}

fn entries<'a, 'v>(accumulator: &'a Accumulator<'v>) -> Option<&'a Multiset<Entry<'v>>> {
    if let Accumulator::Ends(entries) = accumulator { Some(entries) } else { None }
}

fn distinct(accumulator: &Accumulator<'_>) -> Option<i64> {
    if let Accumulator::Distinct(registers) = accumulator { Some(registers.estimate()) } else { None }
}

fn quantile(accumulator: &Accumulator<'_>, q: f64) -> Option<f64> {
    if let Accumulator::Bins(bins) = accumulator { bins.quantile(q) } else { None }
}

const fn time(value: Value<'_>) -> Option<i64> {
    if let Value::Time(time) = value { Some(time) } else { None }
}

/// The first values in the order of events, repeats included.
fn first<'v>(accumulator: &Accumulator<'v>, most: i64) -> Vec<Value<'v>> {
    let entries = entries(accumulator).into_iter().flat_map(Multiset::iter);
    take(entries, most)
}

/// The last values, the newest first.
fn last<'v>(accumulator: &Accumulator<'v>, most: i64) -> Vec<Value<'v>> {
    let entries = entries(accumulator).into_iter().flat_map(|entries| entries.iter().rev());
    take(entries, most)
}

fn take<'v>(entries: impl Iterator<Item = (Entry<'v>, i64)>, most: i64) -> Vec<Value<'v>> {
    let most = usize::try_from(most).unwrap_or(0);
    let repeated = entries
        .flat_map(|(entry, count)| std::iter::repeat_n(entry.value, usize::try_from(count).unwrap_or(0).min(most)));
    repeated.take(most).collect()
}

/// The most frequent values, the most frequent first, of equally frequent ones the smaller.
fn most_frequent<'v>(accumulator: &Accumulator<'v>, most: i64) -> Vec<Value<'v>> {
    let mut counted: Vec<_> = values(accumulator).into_iter().flat_map(Multiset::iter).collect();
    // Stable: they come in the order of the values.
    counted.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counted.into_iter().take(usize::try_from(most).unwrap_or(0)).map(|(value, _)| value.0).collect()
}
