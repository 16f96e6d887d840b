use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};

use super::*;
use crate::definitions::{self, Definitions};
use crate::windows::{At, State};

const DEFINITIONS: &str = r#"
entities:
  customer: {keys: {customer_id: int64}}
  terminal: {keys: {region: string, terminal_id: int64}}
sources:
  payments:
    event_time: at
    event_id: id
    version: v
    columns: {id: string, v: int64, at: timestamp, customer_id: int64, region: string, terminal_id: int64, amount: float64, fraud: int32, note: string}
views:
  customer:
    entity: customer
    source: payments
    aggregations:
      total: {function: sum, column: amount, windows: [1h, 1d]}
      big: {function: count, where: "amount > 10", windows: [1d]}
  notes: {entity: customer, source: payments, aggregations: {note: {function: last, column: note, windows: [1d]}}}
  terminal: {entity: terminal, source: payments, version: 3, aggregations: {fraud: {function: mean, column: fraud, windows: [7d]}}}
"#;
const OPTIONS: Options = Options { ignore_unknown: false, max_key_bytes: 32, max_row_bytes: 200 };
const ARRIVAL: Arrival = Arrival { now: 0, latest: 2_000_000_000_000_000 };
const HOUR: i64 = 3_600_000_000;

fn defined() -> Definitions {
    definitions::parse(&[("d.yaml".into(), DEFINITIONS.to_owned())]).unwrap()
}

fn views() -> Vec<EventView> {
    let view = |name: &str| {
        let view = defined().views[name].clone();
        EventView {
            key: EntityKey::new(&view.entity, OPTIONS.max_key_bytes).unwrap(),
            plan: Arc::new(WindowPlan::new(&view).unwrap()),
        }
    };
    ["customer", "notes", "terminal"].map(view).to_vec()
}

fn intake(options: Options) -> EventIntake {
    EventIntake::new(views(), options).unwrap()
}

fn event(id: &str, time: &str, members: &str) -> String {
    format!(r#"{{"id":"{id}","at":"{time}","customer_id":7,"region":"a|b","terminal_id":1{members}}}"#)
}

fn take<'v>(intake: &'v EventIntake, events: &'v [String], arena: &'v Bump) -> TakenEvents<'v> {
    let mut taken = intake.room();
    for (row, text) in events.iter().enumerate() {
        intake.json(row, text.as_bytes(), ARRIVAL, arena, &mut taken);
    }
    taken.group();
    taken
}

/// The states that events make of nothing, by key.
fn states(intake: &EventIntake, taken: &TakenEvents<'_>) -> Vec<(String, Vec<u8>)> {
    let mut states = Vec::new();
    for (reader, events) in intake.views.iter().zip(taken.views()) {
        for entity in events.entities() {
            let applied = reader.view.plan.apply(None, entity, usize::MAX).unwrap();
            assert_eq!(applied.refused, []);
            states.push((String::from_utf8(entity.key().to_vec()).unwrap(), applied.value.unwrap()));
        }
    }
    states
}

