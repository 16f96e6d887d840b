//! Learns tokens: exact counts of values, mergeable in any order.

use std::borrow::Borrow;
use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::tokens::{Domain, Selection, Token, whole};
use super::{Fit, Fitted};
use crate::value::Value;

/// How often a value occurs.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    /// In all, repeats in one list included.
    occurrences: u64,
    /// Rows that have it.
    rows: u64,
    /// The number of the row that was counted last, so that a list counts once in `rows`; no part of the state.
    latest: u64,
}

#[derive(Clone, Debug)]
enum Table {
    Int(BTreeMap<i64, Count>),
    Text(BTreeMap<Box<str>, Count>),
}

/// The state of a fit of tokens: how often every value occurs.
#[derive(Clone, Debug)]
pub(super) struct Frequencies {
    selection: Selection,
    domain: Domain,
    idf: bool,
    table: Table,
    /// Rows that are not null.
    rows: u64,
    /// The number of the row at hand.
    latest: u64,
}

/// The first byte of a saved state, by kind of key.
const INTS: u8 = 1;
const TEXTS: u8 = 2;

impl Frequencies {
    pub(super) fn new(selection: Selection, domain: Domain, idf: bool) -> Self {
        let table = match domain {
            Domain::Bool | Domain::Int => Table::Int(BTreeMap::new()),
            Domain::Text => Table::Text(BTreeMap::new()),
        };
        Self { selection, domain, idf, table, rows: 0, latest: 0 }
    }

    fn count(&mut self, value: Value<'_>) -> Result<(), String> {
        let one = Count { occurrences: 1, rows: 1, latest: self.latest };
        let most = self.selection.max_distinct;
        match &mut self.table {
            Table::Int(table) => {
                let key = whole(value).ok_or_else(|| foreign(value))?;
                add(table, &key, one, most)
            }
            Table::Text(table) => add(table, value.as_str().ok_or_else(|| foreign(value))?, one, most),
        }
    }

    /// Every value and its count.
    fn counts(&self) -> Vec<(Token, Count)> {
        match (&self.table, self.domain) {
            (Table::Int(table), Domain::Bool) => {
                table.iter().map(|(key, count)| (Token::Bool(*key != 0), *count)).collect()
            }
            (Table::Int(table), Domain::Int | Domain::Text) => {
                table.iter().map(|(key, count)| (Token::Int(*key), *count)).collect()
            }
            (Table::Text(table), _) => table.iter().map(|(key, count)| (Token::Text(key.clone()), *count)).collect(),
        }
    }
}

fn foreign(value: Value<'_>) -> String {
    format!("{value:?} is not of the type of the column")
}

/// Adds a count to that of a key. Two counts of the same row are of one row.
fn add<K, Q>(table: &mut BTreeMap<K, Count>, key: &Q, more: Count, most: usize) -> Result<(), String>
where
    K: Ord + Borrow<Q> + From<Q::Owned>,
    Q: Ord + ToOwned + ?Sized,
{
    if let Some(count) = table.get_mut(key) {
        let same_row = more.latest != 0 && count.latest == more.latest;
        // Saturating, for a merge of foreign bytes must not panic.
        count.occurrences = count.occurrences.saturating_add(more.occurrences);
        count.rows = count.rows.saturating_add(if same_row { 0 } else { more.rows });
        count.latest = more.latest;
        return Ok(());
    }
    if table.len() >= most {
        return Err(format!(
            "more than {most} distinct values (`max_distinct`); is the column an id? `hash_bucket` needs no vocabulary"
        ));
    }
    table.insert(K::from(key.to_owned()), more);
    Ok(())
}

impl Fit for Frequencies {
    fn update(&mut self, value: Value<'_>, _target: Value<'_>) -> Result<(), String> {
        if value.is_null() {
            return Ok(());
        }
        self.rows += 1;
        self.latest += 1;
        match value {
            Value::List(list) => list.iter().filter(|item| !item.is_null()).try_for_each(|item| self.count(item)),
            Value::Null
            | Value::Bool(_)
            | Value::Int(_)
            | Value::Float(_)
            | Value::Str(_)
            | Value::Bytes(_)
            | Value::Time(_) => self.count(value),
        }
    }

