//! The JSON Schema of the format, made from the tables that the checker reads and from the catalogue of transforms, so that editors
//! complete and check what the engine accepts.

use serde_json::{Map, Value as Json, json};

use super::arguments::{COMMON, NAN, ON_NULL};
use super::functions::FUNCTIONS;
use super::shape::{Field, Shape, Table};
use super::tables::ROOT;
use crate::dtype::Scalar;
use crate::transforms::parameter::{Default, Parameter, Takes};
use crate::transforms::{self, Transform};

const NAME: &str = "^[A-Za-z_][A-Za-z0-9_]*$";
const DURATION: &str = "^[1-9][0-9]*[smhd]$";
const SCHEDULE: &str = "^(@(hourly|daily|weekly|monthly|yearly)|[0-9A-Za-z*,/-]+( [0-9A-Za-z*,/-]+){4})$";

/// The JSON Schema (draft 2020-12) of a file of definitions. Print it with [`crate::definitions::print_json`], whose form does not
/// depend on how `serde_json` orders keys.
#[must_use]
pub fn json_schema() -> Json {
    let mut definitions = Map::new();
    let mut root = table(&ROOT, &mut definitions);
    definitions.insert("step".to_owned(), step());
    if let Json::Object(members) = &mut root {
        members.insert("$schema".to_owned(), "https://json-schema.org/draft/2020-12/schema".into());
        members.insert("title".to_owned(), "Definitions of unskew".into());
        members.insert("$defs".to_owned(), Json::Object(definitions));
    }
    root
}

fn table(table: &Table, definitions: &mut Map<String, Json>) -> Json {
    let mut properties = Map::new();
    for field in table.fields {
        properties.insert(field.name.to_owned(), described(shape(field.takes, definitions), field.doc));
    }
    let required: Vec<&str> =
        table.fields.iter().filter(|field: &&Field| field.required).map(|field| field.name).collect();
    let mut out = json!({
        "type": "object",
        "description": table.doc,
        "properties": properties,
        "additionalProperties": false,
    });
    if let (Json::Object(members), false) = (&mut out, required.is_empty()) {
        members.insert("required".to_owned(), required.into());
    }
    out
}

fn described(mut schema: Json, doc: &str) -> Json {
    if let Json::Object(members) = &mut schema {
        members.insert("description".to_owned(), doc.into());
    }
    schema
}

fn reference(it: &Table, definitions: &mut Map<String, Json>) -> Json {
    let key = it.name.replace(' ', "_");
    if !definitions.contains_key(&key) {
        let schema = table(it, definitions);
        definitions.insert(key.clone(), schema);
    }
    json!({"$ref": format!("#/$defs/{key}")})
}

fn shape(it: Shape, definitions: &mut Map<String, Json>) -> Json {
    match it {
        Shape::Text | Shape::Sql => json!({"type": "string", "minLength": 1}),
        Shape::Name => json!({"type": "string", "pattern": NAME}),
        Shape::Input => json!({"type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]*(\\.[A-Za-z_][A-Za-z0-9_]*)?$"}),
        Shape::FittedName => json!({"type": "string", "pattern": "^[A-Za-z0-9_-]*$"}),
        Shape::Flag => json!({"type": "boolean"}),
        Shape::Integer { min, max } => json!({"type": "integer", "minimum": min, "maximum": max}),
        Shape::Fraction => json!({"type": "number", "minimum": 0, "maximum": 1}),
        Shape::Duration { none: false } => json!({"type": "string", "pattern": DURATION}),
        Shape::Duration { none: true } => {
            json!({"anyOf": [{"type": "string", "pattern": "^(none|0[smhd]|[1-9][0-9]*[smhd])$"}, {"const": 0}]})
        }
        Shape::Window => json!({"type": "string", "pattern": "^(lifetime|[1-9][0-9]*[smhd])$"}),
        Shape::Resolution => json!({"type": "string", "pattern": "^(exact|[1-9][0-9]*[smhd])$"}),
        Shape::Schedule => json!({"type": "string", "pattern": SCHEDULE}),
        Shape::DType => dtype(),
        Shape::Constant => {
            let item = json!(["boolean", "number", "string", "null"]);
            json!({"type": ["boolean", "number", "string", "array"], "items": {"type": item}})
        }
        Shape::Choice(words) => json!({"enum": words}),
        Shape::Function => {
            let one = |name: &str, doc: &str| json!({"const": name, "description": doc});
            json!({"oneOf": FUNCTIONS.iter().map(|function| one(function.name, function.doc)).collect::<Vec<_>>()})
        }
        Shape::Step => json!({"$ref": "#/$defs/step"}),
        Shape::List { of, min } => json!({"type": "array", "items": shape(*of, definitions), "minItems": min}),
        Shape::Map { of, min, .. } => json!({
            "type": "object",
            "propertyNames": {"pattern": NAME},
            "additionalProperties": shape(*of, definitions),
            "minProperties": min,
        }),
        Shape::Table(it) => reference(it, definitions),
        Shape::DTypeOr(it) => json!({"anyOf": [dtype(), reference(it, definitions)]}),
        // By the key that tells them apart, so that an editor shows the faults of the one that is meant.
        Shape::Either([(key, first), (_, second)]) => json!({
            "if": {"required": [key]},
            "then": reference(first, definitions),
            "else": reference(second, definitions),
        }),
    }
}

