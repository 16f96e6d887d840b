use super::*;

fn names(entity_id: &str, event_time: Option<&str>, prefix: &str) -> Names {
    Names {
        entity_id: Some(entity_id.to_owned()),
        event_time: event_time.unwrap_or("event_time").to_owned(),
        needs_event_time: event_time.is_some(),
        prefix: prefix.as_bytes().to_vec(),
    }
}

fn rewritten(line: &str, names: &Names) -> Result<String, BadRow> {
    let mut out = Vec::new();
    rewrite(line.as_bytes(), names, 7, &mut out)?;
    Ok(String::from_utf8(out).unwrap())
}

#[test]
fn values_stay_as_they_are_written() {
    let names = names("entity_id", None, "");
    for row in [
        r#"{"entity_id":"a"}"#,
        r#"{"entity_id":"aéé😀","event_time":"2026-01-31T09:30:00Z","x":0.1000000000000000055,"y":[1, {"z": null}],"é":"\"\n"}"#,
        r#"{"f":1E5,"entity_id":"a","g":-0.0}"#,
    ] {
        assert_eq!(rewritten(row, &names).unwrap(), row);
    }
}

#[test]
fn entity_and_time_get_the_names_of_the_view() {
    let names = names("customer", Some("at"), "c_");
    let row = r#" {"at" : "2026-01-31T09:30:00Z", "customer": 42 , "x": 1}"#;
    let expected = r#"{"event_time":"2026-01-31T09:30:00Z","entity_id":"c_42","x":1}"#;
    assert_eq!(rewritten(row, &names).unwrap(), expected);
    let escaped = r#"{"cust\u006fmer":"b","at":null}"#;
    assert_eq!(rewritten(escaped, &names).unwrap(), r#"{"entity_id":"c_b","event_time":null}"#);
}

#[test]
fn a_line_that_is_no_row_is_told_with_its_member() {
    let default = names("entity_id", None, "");
    let renamed = names("customer", Some("at"), "");
    for (names, line, field, message) in [
        (&default, "[1]", "", "must be a JSON object"),
        (&default, r#"{"entity_id":"a""#, "", "ends early"),
        (&default, r#"{"entity_id":"a"} x"#, "", "unexpected text"),
        (&default, r#"{"entity_id":"a","x":NaN}"#, "", "NaN"),
        (&default, r#"{"x":1}"#, "entity_id", "is missing"),
        (&default, "{}", "entity_id", "is missing"),
        (&default, r#"{"entity_id":""}"#, "entity_id", "is empty"),
        (&default, r#"{"entity_id":1.5}"#, "entity_id", "a string or an integer"),
        (&default, r#"{"entity_id":{"a":1}}"#, "entity_id", "a string or an integer"),
        (&renamed, r#"{"customer":"a"}"#, "at", "is missing"),
        (&renamed, r#"{"customer":"a","at":"","entity_id":"b"}"#, "entity_id", "can't be named entity_id"),
    ] {
        let bad = rewritten(line, names).unwrap_err();
        assert_eq!((bad.position, bad.field.as_str()), (7, field), "{line}");
        assert!(bad.message.contains(message), "{line}: {}", bad.message);
    }
    let bad = rewrite(b"{\"entity_id\":\"\xff\"}", &default, 1, &mut Vec::new()).unwrap_err();
    assert!(bad.message.contains("invalid UTF-8 at byte 14"), "{}", bad.message);
}

#[test]
fn blank_lines_count_as_lines_and_are_no_rows() {
    let text = "\r\n{\"entity_id\":\"a\"}\r\n   \n{\"entity_id\":\"b\"}";
    let mut rows = NdjsonRows::new(text.as_bytes(), names("entity_id", None, ""));
    let mut out = Vec::new();
    assert_eq!(rows.next(&mut out).unwrap(), Some(Row::Good(2)));
    assert_eq!(rows.next(&mut out).unwrap(), Some(Row::Good(4)));
    assert_eq!(rows.next(&mut out).unwrap(), None);
    assert_eq!(out, br#"{"entity_id":"a"}{"entity_id":"b"}"#);
    assert_eq!(rows.progress(), text.len() as u64);
}
