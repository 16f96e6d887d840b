//! The rows that a request reads: their keys, each once, and what the store has under them, in one round trip.

use std::hash::BuildHasher;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bumpalo::Bump;
use bytes::{Bytes, BytesMut};
use hashbrown::{DefaultHashBuilder, HashTable};
use unskew_engine::definitions::View;
use unskew_engine::keys::{self, EntityKey};
use unskew_engine::plan::{Stored, StoredState};
use unskew_engine::row::{self, Cell, JsonReader, Mapping, PackedRow, SchemaId};
use unskew_engine::windows::{State, WindowPlan};

use super::catalog::Catalog;
use super::view::ServedView;
use super::window::ServedWindow;
use crate::clock::Micros;
use crate::error::Error;
use crate::lookup::{Lookup, Reason};
use crate::store::Fetched;

/// Keys, each once.
#[derive(Default)]
struct KeySet {
    keys: Vec<Bytes>,
    positions: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

impl KeySet {
    /// The position of a key, which is added if it is new.
    fn add(&mut self, key: &[u8], room: &mut BytesMut) -> u32 {
        let (keys, hasher) = (&mut self.keys, &self.hasher);
        let hash = hasher.hash_one(key);
        if let Some(&known) = self.positions.find(hash, |&at| keys[at as usize] == key) {
            return known;
        }
        let position = u32::try_from(keys.len()).unwrap_or(u32::MAX);
        room.extend_from_slice(key);
        keys.push(room.split().freeze());
        self.positions.insert_unique(hash, position, |&at| hasher.hash_one(&keys[at as usize][..]));
        position
    }
}

/// The rows of several views that a request reads, one of each view for every row of the request.
#[derive(Default)]
pub(super) struct WantedRows {
    keys: KeySet,
    room: BytesMut,
    views: Vec<WantedView>,
}

/// A view as it is served.
#[derive(Clone, Debug)]
pub(super) enum Served {
    /// Of rows.
    Row(Arc<ServedView>),
    /// Of windows.
    Window(Arc<ServedWindow>),
}

impl Served {
    /// The definition.
    pub(super) fn view(&self) -> &View {
        match self {
            Self::Row(view) => &view.view,
            Self::Window(view) => view.plan.view(),
        }
    }

    /// What encodes the keys of its entity.
    pub(super) fn key(&self) -> &EntityKey {
        match self {
            Self::Row(view) => &view.key,
            Self::Window(view) => &view.key,
        }
    }
}

struct WantedView {
    view: Served,
    /// For each row of the request.
    places: Vec<Place>,
}

/// Where the row of a view is found.
#[derive(Clone, Debug)]
enum Place {
    /// The position of its key.
    Key(u32),
    /// The key is malformed; why.
    BadKey(Box<str>),
}

/// Encoded keys of one entity, one for each row of a request.
pub(super) struct EntityKeys {
    text: Vec<u8>,
    ends: Vec<Result<usize, Box<str>>>,
}

impl EntityKeys {
    pub(super) fn with_capacity(rows: usize) -> Self {
        Self { text: Vec::with_capacity(rows * 24), ends: Vec::with_capacity(rows) }
    }

    /// Adds the key of the next row.
    pub(super) fn push(&mut self, encode: impl FnOnce(&mut Vec<u8>) -> Result<(), String>) {
        let start = self.text.len();
        let end = encode(&mut self.text).map(|()| self.text.len()).map_err(String::into_boxed_str);
        if end.is_err() {
            self.text.truncate(start);
        }
        self.ends.push(end);
    }

    fn iter(&self) -> impl Iterator<Item = Result<&[u8], &str>> {
        let mut start = 0;
        self.ends.iter().map(move |end| match end {
            Ok(end) => {
                let key = &self.text[start..*end];
                start = *end;
                Ok(key)
            }
            Err(why) => Err(why.as_ref()),
        })
    }
}

impl WantedRows {
    /// Wants the rows of one more view, for entities with these keys.
    pub(super) fn add(&mut self, view: Served, entities: &EntityKeys) {
        let mut key = Vec::with_capacity(64);
        let defined = view.view();
        let places = entities
            .iter()
            .map(|encoded| match encoded {
                Ok(encoded) => {
                    key.clear();
                    keys::append_store_key(encoded, &defined.name, defined.version, &mut key);
                    Place::Key(self.keys.add(&key, &mut self.room))
                }
                Err(why) => Place::BadKey(why.into()),
            })
            .collect();
        self.views.push(WantedView { view, places });
    }

    /// The key that is read for a row of a view, as text; empty if it is malformed.
    pub(super) fn key(&self, view: usize, row: usize) -> String {
        match self.views.get(view).and_then(|view| view.places.get(row)) {
            Some(Place::Key(key)) => {
                self.keys.keys.get(*key as usize).map(|key| key.escape_ascii().to_string()).unwrap_or_default()
            }
            Some(Place::BadKey(_)) | None => String::new(),
        }
    }

