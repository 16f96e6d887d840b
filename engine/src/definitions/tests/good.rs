//! What is right: the model that comes out.

use super::super::*;
use super::{FRAUD, definitions};
use crate::dtype::{DType, Scalar};
use crate::transforms::{OnNull, Output};

const DAY: i64 = 86_400_000_000;

#[test]
fn the_documented_example() {
    let all = definitions(FRAUD);
    assert_eq!(all.entities.keys().collect::<Vec<_>>(), ["customer", "terminal"]);
    let source = &all.sources["transactions"];
    assert_eq!(source.event_id, Some(EventId::Column("transaction_id".to_owned())));
    assert_eq!(source.version.as_deref(), Some("label_version"));
    assert_eq!(source.columns.len(), 7);
    assert_eq!(source.locations["kafka"]["topic"], "transactions");
    let ViewKind::Row(profile) = &all.views["customer_profile"].kind else { panic!() };
    assert_eq!(profile.layout, Layout::Packed);
    assert_eq!(profile.features[0].name, "home_region");
    assert_eq!(profile.features[1].ttl, Some(30 * DAY));
    let ViewKind::Window(risk) = &all.views["terminal_risk"].kind else { panic!() };
    assert_eq!((risk.offset, risk.include_request, risk.resolution), (7 * DAY, false, None));
    assert_eq!(risk.aggregations[1].empty, Some(Constant::Float(0.0)));
    assert_eq!(all.views["terminal_risk"].feature("risk_30d"), Some((5, Scalar::Float64.into())));
    assert_eq!(all.views["terminal_risk"].feature("nb_tx_7d"), Some((1, Scalar::Int64.into())));
    assert_eq!(all.views["terminal_risk"].feature("nb_tx_8d"), None);
    assert_eq!(all.places["customer_profile.mean_amount"].to_string(), "f.yaml:21:37");

    let service = &all.services["fraud_model"];
    assert_eq!(service.time.as_deref(), Some("tx_datetime"));
    assert_eq!(
        service.slots.iter().map(|slot| slot.name.as_str()).collect::<Vec<_>>(),
        ["tx_amount", "customer_spending.nb_tx_7d", "customer_profile.home_region", "expr_4"]
    );
    assert_eq!(
        service.views.iter().map(|view| view.name.as_str()).collect::<Vec<_>>(),
        ["customer_profile", "customer_spending"]
    );
    assert_eq!(service.entities.len(), 1);
    assert_eq!(
        service.inputs(),
        ["tx_amount", "customer_spending.nb_tx_7d", "customer_profile.home_region", "customer_spending.avg_amount_30d"]
    );
    let log = &service.slots[0].steps[0];
    assert_eq!((log.name, log.arguments.number("offset"), log.input), ("log", Some(1.0), Scalar::Float64.into()));
    assert_eq!(log.arguments.text("base"), Some("e"), "defaults are filled in");
    assert_eq!(service.slots[2].steps[0].output, Output::Wide);
}

