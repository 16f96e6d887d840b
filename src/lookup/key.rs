//! Keys of the built-in view: `features:{entity_id}`.

use bytes::{BufMut, Bytes, BytesMut};

use super::strings::StringList;

/// What the keys of the built-in view begin with, for every tool that writes them.
pub const PREFIX: &str = "features:";

/// What is wrong with an entity id, if anything.
#[must_use]
pub fn fault(entity_id: &str, max_bytes: usize) -> Option<String> {
    if entity_id.is_empty() {
        return Some("the entity id is empty".to_owned());
    }
    if entity_id.len() > max_bytes {
        let length = entity_id.len();
        return Some(format!(
            "the entity id has {length} bytes, at most {max_bytes} are allowed (limits.max_id_bytes)"
        ));
    }
    None
}

/// The key of one entity.
#[must_use]
pub fn of(entity_id: &str) -> Bytes {
    let mut key = BytesMut::with_capacity(PREFIX.len() + entity_id.len());
    key.put_slice(PREFIX.as_bytes());
    key.put_slice(entity_id.as_bytes());
    key.freeze()
}

/// The keys of all ids that have no fault, in order, in one allocation.
#[must_use]
pub fn of_all(entity_ids: &StringList, max_id_bytes: usize) -> Vec<Bytes> {
    let mut text = BytesMut::with_capacity(entity_ids.text_len() + entity_ids.len() * PREFIX.len());
    let mut keys = Vec::with_capacity(entity_ids.len());
    for entity_id in entity_ids.iter().filter(|entity_id| fault(entity_id, max_id_bytes).is_none()) {
        text.put_slice(PREFIX.as_bytes());
        text.put_slice(entity_id.as_bytes());
        keys.push(text.split().freeze());
    }
    keys
}
