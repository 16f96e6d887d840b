//! What a window remembers of its events for one column and one condition. Every kind depends on the multiset of events alone.

use super::events::{Head, Id};
use super::multiset::{Multiset, Side};
use super::order::{Ordered, compare};
use super::registers::Registers;
use super::values::{IdKind, read_id, read_value, save_id, save_value};
use crate::dtype::Scalar;
use crate::numbers::{Bins, IntMoments, Moments, Reader, put_signed, put_varint};
use crate::value::Value;

/// What an accumulator reads of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// That it is there.
    Event,
    /// Its time.
    Time,
    /// The value of its projection at this position, of this type; an event whose value is null does not count.
    Column(usize, Scalar),
}

/// What an accumulator remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// How many.
    Count,
    /// The exact sum.
    Sum,
    /// The exact sums of values and squares.
    Squares,
    /// The exact sums of the first four powers.
    Powers,
    /// The least value.
    Least,
    /// The greatest value.
    Greatest,
    /// Values by event time, id and value: the first or the last so many.
    Ends(Side, i64),
    /// Every value with its count.
    Tally,
    /// Registers of HyperLogLog.
    Distinct,
    /// Log-linear bins.
    Bins,
}

/// One accumulator of a view: what it remembers, of which column, of the events for which a condition is true.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spec {
    pub(super) kind: Kind,
    pub(super) read: Read,
    /// The position of the condition in the projection.
    pub(super) filter: Option<usize>,
}

/// How accumulators are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// Events are added, never taken out.
    Once,
    /// Events come and go.
    Sliding,
}

/// A value with what orders it among the events.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry<'a> {
    time: i64,
    id: Id<'a>,
    pub(super) value: Value<'a>,
}

impl PartialEq for Entry<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Entry<'_> {}

impl PartialOrd for Entry<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry<'_> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let times = self.time.cmp(&other.time).then_with(|| self.id.cmp(&other.id));
        times.then_with(|| compare(self.value, other.value))
    }
}

