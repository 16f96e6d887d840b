//! The JSON Schema: made of the same tables, so it is enough that it is whole.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::super::{json_schema, print_json};

/// Every `$ref` and every name under `properties`.
fn collect(json: &Json, references: &mut BTreeSet<String>, properties: &mut BTreeSet<String>) {
    match json {
        Json::Object(members) => {
            if let Some(Json::String(reference)) = members.get("$ref") {
                references.insert(reference.trim_start_matches("#/$defs/").to_owned());
            }
            if let Some(Json::Object(names)) = members.get("properties") {
                properties.extend(names.keys().cloned());
            }
            members.values().for_each(|member| collect(member, references, properties));
        }
        Json::Array(items) => items.iter().for_each(|item| collect(item, references, properties)),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
    }
}

#[test]
fn it_is_whole_and_has_one_printed_form() {
    let schema = json_schema();
    let (mut references, mut properties) = (BTreeSet::new(), BTreeSet::new());
    collect(&schema, &mut references, &mut properties);
    let defined: BTreeSet<String> = schema["$defs"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(references, defined);
    for key in ["event_time", "aggregations", "layout", "expr", "on_null", "nan", "offset", "topic"] {
        assert!(properties.contains(key), "{key}");
    }
    for transform in crate::transforms::catalogue() {
        assert!(properties.contains(transform.name), "{}", transform.name);
    }
    let printed = print_json(&schema);
    assert_eq!(serde_json::from_str::<Json>(&printed).unwrap(), schema);
    assert_eq!(printed, print_json(&json_schema()));
    assert!(printed.ends_with("}\n"));
}
