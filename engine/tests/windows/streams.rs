//! Random events and requests: few values, so that ties, repeats and edges are frequent, and hard ones among them.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use crate::cell::Cell;
use crate::definition::{COLUMNS, Ids};
use crate::oracle::{Columns, Event, Id};

const SECOND: i64 = 1_000_000;

/// The instants around which everything happens: 1970, before it, and today.
const ORIGINS: [i64; 3] = [0, -86_400_000_000_000, 1_767_225_600_000_000];

/// Ids of text.
const NAMES: [&str; 12] = ["", "a", "B", "é", "10", "9", "aa", "b", "e", "09", "ü", "A"];

/// An instant within two minutes after an origin, often a whole second or next to one.
fn instant(origin: i64) -> impl Strategy<Value = i64> {
    let second = (0_i64..120).prop_map(|second| second * SECOND);
    let edge = (0_i64..24).prop_map(|five| five * 5 * SECOND);
    let jitter = prop_oneof![3 => Just(0), 1 => Just(1), 1 => Just(-1), 1 => -SECOND..SECOND];
    (prop_oneof![2 => second, 1 => edge], jitter).prop_map(move |(time, jitter)| origin + time + jitter)
}

fn float() -> impl Strategy<Value = f64> {
    prop_oneof![
        6 => prop::sample::select(vec![0.0, -0.0, 0.1, 0.2, 0.3, -1.5, 1.0, 2.0, 57.16, 1e16, -1e16]),
        2 => prop::sample::select(vec![1e300, -1e300, 1e-300, 5e-324, f64::MAX, f64::MIN, f64::MIN_POSITIVE]),
        1 => prop::sample::select(vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY]),
        1 => prop::num::f64::ANY,
    ]
}

fn whole(least: i64, greatest: i64) -> impl Strategy<Value = i64> {
    prop_oneof![6 => -3_i64..4, 1 => prop::sample::select(vec![least, least + 1, greatest, greatest - 1]), 1 => least..=greatest]
}

fn value(dtype: &str) -> BoxedStrategy<Cell> {
    let some = match dtype {
        "bool" => any::<bool>().prop_map(Cell::Bool).boxed(),
        "int32" => whole(i32::MIN.into(), i32::MAX.into()).prop_map(Cell::Int).boxed(),
        "int64" => whole(i64::MIN, i64::MAX).prop_map(Cell::Int).boxed(),
        "float32" => float().prop_map(|value| Cell::Float(f64::from(value as f32))).boxed(),
        "float64" => float().prop_map(Cell::Float).boxed(),
        "string" => "(|a|b|ab|ü|x{1,40})".prop_map(Cell::Text).boxed(),
        "bytes" => vec(0_u8..3, 0..3).prop_map(Cell::Bytes).boxed(),
        _ => whole(-86_400_000_000, 1_767_225_600_000_000).prop_map(Cell::Time).boxed(),
    };
    option::weighted(0.8, some).prop_map(|value| value.unwrap_or(Cell::Null)).boxed()
}

/// The columns that aggregations read.
pub fn columns() -> impl Strategy<Value = Columns> {
    COLUMNS
        .map(|(_, dtype)| value(dtype))
        .prop_map(|values| COLUMNS.iter().map(|(name, _)| (*name).to_owned()).zip(values).collect())
}

/// Whether versions of an event may have different times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Versions {
    Move,
    Stay,
}

/// What is known of a stream before its events.
#[derive(Clone, Debug)]
pub struct Stream {
    pub events: Vec<Event>,
    /// Times of questions.
    pub times: Vec<i64>,
    pub request: Columns,
    pub complete_since: Option<i64>,
}

/// A stream of at most `most` events, in the order of their arrival.
pub fn stream(ids: Ids, versions: Versions, most: usize) -> impl Strategy<Value = Stream> {
    prop::sample::select(ORIGINS.to_vec()).prop_flat_map(move |origin| {
        let event = (0_i64..12, 0_i64..3, instant(origin), columns(), option::weighted(0.7, 0..60_i64));
        let event = event.prop_map(move |(id, version, time, columns, delay)| {
            let time = match versions {
                Versions::Move => time,
                // One time for each id, edges among them.
                Versions::Stay => origin + id * 7 * SECOND + [0, -2, 1, 3 * SECOND][usize::try_from(id % 4).unwrap()],
            };
            made(ids, (id, version, time), delay.map(|delay| time + delay * SECOND), columns)
        });
        let times = vec(instant(origin).prop_map(|t| t + 5 * SECOND), 1..6);
        let events = vec(event, 0..most);
        (events, times, columns(), option::weighted(0.3, instant(origin)))
            .prop_map(|(events, times, request, complete_since)| Stream { events, times, request, complete_since })
    })
}

fn made(ids: Ids, (id, version, time): (i64, i64, i64), known_at: Option<i64>, mut columns: Columns) -> Event {
    let name = NAMES[usize::try_from(id).unwrap()].to_owned();
    columns.insert("id".to_owned(), Cell::Int(id - 3));
    columns.insert("name".to_owned(), Cell::Text(name.clone()));
    columns.insert("v".to_owned(), Cell::Int(version));
    columns.insert("at".to_owned(), Cell::Time(time));
    columns.insert("customer_id".to_owned(), Cell::Int(1));
    columns.insert("seen_at".to_owned(), known_at.map_or(Cell::Null, Cell::Time));
    let (id, version) = match ids {
        Ids::None => (Id::None, 0),
        Ids::Int => (Id::Int(id - 3), version),
        Ids::Text => (Id::Text(name), version),
    };
    Event { id, version, time, known_at, columns }
}
