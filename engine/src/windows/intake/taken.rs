//! What was taken of a batch of events: for each view the store key, head and projection of every good event.

use std::ops::Range;

use hashbrown::HashMap;

use super::EventView;
use crate::row::BadRow;
use crate::value::Value;
use crate::windows::Head;

/// The events of a batch, as each view sees them, and those that are bad.
#[derive(Debug)]
pub struct TakenEvents<'v> {
    views: Vec<ViewEvents<'v>>,
    rows: Vec<usize>,
    bad: Vec<BadRow>,
    pub(super) scratch: Scratch<'v>,
}

/// Room for the event at hand.
#[derive(Debug, Default)]
pub(super) struct Scratch<'v> {
    /// The columns of the source.
    pub(super) columns: Vec<Value<'v>>,
    /// Which of them were given.
    pub(super) given: Vec<bool>,
    /// The parts of a key.
    pub(super) parts: Vec<Value<'v>>,
    /// A key of an entity.
    pub(super) encoded: Vec<u8>,
    /// The store keys of all views, one after the other, and where each ends.
    pub(super) keys: Vec<u8>,
    pub(super) ends: Vec<usize>,
    /// The projections of all views, one after the other.
    pub(super) values: Vec<Value<'v>>,
}

/// The events of a batch as one view sees them.
#[derive(Debug)]
pub struct ViewEvents<'v> {
    width: usize,
    events: Vec<Taken<'v>>,
    keys: Vec<u8>,
    values: Vec<Value<'v>>,
    /// The events by entity, then by time.
    order: Vec<usize>,
    /// The events of each entity, in `order`.
    entities: Vec<Range<usize>>,
}

#[derive(Debug)]
struct Taken<'v> {
    row: usize,
    head: Head<'v>,
    key: Range<usize>,
}

/// The events of one entity, in the order of their times.
#[derive(Clone, Copy, Debug)]
pub struct EntityEvents<'a, 'v> {
    events: &'a ViewEvents<'v>,
    order: &'a [usize],
}

impl<'v> TakenEvents<'v> {
    pub(super) fn new<'a>(views: impl Iterator<Item = &'a EventView>) -> Self {
        let views = views.map(|view| ViewEvents::new(view.plan.width())).collect();
        Self { views, rows: Vec::new(), bad: Vec::new(), scratch: Scratch::default() }
    }

    /// The positions of the good events, as the caller counts, in their order.
    #[must_use]
    pub fn rows(&self) -> &[usize] {
        &self.rows
    }

    /// Bad events, in their order.
    #[must_use]
    pub fn bad(&self) -> &[BadRow] {
        &self.bad
    }

    /// The good events as each view sees them, in the order of the views.
    #[must_use]
    pub fn views(&self) -> &[ViewEvents<'v>] {
        &self.views
    }

    /// Brings the events of each entity together. It comes after the last event, and before [`ViewEvents::entities`].
    pub fn group(&mut self) {
        self.views.iter_mut().for_each(ViewEvents::group);
    }

    pub(super) fn refuse(&mut self, bad: BadRow) {
        self.bad.push(bad);
    }

    /// Takes the event whose keys and projections stand in the scratch.
    pub(super) fn push(&mut self, row: usize, head: Head<'v>) {
        let Scratch { keys, ends, values, .. } = &self.scratch;
        let (mut key, mut value) = (0, 0);
        for (view, end) in self.views.iter_mut().zip(ends) {
            let start = view.keys.len();
            view.keys.extend_from_slice(keys.get(key..*end).unwrap_or_default());
            view.events.push(Taken { row, head, key: start..view.keys.len() });
            view.values.extend_from_slice(values.get(value..value + view.width).unwrap_or_default());
            (key, value) = (*end, value + view.width);
        }
        self.rows.push(row);
    }
}

impl<'v> ViewEvents<'v> {
    const fn new(width: usize) -> Self {
        Self {
            width,
            events: Vec::new(),
            keys: Vec::new(),
            values: Vec::new(),
            order: Vec::new(),
            entities: Vec::new(),
        }
    }

    fn group(&mut self) {
        let mut numbers: HashMap<&[u8], usize> = HashMap::new();
        let mut of_event = Vec::with_capacity(self.events.len());
        for event in &self.events {
            let next = numbers.len();
            let key = self.keys.get(event.key.clone()).unwrap_or_default();
            of_event.push(*numbers.entry(key).or_insert(next));
        }
        let place = |event: usize| (of_event.get(event).copied(), self.events.get(event).map(|it| it.head.time));
        let mut order: Vec<usize> = (0..self.events.len()).collect();
        order.sort_by_key(|event| place(*event));
        let mut entities: Vec<Range<usize>> = Vec::with_capacity(numbers.len());
        let mut start = 0;
        for same in order.chunk_by(|a, b| place(*a).0 == place(*b).0) {
            entities.push(start..start + same.len());
            start += same.len();
        }
        (self.order, self.entities) = (order, entities);
    }

    /// The entities that have events, each once, in the order of their first events.
    pub fn entities(&self) -> impl ExactSizeIterator<Item = EntityEvents<'_, 'v>> {
        self.entities
            .iter()
            .map(|range| EntityEvents { events: self, order: self.order.get(range.clone()).unwrap_or_default() })
    }
}

impl<'a, 'v> EntityEvents<'a, 'v> {
    /// The key in the store of the entity's state.
    #[must_use]
    pub fn key(&self) -> &'a [u8] {
        let first = self.order.first().and_then(|event| self.events.events.get(*event));
        first.and_then(|event| self.events.keys.get(event.key.clone())).unwrap_or_default()
    }

    /// How many events it has.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether it has none; never, for one of [`ViewEvents::entities`].
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// The positions of its events, as the caller counts, in the order of time.
    pub fn rows(&self) -> impl Iterator<Item = usize> + 'a {
        self.order.iter().filter_map(|event| self.events.events.get(*event)).map(|event| event.row)
    }

    /// The position, as the caller counts, of the event that is `at` in the order of time.
    #[must_use]
    pub fn row(&self, at: usize) -> Option<usize> {
        self.order.get(at).and_then(|event| self.events.events.get(*event)).map(|event| event.row)
    }

    /// The time, in microseconds, of the event that is `at` in the order of time.
    #[must_use]
    pub fn time(&self, at: usize) -> Option<i64> {
        self.get(at).map(|(head, _)| head.time)
    }

    /// Its events with their projections, in the order of time.
    pub(super) fn get(&self, at: usize) -> Option<(Head<'v>, &'a [Value<'v>])> {
        let event = *self.order.get(at)?;
        let (width, head) = (self.events.width, self.events.events.get(event)?.head);
        Some((head, self.events.values.get(event * width..(event + 1) * width)?))
    }
}
