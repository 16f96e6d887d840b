//! The events of one entity as a view sees them, sorted, each id once.

use std::cmp::Ordering;

use super::order::compare_all;
use crate::value::Value;

/// What tells two events apart.
#[derive(Clone, Copy, Debug)]
pub enum Id<'a> {
    /// Nothing: repeats count.
    None,
    /// A whole number.
    Int(i64),
    /// Text.
    Text(&'a str),
}

impl<'a> Id<'a> {
    /// The value of an id column; none if it is no id.
    pub(crate) const fn of(value: Value<'a>) -> Option<Self> {
        match value {
            Value::Int(id) => Some(Self::Int(id)),
            Value::Str(id) => Some(Self::Text(id)),
            Value::Null | Value::Bool(_) | Value::Float(_) | Value::Bytes(_) | Value::Time(_) | Value::List(_) => None,
        }
    }
}

impl PartialEq for Id<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Id<'_> {}

impl PartialOrd for Id<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Id<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Int(a), Self::Int(b)) => a.cmp(b),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            // The ids of one source are of one kind.
            (Self::None | Self::Int(_) | Self::Text(_), _) => Ordering::Equal,
        }
    }
}

/// What an event is, beside its values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head<'a> {
    /// Microseconds since 1970-01-01 UTC.
    pub time: i64,
    /// Its id.
    pub id: Id<'a>,
    /// Of two events with one id the greater version counts.
    pub version: i64,
}

/// Events of one entity: heads, and the projection of each, which has `width` values.
#[derive(Clone, Debug, Default)]
pub struct Events<'a> {
    width: usize,
    heads: Vec<Head<'a>>,
    values: Vec<Value<'a>>,
}

impl<'a> Events<'a> {
    /// No events, of this width.
    #[must_use]
    pub const fn new(width: usize) -> Self {
        Self { width, heads: Vec::new(), values: Vec::new() }
    }

    /// Events with these heads, and as many rows of values, one after the other. [`Events::settle`] comes before anything else is asked.
    #[must_use]
    pub fn of(heads: Vec<Head<'a>>, mut values: Vec<Value<'a>>, width: usize) -> Self {
        values.resize(heads.len() * width, Value::Null);
        Self { width, heads, values }
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.heads.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.heads.is_empty()
    }

    /// Their heads.
    #[must_use]
    pub fn heads(&self) -> &[Head<'a>] {
        &self.heads
    }

    /// The projection of one.
    #[must_use]
    pub fn row(&self, event: usize) -> &[Value<'a>] {
        self.values.get(event * self.width..(event + 1) * self.width).unwrap_or_default()
    }

    /// The projections of all, in order.
    pub(super) fn rows(&self) -> impl Iterator<Item = &[Value<'a>]> + Clone {
        let empty = usize::from(self.width == 0) * self.heads.len();
        self.values.chunks_exact(self.width.max(1)).chain(std::iter::repeat_n::<&[Value<'a>]>(&[], empty))
    }

    pub(super) fn value(&self, event: usize, column: usize) -> Value<'a> {
        self.values.get(event * self.width + column).copied().unwrap_or(Value::Null)
    }

    pub(super) fn clear(&mut self) {
        self.heads.clear();
        self.values.clear();
    }

    /// Makes room for so many more.
    pub fn reserve(&mut self, events: usize) {
        self.heads.reserve(events);
        self.values.reserve(events * self.width);
    }

    /// Adds an event. [`Events::settle`] comes before anything else is asked.
    pub fn push(&mut self, head: Head<'a>, row: &[Value<'a>]) {
        self.heads.push(head);
        self.values.extend_from_slice(row.get(..self.width).unwrap_or(row));
        self.values.resize(self.heads.len() * self.width, Value::Null);
    }

    /// Values of decoded events: null until they are set.
    pub(super) fn push_head(&mut self, head: Head<'a>) {
        self.push(head, &[]);
    }

    pub(super) fn set_id(&mut self, event: usize, id: Id<'a>) {
        if let Some(head) = self.heads.get_mut(event) {
            head.id = id;
        }
    }

