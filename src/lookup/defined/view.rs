//! A defined row view as it is served: its schema, and the schemas that its stored rows were written with.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use unskew_engine::definitions::{Layout, RowView, View};
use unskew_engine::keys::EntityKey;
use unskew_engine::row::{JsonReader, Mapping, Schema, SchemaId};

/// A row view, ready.
#[derive(Debug)]
pub(in crate::lookup) struct ServedView {
    pub(super) view: Arc<View>,
    pub(super) row: RowView,
    pub(super) key: EntityKey,
    pub(super) schema: Arc<Schema>,
    /// By the id of the schema that rows were written with, this view's own among them.
    mappings: RwLock<HashMap<SchemaId, Arc<Mapping>>>,
    /// Whether the store has the schema, so that rows may be written with it.
    is_schema_stored: AtomicBool,
}

impl ServedView {
    /// `known`: the same view of the definitions before, whose knowledge of stored schemas is taken over.
    pub(super) fn new(view: Arc<View>, row: &RowView, key: EntityKey, schema: Schema, known: Option<&Self>) -> Self {
        let schema = Arc::new(schema);
        let served = Self {
            view,
            row: row.clone(),
            key,
            schema: schema.clone(),
            mappings: RwLock::default(),
            is_schema_stored: AtomicBool::new(
                known.is_some_and(|known| known.schema == schema && known.is_schema_stored()),
            ),
        };
        let stored = known.map(|known| known.mappings.read().unwrap_or_else(PoisonError::into_inner).clone());
        for mapping in stored.into_iter().flatten().map(|(_, mapping)| mapping) {
            if mapping.schema().version() == served.view.version {
                served.learn(mapping.schema().clone());
            }
        }
        served.learn(schema);
        served
    }

    /// Takes in a schema that rows of this view were written with.
    pub(super) fn learn(&self, stored: Arc<Schema>) {
        let features = self.row.features.iter().map(|feature| (feature.name.as_str(), feature.dtype));
        let id = stored.id();
        let mapping = Arc::new(Mapping::new(features, stored));
        self.mappings.write().unwrap_or_else(PoisonError::into_inner).insert(id, mapping);
    }

    /// How rows of a schema are read; none: the schema is not known yet.
    pub(super) fn mapping(&self, id: SchemaId) -> Option<Arc<Mapping>> {
        self.mappings.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    /// What reads rows of the JSON layout.
    pub(super) fn json_reader(&self) -> JsonReader {
        JsonReader::new(self.row.features.iter().map(|feature| (feature.name.as_str(), feature.dtype)))
    }

    pub(super) fn is_schema_stored(&self) -> bool {
        self.is_schema_stored.load(Ordering::Relaxed)
    }

    pub(super) fn schema_is_stored(&self) {
        self.is_schema_stored.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_json(&self) -> bool {
        self.row.layout == Layout::Json
    }
}
