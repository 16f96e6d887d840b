//! Protobuf wire bytes of a reply, written straight from the tokens of stored rows.
//!
//! Lengths of nested messages are not known when they begin: a frame leaves room for one and fills it in at its end.

use crate::clock::Micros;
use crate::lookup::scan::{Number, Scalar, Sink, Text};
use crate::lookup::{Protocol, Reason, ReplySink, RowStatus, Status};

const fn varint_tag(field: u8) -> u8 {
    field << 3
}

const fn bytes_tag(field: u8) -> u8 {
    field << 3 | 2
}

/// `OnlineFeaturesResponse`.
mod response {
    pub(super) const RESULTS: u8 = super::bytes_tag(1);
    pub(super) const AS_OF: u8 = super::varint_tag(2);
}

/// `FeatureSet`.
mod feature_set {
    pub(super) const FEATURES: u8 = super::bytes_tag(1);
    pub(super) const STATUSES: u8 = super::bytes_tag(2);
    pub(super) const EVENT_TIME: u8 = super::varint_tag(3);
    pub(super) const STATUS: u8 = super::bytes_tag(4);
    pub(super) const EVENT_TIMES: u8 = super::bytes_tag(5);
}

/// `FeatureStatus`.
mod feature_status {
    pub(super) const STATUS: u8 = super::varint_tag(1);
    pub(super) const REASON: u8 = super::varint_tag(2);
    pub(super) const MESSAGE: u8 = super::bytes_tag(3);
}

/// An entry of any map.
mod entry {
    pub(super) const KEY: u8 = super::bytes_tag(1);
    pub(super) const VALUE: u8 = super::bytes_tag(2);
    /// A value that is a number.
    pub(super) const TIME: u8 = super::varint_tag(2);
}

/// `google.protobuf.Value`, `Struct` and `ListValue`.
mod value {
    pub(super) const NULL: u8 = super::varint_tag(1);
    pub(super) const NUMBER: u8 = 2 << 3 | 1;
    pub(super) const STRING: u8 = super::bytes_tag(3);
    pub(super) const BOOL: u8 = super::varint_tag(4);
    pub(super) const STRUCT: u8 = super::bytes_tag(5);
    pub(super) const LIST: u8 = super::bytes_tag(6);
    pub(super) const STRUCT_FIELDS: u8 = super::bytes_tag(1);
    pub(super) const LIST_VALUES: u8 = super::bytes_tag(1);
}

/// Bytes of a number as a `Value`: its tag and eight bytes.
const NUMBER_BYTES: u8 = 9;

/// A message that was begun: where its body begins, and how many bytes before that are room for its length.
#[derive(Clone, Copy, Debug)]
struct Frame {
    body: usize,
    room: usize,
}

/// Writes an `OnlineFeaturesResponse`.
#[derive(Debug)]
pub struct WireWriter {
    out: Vec<u8>,
    frames: Vec<Frame>,
    /// Where the features of the row at hand begin.
    features: usize,
}

impl WireWriter {
    /// A writer with room for this many bytes.
    #[must_use]
    pub fn with_capacity(bytes: usize) -> Self {
        Self { out: Vec::with_capacity(bytes), frames: Vec::with_capacity(8), features: 0 }
    }

    /// The reply, with the time t of the request.
    #[must_use]
    pub fn finish(mut self, as_of: Micros) -> Vec<u8> {
        self.number_field(response::AS_OF, as_of);
        self.out
    }

    #[inline]
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.out.push(value.to_le_bytes()[0] | 0x80);
            value >>= 7;
        }
        self.out.push(value.to_le_bytes()[0]);
    }

    /// An int64 field; proto3 leaves out a zero that has no presence.
    fn number_field(&mut self, tag: u8, value: i64) {
        if value != 0 {
            self.present_number_field(tag, value);
        }
    }

    fn present_number_field(&mut self, tag: u8, value: i64) {
        self.out.push(tag);
        self.varint(value.cast_unsigned());
    }

    #[inline]
    fn string_field(&mut self, tag: u8, text: &str) {
        self.out.push(tag);
        self.varint(text.len() as u64);
        self.out.extend_from_slice(text.as_bytes());
    }

    #[inline]
    fn text_field(&mut self, tag: u8, text: Text<'_>) {
        if text.is_escaped() {
            self.begin(tag, 1);
            text.unescape_into(&mut self.out);
            self.end();
        } else {
            self.string_field(tag, text.raw());
        }
    }

    /// Begins a message, with room for a length of so many bytes.
    #[inline]
    fn begin(&mut self, tag: u8, room: usize) {
        self.out.extend_from_slice(&[tag, 0, 0][..=room]);
        self.frames.push(Frame { body: self.out.len(), room });
    }

    /// Ends the message that was begun last.
    #[inline]
    fn end(&mut self) {
        let Some(Frame { body, room }) = self.frames.pop() else { return };
        let length = self.out.len() - body;
        match room {
            1 if length < 0x80 => self.out[body - 1] = length.to_le_bytes()[0],
            2 if (0x80..0x4000).contains(&length) => {
                self.out[body - 2] = (length & 0x7f).to_le_bytes()[0] | 0x80;
                self.out[body - 1] = (length >> 7).to_le_bytes()[0];
            }
            _ => self.move_for_length(body, room, length),
        }
    }

    /// The length takes another number of bytes than there is room for: the body moves.
    #[cold]
    fn move_for_length(&mut self, body: usize, room: usize, length: usize) {
        let at = self.out.len();
        self.varint(length as u64);
        let needed = self.out.len() - at;
        let digits: [u8; 10] = std::array::from_fn(|digit| self.out.get(at + digit).copied().unwrap_or_default());
        self.out.truncate(at);
        self.out.splice(body - room..body, digits[..needed].iter().copied());
    }

    fn status_message(&mut self, tag: u8, status: Status, reason: Option<Reason>, message: &str) {
        self.begin(tag, 1);
        self.number_field(feature_status::STATUS, status as i64);
        if let Some(reason) = reason {
            self.number_field(feature_status::REASON, reason as i64);
        }
        if !message.is_empty() {
            self.string_field(feature_status::MESSAGE, message);
        }
        self.end();
    }
}

