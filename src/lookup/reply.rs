//! What a protocol implements to write a reply: rows, the features in them, their statuses.

use super::scan::{Scalar, Sink, Text};
use super::status::{Reason, RowStatus, Status};
use crate::clock::Micros;

/// Writes a reply as it is read from the store. Calls come in this order: `begin_row`, features, statuses, `end_row`, for each entity.
pub trait ReplySink: Sink {
    /// The row of an entity begins.
    fn begin_row(&mut self, entity_id: &str);

    /// The value of a feature is due, through [`Sink`].
    fn begin_feature(&mut self, name: Text<'_>);

    /// The value of the feature is complete.
    fn end_feature(&mut self);

    /// A feature with a scalar value, whole.
    #[inline]
    fn scalar_feature(&mut self, name: Text<'_>, value: Scalar<'_>) {
        self.begin_feature(name);
        self.scalar(value);
        self.end_feature();
    }

    /// Takes back every feature of the row that was begun.
    fn drop_features(&mut self);

    /// The status of one feature.
    fn status(&mut self, name: Text<'_>, status: Status, reason: Option<Reason>);

    /// The row is complete.
    fn end_row(&mut self, status: &RowStatus, event_time: Option<Micros>);

    /// Bytes written so far.
    fn written(&self) -> usize;
}