    /// Wants other keys too, which come after those of the views; gives the position of the first.
    pub(super) fn add_keys(&mut self, keys: Vec<Bytes>) -> usize {
        let first = self.keys.keys.len();
        self.keys.keys.extend(keys);
        first
    }
}

/// What the store has of the rows that a request reads.
#[derive(Debug)]
pub(super) struct StoredRows {
    fetched: Vec<Fetched>,
    views: Vec<StoredView>,
}

#[derive(Debug)]
struct StoredView {
    places: Vec<Place>,
    /// How the rows that were found are read, by the schema they were written with.
    mappings: Vec<(SchemaId, Arc<Mapping>)>,
    json: Option<JsonReader>,
    window: Option<Arc<ServedWindow>>,
}

/// The state of one entity in a window view, read from the store.
#[derive(Debug)]
pub(super) enum Decoded<'s> {
    /// A state; empty where there is none.
    State(State<'s>),
    /// Something that can't be served, why, and why in words of its own.
    Error(Reason, &'static str, Option<String>),
}

impl<'s> Decoded<'s> {
    /// For the reader of the view.
    pub(super) const fn stored(&'s self) -> StoredState<'s> {
        match self {
            Self::State(state) => StoredState::State(state),
            Self::Error(reason, why, _) => StoredState::Error(*reason, why),
        }
    }
}

const BAD_KEY: &str = "the key of the entity is malformed or too long";
const DAMAGED_STATE: &str = "the stored state is damaged, or is no state of the view";
const DAMAGED: &str = "the stored row is damaged, or is no row";
const UNKNOWN_SCHEMA: &str = "the row was written with a schema that the store does not have";
const NO_ANSWER: &str = "the store gave no answer for this key";

impl Lookup {
    /// Reads the rows in one round trip; and the schemas that some were written with and this process has not met, once, in a second.
    ///
    /// # Errors
    /// UNAVAILABLE or DEADLINE_EXCEEDED when the store answered for no key.
    pub(super) async fn stored_rows(
        &self,
        catalog: &Catalog,
        wanted: WantedRows,
        budget: Duration,
        deadline: Instant,
    ) -> Result<StoredRows, Error> {
        let windows = wanted.views.iter().filter_map(|wanted| match &wanted.view {
            Served::Window(window) => Some(window),
            Served::Row(_) => None,
        });
        self.know_windows(catalog, windows, deadline).await?;
        let keys = wanted.keys.keys;
        let fetched = if keys.is_empty() {
            Vec::new()
        } else {
            let _permit = self.in_flight.take(keys.len())?;
            self.store.fetch(keys, budget).await.map_err(|error| self.unavailable(&error, deadline))?
        };
        let mut views = Vec::with_capacity(wanted.views.len());
        for WantedView { view, places } in wanted.views {
            let view = match view {
                Served::Row(view) => view,
                Served::Window(window) => {
                    views.push(StoredView { places, mappings: Vec::new(), json: None, window: Some(window) });
                    continue;
                }
            };
            let mappings = self.mappings(&view, &places, &fetched, deadline).await?;
            let has_json = places.iter().any(|place| bytes_of(place, &fetched).is_some_and(row::is_json));
            let json = has_json.then(|| view.json_reader());
            views.push(StoredView { places, mappings, json, window: None });
        }
        Ok(StoredRows { fetched, views })
    }

    async fn mappings(
        &self,
        view: &ServedView,
        places: &[Place],
        fetched: &[Fetched],
        deadline: Instant,
    ) -> Result<Vec<(SchemaId, Arc<Mapping>)>, Error> {
        let mut ids: Vec<SchemaId> = Vec::new();
        for place in places {
            if let Some(id) = bytes_of(place, fetched).and_then(row::schema_id)
                && !ids.contains(&id)
            {
                ids.push(id);
            }
        }
        let mut known = Vec::with_capacity(ids.len());
        for id in ids {
            if let Some(mapping) = view.mapping(id) {
                known.push((id, mapping));
            } else if let Some(schema) = self.schema(view, id, deadline).await? {
                view.learn(schema);
                known.extend(view.mapping(id).map(|mapping| (id, mapping)));
            }
        }
        Ok(known)
    }
}

fn bytes_of<'a>(place: &Place, fetched: &'a [Fetched]) -> Option<&'a [u8]> {
    match place {
        Place::Key(key) => match fetched.get(*key as usize) {
            Some(Fetched::Value(value)) => Some(value),
            Some(Fetched::Missing | Fetched::Damaged(_) | Fetched::Failed(_)) | None => None,
        },
        Place::BadKey(_) => None,
    }
}

impl StoredRows {
    /// What the store has under the keys from a position that [`WantedRows::add_keys`] gave.
    pub(super) fn split_off(&mut self, first: usize) -> Vec<Fetched> {
        self.fetched.split_off(first.min(self.fetched.len()))
    }

