//! `OnlineFeaturesRequest`, decoded into two lists of strings instead of a string for every id.

use bytes::Buf;
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};

use crate::error::Error;
use crate::lookup::{Asked, StringList};

/// A decoded `OnlineFeaturesRequest`.
#[derive(Clone, Debug, Default)]
pub struct OnlineFeaturesRequest(pub Asked);

impl OnlineFeaturesRequest {
    /// Decodes the message.
    ///
    /// # Errors
    /// INVALID_ARGUMENT for bytes that are no such message.
    pub fn decode(mut message: &[u8]) -> Result<Self, Error> {
        let malformed =
            |error: prost::DecodeError| Error::invalid("message", format!("no OnlineFeaturesRequest: {error}"));
        let mut asked = Asked::default();
        while message.has_remaining() {
            let (field, wire_type) = decode_key(&mut message).map_err(malformed)?;
            match (field, wire_type) {
                (1, WireType::LengthDelimited) => string(&mut message, "entity_ids", &mut asked.entity_ids)?,
                (2, WireType::LengthDelimited) => string(&mut message, "feature_names", &mut asked.feature_names)?,
                (3, WireType::Varint) => {
                    asked.as_of = Some(decode_varint(&mut message).map_err(malformed)?.cast_signed());
                }
                (4, WireType::Varint) => asked.all_statuses = decode_varint(&mut message).map_err(malformed)? != 0,
                (1..=4, _) => {
                    return Err(Error::invalid(
                        "message",
                        format!("field {field} has the wrong wire type {wire_type:?}"),
                    ));
                }
                _ => skip_field(wire_type, field, &mut message, DecodeContext::default()).map_err(malformed)?,
            }
        }
        Ok(Self(asked))
    }
}

#[inline]
fn string(message: &mut &[u8], field: &str, list: &mut StringList) -> Result<(), Error> {
    let length = decode_varint(message).ok().and_then(|length| usize::try_from(length).ok());
    let Some((text, rest)) = length.and_then(|length| message.split_at_checked(length)) else {
        return Err(Error::invalid(field, "the message ends inside a string"));
    };
    let text =
        str::from_utf8(text).map_err(|_| Error::invalid(&format!("{field}[{}]", list.len()), "is not valid UTF-8"))?;
    list.push(text);
    *message = rest;
    Ok(())
}
