//! The YAML of the cases as JSON values: mappings, lists, quoted and plain scalars; what is plain is read as JSON reads it, or is text.

use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_json::{Map, Value as Json};

/// A list or mapping that has not ended; a mapping with the key whose value comes next.
enum Open {
    List(Vec<Json>),
    Map(Map<String, Json>, Option<String>),
}

/// Reads one document.
pub(super) fn read(text: &str) -> Result<Json, String> {
    let mut open: Vec<Open> = Vec::new();
    let mut root = Json::Null;
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| error.to_string())?;
        let value = match event {
            Event::Scalar(text, style, ..) => match open.last_mut() {
                Some(Open::Map(_, key @ None)) => {
                    *key = Some(text.into_owned());
                    continue;
                }
                _ if style == ScalarStyle::Plain => plain(&text),
                _ => Json::String(text.into_owned()),
            },
            Event::SequenceStart(..) => {
                open.push(Open::List(Vec::new()));
                continue;
            }
            Event::MappingStart(..) => {
                open.push(Open::Map(Map::new(), None));
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                Some(Open::List(items)) => Json::Array(items),
                Some(Open::Map(members, _)) => Json::Object(members),
                None => return Err("an end without a beginning".to_owned()),
            },
            Event::Alias(_) => return Err(format!("line {}: no aliases", span.start.line())),
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) | Event::DocumentEnd => {
                continue;
            }
        };
        match open.last_mut() {
            Some(Open::List(items)) => items.push(value),
            Some(Open::Map(members, key)) => {
                let key = key.take().unwrap_or_default();
                if members.insert(key.clone(), value).is_some() {
                    return Err(format!("line {}: `{key}` is given twice", span.start.line()));
                }
            }
            None => root = value,
        }
    }
    Ok(root)
}

fn plain(text: &str) -> Json {
    match text {
        "" | "~" => Json::Null,
        _ => serde_json::from_str(text).unwrap_or_else(|_| Json::String(text.to_owned())),
    }
}
