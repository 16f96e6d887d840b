//! What a protocol implements to write a reply: rows, the features in them, their statuses.

use super::scan::{Number, Sink, Text};
use super::status::{Reason, RowStatus, Status};
use crate::clock::Micros;
use crate::telemetry::labels::Protocol;

/// Writes a reply as it is read from the store. Calls come in this order: `begin_row`, features, statuses, `end_row`, for each entity.
pub trait ReplySink: Sink {
    /// The protocol: what is made for one is of no use to the other.
    const PROTOCOL: Protocol;

    /// The row of an entity begins.
    fn begin_row(&mut self, entity_id: &str);

    /// The value of a feature is due, through [`Sink`].
    fn begin_feature(&mut self, name: Text<'_>);

    /// The value of the feature is complete.
    fn end_feature(&mut self);

    /// What stands before the number of a feature of this name; made once for many rows.
    fn head(name: Text<'_>, out: &mut Vec<u8>);

    /// A feature with a number, whole. `head`: what [`Self::head`] made of its name.
    fn number_feature(&mut self, head: &[u8], number: Number<'_>);

    /// What was written of the row so far stays, whatever is taken back later.
    fn keep_features(&mut self);

    /// Takes back every feature of the row that was begun, but those that are kept.
    fn drop_features(&mut self);

    /// The status of one feature.
    fn status(&mut self, name: Text<'_>, status: Status, reason: Option<Reason>);

    /// The row is complete. `event_time`: that of the built-in view; `times`: those of defined views, by name.
    fn end_row(&mut self, status: &RowStatus, event_time: Option<Micros>, times: &[(&str, Micros)]);

    /// Bytes written so far.
    fn written(&self) -> usize;
}