    fn merge(&mut self, saved: &[u8]) -> Result<(), String> {
        let mut reader = Reader { rest: saved };
        let kind = if matches!(self.table, Table::Int(_)) { INTS } else { TEXTS };
        if reader.take(1)? != [kind] {
            return Err(TORN.to_owned());
        }
        self.rows = self.rows.saturating_add(reader.number()?);
        let most = self.selection.max_distinct;
        for _ in 0..reader.number()? {
            match &mut self.table {
                Table::Int(table) => {
                    let key = reader.number()?.cast_signed();
                    add(table, &key, reader.count()?, most)?;
                }
                Table::Text(table) => {
                    let length = usize::try_from(reader.number()?).map_err(|_| TORN)?;
                    let key = str::from_utf8(reader.take(length)?).map_err(|_| TORN)?;
                    add(table, key, reader.count()?, most)?;
                }
            }
        }
        if reader.rest.is_empty() { Ok(()) } else { Err(TORN.to_owned()) }
    }

    fn save(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let number = |number: u64, out: &mut Vec<u8>| out.extend_from_slice(&number.to_le_bytes());
        let length = |length: usize| u64::try_from(length).unwrap_or(u64::MAX);
        let count = |count: &Count, out: &mut Vec<u8>| {
            number(count.occurrences, out);
            number(count.rows, out);
        };
        match &self.table {
            Table::Int(table) => {
                out.push(INTS);
                number(self.rows, &mut out);
                number(length(table.len()), &mut out);
                for (key, counts) in table {
                    number(key.cast_unsigned(), &mut out);
                    count(counts, &mut out);
                }
            }
            Table::Text(table) => {
                out.push(TEXTS);
                number(self.rows, &mut out);
                number(length(table.len()), &mut out);
                for (key, counts) in table {
                    number(length(key.len()), &mut out);
                    out.extend_from_slice(key.as_bytes());
                    count(counts, &mut out);
                }
            }
        }
        out
    }

    fn finish(&mut self) -> Result<Fitted, String> {
        let Selection { limit, min_count, by_value, mask, .. } = &self.selection;
        let mut counts = self.counts();
        if counts.is_empty() {
            return Err("no value to learn from: the column is empty or all null".to_owned());
        }
        counts.retain(|(token, count)| count.occurrences >= *min_count && Some(token) != mask.as_ref());
        if counts.is_empty() {
            return Err(format!(
                "no token to learn: no value but the mask occurs at least {min_count} times (`min_count`)"
            ));
        }
        // Both keys descend, as in the lookups of Keras and in TensorFlow Transform.
        counts.sort_unstable_by(|(a, counted_a), (b, counted_b)| {
            (counted_b.occurrences, b).cmp(&(counted_a.occurrences, a))
        });
        counts.truncate(limit.unwrap_or(usize::MAX));
        if *by_value {
            counts.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        }
        let tokens: Vec<Json> = counts.iter().map(|(token, _)| token.json()).collect();
        if !self.idf {
            return Ok(Fitted::Done(json!({ "tokens": tokens })));
        }
        let idf: Vec<f64> = counts.iter().map(|(_, count)| inverse_frequency(self.rows, count.rows)).collect();
        Ok(Fitted::Done(json!({ "tokens": tokens, "idf": idf })))
    }
}

/// The weight of a token that `having` of `rows` rows have: ln(1 + rows / (1 + having)), as Keras's lookups.
#[expect(clippy::cast_precision_loss, reason = "counts of rows are far below 2^53")]
fn inverse_frequency(rows: u64, having: u64) -> f64 {
    libm::log(1.0 + rows as f64 / (1.0 + having as f64))
}

const TORN: &str = "the saved state is not one of this step";

/// Reads a saved state; foreign bytes are an error.
struct Reader<'b> {
    rest: &'b [u8],
}

impl<'b> Reader<'b> {
    fn take(&mut self, length: usize) -> Result<&'b [u8], String> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(TORN)?;
        self.rest = rest;
        Ok(taken)
    }

    fn number(&mut self) -> Result<u64, String> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or(TORN)?;
        self.rest = rest;
        Ok(u64::from_le_bytes(*bytes))
    }

    fn count(&mut self) -> Result<Count, String> {
        Ok(Count { occurrences: self.number()?, rows: self.number()?, latest: 0 })
    }
}