#[test]
fn every_key() {
    let all = definitions(
        "
entities:
  customer: {keys: {customer_id: int64, shop: string}, description: who buys, owner: crm, tags: [people]}
sources:
  rows:
    event_time: at
    created: made
    known_at: known
    event_id: none
    columns: {customer_id: int64, shop: string, at: timestamp, made: timestamp, known: timestamp, n: int32, xs: list<float32>}
    schedule: 30 2 * * mon-fri
    quality:
      few: {column: n, not_null: true, min: 0, max: 9, on_failure: quarantine, description: d}
      shops: {column: shop, one_of: [a, b], on_failure: warn}
      since: {column: at, min: \"1970-01-01T00:00:01Z\", unique: true, not_null: false}
      fresh: {freshness: 2h}
views:
  profile:
    entity: customer
    source: rows
    version: 3
    ttl: none
    layout: json
    description: what is known
    owner: crm
    tags: [a, b]
    features:
      n: int64
      shown: {dtype: float64, column: n, ttl: 2h, default: 7, description: d, owner: o, tags: [t]}
      xs: {dtype: list<float64>, ttl: 0}
  written:
    entity: customer
    ttl: 90m
    features: {x: {dtype: vector<2>, default: [1, 2]}, y: {dtype: float32, ttl: none, default: 0.1}}
  windows:
    entity: customer
    source: rows
    resolution: 1h
    lateness: 2h
    warm_up: serve
    offset: none
    aggregations:
      last: {function: last_n, n: 3, column: n, windows: [lifetime], empty: [1], where: n > 0}
      q: {function: approx_quantile, q: 1, column: n, windows: [1d, 24h]}
services:
  model:
    default: v2
    description: d
    owner: o
    tags: [t]
    request: {amount: int64}
    vector:
      - {name: a, input: amount, steps: [{clip: {min: 0, on_null: {default: 5}, nan: keep}}]}
      - {input: written.x}
      - {input: amount, steps: [{log: {on_null: error, nan: null}}]}
",
    );
    assert_eq!(all.sources["rows"].schedule.as_deref(), Some("30 2 * * mon-fri"));
    let rules: Vec<_> = all.sources["rows"].quality.iter().map(|rule| (rule.name.as_str(), &rule.checks[..])).collect();
    let number = Constant::Int;
    let texts = ["a", "b"].map(|text| Constant::Text(text.to_owned())).to_vec();
    assert_eq!(
        rules,
        [
            ("few", &[Check::NotNull, Check::Min(number(0)), Check::Max(number(9))][..]),
            ("shops", &[Check::OneOf(texts)]),
            ("since", &[Check::Min(Constant::Time(1_000_000)), Check::Unique]),
            ("fresh", &[Check::Freshness(DAY / 12)]),
        ]
    );
    let [few, shops, _, fresh] = &all.sources["rows"].quality[..] else { panic!() };
    assert_eq!(
        (few.column.as_deref(), few.on_failure, shops.on_failure),
        (Some("n"), OnFailure::Quarantine, OnFailure::Warn)
    );
    assert_eq!((&fresh.column, fresh.on_failure), (&None, OnFailure::Fail));
    let profile = &all.views["profile"];
    assert_eq!((profile.version, profile.tags.len(), profile.owner.as_deref()), (3, 2, Some("crm")));
    let ViewKind::Row(row) = &profile.kind else { panic!() };
    assert_eq!((row.layout, row.features[0].ttl), (Layout::Json, None));
    let shown = &row.features[1];
    assert_eq!((shown.column.as_str(), shown.ttl, &shown.default), ("n", Some(DAY / 12), &Some(Constant::Float(7.0))));
    assert_eq!((row.features[2].dtype, row.features[2].ttl), (DType::List(Scalar::Float64), None));
    let ViewKind::Row(written) = &all.views["written"].kind else { panic!() };
    assert_eq!(written.features[0].ttl, Some(90 * 60_000_000));
    let value = written.features[0].default.as_ref().unwrap().value(DType::Vector(2));
    assert!(matches!(value, crate::value::Value::List(list) if list.len() == 2));
    assert_eq!(
        (&written.features[1].ttl, &written.features[1].default),
        (&None, &Some(Constant::Float(0.1_f32.into())))
    );
    let ViewKind::Window(windows) = &all.views["windows"].kind else { panic!() };
    assert_eq!((windows.resolution, windows.lateness, windows.warm_up_serves), (Some(DAY / 24), Some(DAY / 12), true));
    let last = &windows.aggregations[0];
    assert_eq!(
        (last.dtype, last.windows[0].length, last.parameters["n"].as_i64()),
        (DType::List(Scalar::Int32), None, Some(3))
    );
    assert_eq!(windows.aggregations[1].parameters["q"], 1.0);
    let names: Vec<_> = all.views["windows"].features().map(|(name, _)| name).collect();
    assert_eq!(names, ["last_lifetime", "q_1d", "q_24h"]);
    let model = &all.services["model"];
    assert_eq!(model.default_fitted.as_deref(), Some("v2"));
    assert_eq!(model.slots[0].name, "a");
    let clip = &model.slots[0].steps[0];
    assert_eq!((&clip.on_null, clip.keeps_nan), (&OnNull::Default(Constant::Int(5)), true));
    assert_eq!((&model.slots[2].steps[0].on_null, model.slots[2].steps[0].keeps_nan), (&OnNull::Error, false));
}
