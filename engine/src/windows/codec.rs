//! States as bytes: see `docs/state-format.md`. Equal states give equal bytes.
//!
//! format 1 | schema id 4 | flags 1 | times | events | tiles | checksum 4

use std::borrow::Cow;

use super::events::{Events, Head, Id};
use super::plan::WindowPlan;
use super::state::{State, Tile};
use super::values::{IdKind, read_id, read_value, save_id, save_value};
use crate::dtype::Scalar;
use crate::numbers::{Reader, put_short_bytes, put_signed, put_varint};
use crate::value::Value;

/// The first byte of a state. No row begins with it.
pub const STATE_FORMAT: u8 = 0x11;

const HAS_NEWEST: u8 = 1;
const HAS_COMPLETE_SINCE: u8 = 2;
const HAS_REFUSED: u8 = 4;
const HAS_VERSIONS: u8 = 8;
const HAS_TILES: u8 = 16;
const FLAGS: u8 = 31;

/// Units of event times, in microseconds: the greatest that divides all of them is used.
const UNITS: [i64; 3] = [1_000_000, 1000, 1];

/// Powers of ten by which floats are tried as whole numbers.
const SCALES: [f64; 7] = [1.0, 10.0, 1e2, 1e3, 1e4, 1e5, 1e6];
/// Marks floats that are stored as they are.
const RAW: u8 = 0xff;

/// Bytes that are no state of the view, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadState(pub &'static str);

const SHORT: BadState = BadState("the stored state is cut short or malformed");

/// The schema id of stored bytes, if they begin like a state.
#[must_use]
pub fn state_schema(stored: &[u8]) -> Option<[u8; 4]> {
    match stored {
        [STATE_FORMAT, a, b, c, d, ..] => Some([*a, *b, *c, *d]),
        _ => None,
    }
}

impl<'a> State<'a> {
    /// Appends the state.
    pub fn encode(&self, plan: &WindowPlan, out: &mut Vec<u8>) {
        let start = out.len();
        out.push(STATE_FORMAT);
        out.extend_from_slice(&plan.schema());
        let has_versions = self.events.heads().iter().any(|head| head.version != 0);
        let flag = |has: bool, flag: u8| if has { flag } else { 0 };
        out.push(
            flag(self.newest.is_some(), HAS_NEWEST)
                | flag(self.complete_since.is_some(), HAS_COMPLETE_SINCE)
                | flag(self.refused.is_some(), HAS_REFUSED)
                | flag(has_versions, HAS_VERSIONS)
                | flag(!self.tiles.is_empty(), HAS_TILES),
        );
        if let Some(newest) = self.newest {
            put_signed(newest, out);
            put_varint(newest.wrapping_sub(self.let_go).cast_unsigned(), out);
        }
        if let Some(time) = self.complete_since {
            put_signed(time, out);
        }
        if let Some((oldest, newest)) = self.refused {
            put_signed(oldest, out);
            put_signed(newest, out);
        }
        encode_events(plan, &self.events, has_versions, out);
        if !self.tiles.is_empty() {
            encode_tiles(&self.tiles, plan.bounds.hop.unwrap_or(1), out);
        }
        let checksum = crc32c::crc32c(out.get(start..).unwrap_or_default());
        out.extend_from_slice(&checksum.to_le_bytes());
    }

    /// What is stored of an entity; none: no events at all.
    ///
    /// # Errors
    /// As [`State::decode`].
    pub(super) fn of(plan: &WindowPlan, stored: Option<&'a [u8]>) -> Result<Self, BadState> {
        stored.map_or_else(|| Ok(Self::empty(plan)), |stored| Self::decode(plan, stored))
    }

    /// Reads a stored state; its texts are borrowed from the bytes.
    ///
    /// # Errors
    /// Bytes that are no state of this view.
    pub fn decode(plan: &WindowPlan, stored: &'a [u8]) -> Result<Self, BadState> {
        let mut state = Self::empty(plan);
        state.decode_into(plan, stored)?;
        Ok(state)
    }

    /// The same into a state whose room is used again.
    ///
    /// # Errors
    /// As [`State::decode`].
    pub fn decode_into(&mut self, plan: &WindowPlan, stored: &'a [u8]) -> Result<(), BadState> {
        let (body, checksum) = stored.split_last_chunk::<4>().ok_or(SHORT)?;
        match state_schema(body) {
            None => return Err(BadState("what is stored is no state of windows, or one of a newer format")),
            Some(schema) if schema != plan.schema() => {
                return Err(BadState("the state was stored for another definition of the view"));
            }
            Some(_) => {}
        }
        if crc32c::crc32c(body) != u32::from_le_bytes(*checksum) {
            return Err(BadState("the stored state is damaged: its checksum is wrong"));
        }
        let mut reader = Reader::new(body.get(5..).unwrap_or_default());
        self.read(plan, &mut reader).filter(|()| reader.is_done()).ok_or(SHORT)
    }