#[test]
fn an_event_goes_to_every_view_under_the_key_of_its_entity() {
    let (intake, arena) = (intake(OPTIONS), Bump::new());
    let events = [
        event("b", "2026-01-01T10:00:00Z", r#","amount":12.5,"note":"x\ny","v":null"#),
        event("a", "2026-01-01T09:00:00Z", r#","amount":3,"fraud":1,"v":2"#),
        event("c", "2026-01-01T09:30:00Z", "").replace(":7,", ":-8,"),
    ];
    let taken = take(&intake, &events, &arena);
    assert_eq!((taken.rows(), taken.bad()), (&[0, 1, 2][..], &[][..]));
    let rows = |view: usize| -> Vec<(String, Vec<usize>)> {
        let entities = taken.views()[view].entities();
        entities.map(|it| (String::from_utf8(it.key().to_vec()).unwrap(), it.rows().collect())).collect()
    };
    let of = |key: &str, rows: &[usize]| (key.to_owned(), rows.to_vec());
    // In the order of time.
    assert_eq!(rows(0), [of("fv:{customer|7}:customer:1", &[1, 0]), of("fv:{customer|-8}:customer:1", &[2])]);
    assert_eq!(rows(1), [of("fv:{customer|7}:notes:1", &[1, 0]), of("fv:{customer|-8}:notes:1", &[2])]);
    assert_eq!(rows(2), [of("fv:{terminal|a%7Cb|1}:terminal:3", &[1, 2, 0])]);
    let states = states(&intake, &taken);
    let plan = &intake.views[0].view.plan;
    let state = State::decode(plan, &states[0].1).unwrap();
    let heads: Vec<_> = state.events().heads().iter().map(|head| (head.id, head.version)).collect();
    assert_eq!(heads, [(Id::Text("a"), 2), (Id::Text("b"), 0)]);
    let t = state.newest().unwrap() + 1;
    let mut values = Vec::new();
    let at = At { t, complete_since: i64::MIN, request: None };
    plan.evaluate(&state, at, &arena, |feature, value| values.push((feature, value.unwrap()))).unwrap();
    values.sort_by_key(|(feature, _)| *feature);
    assert_eq!(values, [(0, Value::Float(12.5)), (1, Value::Float(15.5)), (2, Value::Int(1))]);
}

#[test]
fn arrow_and_json_give_the_same_states() {
    let (intake, arena) = (intake(OPTIONS), Bump::new());
    let time = |hours: i64| 1_700_000_000_000_000 + hours * HOUR;
    let at = |hours: i64| crate::value::text(Value::Time(time(hours)));
    let events = [
        event("a", &at(0), r#","amount":0.1,"note":null"#),
        event("b", &at(1), r#","amount":null,"note":"n""#),
        event("c", &at(1), r#","amount":1e300,"note":"m""#),
    ];
    let ints = |values: [i64; 3]| Arc::new(Int64Array::from(values.to_vec())) as ArrayRef;
    let batch = RecordBatch::try_from_iter([
        ("id", Arc::new(StringArray::from(vec!["a", "b", "c"])) as ArrayRef),
        ("at", Arc::new(TimestampMicrosecondArray::from(vec![time(0), time(1), time(1)]))),
        ("customer_id", ints([7; 3])),
        ("region", Arc::new(StringArray::from(vec!["a|b"; 3]))),
        ("terminal_id", ints([1; 3])),
        ("amount", Arc::new(Float64Array::from(vec![Some(0.1), None, Some(1e300)]))),
        ("note", Arc::new(StringArray::from(vec![None, Some("n"), Some("m")]))),
    ])
    .unwrap();
    let taken = take(&intake, &events, &arena);
    let mut of_arrow = intake.room();
    intake.arrow(0, &batch, ARRIVAL, &arena, &mut of_arrow).unwrap();
    of_arrow.group();
    assert_eq!((of_arrow.rows(), of_arrow.bad()), (taken.rows(), taken.bad()));
    assert_eq!(states(&intake, &of_arrow), states(&intake, &taken));
    let without = |name: &str| {
        let keep: Vec<usize> = (0..7).filter(|at| batch.schema().field(*at).name() != name).collect();
        batch.project(&keep).unwrap()
    };
    for (batch, why) in [
        (without("id"), "the batch lacks the column `id`, which every event of the source `payments` needs"),
        (without("region"), "the batch lacks the column `region`"),
        (
            RecordBatch::try_from_iter([("colour", ints([1; 3]))]).unwrap(),
            "the source `payments` has no column \"colour\"",
        ),
        (
            RecordBatch::try_from_iter([("amount", Arc::new(StringArray::from(vec!["1"])) as ArrayRef)]).unwrap(),
            "`amount`: an arrow column of type Utf8 can't be read as float64",
        ),
    ] {
        let refused = intake.arrow(0, &batch, ARRIVAL, &arena, &mut intake.room()).unwrap_err();
        assert!(refused.contains(why), "{refused}");
    }
}

#[test]
fn every_refusal_has_its_reason_and_column() {
    let good = |members: &str| event("a", "2026-01-01T10:00:00Z", members);
    let without = |name: &str| {
        let json: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&good("")).unwrap();
        serde_json::Value::Object(json.into_iter().filter(|(member, _)| member != name).collect()).to_string()
    };
    let cases = [
        (good(""), None),
        (without("at"), Some((Refusal::InvalidRow, "at", "an event of the source `payments` needs its `at`"))),
        (without("id"), Some((Refusal::InvalidRow, "id", "needs its `id`"))),
        (without("customer_id"), Some((Refusal::BadKey, "customer_id", "is null"))),
        (without("region"), Some((Refusal::BadKey, "region", "is null"))),
        (good("").replace("\"a|b\"", "\"\""), Some((Refusal::BadKey, "region", "is empty"))),
        (good("").replace(":7", ":7.5"), Some((Refusal::BadKey, "customer_id", "must be a whole number"))),
        (good("").replace("\"a|b\"", &format!("\"{}\"", "r".repeat(40))), Some((Refusal::BadKey, "", "more than 32"))),
        (good(r#","amount":"1""#), Some((Refusal::InvalidRow, "amount", "`amount`: must be a number"))),
        (good(r#","amount":1e999"#), Some((Refusal::InvalidRow, "amount", "number out of range"))),
        (good(r#","v":1.0"#), Some((Refusal::InvalidRow, "v", "must be a whole number"))),
        (good(r#","colour":1"#), Some((Refusal::InvalidRow, "colour", "has no column \"colour\""))),
        (good(r#","id":"b""#), Some((Refusal::InvalidRow, "id", "`id` is given twice"))),
        (event("a", "2026-01-01T10:00:00", ""), Some((Refusal::InvalidRow, "at", "no RFC 3339 time"))),
        (event("a", "2036-01-01T10:00:00Z", ""), Some((Refusal::Future, "at", "2036-01-01T10:00:00Z is later than"))),
        (good(&format!(r#","note":"{}""#, "n".repeat(200))), Some((Refusal::TooLarge, "", "at most 200 are allowed"))),
        ("[1]".to_owned(), Some((Refusal::InvalidRow, "", "the event is no JSON object"))),
        (good("").replace('}', ""), Some((Refusal::InvalidRow, "", "the event is no JSON object"))),
    ];
    let (intake, arena) = (intake(OPTIONS), Bump::new());
    let events: Vec<String> = cases.iter().map(|(text, _)| text.clone()).collect();
    let taken = take(&intake, &events, &arena);
    let mut bad = taken.bad().iter();
    for (row, (text, fault)) in cases.iter().enumerate() {
        let Some((refusal, field, message)) = fault else { continue };
        let found = bad.next().unwrap();
        assert_eq!((found.row, found.refusal, found.field.as_str()), (row, *refusal, *field), "{text}: {found:?}");
        assert!(found.message.contains(message), "{text}: {found:?}");
    }
    assert_eq!((bad.next(), taken.rows()), (None, &[0][..]));
    // Bad events leave nothing behind.
    assert_eq!(taken.views().iter().map(|view| view.entities().len()).collect::<Vec<_>>(), [1, 1, 1]);
}

#[test]
fn unknown_columns_are_passed_over_if_that_is_asked_for() {
    let (intake, arena) = (intake(Options { ignore_unknown: true, ..OPTIONS }), Bump::new());
    let events = [event("a", "2026-01-01T10:00:00Z", r#","colour":[1,{"x":"y"}]"#)];
    let taken = take(&intake, &events, &arena);
    assert_eq!((taken.rows().len(), taken.bad()), (1, &[][..]));
}

#[test]
fn a_batch_that_comes_again_changes_nothing() {
    let (intake, arena) = (intake(OPTIONS), Bump::new());
    let at = |hour: u32| format!("2026-01-01T{hour:02}:00:00Z");
    let events: Vec<String> =
        (0..20).map(|n| event(&format!("{n}"), &at(n % 24), &format!(r#","amount":{n}.25,"v":{}"#, n % 3))).collect();
    let first = take(&intake, &events, &arena);
    let entity = first.views()[0].entities().next().unwrap();
    let plan = &intake.views[0].view.plan;
    let stored = plan.apply(None, entity, usize::MAX).unwrap().value.unwrap();
    assert_eq!(plan.apply(Some(&stored), entity, usize::MAX).unwrap(), Applied::default());
    // One by one, in any order, the same bytes come of it.
    let mut state: Option<Vec<u8>> = None;
    for text in events.iter().rev().chain(&events) {
        let one = std::slice::from_ref(text);
        let taken = take(&intake, one, &arena);
        let entity = taken.views()[0].entities().next().unwrap();
        state = plan.apply(state.as_deref(), entity, usize::MAX).unwrap().value.or(state);
    }
    assert_eq!(state, Some(stored));
}

#[test]
fn what_is_too_old_is_late_and_the_rest_is_taken() {
    let (intake, arena) = (intake(OPTIONS), Bump::new());
    let plan = &intake.views[0].view.plan;
    let newest = [event("new", "2026-01-10T00:00:00Z", "")];
    let newest = take(&intake, &newest, &arena);
    let stored = plan.apply(None, newest.views()[0].entities().next().unwrap(), 1000).unwrap().value.unwrap();
    // R is a day of window and one of lateness before.
    let events = [
        event("c", "2026-01-08T00:00:00.000001Z", ""),
        event("a", "2026-01-08T00:00:00Z", ""),
        event("b", "2026-01-01T00:00:00Z", ""),
    ];
    let taken = take(&intake, &events, &arena);
    let entity = taken.views()[0].entities().next().unwrap();
    let applied = plan.apply(Some(&stored), entity, 1000).unwrap();
    let until = time::parse("2026-01-08T00:00:00Z").unwrap();
    assert_eq!(applied.refused, [(0, Refused::Late(until)), (1, Refused::Late(until))]);
    assert_eq!([entity.row(0), entity.row(1)], [Some(2), Some(1)]);
    assert_eq!(State::decode(plan, &applied.value.unwrap()).unwrap().events().len(), 2);
}

#[test]
fn a_state_without_room_takes_what_fits_and_refuses_the_rest() {
    let (intake, arena) = (intake(OPTIONS), Bump::new());
    let plan = &intake.views[1].view.plan;
    let note = |n: u32, size: usize| {
        event(&format!("{n:02}"), &format!("2026-01-01T10:{n:02}:00Z"), &format!(r#","note":"{}""#, "n".repeat(size)))
    };
    let events: Vec<String> = (0..40).map(|n| note(n, if n % 10 == 9 { 120 } else { 20 })).collect();
    let taken = take(&intake, &events, &arena);
    let entity = taken.views()[1].entities().next().unwrap();
    let applied = plan.apply(None, entity, 350).unwrap();
    let state = State::decode(plan, applied.value.as_deref().unwrap()).unwrap();
    let refused: Vec<usize> = applied.refused.iter().map(|(at, _)| *at).collect();
    assert_eq!(refused.len() + state.events().len(), 40);
    assert!(applied.value.as_ref().unwrap().len() <= 350 + 20, "what it refused has little room");
    // Small ones that come after a large one without room are taken.
    let taken_of_the_first: Vec<usize> = (0..11).filter(|at| !refused.contains(at)).collect();
    assert_eq!(taken_of_the_first, [0, 1, 2, 3, 4, 5, 6, 7, 8, 10]);
    for (at, why) in &applied.refused {
        assert!(matches!(why, Refused::TooLarge(bytes) if *bytes > 350), "{at} {why:?}");
    }
    // The same again: refused again, and nothing changes.
    let again = plan.apply(applied.value.as_deref(), entity, 350).unwrap();
    let again_refused: Vec<usize> = again.refused.iter().map(|(at, _)| *at).collect();
    assert_eq!((again.value, again_refused), (None, refused));
    // Windows that have its time are errors, and a later event, past the retention, finds room.
    let at = At { t: state.newest().unwrap() + 1, complete_since: i64::MIN, request: None };
    let mut faults = 0;
    plan.evaluate(&state, at, &arena, |_, value| faults += usize::from(value.is_err())).unwrap();
    assert_eq!(faults, 1);
    let later = [event("later", "2026-02-01T00:00:00Z", r#","note":"x""#)];
    let later = take(&intake, &later, &arena);
    let applied = plan.apply(applied.value.as_deref(), later.views()[1].entities().next().unwrap(), 350).unwrap();
    assert_eq!(applied.refused, []);
    assert_eq!(State::decode(plan, &applied.value.unwrap()).unwrap().events().len(), 1);
}

#[test]
fn a_state_that_can_not_be_read_is_left_alone() {
    let (intake, arena) = (intake(OPTIONS), Bump::new());
    let events = [event("a", "2026-01-01T10:00:00Z", "")];
    let taken = take(&intake, &events, &arena);
    let entity = taken.views()[0].entities().next().unwrap();
    let plan = &intake.views[0].view.plan;
    let mut stored = plan.apply(None, entity, usize::MAX).unwrap().value.unwrap();
    let of_another = intake.views[1].view.plan.apply(Some(&stored), entity, usize::MAX).unwrap_err();
    assert_eq!(of_another.to_string(), "the state was stored for another definition of the view");
    *stored.last_mut().unwrap() ^= 1;
    assert_eq!(
        plan.apply(Some(&stored), entity, usize::MAX).unwrap_err().to_string(),
        "the stored state is damaged: its checksum is wrong"
    );
}
