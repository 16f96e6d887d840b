//! One stored JSON row into the reply: a single pass from its bytes to the wire.

use super::members::{Members, Next, Use};
use super::names::Names;
use super::reply::ReplySink;
use super::scan::{Discard, First, Scalar, ScanError, Scanner, Text};
use super::status::{Reason, RowStatus, Status};
use super::tally::Tally;
use super::time;
use crate::clock::Micros;
use crate::store::order;
use crate::telemetry::labels::Protocol;

/// Decodes the rows of one request, one after the other.
pub(super) struct RowDecoder<'a> {
    wanted: Option<&'a Names>,
    protocol: Protocol,
    all_statuses: bool,
    as_of: Micros,
    members: Members,
    /// Status of each name that was asked for, in the row at hand.
    slots: Vec<Status>,
    /// Positions of the members that are null, when all features are wanted.
    nulls: Vec<usize>,
}

impl Drop for RowDecoder<'_> {
    fn drop(&mut self) {
        if self.wanted.is_none() {
            std::mem::take(&mut self.members).keep(self.protocol);
        }
    }
}

/// What a pass over a row found.
struct Pass {
    features: usize,
    members: usize,
}

enum Failure {
    Scan(ScanError),
    /// A name stands twice in the row.
    Repeat,
}

impl From<ScanError> for Failure {
    fn from(error: ScanError) -> Self {
        Self::Scan(error)
    }
}

impl<'a> RowDecoder<'a> {
    pub(super) fn new(wanted: Option<&'a Names>, protocol: Protocol, all_statuses: bool, as_of: Micros) -> Self {
        Self {
            wanted,
            protocol,
            all_statuses,
            as_of,
            members: Members::begin(wanted, protocol),
            slots: vec![Status::Missing; wanted.map_or(0, Names::len)],
            nulls: Vec::new(),
        }
    }

    /// Writes the row, between `begin_row` and `end_row`, and gives its status and event time.
    pub(super) fn decode<S: ReplySink>(
        &mut self,
        value: &[u8],
        sink: &mut S,
        tally: &mut Tally,
    ) -> (RowStatus, Option<Micros>) {
        let times = order::of(value).map(|(times, _)| times);
        let event_time = times.map(|times| times.event_time);
        if event_time.is_some_and(|event_time| event_time > self.as_of) {
            let message = "the row kept is later than the time of the request".to_owned();
            return (self.without_features(RowStatus::Error(Reason::NewerThanAsOf, message), sink, tally), event_time);
        }
        if !event_time.is_none_or(time::is_writable) {
            let message = format!("{} lies outside the years 1 to 9999", order::EVENT_TIME);
            return (self.without_features(RowStatus::Error(Reason::Undecodable, message), sink, tally), None);
        }
        match self.features(value, sink) {
            Ok(pass) if pass.features == 0 && event_time.is_some() && self.has_only_reserved(&pass) => {
                (self.without_features(RowStatus::Missing, sink, tally), event_time)
            }
            Ok(pass) => {
                self.statuses(&pass, sink, tally);
                (RowStatus::Present, event_time)
            }
            Err(error) => {
                sink.drop_features();
                let status = RowStatus::Error(Reason::Undecodable, error.to_string());
                (self.without_features(status, sink, tally), None)
            }
        }
    }

    /// A row that serves no feature: every name asked for has the status of the row.
    pub(super) fn without_features<S: ReplySink>(&self, row: RowStatus, sink: &mut S, tally: &mut Tally) -> RowStatus {
        let names = self.wanted.map_or(0, Names::len);
        if let Some(wanted) = self.wanted {
            for name in wanted.list().iter() {
                sink.status(Text::plain(name), row.status(), row.reason());
            }
        }
        tally.features(row.status(), names);
        row
    }

    /// A delete is a row with an event time and no values.
    fn has_only_reserved(&self, pass: &Pass) -> bool {
        (0..pass.members).all(|at| self.members.is_reserved(at))
    }