    pub(super) fn set_version(&mut self, event: usize, version: i64) {
        if let Some(head) = self.heads.get_mut(event) {
            head.version = version;
        }
    }

    pub(super) fn set(&mut self, event: usize, column: usize, value: Value<'a>) {
        if let Some(place) = self.values.get_mut(event * self.width + column) {
            *place = value;
        }
    }

    /// Keeps those from a position on.
    pub(super) fn drop_before(&mut self, first: usize) {
        let first = first.min(self.heads.len());
        self.heads.drain(..first);
        self.values.drain(..first * self.width);
    }

    /// How many are at or before a time, of settled events.
    pub(super) fn until(&self, time: i64) -> usize {
        self.heads.partition_point(|head| head.time <= time)
    }

    /// Sorts by (time, id, projection), and of the events of one id keeps the one that counts. Sorted input costs one pass.
    pub fn settle(&mut self) {
        let is_ordered = |(at, pair): (usize, &[Head<'a>])| match pair {
            [a, b] if a.time != b.time => a.time < b.time,
            _ => self.compare(at, at + 1).is_le(),
        };
        if !self.heads.windows(2).enumerate().all(is_ordered) {
            let mut order: Vec<usize> = (0..self.len()).collect();
            order.sort_by(|a, b| self.compare(*a, *b));
            self.take(&order);
        }
        if let Some(kept) = self.winners() {
            self.take(&kept);
        }
    }

    fn compare(&self, a: usize, b: usize) -> Ordering {
        let (Some(one), Some(other)) = (self.heads.get(a), self.heads.get(b)) else { return Ordering::Equal };
        let heads = one.time.cmp(&other.time).then_with(|| one.id.cmp(&other.id));
        heads.then_with(|| one.version.cmp(&other.version)).then_with(|| compare_all(self.row(a), self.row(b)))
    }

    /// The events that count, in order; none: all do.
    fn winners(&self) -> Option<Vec<usize>> {
        let is_keyed = self.heads.first().is_some_and(|head| !matches!(head.id, Id::None));
        // Ids that grow with time, as most do, are different.
        let grows = |pair: &[Head<'a>]| matches!(pair, [a, b] if a.id < b.id);
        if !is_keyed || self.heads.windows(2).all(grows) {
            return None;
        }
        let mut by_id: Vec<usize> = (0..self.len()).collect();
        let id = |event: &usize| self.heads.get(*event).map(|head| head.id);
        // The one that counts comes last among its id.
        by_id.sort_by(|a, b| id(a).cmp(&id(b)).then_with(|| self.precedence(*a, *b)));
        let is_last = |at: usize| by_id.get(at + 1).is_none_or(|next| by_id.get(at).map(&id) != Some(id(next)));
        let mut kept: Vec<usize> =
            (0..by_id.len()).filter(|at| is_last(*at)).filter_map(|at| by_id.get(at).copied()).collect();
        kept.sort_unstable();
        (kept.len() < self.len()).then_some(kept)
    }

    /// Which of two events of one id counts: the greater.
    pub(super) fn precedence(&self, a: usize, b: usize) -> Ordering {
        let (Some(one), Some(other)) = (self.heads.get(a), self.heads.get(b)) else { return Ordering::Equal };
        let heads = one.version.cmp(&other.version).then_with(|| one.time.cmp(&other.time));
        heads.then_with(|| compare_all(self.row(a), self.row(b)))
    }

    fn take(&mut self, order: &[usize]) {
        let heads = order.iter().filter_map(|at| self.heads.get(*at).copied()).collect();
        let mut values = Vec::with_capacity(order.len() * self.width);
        order.iter().for_each(|at| values.extend_from_slice(self.row(*at)));
        (self.heads, self.values) = (heads, values);
    }

    /// Adds the events of another set.
    pub(super) fn extend(&mut self, other: &Self) {
        self.heads.extend_from_slice(&other.heads);
        self.values.extend_from_slice(&other.values);
    }
}
