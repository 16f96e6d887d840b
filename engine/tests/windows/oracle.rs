//! Windows by brute force: CONTRACTS.md §3 and the decisions 0014 and 0015, transcribed over a list of all accepted events. Nothing here
//! is kept from one question to the next, and nothing is shared with the engine's windows.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use crate::cell::Cell;
use crate::function::{self, Answer, Function, Type};

/// Columns by name. One that is not there is null.
pub type Columns = BTreeMap<String, Cell>;

/// A condition over columns.
pub type Filter = Rc<dyn Fn(&Columns) -> bool>;

/// What tells two events apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Id {
    /// Every event is one of its own.
    None,
    Int(i64),
    Text(String),
}

/// An event of one entity.
#[derive(Clone, Debug)]
pub struct Event {
    pub id: Id,
    pub version: i64,
    /// Microseconds.
    pub time: i64,
    /// Training knows it from then on.
    pub known_at: Option<i64>,
    pub columns: Columns,
}

/// One function over the events of windows.
#[derive(Clone)]
pub struct Aggregation {
    pub function: Function,
    pub column: Option<(String, Type)>,
    /// The second column of a ratio.
    pub denominator: Option<(String, Type)>,
    /// Its text, which tells two filters apart, and what it means.
    pub filter: Option<(String, Filter)>,
    pub windows: Vec<Window>,
    pub empty: Option<Cell>,
}

/// A window of an aggregation.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// Microseconds; none: lifetime.
    pub length: Option<i64>,
}

/// A window view.
#[derive(Clone)]
pub struct View {
    pub aggregations: Vec<Aggregation>,
    pub include_request: bool,
    /// Microseconds, all of them.
    pub offset: i64,
    pub hop: Option<i64>,
    pub lateness: i64,
    /// `warm_up: serve`.
    pub serves_incomplete: bool,
}

/// The events of one entity in one view as they were written, and what was refused.
#[derive(Clone, Debug, Default)]
pub struct History {
    pub accepted: Vec<Event>,
    /// Times of events refused for the size of the state.
    pub refused: Vec<i64>,
    /// None: it knows all.
    pub complete_since: Option<i64>,
}

/// What a question is about.
pub struct Question<'a> {
    pub t: i64,
    /// The columns of the request's row.
    pub request: Option<&'a Columns>,
    /// Whether it is about training: the whole history, known by then, and no error but those of the values.
    pub training: bool,
}

/// The greatest multiple of `hop` that is not greater.
const fn floor(time: i64, hop: i64) -> i64 {
    time.div_euclid(hop) * hop
}

/// What lies in a window: after < e ≤ until. None: since ever.
#[derive(Clone, Copy, Debug)]
struct Span {
    after: Option<i64>,
    until: i64,
}

impl View {
    /// Where the window lies; `e < t` holds for every time in it.
    fn span(&self, window: &Window, t: i64) -> Span {
        let end = t - self.offset;
        let after = window.length.map(|length| end - length);
        match self.hop {
            None => Span { after, until: end.min(t - 1) },
            Some(hop) => {
                let after = after.map(|after| floor(after, hop));
                Span { after, until: if self.offset == 0 { t - 1 } else { floor(end, hop) } }
            }
        }
    }

    /// R: what a state keeps is newer.
    fn retention(&self, newest: i64) -> i64 {
        let windows = self.aggregations.iter().flat_map(|it| &it.windows);
        let longest = windows.filter_map(|window| window.length).max().unwrap_or(0);
        newest - (longest + self.offset) - self.lateness
    }

    /// Events up to then have no ids any more; none without a hop.
    fn sealed(&self, newest: i64) -> Option<i64> {
        self.hop.map(|hop| floor(newest - self.lateness, hop))
    }

    fn is_late(&self, newest: i64, time: i64) -> bool {
        time <= self.retention(newest) || self.sealed(newest).is_some_and(|sealed| time <= sealed)
    }