impl Sink for WireWriter {
    fn scalar(&mut self, scalar: Scalar<'_>) {
        match scalar {
            Scalar::Null => self.out.extend_from_slice(&[value::NULL, 0]),
            Scalar::Bool(bool) => self.out.extend_from_slice(&[value::BOOL, u8::from(bool)]),
            Scalar::Number(number) => {
                self.out.push(value::NUMBER);
                self.out.extend_from_slice(&number.value().to_le_bytes());
            }
            Scalar::String(text) => self.text_field(value::STRING, text),
        }
    }

    fn begin_object(&mut self) {
        self.begin(value::STRUCT, 1);
    }

    fn begin_member(&mut self, name: Text<'_>) {
        self.begin(value::STRUCT_FIELDS, 1);
        self.text_field(entry::KEY, name);
        self.begin(entry::VALUE, 1);
    }

    fn end_member(&mut self) {
        self.end();
        self.end();
    }

    fn end_object(&mut self) {
        self.end();
    }

    fn begin_list(&mut self) {
        self.begin(value::LIST, 1);
    }

    fn begin_item(&mut self) {
        self.begin(value::LIST_VALUES, 1);
    }

    fn end_item(&mut self) {
        self.end();
    }

    fn end_list(&mut self) {
        self.end();
    }
}

impl ReplySink for WireWriter {
    const PROTOCOL: Protocol = Protocol::Grpc;

    fn begin_row(&mut self, entity_id: &str) {
        self.begin(response::RESULTS, 2);
        self.string_field(entry::KEY, entity_id);
        self.begin(entry::VALUE, 2);
        self.features = self.out.len();
    }

    fn begin_feature(&mut self, name: Text<'_>) {
        self.begin(feature_set::FEATURES, 1);
        self.text_field(entry::KEY, name);
        self.begin(entry::VALUE, 1);
    }

    fn end_feature(&mut self) {
        self.end();
        self.end();
    }

    /// The entry up to the eight bytes of the number; nothing for a name so long that its length takes another byte.
    fn head(name: Text<'_>, out: &mut Vec<u8>) {
        let name = name.unescape();
        if let Some(length) = u8::try_from(name.len()).ok().filter(|&length| length < 0x70) {
            out.extend_from_slice(&[feature_set::FEATURES, length + 4 + NUMBER_BYTES, entry::KEY, length]);
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(&[entry::VALUE, NUMBER_BYTES, value::NUMBER]);
        }
    }

    #[inline(always)]
    fn number_feature(&mut self, head: &[u8], number: Number<'_>) {
        self.out.extend_from_slice(head);
        self.out.extend_from_slice(&number.value().to_le_bytes());
    }

    fn keep_features(&mut self) {
        self.features = self.out.len();
    }

    fn drop_features(&mut self) {
        self.out.truncate(self.features);
        // A row that broke inside a value left its frames open; those of the reply's entry and its feature set stay.
        self.frames.truncate(2);
    }

    fn status(&mut self, name: Text<'_>, status: Status, reason: Option<Reason>) {
        self.begin(feature_set::STATUSES, 1);
        self.text_field(entry::KEY, name);
        self.status_message(entry::VALUE, status, reason, "");
        self.end();
    }

    fn end_row(&mut self, status: &RowStatus, event_time: Option<Micros>, times: &[(&str, Micros)]) {
        if let Some(event_time) = event_time {
            self.present_number_field(feature_set::EVENT_TIME, event_time);
        }
        match status {
            RowStatus::Present => {}
            RowStatus::Missing => self.status_message(feature_set::STATUS, Status::Missing, None, ""),
            RowStatus::Error(reason, message) => {
                self.status_message(feature_set::STATUS, Status::Error, Some(*reason), message);
            }
        }
        for (view, event_time) in times {
            self.begin(feature_set::EVENT_TIMES, 1);
            self.string_field(entry::KEY, view);
            self.number_field(entry::TIME, *event_time);
            self.end();
        }
        self.end();
        self.end();
    }

    fn written(&self) -> usize {
        self.out.len()
    }
}
