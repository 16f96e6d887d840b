//! The JSON of a reply, written straight from the tokens of stored rows. It mirrors the protobuf message; times are RFC 3339.

use crate::clock::Micros;
use crate::lookup::scan::writer::JsonWriter;
use crate::lookup::scan::{Number, Scalar, Sink, Text};
use crate::lookup::{Protocol, Reason, ReplySink, RowStatus, Status, time};

/// Where the row at hand is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Features,
    Statuses,
}

/// Writes the JSON of an `OnlineFeaturesResponse`.
#[derive(Debug)]
pub(super) struct JsonReply {
    out: Vec<u8>,
    part: Part,
    /// Where the features of the row at hand begin.
    features: usize,
}

impl JsonReply {
    /// A writer with room for this many bytes.
    pub(super) fn with_capacity(bytes: usize) -> Self {
        let mut out = Vec::with_capacity(bytes);
        out.extend_from_slice(b"{\"results\":{");
        Self { out, part: Part::Features, features: 0 }
    }

    /// The reply, with the time t of the request.
    pub(super) fn finish(mut self, as_of: Micros) -> Vec<u8> {
        self.out.extend_from_slice(b"},\"as_of\":");
        self.string(&time::format(as_of));
        self.out.push(b'}');
        self.out
    }

    fn json(&mut self) -> JsonWriter<'_> {
        JsonWriter::new(&mut self.out)
    }

    fn string(&mut self, text: &str) {
        self.json().string(text);
    }

    fn status_object(&mut self, status: Status, reason: Option<Reason>, message: &str) {
        self.out.extend_from_slice(b"{\"status\":");
        self.string(status.name());
        if let Some(reason) = reason {
            self.out.extend_from_slice(b",\"reason\":");
            self.string(reason.name());
        }
        if !message.is_empty() {
            self.out.extend_from_slice(b",\"message\":");
            self.string(message);
        }
        self.out.push(b'}');
    }
}

impl Sink for JsonReply {
    fn scalar(&mut self, scalar: Scalar<'_>) {
        self.json().scalar(scalar);
    }

    fn begin_object(&mut self) {
        self.json().begin_object();
    }

    fn begin_member(&mut self, name: Text<'_>) {
        self.json().begin_member(name);
    }

    fn end_member(&mut self) {}

    fn end_object(&mut self) {
        self.json().end_object();
    }

    fn begin_list(&mut self) {
        self.json().begin_list();
    }

    fn begin_item(&mut self) {
        self.json().begin_item();
    }

    fn end_item(&mut self) {}

    fn end_list(&mut self) {
        self.json().end_list();
    }
}

impl ReplySink for JsonReply {
    const PROTOCOL: Protocol = Protocol::Rest;

    fn begin_row(&mut self, entity_id: &str) {
        self.json().begin_member(Text::plain(entity_id));
        self.out.extend_from_slice(b"{\"features\":{");
        self.features = self.out.len();
        self.part = Part::Features;
    }

    fn begin_feature(&mut self, name: Text<'_>) {
        self.json().begin_member(name);
    }

    fn end_feature(&mut self) {}

    fn head(name: Text<'_>, out: &mut Vec<u8>) {
        JsonWriter::new(out).text(name);
        out.push(b':');
    }

    fn number_feature(&mut self, head: &[u8], number: Number<'_>) {
        if self.out.last() != Some(&b'{') {
            self.out.push(b',');
        }
        self.out.extend_from_slice(head);
        self.scalar(Scalar::Number(number));
    }

    fn keep_features(&mut self) {
        self.features = self.out.len();
    }

    fn drop_features(&mut self) {
        self.out.truncate(self.features);
    }

    fn status(&mut self, name: Text<'_>, status: Status, reason: Option<Reason>) {
        if self.part == Part::Features {
            self.out.extend_from_slice(b"},\"statuses\":{");
            self.part = Part::Statuses;
        }
        self.json().begin_member(name);
        self.status_object(status, reason, "");
    }

    fn end_row(&mut self, status: &RowStatus, event_time: Option<Micros>, times: &[(&str, Micros)]) {
        self.out.push(b'}');
        if let Some(event_time) = event_time {
            self.out.extend_from_slice(b",\"event_time\":");
            self.string(&time::format(event_time));
        }
        if !times.is_empty() {
            self.out.extend_from_slice(b",\"event_times\":{");
            for (view, event_time) in times {
                self.json().begin_member(Text::plain(view));
                self.string(&time::format(*event_time));
            }
            self.out.push(b'}');
        }
        if *status != RowStatus::Present {
            self.out.extend_from_slice(b",\"status\":");
            let message = if let RowStatus::Error(_, message) = status { message } else { "" };
            self.status_object(status.status(), status.reason(), message);
        }
        self.out.push(b'}');
    }

    fn written(&self) -> usize {
        self.out.len()
    }
}