    /// Bytes of all stored values.
    pub(super) fn bytes(&self) -> usize {
        self.fetched.iter().map(|fetched| if let Fetched::Value(value) = fetched { value.len() } else { 0 }).sum()
    }

    /// The states of a window view, one for each row of the request; none for a view of rows.
    pub(super) fn states(&self, view: usize) -> Vec<Decoded<'_>> {
        let Some((stored, window)) = self.views.get(view).and_then(|stored| Some((stored, stored.window.as_ref()?)))
        else {
            return Vec::new();
        };
        stored.places.iter().map(|place| self.state(place, &window.plan)).collect()
    }

    /// The state of a window view for one row of the request; none for a view of rows.
    pub(super) fn state_of(&self, view: usize, row: usize) -> Option<Decoded<'_>> {
        let stored = self.views.get(view)?;
        let plan = &stored.window.as_ref()?.plan;
        stored.places.get(row).map(|place| self.state(place, plan))
    }

    fn state(&self, place: &Place, plan: &WindowPlan) -> Decoded<'_> {
        let key = match place {
            Place::Key(key) => *key as usize,
            Place::BadKey(why) => return Decoded::Error(Reason::BadKey, BAD_KEY, Some(why.to_string())),
        };
        match self.fetched.get(key) {
            Some(Fetched::Value(value)) => match State::decode(plan, value) {
                Ok(state) => Decoded::State(state),
                Err(why) => Decoded::Error(Reason::Undecodable, DAMAGED_STATE, Some(why.to_string())),
            },
            Some(Fetched::Missing) => Decoded::State(State::empty(plan)),
            Some(Fetched::Damaged(why)) => Decoded::Error(Reason::Undecodable, DAMAGED_STATE, Some((*why).to_owned())),
            Some(Fetched::Failed(why)) => Decoded::Error(Reason::Store, NO_ANSWER, Some((*why).to_owned())),
            None => Decoded::Error(Reason::Store, NO_ANSWER, None),
        }
    }

    /// From when on a window view knows all events; the least time: it always did.
    pub(super) fn complete_since(&self, view: usize) -> Micros {
        let window = self.views.get(view).and_then(|stored| stored.window.as_ref());
        window.map_or(i64::MIN, |window| window.complete_since())
    }

    /// The row of a view, ready to be read feature by feature; and what is wrong in words of its own, where there are any.
    pub(super) fn get<'v>(&'v self, view: usize, row: usize, arena: &'v Bump) -> (Stored<'v>, Option<String>) {
        let Some(stored) = self.views.get(view) else { return (Stored::Missing, None) };
        let fetched = match stored.places.get(row) {
            Some(Place::Key(key)) => self.fetched.get(*key as usize),
            Some(Place::BadKey(why)) => return (Stored::Error(Reason::BadKey, BAD_KEY), Some(why.to_string())),
            None => None,
        };
        match fetched {
            Some(Fetched::Value(value)) => stored.read(value, arena),
            Some(Fetched::Missing) => (Stored::Missing, None),
            Some(Fetched::Damaged(why)) => (Stored::Error(Reason::Undecodable, DAMAGED), Some((*why).to_owned())),
            Some(Fetched::Failed(why)) => (Stored::Error(Reason::Store, NO_ANSWER), Some((*why).to_owned())),
            None => (Stored::Error(Reason::Store, NO_ANSWER), None),
        }
    }
}

impl StoredView {
    fn read<'v>(&'v self, value: &'v [u8], arena: &'v Bump) -> (Stored<'v>, Option<String>) {
        let damaged = |why: String| (Stored::Error(Reason::Undecodable, DAMAGED), Some(why));
        if let Some(reader) = self.json.as_ref().filter(|_| row::is_json(value)) {
            let mut cells: Vec<Cell<'v>> = Vec::new();
            return match reader.read(value, arena, &mut cells) {
                Ok(row) if row.is_deleted => (Stored::Deleted(row.event_time), None),
                Ok(row) => (Stored::Json(arena.alloc_slice_copy(&cells), row.event_time), None),
                Err(why) => damaged(why.to_string()),
            };
        }
        let row = match PackedRow::read(value) {
            Ok(row) => row,
            Err(why) => return damaged(why.to_string()),
        };
        if row.is_deleted() {
            return (Stored::Deleted(Some(row.event_time())), None);
        }
        let Some((_, mapping)) = self.mappings.iter().find(|(id, _)| *id == row.schema_id()) else {
            return (
                Stored::Error(Reason::Undecodable, UNKNOWN_SCHEMA),
                Some(format!("{UNKNOWN_SCHEMA}: {}", row.schema_id())),
            );
        };
        match mapping.open(row) {
            Ok(open) => (Stored::Packed(open, row.event_time()), None),
            Err(why) => damaged(why.to_string()),
        }
    }
}
