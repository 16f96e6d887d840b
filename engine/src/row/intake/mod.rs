//! Typed input: rows of JSON objects or Arrow batches into the bytes that a store keeps, each checked on its own.
//!
//! A row is flat: the key columns of the entity, `event_time` (or the column that the view's source names), optionally the
//! source's `created` column, then features. It replaces the whole row of its entity: a feature that it lacks is stored as null. A
//! row with none of the features, not even as null, is a delete.

mod draft;
mod json;
pub(crate) mod members;

use std::ops::Range;
use std::sync::Arc;

use super::{Schema, Times, json as stored_json, time};
use crate::definitions::{Layout, View, ViewKind};
use crate::dtype::{DType, Scalar};
use crate::keys::{self, EntityKey};
pub(crate) use draft::Draft;

/// The member of a row that holds its event time, in every view.
pub(crate) const EVENT_TIME: &str = "event_time";

/// What a writer asks for, and what it is held to.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Whether columns that the view does not have are passed over instead of refused.
    pub ignore_unknown: bool,
    /// The most bytes of the parts of a key, joined.
    pub max_key_bytes: usize,
    /// The most bytes of a stored row.
    pub max_row_bytes: usize,
}

/// The times that a batch is checked against, in microseconds since 1970-01-01 UTC.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    /// What rows that don't say when they were made are stamped with.
    pub now: i64,
    /// The latest event time that is accepted.
    pub latest: i64,
}

/// Why a row was refused. The gateway gives each a stable code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// It is not of the form that the view takes.
    InvalidRow,
    /// Its key is malformed or too long.
    BadKey,
    /// Its event time lies too far ahead.
    Future,
    /// It is larger than is allowed.
    TooLarge,
}

/// A row that was refused. It stops no other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRow {
    /// Its position, as the caller counts.
    pub row: usize,
    /// Why.
    pub refusal: Refusal,
    /// The column at fault; empty when it is the row as a whole.
    pub field: String,
    /// What is wrong and what would be right.
    pub message: String,
}

/// A row that can be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenRow {
    /// Its position, as the caller counts.
    pub row: usize,
    /// Where its store key lies in [`WrittenRows::bytes`].
    pub key: Range<usize>,
    /// Where its stored form lies there.
    pub value: Range<usize>,
    /// Its times, as its stored form has them.
    pub times: Times,
}

/// What became of a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WrittenRows {
    /// Keys and stored forms, one after the other.
    pub bytes: Vec<u8>,
    /// Good rows, in their order.
    pub rows: Vec<WrittenRow>,
    /// Bad rows, in their order.
    pub bad: Vec<BadRow>,
}

/// Takes the rows of one view.
#[derive(Clone, Debug)]
pub struct Intake {
    key: EntityKey,
    schema: Arc<Schema>,
    layout: Layout,
    /// What names of columns mean, sorted by name.
    members: Vec<(String, Member)>,
    /// The feature that is the event time as well, if the source says so.
    time_feature: Option<usize>,
    /// The feature that says when the row was made as well.
    created_feature: Option<usize>,
    options: Options,
}

/// What a column of a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Member {
    /// The key part of that index.
    Key(usize),
    /// The event time.
    EventTime,
    /// When the row was made.
    Created,
    /// The feature of that index in the schema.
    Feature(usize),
}

impl Intake {
    /// For rows of a view.
    ///
    /// # Errors
    /// A view that takes no rows, in words.
    pub fn new(view: &View, options: Options) -> Result<Self, String> {
        let ViewKind::Row(rows) = &view.kind else {
            return Err(format!("the view `{}` is computed from events and takes no rows", view.name));
        };
        let features = rows.features.iter().map(|feature| (feature.name.as_str(), feature.dtype));
        let schema = Schema::new(&view.name, view.version, features)?;
        let key = EntityKey::new(&view.entity, options.max_key_bytes)?;
        let mut intake = Self {
            key,
            schema: Arc::new(schema),
            layout: rows.layout,
            members: Vec::new(),
            time_feature: None,
            created_feature: None,
            options,
        };
        intake.name_members(view);
        Ok(intake)
    }

    /// Names mean, in this order: a key column, `event_time`, a feature, the source's column of the event time, the source's
    /// column of `created`. A column of the source that is a feature is both.
    fn name_members(&mut self, view: &View) {
        for (index, (name, _)) in self.key.columns().iter().enumerate() {
            self.members.push((name.clone(), Member::Key(index)));
        }
        self.members.push((EVENT_TIME.to_owned(), Member::EventTime));
        for (index, column) in self.schema.columns().iter().enumerate() {
            self.members.push((column.name.clone(), Member::Feature(index)));
        }
        if let Some(source) = &view.source {
            let time = DType::Scalar(Scalar::Timestamp);
            let feature =
                |name: &str| self.schema.column(name).filter(|&index| self.dtype(Member::Feature(index)) == time);
            let (of_time, of_created) = (feature(&source.event_time), source.created.as_deref().and_then(feature));
            (self.time_feature, self.created_feature) = (of_time, of_created);
            self.members.push((source.event_time.clone(), Member::EventTime));
            self.members.extend(source.created.clone().map(|name| (name, Member::Created)));
        }
        // Stable: of equal names the first one stays.
        self.members.sort_by(|a, b| a.0.cmp(&b.0));
        self.members.dedup_by(|a, b| a.0 == b.0);
    }