    fn read(&mut self, plan: &WindowPlan, reader: &mut Reader<'a>) -> Option<()> {
        let flags = reader.u8().filter(|flags| flags & !FLAGS == 0)?;
        self.newest = if flags & HAS_NEWEST == 0 { None } else { Some(reader.signed()?) };
        self.let_go = match self.newest {
            Some(newest) => newest.wrapping_sub(reader.varint()?.cast_signed()),
            None => i64::MIN,
        };
        let mut time = |has: u8| if flags & has == 0 { Some(None) } else { reader.signed().map(Some) };
        self.complete_since = time(HAS_COMPLETE_SINCE)?;
        self.refused = match (time(HAS_REFUSED)?, time(HAS_REFUSED)?) {
            (Some(oldest), Some(newest)) => Some((oldest, newest)),
            _ => None,
        };
        decode_events(plan, flags & HAS_VERSIONS != 0, &mut self.events, reader)?;
        self.tiles.clear();
        if flags & HAS_TILES != 0 {
            decode_tiles(plan.bounds.hop?, &mut self.tiles, reader)?;
        }
        Some(())
    }
}

fn encode_events(plan: &WindowPlan, events: &Events<'_>, has_versions: bool, out: &mut Vec<u8>) {
    put_varint(events.len() as u64, out);
    let Some(first) = events.heads().first() else { return };
    let divides = |unit: &&i64| events.heads().iter().all(|head| head.time % **unit == 0);
    let unit = UNITS.iter().find(divides).copied().unwrap_or(1);
    out.push(UNITS.iter().position(|known| *known == unit).unwrap_or_default() as u8);
    put_signed(first.time / unit, out);
    for pair in events.heads().windows(2) {
        if let [before, after] = pair {
            put_varint((after.time / unit).wrapping_sub(before.time / unit).cast_unsigned(), out);
        }
    }
    let mut last = 0;
    for head in events.heads() {
        match head.id {
            Id::Int(id) => {
                put_signed(id.wrapping_sub(last), out);
                last = id;
            }
            Id::None | Id::Text(_) => save_id(head.id, out),
        }
    }
    if has_versions {
        events.heads().iter().for_each(|head| put_signed(head.version, out));
    }
    for (column, dtype) in plan.dtypes().enumerate() {
        encode_column(events, column, dtype, out);
    }
}

fn encode_column(events: &Events<'_>, column: usize, dtype: Scalar, out: &mut Vec<u8>) {
    let values = || (0..events.len()).map(|event| events.value(event, column));
    let nulls = values().filter(|value| value.is_null()).count();
    // 0: none is null; 1: all are; 2: a bit each follows, 1 for null.
    out.push(if nulls == 0 {
        0
    } else if nulls == events.len() {
        1
    } else {
        2
    });
    if nulls == events.len() {
        return;
    }
    if nulls > 0 {
        encode_bits(values().map(|value| value.is_null()), out);
    }
    let present = || values().filter(|value| !value.is_null());
    match dtype {
        Scalar::Bool => encode_bits(present().map(|value| value == Value::Bool(true)), out),
        Scalar::Float64 => encode_floats(|| present().filter_map(Value::as_f64), out),
        Scalar::Int32 | Scalar::Int64 | Scalar::Float32 | Scalar::String | Scalar::Bytes | Scalar::Timestamp => {
            present().for_each(|value| save_value(dtype, value, out))
        }
    }
}

fn encode_bits(bits: impl Iterator<Item = bool>, out: &mut Vec<u8>) {
    for (at, bit) in bits.enumerate() {
        if at % 8 == 0 {
            out.push(0);
        }
        if let Some(byte) = out.last_mut() {
            *byte |= u8::from(bit) << (at % 8);
        }
    }
}

/// Amounts are mostly whole cents: floats that a whole number divided by a power of ten gives back to the bit are stored as that number.
fn encode_floats<I: Iterator<Item = f64>>(values: impl Fn() -> I, out: &mut Vec<u8>) {
    let scale = SCALES.iter().position(|scale| values().all(|value| scaled(value, *scale).is_some()));
    match scale {
        Some(position) => {
            out.push(position as u8);
            let scale = SCALES.get(position).copied().unwrap_or(1.0);
            values().for_each(|value| put_signed(scaled(value, scale).unwrap_or_default(), out));
        }
        None => {
            out.push(RAW);
            values().for_each(|value| out.extend_from_slice(&value.to_le_bytes()));
        }
    }
}

