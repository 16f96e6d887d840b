use proptest::prelude::*;

use super::{EntityKey, append_store_key, schema_key};
use crate::definitions::{Column, Entity};
use crate::row::SchemaId;
use crate::value::Value;

fn key(types: &[&str]) -> EntityKey {
    let keys = types
        .iter()
        .enumerate()
        .map(|(index, dtype)| Column { name: format!("k{index}"), dtype: dtype.parse().unwrap() });
    let entity =
        Entity { name: "customer".to_owned(), keys: keys.collect(), description: None, owner: None, tags: Vec::new() };
    EntityKey::new(&entity, 64).unwrap()
}

fn of_text(types: &[&str], text: &str) -> Result<String, String> {
    let mut out = b"before".to_vec();
    let done = key(types).encode_text(text, &mut out);
    let out = String::from_utf8(out).unwrap();
    let encoded = out.strip_prefix("before").unwrap().to_owned();
    if done.is_err() {
        assert_eq!(encoded, "");
    }
    done.map(|()| encoded).map_err(|bad| bad.message)
}

fn of_values(types: &[&str], values: &[Value<'_>]) -> Result<String, String> {
    let mut out = Vec::new();
    key(types).encode(values, &mut out).map_err(|bad| bad.message)?;
    Ok(String::from_utf8(out).unwrap())
}

#[test]
fn texts_are_read_as_their_type_and_encoded_again() {
    let cases = [
        (&["int64"][..], "007", "customer|7"),
        (&["int64"], "-9223372036854775808", "customer|-9223372036854775808"),
        (&["int64"], "-0", "customer|0"),
        (&["int32"], "%37", "customer|7"),
        (&["string"], "a%7Cb", "customer|a%7Cb"),
        (&["string"], "a{b}:c d%25", "customer|a%7Bb%7D%3Ac%20d%25"),
        (&["string"], "%41%c3%bc", "customer|Aü"),
        (&["string"], "\u{7f}\n", "customer|%7F%0A"),
        (&["string", "int64"], "ü|1", "customer|ü|1"),
        (&["bool"], "true", "customer|true"),
        (&["bytes"], "+/8=", "customer|-_8"),
        (&["bytes"], "-_8", "customer|-_8"),
    ];
    for (types, text, wanted) in cases {
        assert_eq!(of_text(types, text).as_deref(), Ok(wanted), "{text}");
    }
}

#[test]
fn what_is_no_key_says_why() {
    let cases = [
        (&["int64"][..], "7.0", "the key `k0` must be int64, not \"7.0\""),
        (&["int64"], "+7", "the key `k0` must be int64, not \"+7\""),
        (&["int64"], "-", "the key `k0` must be int64, not \"-\""),
        (&["int64"], " 7", "the key `k0` must be int64, not \" 7\""),
        (&["int64"], "9223372036854775808", "the key `k0` must be int64, not \"9223372036854775808\""),
        (&["int32"], "2147483648", "the key `k0` must be int32, and 2147483648 does not fit"),
        (&["int64"], "", "the key `k0` is empty"),
        (&["string"], "", "the key `k0` is empty"),
        (&["string"], "50%", "the key `k0` has a % without two hexadecimal digits; write %25 for %"),
        (&["string"], "%%41", "the key `k0` has a % without two hexadecimal digits; write %25 for %"),
        (&["string"], "%ff", "the key `k0` is not UTF-8"),
        (&["bool"], "True", "the key `k0` must be bool, not \"True\""),
        (
            &["string", "int64"],
            "a|b|1",
            "the entity `customer` has 2 key parts (k0|k1), not 3; parts are joined by `|`, which is %7C within a part",
        ),
    ];
    for (types, text, wanted) in cases {
        assert_eq!(of_text(types, text).unwrap_err(), wanted, "{text}");
    }
    let long = "x".repeat(65);
    assert_eq!(of_text(&["string"], &long).unwrap_err(), "the key has more than 64 bytes, the most that are allowed");
    assert!(of_text(&["string"], &long[..64]).is_ok());
}

#[test]
fn typed_values_are_encoded() {
    assert_eq!(
        of_values(&["int32", "string"], &[Value::Int(-5), Value::Str("a|b")]).as_deref(),
        Ok("customer|-5|a%7Cb")
    );
    assert_eq!(
        of_values(&["bytes", "bool"], &[Value::Bytes(&[0xfb, 0xff]), Value::Bool(false)]).as_deref(),
        Ok("customer|-_8|false")
    );
    for (dtype, value) in [
        ("int64", Value::Null),
        ("int64", Value::Float(7.0)),
        ("int64", Value::Str("7")),
        ("int32", Value::Int(1 << 40)),
        ("string", Value::Int(7)),
        ("string", Value::Str("")),
        ("bytes", Value::Bytes(&[])),
    ] {
        assert!(of_values(&[dtype], &[value]).is_err(), "{dtype} {value:?}");
    }
    assert!(of_values(&["int64"], &[]).is_err());
}

#[test]
fn floats_and_times_are_no_keys() {
    for dtype in ["float64", "timestamp", "list<int64>", "vector<2>"] {
        let keys = vec![Column { name: "k".to_owned(), dtype: dtype.parse().unwrap() }];
        let entity = Entity { name: "e".to_owned(), keys, description: None, owner: None, tags: Vec::new() };
        assert!(EntityKey::new(&entity, 64).is_err(), "{dtype}");
    }
}

#[test]
fn one_encoding_serves_all_views_of_an_entity() {
    let mut out = Vec::new();
    append_store_key(b"customer|7", "profile", 12, &mut out);
    assert_eq!(out, b"fv:{customer|7}:profile:12");
    assert_eq!(schema_key("profile", SchemaId([0, 0xab, 1, 2])), "schema:profile:00ab0102");
}

proptest! {
    #[test]
    fn an_encoded_key_is_a_text_of_itself(text in ".{1,10}", int in any::<i64>(), bytes in prop::collection::vec(any::<u8>(), 1..8)) {
        let types = ["string", "int64", "bytes", "bool"];
        let values = [Value::Str(&text), Value::Int(int), Value::Bytes(&bytes), Value::Bool(int > 0)];
        let mut encoded = Vec::new();
        let wide = EntityKey { max_bytes: 1000, ..key(&types) };
        wide.encode(&values, &mut encoded).unwrap();
        let parts = str::from_utf8(&encoded).unwrap().strip_prefix("customer|").unwrap();
        let is_safe = !parts.contains(['{', '}', ':', ' ']);
        prop_assert!(is_safe);
        let mut again = Vec::new();
        wide.encode_text(parts, &mut again).unwrap();
        prop_assert_eq!(again, encoded);
    }

    #[test]
    fn nothing_panics(text in ".{0,20}") {
        for types in [&["string"][..], &["int64"], &["bytes", "bool"]] {
            let _ = of_text(types, &text);
        }
    }
}