    /// What the stored rows hold. The store must have it under [`keys::schema_key`] before the first packed row.
    #[must_use]
    pub const fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// What a column is; none for a name that the view does not have.
    pub(crate) fn member(&self, name: &str) -> Option<Member> {
        let at = self.members.binary_search_by(|(member, _)| member.as_str().cmp(name)).ok()?;
        self.members.get(at).map(|(_, member)| *member)
    }

    /// The type of a column.
    pub(crate) fn dtype(&self, member: Member) -> DType {
        let found = match member {
            Member::Key(index) => self.key.columns().get(index).map(|(_, scalar)| DType::Scalar(*scalar)),
            Member::Feature(index) => self.schema.columns().get(index).map(|column| column.dtype),
            Member::EventTime | Member::Created => None,
        };
        found.unwrap_or(DType::Scalar(Scalar::Timestamp))
    }

    /// The names of the key columns.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &str> {
        self.key.columns().iter().map(|(name, _)| name.as_str())
    }

    pub(crate) const fn options(&self) -> &Options {
        &self.options
    }

    pub(crate) const fn has_time_feature(&self) -> bool {
        self.time_feature.is_some()
    }

    pub(crate) fn unknown(&self, name: &str) -> String {
        format!(
            "the view `{}` has no column {}; leave it out, or ask to ignore unknown columns",
            self.schema.view(),
            super::shown(name)
        )
    }

    /// Stores a draft among the good rows, or says why not.
    pub(crate) fn finish(
        &self,
        row: usize,
        draft: &Draft<'_>,
        arrival: Arrival,
        written: &mut WrittenRows,
    ) -> Result<(), Fault> {
        let start = written.bytes.len();
        let done = self.append(row, draft, arrival, written);
        if done.is_err() {
            written.bytes.truncate(start);
        }
        done
    }

    fn append(&self, row: usize, draft: &Draft<'_>, arrival: Arrival, written: &mut WrittenRows) -> Result<(), Fault> {
        let bytes = &mut written.bytes;
        let start = bytes.len();
        let mut encoded = Vec::new();
        self.key
            .encode(&draft.keys, &mut encoded)
            .map_err(|bad| Fault::new(Refusal::BadKey, &bad.column.unwrap_or_default(), bad.message))?;
        keys::append_store_key(&encoded, self.schema.view(), self.schema.version(), bytes);
        let times = self.times(draft, arrival)?;
        let value = bytes.len();
        let stored = match (self.layout, draft.has_features) {
            (Layout::Packed, true) => self.schema.encode(times, &draft.features, bytes),
            (Layout::Packed, false) => {
                super::write_delete(times, bytes);
                Ok(())
            }
            (Layout::Json, true) => self.schema.encode_json(times, &draft.features, bytes),
            (Layout::Json, false) => {
                stored_json::write_delete(times, bytes);
                Ok(())
            }
        };
        stored.map_err(|why| Fault::new(Refusal::InvalidRow, "", why))?;
        let (size, limit) = (bytes.len() - value, self.options.max_row_bytes);
        if size > limit {
            let message = format!("the row has {size} bytes, at most {limit} are allowed");
            return Err(Fault::new(Refusal::TooLarge, "", message));
        }
        written.rows.push(WrittenRow { row, key: start..value, value: value..bytes.len(), times });
        Ok(())
    }

    fn times(&self, draft: &Draft<'_>, arrival: Arrival) -> Result<Times, Fault> {
        let Some(event_time) = draft.event_time.or_else(|| draft.time_of(self.time_feature)) else {
            let message = format!("a row of the view `{}` needs its {EVENT_TIME}", self.schema.view());
            return Err(Fault::new(Refusal::InvalidRow, EVENT_TIME, message));
        };
        let created = draft.created.or_else(|| draft.time_of(self.created_feature)).unwrap_or(arrival.now);
        if event_time > arrival.latest {
            let [found, latest] = [event_time, arrival.latest].map(time::shown);
            let message = format!("{found} is later than {latest}, the latest accepted");
            return Err(Fault::new(Refusal::Future, EVENT_TIME, message));
        }
        Ok(Times { event_time, created })
    }
}

/// Why a row is refused, before its position is known.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    refusal: Refusal,
    field: String,
    message: String,
}

impl Fault {
    pub(crate) fn new(refusal: Refusal, field: &str, message: impl Into<String>) -> Self {
        Self { refusal, field: field.to_owned(), message: message.into() }
    }

    /// A value that a column can't take.
    pub(crate) fn of_member(member: Member, field: &str, message: String) -> Self {
        let refusal = match member {
            Member::Key(_) => Refusal::BadKey,
            Member::EventTime | Member::Created | Member::Feature(_) => Refusal::InvalidRow,
        };
        Self::new(refusal, field, format!("`{field}`: {message}"))
    }

    pub(crate) fn at(self, row: usize) -> BadRow {
        BadRow { row, refusal: self.refusal, field: self.field, message: self.message }
    }
}