    /// Why a state can't know what is in a window.
    fn error(&self, history: &History, span: Span) -> Option<&'static str> {
        if let Some(newest) = history.newest() {
            let retention = self.retention(newest);
            let too_old = span.after.is_some_and(|after| after < retention);
            // A tile is (k·hop, (k+1)·hop]: what ends at an edge cuts none, and the oldest tiles are one.
            let cuts = self.hop.zip(self.sealed(newest)).is_some_and(|(hop, sealed)| {
                let cuts_sealed = span.until < sealed && floor(span.until, hop) != span.until;
                cuts_sealed || (span.after.is_none() && span.until < floor(retention, hop))
            });
            if too_old || cuts {
                return Some("AS_OF_TOO_OLD");
            }
        }
        let starts_before = |time: i64| span.after.is_none_or(|after| after < time);
        if !self.serves_incomplete && history.complete_since.is_some_and(starts_before) {
            return Some("INCOMPLETE");
        }
        let refused = history.refused.iter().min().zip(history.refused.iter().max());
        let limited = refused.is_some_and(|(oldest, newest)| starts_before(*newest) && *oldest <= span.until);
        limited.then_some("STATE_LIMIT")
    }

    /// What the view sees of an event: columns by name, then filters by their text.
    fn projection(&self, columns: &Columns) -> Vec<Cell> {
        let names = self.aggregations.iter().flat_map(|it| it.column.iter().chain(&it.denominator));
        let names: BTreeSet<&str> = names.map(|(name, _)| name.as_str()).collect();
        let filters = self.aggregations.iter().filter_map(|it| it.filter.as_ref());
        let filters: BTreeMap<&str, &Filter> = filters.map(|(text, holds)| (text.as_str(), holds)).collect();
        let values = names.into_iter().map(|name| read(columns, name));
        values.chain(filters.into_values().map(|holds| Cell::Bool(holds(columns)))).collect()
    }

    /// Of the events with one id the one that counts.
    fn winners<'e>(&self, events: impl Iterator<Item = &'e Event>) -> Vec<&'e Event> {
        let order = |event: &Event| (event.version, event.time, self.projection(&event.columns));
        let mut winners: Vec<&Event> = Vec::new();
        for event in events {
            let known = winners.iter_mut().find(|known| known.id == event.id && event.id != Id::None);
            match known {
                Some(known) if order(known) < order(event) => *known = event,
                Some(_) => {}
                None => winners.push(event),
            }
        }
        winners
    }

    /// The values of all features, in the order of their definition.
    pub fn answers(&self, history: &History, question: &Question<'_>) -> Vec<Answer> {
        let is_known =
            |event: &&Event| !question.training || event.known_at.is_none_or(|known_at| known_at <= question.t);
        let winners = self.winners(history.accepted.iter().filter(is_known));
        let features = self.aggregations.iter().flat_map(|it| it.windows.iter().map(move |window| (it, window)));
        let answer = |(aggregation, window)| {
            let span = self.span(window, question.t);
            match (question.training, self.error(history, span)) {
                (false, Some(reason)) => Answer::Error(reason),
                (true, _) | (false, None) => self.answer(aggregation, (window, span), &winners, question),
            }
        };
        features.map(answer).collect()
    }

    /// The value of one feature over the events that count at all.
    fn answer(
        &self,
        aggregation: &Aggregation,
        (window, span): (&Window, Span),
        winners: &[&Event],
        question: &Question<'_>,
    ) -> Answer {
        let lies_in = |event: &&&Event| {
            span.after.is_none_or(|after| after < event.time) && event.time <= span.until && event.time < question.t
        };
        let stored = winners.iter().filter(lies_in).filter(|event| aggregation.counts(&event.columns));
        let newest = stored.clone().map(|event| event.time).max();
        let request = question.request.filter(|columns| self.include_request && aggregation.counts(columns));
        // The request's row comes last: every event is before t.
        let request = request.map(|columns| Row { time: question.t, id: &Id::None, columns });
        let stored = stored.map(|event| Row { time: event.time, id: &event.id, columns: &event.columns });
        let rows: Vec<Row<'_>> = stored.chain(request).collect();
        aggregation.answer(window, &rows, newest.map(|newest| question.t - newest))
    }
}

/// An event that counts, or the request's row.
struct Row<'a> {
    time: i64,
    id: &'a Id,
    columns: &'a Columns,
}

/// A column as it stands in a projection.
fn read(columns: &Columns, name: &str) -> Cell {
    columns.get(name).map_or(Cell::Null, Cell::projected)
}

impl Aggregation {
    fn counts(&self, columns: &Columns) -> bool {
        self.filter.as_ref().is_none_or(|(_, holds)| holds(columns))
    }

    /// Over the rows that count. `age`: microseconds since the newest stored one.
    fn answer(&self, window: &Window, rows: &[Row<'_>], age: Option<i64>) -> Answer {
        let values = |column: &Option<(String, Type)>| -> Vec<Cell> {
            let Some((name, _)) = column else { return Vec::new() };
            let values = rows.iter().map(|row| (row.time, row.id, read(row.columns, name)));
            let mut values: Vec<_> = values.filter(|(_, _, value)| !value.is_null()).collect();
            values.sort();
            values.into_iter().map(|(_, _, value)| value).collect()
        };
        let (own, others) = (values(&self.column), values(&self.denominator));
        let dtype = self.column.as_ref().map_or(Type::Other, |(_, dtype)| *dtype);
        // Without a column a count is one of events.
        let count = if self.column.is_some() { own.len() } else { rows.len() };
        let (is_age, is_ratio) = (self.function == Function::TimeSinceLast, self.function == Function::Ratio);
        let is_empty = if is_age { age.is_none() } else { count == 0 || (is_ratio && others.is_empty()) };
        if is_empty {
            let zero = if self.function == Function::Count { Cell::Int(0) } else { Cell::Null };
            return Answer::Value(self.empty.clone().unwrap_or(zero));
        }
        if let (true, Some(age)) = (is_age, age) {
            function::number(age as f64 / 1e6)
        } else if self.function == Function::Count {
            Answer::Value(Cell::Int(i64::try_from(count).unwrap()))
        } else if self.function == Function::Rate {
            let seconds = window.length.expect("a rate has a length") as f64 / 1e6;
            function::number(count as f64 / seconds)
        } else if is_ratio {
            let (above, below) = (function::float_sum(&own), function::float_sum(&others));
            function::number(if below == 0.0 { f64::NAN } else { above / below })
        } else {
            function::over(self.function, dtype, &own)
        }
    }
}

impl History {
    /// Of all accepted events, superseded versions too; a refused one counts as seen.
    fn newest(&self) -> Option<i64> {
        self.accepted.iter().map(|event| event.time).chain(self.refused.iter().copied()).max()
    }

    /// Takes a batch, in the order of event times; gives the places of those that are LATE.
    pub fn write(&mut self, view: &View, batch: &[Event]) -> Vec<usize> {
        let mut order: Vec<usize> = (0..batch.len()).collect();
        order.sort_by_key(|at| batch[*at].time);
        let mut late = Vec::new();
        for at in order {
            if self.newest().is_some_and(|newest| view.is_late(newest, batch[at].time)) {
                late.push(at);
            } else {
                self.accepted.push(batch[at].clone());
            }
        }
        late.sort_unstable();
        late
    }
}
