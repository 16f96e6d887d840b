//! Functions of text. Characters are code points; what a function makes lies in the arena of the row.

use std::str::Chars;

use bumpalo::Bump;

use super::node::Side;
use crate::scope::Fault;

/// The longest text that an expression makes, in bytes.
const MAX_TEXT: usize = 1 << 20;

/// The most work of a LIKE: bytes of the text times bytes of the pattern.
const MAX_LIKE: usize = 1 << 26;

const TOO_LONG: Fault = Fault::refused("a text that the expression makes is longer than 1 MiB");
const TOO_MUCH: Fault = Fault::refused("text and pattern of a like are too long");
const OPEN_ESCAPE: Fault = Fault::refused("the pattern of a like ends with its escape character");

/// The texts, one after the other.
pub(super) fn join<'v>(parts: &[&'v str], arena: &'v Bump) -> Result<&'v str, &'static Fault> {
    if let [part] = parts {
        return Ok(part);
    }
    let length = parts.iter().try_fold(0_usize, |sum, part| sum.checked_add(part.len()));
    let out = room(length, arena)?;
    let mut rest = &mut *out;
    for part in parts {
        let (head, tail) = rest.split_at_mut(part.len());
        head.copy_from_slice(part.as_bytes());
        rest = tail;
    }
    Ok(str::from_utf8(out).unwrap_or_default())
}

fn room(length: Option<usize>, arena: &Bump) -> Result<&mut [u8], &'static Fault> {
    let length = length.filter(|length| *length <= MAX_TEXT).ok_or(&TOO_LONG)?;
    Ok(arena.alloc_slice_fill_copy(length, 0))
}

/// Simple case mapping: one code point to one code point.
pub(super) fn lower<'v>(text: &str, arena: &'v Bump) -> Result<&'v str, &'static Fault> {
    map(text, arena, str::make_ascii_lowercase, |character| {
        let mut mapped = character.to_lowercase();
        // The one that maps to several is İ; its simple mapping is the first of them.
        mapped.next().unwrap_or(character)
    })
}

/// Simple case mapping: one code point to one code point.
pub(super) fn upper<'v>(text: &str, arena: &'v Bump) -> Result<&'v str, &'static Fault> {
    map(text, arena, str::make_ascii_uppercase, |character| {
        let mut mapped = character.to_uppercase();
        match (mapped.next(), mapped.next()) {
            (Some(one), None) => one,
            _ => titlecase(character),
        }
    })
}

/// The simple mapping of those whose full mapping is several code points: Greek with iota subscript has one, the others stay.
fn titlecase(character: char) -> char {
    let distance = match character {
        '\u{1f80}'..='\u{1f87}' | '\u{1f90}'..='\u{1f97}' | '\u{1fa0}'..='\u{1fa7}' => 8,
        '\u{1fb3}' | '\u{1fc3}' | '\u{1ff3}' => 9,
        _ => 0,
    };
    char::from_u32(u32::from(character) + distance).unwrap_or(character)
}

fn map<'v>(
    text: &str,
    arena: &'v Bump,
    ascii: fn(&mut str),
    character: impl Fn(char) -> char,
) -> Result<&'v str, &'static Fault> {
    if text.is_ascii() {
        if text.len() > MAX_TEXT {
            return Err(&TOO_LONG);
        }
        let out = arena.alloc_str(text);
        ascii(out);
        return Ok(out);
    }
    let length = text.chars().map(|found| character(found).len_utf8()).sum();
    let out = room(Some(length), arena)?;
    let mut at = 0;
    for found in text.chars() {
        let mapped = character(found);
        if let Some(rest) = out.get_mut(at..at + mapped.len_utf8()) {
            mapped.encode_utf8(rest);
        }
        at += mapped.len_utf8();
    }
    Ok(str::from_utf8(out).unwrap_or_default())
}

/// How many code points it has.
pub(super) fn length(text: &str) -> i64 {
    let count = if text.is_ascii() { text.len() } else { text.chars().count() };
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// `count` characters from `start`, counted from 1, or from the end if negative; 0 is the place before the first. A negative
/// count goes backwards. Places outside the text hold nothing.
pub(super) fn substring(text: &str, start: i64, count: Option<i64>) -> &str {
    let total = length(text);
    let from = if start < 0 { total.saturating_add(start) } else { start - 1 };
    let to = count.map_or(i64::MAX, |count| from.saturating_add(count));
    let (from, to) = (from.min(to).clamp(0, total), from.max(to).clamp(0, total));
    let at = |place: i64| {
        let place = usize::try_from(place).unwrap_or(usize::MAX);
        if text.is_ascii() {
            return place.min(text.len());
        }
        text.char_indices().nth(place).map_or(text.len(), |(at, _)| at)
    };
    text.get(at(from)..at(to)).unwrap_or_default()
}

/// Takes spaces, or the characters given, off the ends.
pub(super) fn trim<'v>(side: Side, text: &'v str, characters: Option<&str>) -> &'v str {
    let trimmed = |found: char| match characters {
        Some(characters) => characters.contains(found),
        None => is_space(found),
    };
    match side {
        Side::Both => text.trim_matches(trimmed),
        Side::Left => text.trim_start_matches(trimmed),
        Side::Right => text.trim_end_matches(trimmed),
    }
}

/// The space separators of Unicode; tabs and line ends are none.
const fn is_space(character: char) -> bool {
    matches!(character, ' ' | '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}')
}

/// What a pattern asks of a text at a place.
enum Wanted {
    /// `%`.
    Anything,
    /// `_`.
    One,
    This(char),
}

/// Takes the next off a pattern; none at its end.
fn wanted(pattern: &mut Chars<'_>, escape: Option<char>) -> Result<Option<Wanted>, &'static Fault> {
    let Some(next) = pattern.next() else { return Ok(None) };
    if Some(next) == escape {
        return pattern.next().map(|escaped| Some(Wanted::This(escaped))).ok_or(&OPEN_ESCAPE);
    }
    Ok(Some(match next {
        '%' => Wanted::Anything,
        '_' => Wanted::One,
        other => Wanted::This(other),
    }))
}

/// Refuses a pattern that ends with its escape character.
pub(super) fn check_pattern(pattern: &str, escape: Option<char>) -> Result<(), &'static Fault> {
    let mut pattern = pattern.chars();
    while wanted(&mut pattern, escape)?.is_some() {}
    Ok(())
}

/// Whether all of the text matches: `%` is any characters, `_` one.
///
/// Matches greedily and goes back to the last `%` alone: what stands before it has matched as early as it can.
pub(super) fn like(text: &str, pattern: &str, escape: Option<char>) -> Result<bool, &'static Fault> {
    if text.len().saturating_mul(pattern.len()) > MAX_LIKE {
        return Err(&TOO_MUCH);
    }
    let (mut text, mut pattern) = (text.chars(), pattern.chars());
    // Behind the last `%`: the rest of the pattern, and where in the text it is tried next.
    let mut retry: Option<(Chars<'_>, Chars<'_>)> = None;
    loop {
        let matched = match wanted(&mut pattern, escape)? {
            Some(Wanted::Anything) => {
                retry = Some((pattern.clone(), text.clone()));
                true
            }
            Some(Wanted::One) => text.next().is_some(),
            Some(Wanted::This(character)) => text.next() == Some(character),
            None if text.as_str().is_empty() => return Ok(true),
            None => false,
        };
        if !matched {
            let Some((rest, from)) = &mut retry else { return Ok(false) };
            if from.next().is_none() {
                return Ok(false);
            }
            (pattern, text) = (rest.clone(), from.clone());
        }
    }
}