fn dtype() -> Json {
    let lists = Scalar::ALL.into_iter().map(|item| format!("list<{item}>"));
    let names: Vec<String> = Scalar::ALL.into_iter().map(|scalar| scalar.name().to_owned()).chain(lists).collect();
    json!({"anyOf": [{"enum": names}, {"type": "string", "pattern": "^vector<[1-9][0-9]*>$"}]})
}

/// A step: a name, where no parameter must be given, or a mapping from it to its parameters.
fn step() -> Json {
    let catalogue = transforms::catalogue();
    let needs_none = |transform: &&Transform| transform.parameters.iter().all(|it| it.default != Default::Required);
    let names: Vec<Json> =
        catalogue.iter().filter(needs_none).map(|it| json!({"const": it.name, "description": it.doc})).collect();
    let mut properties = Map::new();
    for transform in catalogue {
        properties.insert(transform.name.to_owned(), parameters(transform));
    }
    let mapping = json!({
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
        "minProperties": 1,
        "maxProperties": 1,
    });
    let named = if names.is_empty() { json!(false) } else { json!({"oneOf": names}) };
    json!({"description": "a transform: its name, or a mapping from it to its parameters", "anyOf": [named, mapping]})
}

fn parameters(transform: &Transform) -> Json {
    let mut properties = Map::new();
    for parameter in transform.parameters {
        properties.insert(parameter.name.to_owned(), parameter_schema(parameter));
    }
    let [(on_null, on_null_doc), (nan, nan_doc)] = COMMON;
    let default = json!({
        "type": "object",
        "properties": {"default": shape(Shape::Constant, &mut Map::new())},
        "required": ["default"],
        "additionalProperties": false,
    });
    properties.insert(
        on_null.to_owned(),
        json!({"anyOf": [{"enum": ON_NULL}, default], "default": ON_NULL[0], "description": on_null_doc}),
    );
    // `nan: null` is YAML's null.
    let words = json!([NAN[0], NAN[1], null]);
    properties.insert(nan.to_owned(), json!({"enum": words, "default": null, "description": nan_doc}));
    let required = transform.parameters.iter().filter(|it| it.default == Default::Required);
    let required: Vec<&str> = required.map(|it| it.name).collect();
    let mut out = json!({
        "type": "object",
        "description": transform.doc,
        "properties": properties,
        "additionalProperties": false,
    });
    if let (Json::Object(members), false) = (&mut out, required.is_empty()) {
        members.insert("required".to_owned(), required.into());
    }
    out
}

fn parameter_schema(parameter: &Parameter) -> Json {
    let constant = json!(["boolean", "number", "string"]);
    let schema = match parameter.takes {
        Takes::Bool => json!({"type": "boolean"}),
        Takes::Integer { min, max } => json!({"type": "integer", "minimum": min, "maximum": max}),
        Takes::Number => json!({"type": "number"}),
        Takes::Text => json!({"type": "string"}),
        Takes::Choice(words) => json!({"enum": words}),
        Takes::Constant => json!({"type": constant}),
        Takes::Numbers => json!({"type": "array", "items": {"type": "number"}, "minItems": 1}),
        Takes::Constants => json!({"type": "array", "items": {"type": constant}, "minItems": 1}),
        Takes::Inputs => json!({"type": "array", "items": shape(Shape::Input, &mut Map::new()), "minItems": 1}),
    };
    let mut schema = described(schema, parameter.doc);
    let default: Option<Json> = match parameter.default {
        Default::Required | Default::Absent => None,
        Default::Bool(value) => Some(value.into()),
        Default::Integer(value) => Some(value.into()),
        Default::Number(value) => Some(value.into()),
        Default::Text(text) => Some(text.into()),
    };
    if let (Json::Object(members), Some(default)) = (&mut schema, default) {
        members.insert("default".to_owned(), default);
    }
    schema
}
