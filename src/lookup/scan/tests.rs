//! The scanner against serde_json: what it takes, what it refuses, what it hands over.

use proptest::prelude::*;
use serde_json::Value;

use super::writer::JsonWriter;
use super::*;

/// The text as the scanner writes it again.
fn again(text: &[u8]) -> Result<String, ScanError> {
    let mut out = Vec::new();
    let mut scanner = Scanner::new(text)?;
    scanner.value(&mut JsonWriter::new(&mut out))?;
    scanner.finish()?;
    Ok(String::from_utf8(out).unwrap())
}

#[test]
fn white_space_goes_and_values_stay() {
    let text = " { \"a\" : [ 1 , -2.5e3 , true ,false, null,{ } , [ ] ] ,\n\t\"\\u00e4\\n\" : \"x\\\"y\" }\r\n";
    assert_eq!(again(text.as_bytes()).unwrap(), r#"{"a":[1,-2.5e3,true,false,null,{},[]],"\u00e4\n":"x\"y"}"#);
}

#[test]
fn refuses_what_is_no_json_and_says_where() {
    for (text, message) in [
        (&b""[..], "the text ends early at byte 0"),
        (b"{", "expected a name in double quotes at byte 1"),
        (b"{\"a\"}", "expected a colon after the name at byte 4"),
        (b"{\"a\":1,}", "expected a name in double quotes at byte 7"),
        (b"[1,]", "expected a value at byte 3"),
        (b"[1 2]", "expected a comma or the end of the object or list at byte 3"),
        (b"NaN", "NaN and Infinity are not JSON at byte 0"),
        (b"-Infinity", "expected a digit at byte 1"),
        (b"01", "a number can't begin with a zero at byte 0"),
        (b"-01", "a number can't begin with a zero at byte 1"),
        (b"1.", "expected a digit at byte 2"),
        (b"1e", "expected a digit in the exponent at byte 2"),
        (b"1e999", "a number outside float64 at byte 0"),
        (b"\"\\ud800\"", "\\u needs four hexadecimal digits and no lone surrogate at byte 1"),
        (b"\"\\udc00\\ud800\"", "\\u needs four hexadecimal digits and no lone surrogate at byte 1"),
        (b"\"\\x\"", "no such escape in JSON at byte 1"),
        (b"\"a\nb\"", "a control character in a string must be escaped at byte 2"),
        (b"\"abc", "the text ends inside a string at byte 4"),
        (b"\"\xff\"", "invalid UTF-8 at byte 1"),
        (b"1 1", "unexpected text after the value at byte 2"),
        (b"nul", "expected a value at byte 0"),
    ] {
        assert_eq!(again(text).unwrap_err().to_string(), message, "{}", String::from_utf8_lossy(text));
    }
}

#[test]
fn long_and_far_numbers_are_outside_only_when_they_are() {
    let zeros = "0".repeat(400);
    assert!(again(format!("0.{zeros}1").as_bytes()).is_ok());
    assert!(again(format!("1{zeros}").as_bytes()).is_err());
    assert!(again(format!("1{}e-300", "0".repeat(300)).as_bytes()).is_ok());
    assert!(again(format!("1{}e200", "0".repeat(200)).as_bytes()).is_err());
    assert!(again(b"1e-999999999999").is_ok());
    assert!(again(b"1.7976931348623157e308").is_ok());
    assert!(again(b"1.7976931348623159e308").is_err());
}

#[test]
fn integers_that_float64_cannot_hold_are_written_as_the_float64() {
    assert_eq!(
        again(b"[9007199254740992,9007199254740993,-0,0,123456789012345678901234567890]").unwrap(),
        "[9007199254740992,9007199254740992.0,-0.0,0,1.2345678901234568e+29]"
    );
}

#[test]
fn nests_as_deep_as_clients_can_read() {
    let nested = |open: &str, close: &str, depth: usize| format!("{}1{}", open.repeat(depth), close.repeat(depth));
    assert!(again(nested("[", "]", 48).as_bytes()).is_ok());
    assert!(again(nested("[", "]", 49).as_bytes()).is_err());
    assert!(again(nested("{\"a\":", "}", 32).as_bytes()).is_ok());
    assert!(again(nested("{\"a\":", "}", 33).as_bytes()).is_err());
    let deep = nested("[", "]", 100_000);
    assert!(again(deep.as_bytes()).is_err());
    assert!(Scanner::new(deep.as_bytes()).unwrap().skip_value().is_err());
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_filter("finite", |number| number.is_finite()).prop_map(Value::from),
        (-(1_i64 << 53)..(1_i64 << 53)).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 64, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((any::<String>(), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn values_read_back_equal(value in json()) {
        let compact = serde_json::to_string(&value).unwrap();
        prop_assert_eq!(&again(compact.as_bytes()).unwrap(), &compact);
        let pretty = serde_json::to_string_pretty(&value).unwrap();
        prop_assert_eq!(again(pretty.as_bytes()).unwrap(), compact);
    }

    #[test]
    fn no_bytes_panic_and_what_serde_refuses_is_refused(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let ours = again(&bytes).is_ok();
        prop_assert!(!ours || serde_json::from_slice::<Value>(&bytes).is_ok());
    }

    #[test]
    fn near_json_is_taken_and_refused_as_by_serde(text in r#"[\[\]{}:,0-9eE+.\-"\\untfalsr /]{0,24}"#) {
        prop_assert_eq!(again(text.as_bytes()).is_ok(), serde_json::from_str::<Value>(&text).is_ok(), "{}", text);
    }

    #[test]
    fn numbers_are_the_nearest_float64(text in r"-?(0|[1-9][0-9]{0,24})(\.[0-9]{1,25})?([eE][+-]?[0-9]{1,3})?") {
        let mut scanner = Scanner::new(text.as_bytes()).unwrap();
        let std: f64 = text.parse().unwrap();
        match scanner.number() {
            Ok(number) => prop_assert_eq!(number.value().to_bits(), std.to_bits()),
            Err(_) => prop_assert!(std.is_infinite()),
        }
    }

    #[test]
    fn strings_mean_what_serde_says(text in any::<String>()) {
        let json = serde_json::to_string(&text).unwrap();
        let mut scanner = Scanner::new(json.as_bytes()).unwrap();
        let First::Scalar(Scalar::String(scanned)) = scanner.first().unwrap() else { panic!("no string") };
        prop_assert_eq!(scanned.unescape(), text.as_str());
        let mut written = Vec::new();
        JsonWriter::new(&mut written).string(&text);
        prop_assert_eq!(serde_json::from_slice::<String>(&written).unwrap(), text);
    }
}