/// The whole number that gives a float back when it is divided by the scale.
fn scaled(value: f64, scale: f64) -> Option<i64> {
    // Seven bytes of a varint are the most that saves anything.
    const MOST: f64 = 281_474_976_710_656.0;
    let whole = (value * scale).round_ties_even();
    let fits = whole.abs() < MOST && (whole / scale).to_bits() == value.to_bits();
    fits.then_some(whole as i64)
}

fn decode_events<'a>(
    plan: &WindowPlan,
    has_versions: bool,
    events: &mut Events<'a>,
    reader: &mut Reader<'a>,
) -> Option<()> {
    events.clear();
    // An event has a time of at least one byte.
    let count = reader.short_count(1)?;
    if count == 0 {
        return Some(());
    }
    events.reserve(count);
    let unit = *UNITS.get(usize::from(reader.u8()?))?;
    let mut time = reader.signed()?;
    for event in 0..count {
        if event > 0 {
            time = time.checked_add_unsigned(reader.varint()?)?;
        }
        events.push_head(Head { time: time.checked_mul(unit)?, id: Id::None, version: 0 });
    }
    let mut last = 0_i64;
    for event in 0..count {
        let id = match plan.ids() {
            IdKind::None => break,
            IdKind::Int => {
                last = last.wrapping_add(reader.signed()?);
                Id::Int(last)
            }
            IdKind::Text => read_id(IdKind::Text, reader)?,
        };
        events.set_id(event, id);
    }
    if has_versions {
        for event in 0..count {
            events.set_version(event, reader.signed()?);
        }
    }
    for (column, dtype) in plan.dtypes().enumerate() {
        decode_column(events, (column, dtype), count, reader)?;
    }
    Some(())
}

fn decode_column<'a>(
    events: &mut Events<'a>,
    (column, dtype): (usize, Scalar),
    count: usize,
    reader: &mut Reader<'a>,
) -> Option<()> {
    let nulls = match reader.u8()? {
        0 => None,
        1 => return Some(()),
        2 => Some(Bits::read(count, reader)?),
        _ => return None,
    };
    let is_present = |event: &usize| nulls.as_ref().is_none_or(|nulls| !nulls.get(*event));
    let present = (0..count).filter(is_present);
    match dtype {
        Scalar::Bool => {
            let bits = Bits::read((0..count).filter(is_present).count(), reader)?;
            present.enumerate().for_each(|(at, event)| events.set(event, column, Value::Bool(bits.get(at))));
        }
        Scalar::Float64 => {
            let form = reader.u8()?;
            let scale = SCALES.get(usize::from(form)).copied();
            if scale.is_none() && form != RAW {
                return None;
            }
            for event in present {
                let value = match scale {
                    Some(scale) => reader.signed()? as f64 / scale,
                    None => reader.f64().filter(|value| !value.is_nan())?,
                };
                events.set(event, column, Value::Float(value));
            }
        }
        Scalar::Int32 | Scalar::Int64 | Scalar::Float32 | Scalar::String | Scalar::Bytes | Scalar::Timestamp => {
            for event in present {
                events.set(event, column, read_value(dtype, reader)?);
            }
        }
    }
    Some(())
}

/// One bit an item, lowest bit first.
struct Bits<'a>(&'a [u8]);

impl<'a> Bits<'a> {
    fn read(count: usize, reader: &mut Reader<'a>) -> Option<Self> {
        reader.take(count.div_ceil(8)).map(Self)
    }

    fn get(&self, at: usize) -> bool {
        self.0.get(at / 8).is_some_and(|byte| byte & (1 << (at % 8)) != 0)
    }
}

fn encode_tiles(tiles: &[Tile<'_>], hop: i64, out: &mut Vec<u8>) {
    put_varint(tiles.len() as u64, out);
    let mut last = 0;
    for tile in tiles {
        let edge = tile.edge.div_euclid(hop);
        put_signed(edge.wrapping_sub(last), out);
        put_short_bytes(&tile.saved, out);
        last = edge;
    }
}

fn decode_tiles<'a>(hop: i64, tiles: &mut Vec<Tile<'a>>, reader: &mut Reader<'a>) -> Option<()> {
    let count = reader.short_count(2)?;
    tiles.reserve(count);
    let mut last = 0_i64;
    for at in 0..count {
        let step = reader.signed()?;
        if at > 0 && step <= 0 {
            return None;
        }
        last = last.checked_add(step)?;
        let saved = Cow::Borrowed(reader.short_bytes()?);
        tiles.push(Tile { edge: last.checked_mul(hop)?, saved });
    }
    Some(())
}