    fn features<S: ReplySink>(&mut self, value: &[u8], sink: &mut S) -> Result<Pass, ScanError> {
        match self.pass(value, sink, None) {
            Ok(pass) => Ok(pass),
            Err(Failure::Scan(error)) => Err(error),
            Err(Failure::Repeat) => {
                sink.drop_features();
                let last = last_positions(value)?;
                self.members = Members::default();
                match self.pass(value, sink, Some(&last)) {
                    Ok(pass) => Ok(pass),
                    Err(Failure::Scan(error)) => Err(error),
                    Err(Failure::Repeat) => Err(ScanError { message: "a name stands twice", at: 0 }),
                }
            }
        }
    }

    /// One pass. `last`: of every member whether it is the last of its name; none: no name repeats.
    fn pass<S: ReplySink>(&mut self, value: &[u8], sink: &mut S, last: Option<&[bool]>) -> Result<Pass, Failure> {
        self.slots.fill(Status::Missing);
        self.nulls.clear();
        let mut scanner = Scanner::new(value)?;
        scanner.expect(b'{', "expected an object")?;
        let mut pass = Pass { features: 0, members: 0 };
        let mut seen = 0;
        if !scanner.is_empty(b'}') {
            loop {
                if last.is_some_and(|last| last.get(seen) == Some(&false)) {
                    scanner.name()?;
                    scanner.value(&mut Discard)?;
                } else {
                    self.member(&mut scanner, sink, &mut pass)?;
                }
                seen += 1;
                if !scanner.more(b'}')? {
                    break;
                }
            }
        }
        scanner.finish()?;
        Ok(pass)
    }

    #[inline(always)]
    fn member<S: ReplySink>(
        &mut self,
        scanner: &mut Scanner<'_>,
        sink: &mut S,
        pass: &mut Pass,
    ) -> Result<(), Failure> {
        let position = pass.members;
        let usage = match self.members.next::<S>(position, scanner, self.wanted)? {
            Next::Member(usage) => usage,
            Next::Repeat => return Err(Failure::Repeat),
        };
        pass.members += 1;
        let Use::Feature(slot) = usage else {
            scanner.value(&mut Discard)?;
            return Ok(());
        };
        pass.features += 1;
        let first = scanner.first()?;
        let is_null = matches!(first, First::Scalar(Scalar::Null));
        let head = self.members.head(position);
        if let First::Scalar(Scalar::Number(number)) = first
            && !head.is_empty()
        {
            sink.number_feature(head, number);
        } else {
            sink.begin_feature(self.members.name(position));
            scanner.value_after(first, sink)?;
            sink.end_feature();
        }
        if let Some(status) = self.slots.get_mut(slot as usize) {
            *status = if is_null { Status::Null } else { Status::Present };
        } else if is_null {
            self.nulls.push(position);
        }
        Ok(())
    }

    /// The statuses of a row that was read, after its features.
    fn statuses<S: ReplySink>(&self, pass: &Pass, sink: &mut S, tally: &mut Tally) {
        if let Some(wanted) = self.wanted {
            for (name, &status) in wanted.list().iter().zip(&self.slots) {
                tally.features(status, 1);
                if self.all_statuses || status != Status::Present {
                    sink.status(Text::plain(name), status, None);
                }
            }
            return;
        }
        tally.features(Status::Null, self.nulls.len());
        tally.features(Status::Present, pass.features - self.nulls.len());
        if self.all_statuses {
            for position in 0..pass.members {
                if !self.members.is_reserved(position) {
                    let is_null = self.nulls.binary_search(&position).is_ok();
                    sink.status(
                        self.members.name(position),
                        if is_null { Status::Null } else { Status::Present },
                        None,
                    );
                }
            }
        } else {
            self.nulls.iter().for_each(|&position| sink.status(self.members.name(position), Status::Null, None));
        }
    }
}

/// Of every member whether it is the last of its name: of a name that repeats, the last one counts, as in every JSON parser.
#[cold]
fn last_positions(value: &[u8]) -> Result<Vec<bool>, ScanError> {
    let mut scanner = Scanner::new(value)?;
    let mut names = std::collections::HashMap::new();
    let mut last = Vec::new();
    scanner.expect(b'{', "expected an object")?;
    if !scanner.is_empty(b'}') {
        loop {
            let name = scanner.name()?.unescape();
            scanner.value(&mut Discard)?;
            if let Some(before) = names.insert(name, last.len()) {
                last[before] = false;
            }
            last.push(true);
            if !scanner.more(b'}')? {
                break;
            }
        }
    }
    Ok(last)
}
