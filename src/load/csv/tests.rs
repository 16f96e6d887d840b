use std::io::BufReader;

use super::*;

fn names() -> Names {
    Names {
        entity_id: Some("entity_id".to_owned()),
        event_time: "event_time".to_owned(),
        needs_event_time: false,
        prefix: b"c_".to_vec(),
    }
}

/// Rows with their lines, or what is wrong with them.
type Rows = Vec<Result<(u64, String), BadRow>>;

fn read(text: &[u8], capacity: usize) -> Result<Rows, String> {
    let mut rows = CsvRows::open(BufReader::with_capacity(capacity, text), names(), &["code".to_owned()])?;
    let mut found = Vec::new();
    let mut out = Vec::new();
    while let Some(row) = rows.next(&mut out).map_err(|error| error.to_string())? {
        found.push(match row {
            Row::Good(line) => Ok((line, String::from_utf8(out.clone()).unwrap())),
            Row::Bad(bad) => Err(bad),
        });
        out.clear();
    }
    assert_eq!(rows.progress(), text.len() as u64);
    Ok(found)
}

#[test]
fn cells_become_json_whatever_the_line_ends_and_the_buffer() {
    let text = "entity_id,event_time,x,code,\"a \"\"b\"\"\"\n1,2026-01-31T09:30:00Z,0.10,007,\"two\nlines, \"\"q\"\"\"\n\n2,2026-01-31T09:30:00Z,,1,true\n";
    let first = r#"{"entity_id":"c_1","event_time":"2026-01-31T09:30:00Z","x":0.10,"code":"007","a \"b\"":"two\nlines, \"q\""}"#;
    let second = r#"{"entity_id":"c_2","event_time":"2026-01-31T09:30:00Z","x":null,"code":"1","a \"b\"":true}"#;
    for text in [text.to_owned(), text.replace('\n', "\r\n"), text.trim_end().to_owned()] {
        for capacity in [1, 2, 5, 4096] {
            let found = read(text.as_bytes(), capacity).unwrap();
            let first =
                first.replace("two\\nlines", if text.contains('\r') { "two\\r\\nlines" } else { "two\\nlines" });
            assert_eq!(found, [Ok((2, first)), Ok((5, second.to_owned()))], "{capacity} {text:?}");
        }
    }
}

#[test]
fn a_bad_record_is_told_with_its_line_and_the_next_is_read() {
    let mut text = b"entity_id,event_time,x,code\n".to_vec();
    for row in [
        &b"a,2026-01-31T09:30:00Z,1\n"[..],
        b"a,,1,2\n",
        b",2026-01-31T09:30:00Z,1,2\n",
        b"a,z,\xff,2\n",
        b"a,z,1e999,2\n",
        b"b,z,1,2\n",
    ] {
        text.extend_from_slice(row);
    }
    let found = read(&text, 64).unwrap();
    let expected = [
        (2, "", "the row has 3 fields, the header has 4"),
        (3, "event_time", "the event time is empty"),
        (4, "entity_id", "the entity id is empty"),
        (5, "x", "the text is not UTF-8"),
        (6, "x", "1e999 is outside float64"),
    ];
    for (row, (line, field, message)) in found.iter().zip(expected) {
        let bad = row.as_ref().unwrap_err();
        assert_eq!((bad.position, bad.field.as_str()), (line, field));
        assert!(bad.message.contains(message), "{}", bad.message);
    }
    assert_eq!(found[5], Ok((7, r#"{"entity_id":"c_b","event_time":"z","x":1,"code":"2"}"#.to_owned())));
}

#[test]
fn a_header_is_needed() {
    for (text, part) in [
        (&b""[..], "is empty"),
        (b"\r\n\n", "is empty"),
        (b"a,b\n1,2\n", "no column \"entity_id\""),
        (b"entity_id,\xff\n", "not UTF-8"),
        (b"entity_id,x\n", "--csv-text: there is no column \"code\""),
    ] {
        let error = read(text, 64).unwrap_err();
        assert!(error.contains(part), "{error}");
    }
    assert_eq!(read(b"entity_id,code\n", 64).unwrap(), []);
}

#[test]
fn a_record_is_bounded_and_a_quote_must_be_closed() {
    let mut text = b"entity_id,code\na,".to_vec();
    text.resize(text.len() + MAX_ROW_BYTES + 10, b'x');
    text.extend_from_slice(b"\nb,1\nc,\"never closed\nd,2\n");
    let found = read(&text, 4096).unwrap();
    assert_eq!(found.len(), 3);
    let bad = found[0].as_ref().unwrap_err();
    assert_eq!((bad.position, bad.code.as_str()), (2, "TOO_LARGE"));
    assert_eq!(found[1], Ok((3, r#"{"entity_id":"c_b","code":"1"}"#.to_owned())));
    let bad = found[2].as_ref().unwrap_err();
    assert_eq!((bad.position, bad.message.as_str()), (4, "a quote is opened and never closed"));

    let mut wide = b"entity_id,code\n".to_vec();
    wide.extend(std::iter::repeat_n(b',', MAX_COLUMNS * 2));
    wide.extend_from_slice(b"\nb,1\n");
    let found = read(&wide, 4096).unwrap();
    assert!(found[0].as_ref().unwrap_err().message.contains("more than 65536 fields"));
    assert!(found[1].is_ok());
}
