//! The functions of aggregations over the values of one window, as CONTRACTS.md §3 and §4 word them.

use std::collections::BTreeMap;

use crate::cell::Cell;
use crate::distinct;
use crate::exact::Exact;

/// A function over the non-null values of a column, in the order of their events.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Function {
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
    FirstN(usize),
    LastN(usize),
    ApproxQuantile(f64),
    Mode,
    TopK(usize),
    /// Needs the sum of another column.
    Ratio,
    /// Needs the length of the window.
    Rate,
    /// Needs the events.
    TimeSinceLast,
}

/// The type of the column that a function reads, as far as it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    Bool,
    Int32,
    Int64,
    Float32,
    Float64,
    Other,
}

/// What a window gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Value(Cell),
    /// The reason of an ERROR.
    Error(&'static str),
}

/// A number; NaN is null.
pub fn number(value: f64) -> Answer {
    Answer::Value(if value.is_nan() { Cell::Null } else { Cell::Float(value) })
}

/// The result over at least one value, none of them null. `values` are in the order of their events.
pub fn over(function: Function, dtype: Type, values: &[Cell]) -> Answer {
    let value = match function {
        Function::Count => return int(values.len()),
        Function::CountDistinct => return int(frequencies(values).len()),
        Function::ApproxCountDistinct => return int(distinct::estimate(values)),
        Function::Sum => return sum(dtype, values),
        Function::Mean => return number(float_sum(values) / values.len() as f64),
        Function::Variance | Function::Stddev | Function::Skew | Function::Kurtosis => {
            return number(moment(function, values));
        }
        Function::ApproxQuantile(q) => return number(quantile(q, values)),
        Function::Min => values.iter().min().cloned(),
        Function::Max => values.iter().max().cloned(),
        Function::First => values.first().cloned(),
        Function::Last => values.last().cloned(),
        Function::FirstN(n) => Some(Cell::List(values.iter().take(n).cloned().collect())),
        Function::LastN(n) => Some(Cell::List(values.iter().skip(values.len().saturating_sub(n)).cloned().collect())),
        Function::Mode => most_frequent(values).first().cloned(),
        Function::TopK(k) => Some(Cell::List(most_frequent(values).into_iter().take(k).collect())),
        Function::Ratio | Function::Rate | Function::TimeSinceLast => panic!("{function:?} needs more than values"),
    };
    Answer::Value(value.unwrap())
}

fn int(count: usize) -> Answer {
    Answer::Value(Cell::Int(i64::try_from(count).unwrap()))
}

/// How often each value occurs.
fn frequencies(values: &[Cell]) -> BTreeMap<&Cell, usize> {
    let mut counts = BTreeMap::new();
    values.iter().for_each(|value| *counts.entry(value).or_default() += 1);
    counts
}

/// The most frequent values first; of equally frequent ones the smaller first.
fn most_frequent(values: &[Cell]) -> Vec<Cell> {
    let mut counts: Vec<(&Cell, usize)> = frequencies(values).into_iter().collect();
    counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0)));
    counts.into_iter().map(|(value, _)| value.clone()).collect()
}

/// The numbers of a column: bools are 0 and 1.
fn is_float(values: &[Cell]) -> bool {
    values.iter().any(|value| matches!(value, Cell::Float(_)))
}

fn as_int(value: &Cell) -> i64 {
    if let Cell::Bool(value) = value {
        return i64::from(*value);
    }
    let Cell::Int(value) = value else { panic!("{value:?} is no whole number") };
    *value
}

fn as_float(value: &Cell) -> f64 {
    if let Cell::Float(value) = value { *value } else { as_int(value) as f64 }
}

/// The exact values, or what a sum with infinite values is: NaN with both, else the one.
fn exact(values: &[Cell]) -> Result<Exact, f64> {
    if !is_float(values) {
        return Ok(Exact::of_ints(values.iter().map(as_int)));
    }
    let has = |infinity: f64| values.iter().any(|value| as_float(value) == infinity);
    match (has(f64::NEG_INFINITY), has(f64::INFINITY)) {
        (false, false) => Ok(Exact::of_floats(values.iter().map(as_float))),
        (true, true) => Err(f64::NAN),
        (true, false) => Err(f64::NEG_INFINITY),
        (false, true) => Err(f64::INFINITY),
    }
}

/// The sum as a float64.
pub fn float_sum(values: &[Cell]) -> f64 {
    exact(values).map_or_else(|infinite| infinite, |exact| exact.sum())
}

/// The sum in the type of its column.
fn sum(dtype: Type, values: &[Cell]) -> Answer {
    let exact = match exact(values) {
        Ok(exact) => exact,
        Err(infinite) => return number(infinite),
    };
    match dtype {
        Type::Float64 => number(exact.sum()),
        Type::Float32 => number(exact.sum_float32().into()),
        Type::Int32 => match i32::try_from(exact.whole_sum()) {
            Ok(sum) => Answer::Value(Cell::Int(sum.into())),
            Err(_) => Answer::Error("OVERFLOW"),
        },
        Type::Int64 => match i64::try_from(exact.whole_sum()) {
            Ok(sum) => Answer::Value(Cell::Int(sum)),
            Err(_) => Answer::Error("OVERFLOW"),
        },
        Type::Bool | Type::Other => panic!("no sum of {dtype:?}"),
    }
}

/// Central moments are those of finite values: an infinity less an infinite mean is NaN.
fn moment(function: Function, values: &[Cell]) -> f64 {
    let Ok(exact) = exact(values) else { return f64::NAN };
    let second = exact.second_moment();
    if function == Function::Variance {
        second
    } else if function == Function::Stddev {
        second.sqrt()
    } else if second == 0.0 {
        f64::NAN
    } else if function == Function::Skew {
        exact.third_moment() / (second * second.sqrt())
    } else {
        exact.fourth_moment() / (second * second) - 3.0
    }
}

/// The middle of the bin of the ⌈q·n⌉-th smallest value. A bin is sign, exponent and the top 7 bits of the mantissa.
fn quantile(q: f64, values: &[Cell]) -> f64 {
    let mut sorted: Vec<f64> = values.iter().map(as_float).collect();
    sorted.sort_by(f64::total_cmp);
    let rank = ((q * sorted.len() as f64).ceil() as usize).clamp(1, sorted.len());
    let value = sorted[rank - 1];
    if value == 0.0 || value.is_infinite() {
        return value;
    }
    // 45 of the 52 bits of the mantissa are below: the middle has the first of them set, the others not.
    f64::from_bits((value.to_bits() >> 45 << 45) | 1 << 44)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_the_middle_of_a_bin() {
        // From 100 on bins are half a unit wide: 64·(1 + 72/128) = 100.
        let values: Vec<Cell> = (1..=100).map(|value| Cell::Float(f64::from(value))).collect();
        assert_eq!(quantile(1.0, &values), 100.25);
        assert_eq!(quantile(0.0, &values), 1.0 + 1.0 / 256.0);
        assert_eq!(quantile(0.5, &values), 50.125);
    }
}
