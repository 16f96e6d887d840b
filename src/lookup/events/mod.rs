//! Writing to window views: events of a source, and states that were computed from history. Each entity's state is read, changed and
//! written again only over what was read, so that writers of several gateways lose nothing.

mod load;
mod swap;
mod work;
mod write;

use bytes::Bytes;

use super::write::RowFormat;
use crate::clock::Micros;

pub(super) use swap::Claims;
pub(super) use work::Work;

/// A batch of events, as it was sent.
#[derive(Clone, Debug)]
pub struct EventBatch {
    /// The source.
    pub source: String,
    /// Its events.
    pub body: Bytes,
    /// Their form.
    pub format: RowFormat,
    /// Whether members that the source does not have are left out, instead of refusing the event.
    pub ignore_unknown: bool,
}

/// A batch of states, as it was sent.
#[derive(Clone, Debug)]
pub struct StateBatch {
    /// The window view.
    pub view: String,
    /// The states have all events up to this time, and none after it.
    pub cut: Micros,
    /// The key columns of the view's entity and `state`, one stream in the IPC format of Arrow.
    pub arrow: Bytes,
    /// From when on the states know all events; none: they always did.
    pub complete_since: Option<Micros>,
    /// Whether the load ends with this batch: the view is complete then.
    pub is_last: bool,
}