/// The memory of a window.
#[derive(Clone, Debug)]
pub(super) enum Accumulator<'a> {
    Count(i64),
    /// The count and the sum of whole numbers.
    IntSum(i64, i128),
    IntSquares(Box<IntMoments>),
    Sum(Moments<1>),
    Squares(Box<Moments<2>>),
    Powers(Box<Moments<4>>),
    Values(Multiset<Ordered<'a>>),
    Ends(Multiset<Entry<'a>>),
    Distinct(Registers),
    Bins(Bins),
}

/// A whole number; bool is 0 or 1.
const fn int(value: Value<'_>) -> i64 {
    match value {
        Value::Int(value) | Value::Time(value) => value,
        Value::Bool(value) => value as i64,
        Value::Null | Value::Float(_) | Value::Str(_) | Value::Bytes(_) | Value::List(_) => 0,
    }
}

fn float(value: Value<'_>) -> f64 {
    value.as_f64().unwrap_or_default()
}

impl Spec {
    /// An empty accumulator.
    pub(super) fn start<'a>(&self, used: Use) -> Accumulator<'a> {
        let bound = |side, most| (used == Use::Once).then_some((side, most));
        match (self.kind, self.has_ints()) {
            (Kind::Count, _) => Accumulator::Count(0),
            (Kind::Sum, true) => Accumulator::IntSum(0, 0),
            (Kind::Sum, false) => Accumulator::Sum(Moments::default()),
            (Kind::Squares, true) => Accumulator::IntSquares(Box::default()),
            (Kind::Squares, false) => Accumulator::Squares(Box::default()),
            (Kind::Powers, _) => Accumulator::Powers(Box::default()),
            (Kind::Least, _) => Accumulator::Values(Multiset::new(bound(Side::First, 1))),
            (Kind::Greatest, _) => Accumulator::Values(Multiset::new(bound(Side::Last, 1))),
            (Kind::Ends(side, most), _) => Accumulator::Ends(Multiset::new(bound(side, most))),
            (Kind::Tally, _) => Accumulator::Values(Multiset::new(None)),
            (Kind::Distinct, _) => Accumulator::Distinct(Registers::default()),
            (Kind::Bins, _) => Accumulator::Bins(Bins::default()),
        }
    }

    const fn has_ints(&self) -> bool {
        match self.read {
            Read::Event | Read::Time => true,
            Read::Column(_, dtype) => !matches!(dtype, Scalar::Float32 | Scalar::Float64),
        }
    }

    /// The type of the values.
    const fn dtype(&self) -> Scalar {
        match self.read {
            Read::Event | Read::Time => Scalar::Timestamp,
            Read::Column(_, dtype) => dtype,
        }
    }

    /// What it reads of an event; none: the event does not count.
    #[inline]
    pub(super) fn read<'a>(&self, head: &Head<'a>, row: &[Value<'a>]) -> Option<Value<'a>> {
        if let Some(filter) = self.filter
            && !matches!(row.get(filter), Some(Value::Bool(true)))
        {
            return None;
        }
        match self.read {
            Read::Event => Some(Value::Bool(true)),
            Read::Time => Some(Value::Time(head.time)),
            Read::Column(column, _) => row.get(column).copied().filter(|value| !value.is_null()),
        }
    }
}

impl<'a> Accumulator<'a> {
    /// Adds what [`Spec::read`] gave.
    #[inline]
    pub(super) fn add(&mut self, head: &Head<'a>, value: Value<'a>) {
        match self {
            Self::Count(count) => *count += 1,
            Self::IntSum(count, sum) => {
                *count += 1;
                *sum += i128::from(int(value));
            }
            Self::IntSquares(moments) => moments.add(int(value)),
            Self::Sum(moments) => moments.add(float(value)),
            Self::Squares(moments) => moments.add(float(value)),
            Self::Powers(moments) => {
                if let Value::Float(value) = value {
                    moments.add(value);
                } else {
                    moments.add_int(int(value));
                }
            }
            Self::Values(values) => values.add(Ordered(value), 1),
            Self::Ends(entries) => entries.add(Entry { time: head.time, id: head.id, value }, 1),
            Self::Distinct(registers) => registers.add(Ordered(value)),
            Self::Bins(bins) => bins.add(float(value)),
        }
    }

    /// Takes out what was added; of an accumulator for sliding use.
    #[inline]
    pub(super) fn remove(&mut self, head: &Head<'a>, value: Value<'a>) {
        match self {
            Self::Count(count) => *count -= 1,
            Self::IntSum(count, sum) => {
                *count -= 1;
                *sum -= i128::from(int(value));
            }
            Self::IntSquares(moments) => moments.subtract(int(value)),
            Self::Sum(moments) => moments.subtract(float(value)),
            Self::Squares(moments) => moments.subtract(float(value)),
            Self::Powers(moments) => {
                if let Value::Float(value) = value {
                    moments.subtract(value);
                } else {
                    moments.subtract_int(int(value));
                }
            }
            Self::Values(values) => values.remove(Ordered(value)),
            Self::Ends(entries) => entries.remove(Entry { time: head.time, id: head.id, value }),
            Self::Distinct(registers) => registers.remove(Ordered(value)),
            Self::Bins(bins) => bins.subtract(float(value)),
        }
    }

    /// Appends what it remembers; equal multisets of events give equal bytes.
    pub(super) fn save(&self, spec: &Spec, out: &mut Vec<u8>) {
        match self {
            Self::Count(count) => put_signed(*count, out),
            Self::IntSum(count, sum) => {
                put_signed(*count, out);
                put_signed((*sum >> 64) as i64, out);
                put_varint(*sum as u64, out);
            }
            Self::IntSquares(moments) => moments.save(out),
            Self::Sum(moments) => moments.save(out),
            Self::Squares(moments) => moments.save(out),
            Self::Powers(moments) => moments.save(out),
            Self::Values(values) => {
                put_varint(values.distinct() as u64, out);
                for (value, count) in values.iter() {
                    save_value(spec.dtype(), value.0, out);
                    put_signed(count, out);
                }
            }
            Self::Ends(entries) => {
                put_varint(entries.distinct() as u64, out);
                for (entry, count) in entries.iter() {
                    put_signed(entry.time, out);
                    save_id(entry.id, out);
                    save_value(spec.dtype(), entry.value, out);
                    put_signed(count, out);
                }
            }
            Self::Distinct(registers) => registers.save(out),
            Self::Bins(bins) => bins.save(out),
        }
    }

    /// Adds what [`Accumulator::save`] wrote; none if the bytes are not that.
    pub(super) fn merge_saved(&mut self, spec: &Spec, ids: IdKind, reader: &mut Reader<'a>) -> Option<()> {
        match self {
            Self::Count(count) => *count = count.checked_add(reader.signed()?)?,
            Self::IntSum(count, sum) => {
                *count = count.checked_add(reader.signed()?)?;
                let high = i128::from(reader.signed()?) << 64;
                *sum = sum.checked_add(high | i128::from(reader.varint()?))?;
            }
            Self::IntSquares(moments) => moments.merge(&IntMoments::read(reader)?),
            Self::Sum(moments) => moments.merge(&Moments::read(reader)?),
            Self::Squares(moments) => moments.merge(&Moments::read(reader)?),
            Self::Powers(moments) => moments.merge(&Moments::read(reader)?),
            Self::Values(values) => {
                for _ in 0..reader.short_count(1)? {
                    let value = read_value(spec.dtype(), reader)?;
                    let count = reader.signed().filter(|count| *count > 0)?;
                    values.add(Ordered(value), count);
                }
            }
            Self::Ends(entries) => {
                for _ in 0..reader.short_count(3)? {
                    let time = reader.signed()?;
                    let id = read_id(ids, reader)?;
                    let value = read_value(spec.dtype(), reader)?;
                    let count = reader.signed().filter(|count| *count > 0)?;
                    entries.add(Entry { time, id, value }, count);
                }
            }
            Self::Distinct(registers) => registers.merge_saved(reader)?,
            Self::Bins(bins) => bins.merge(&Bins::read(reader)?),
        }
        Some(())
    }
}
