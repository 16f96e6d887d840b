use super::given;
use crate::auth::{Digest, RateLimit, Scope};

/// The digest of "abc".
const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

fn table(name: &str, sha256: &str, scopes: &str) -> String {
    format!("{{name = {name:?}, sha256 = {sha256:?}, scopes = {scopes}}}")
}

#[test]
fn keys_come_as_tables_in_a_file_and_as_text_in_variables_and_files_of_theirs() {
    let tables = format!(
        "[[auth.keys]]\nname = \"a\"\nsha256 = \"{ABC}\"\nscopes = [\"read\", \"write\"]\n\n[[auth.keys]]\nname = \"b.1_-\"\nsha256 = \"{}\"\nscopes = [\"admin\"]\n",
        ABC.replace('b', "c")
    );
    let inline = format!(
        "[{}, \n {}]",
        table("a", &ABC.to_uppercase(), "[\"write\", \"read\", \"read\"]"),
        table("b.1_-", &ABC.replace('b', "c"), "[\"admin\"]")
    );
    let mut from_file = given();
    let path = from_file.extra_file("keys", format!("{inline}\n"));
    for given in [
        given().file(tables),
        given().file(format!("auth.keys = {inline}")),
        given().variable("APP__AUTH__KEYS", &inline),
        given().flag("--keys", "auth.keys", &inline),
        from_file.variable("APP__AUTH__KEYS_FILE", path),
    ] {
        let config = given.config();
        let keys = config.auth.keys.all();
        assert_eq!(keys.iter().map(|key| key.name.as_str()).collect::<Vec<_>>(), ["a", "b.1_-"]);
        assert_eq!(keys[0].digest, Digest::of(b"abc"));
        assert!(
            keys[0].scopes.has(Scope::Write) && keys[0].scopes.has(Scope::Read) && !keys[0].scopes.has(Scope::Admin)
        );
        assert_eq!(keys[1].scopes.iter().collect::<Vec<_>>(), [Scope::Admin]);
        assert!(config.print().contains("keys = \"[redacted]\"  # "), "{}", config.print());
        assert!(!format!("{config:?}").contains("ba78"));
    }
    for empty in ["", " ", "[]"] {
        assert!(given().variable("APP__AUTH__KEYS", empty).config().auth.keys.is_empty(), "{empty:?}");
    }
}

#[test]
fn a_key_can_be_limited() {
    let key = |limit: &str| {
        let keys = format!("[{{name = \"a\", sha256 = \"{ABC}\", scopes = [\"read\"]{limit}}}]");
        let file = given().file(format!("auth.keys = {keys}")).config().auth.keys;
        assert_eq!(file, given().variable("APP__AUTH__KEYS", &keys).config().auth.keys);
        file.all()[0].limit.clone()
    };
    assert_eq!(key(""), None);
    assert_eq!(key(", rate_limit = 20"), Some(RateLimit::new(20, 20)));
    assert_eq!(key(", burst = 1, rate_limit = 1000000"), Some(RateLimit::new(1_000_000, 1)));
}

#[test]
fn what_is_wrong_with_a_key_is_said_without_repeating_it() {
    let good = table("a", ABC, "[\"read\"]");
    let hunter = "unskew_hunter2";
    let limited = |limit: &str| format!("{{name = \"a\", sha256 = \"{ABC}\", scopes = [\"read\"], {limit}}}");
    for (keys, fault) in [
        (table("", ABC, "[\"read\"]"), "key 1: its name is wrong: allowed are 1 to 64 letters"),
        (table("a b", ABC, "[\"read\"]"), "key 1: its name is wrong"),
        (format!("{{sha256 = \"{ABC}\", scopes = [\"read\"]}}"), "key 1: its name is wrong"),
        (
            table("a", hunter, "[\"read\"]"),
            "key 1: its sha256 must be 64 hexadecimal digits: the SHA-256 of the key, not the key",
        ),
        (table("a", &ABC[1..], "[\"read\"]"), "key 1: its sha256 must be 64 hexadecimal digits"),
        ("{name = \"a\", scopes = [\"read\"]}".to_owned(), "key 1: its sha256 must be"),
        (table("a", ABC, "[]"), "key 1: its scopes must be a list of one or more of \"read\", \"write\" and \"admin\""),
        (table("a", ABC, "[\"all\"]"), "key 1: its scopes must be"),
        (table("a", ABC, "\"read\""), "key 1: its scopes must be"),
        (format!("{{name = \"a\", sha256 = \"{ABC}\"}}"), "key 1: its scopes must be"),
        (
            format!("{{name = \"a\", sha256 = \"{ABC}\", scopes = [\"read\"], key = \"{hunter}\"}}"),
            "key 1: has more members than name",
        ),
        (limited("rate_limit = 0"), "key 1: its rate_limit must be a whole number from 1 to 1000000"),
        (limited("rate_limit = 1.5"), "key 1: its rate_limit must be a whole number"),
        (limited("rate_limit = \"5\""), "key 1: its rate_limit must be a whole number"),
        (limited("rate_limit = 1000001"), "key 1: its rate_limit must be a whole number"),
        (limited("rate_limit = 5, burst = -1"), "key 1: its burst must be a whole number from 1 to 1000000"),
        (limited("burst = 5"), "key 1: its burst needs a rate_limit"),
        (format!("\"{hunter}\""), "key 1: is no table of name, sha256 and scopes"),
        (format!("{good}, {}", table("b", ABC, "[\"read\"]")), "key 2: has the sha256 of key 1"),
        (format!("{good}, {}", table("a", &ABC.replace('b', "c"), "[\"read\"]")), "key 2: has the name of key 1"),
    ] {
        let keys = format!("[{keys}]");
        for (given, start) in [
            (given().file(format!("[auth]\nkeys = {keys}")), "auth.keys = \"[redacted]\" (unskew.toml:2): "),
            (given().variable("APP__AUTH__KEYS", &keys), "APP__AUTH__KEYS = \"[redacted]\" (environment): "),
        ] {
            let lines = given.lines();
            assert_eq!(lines.len(), 1, "{lines:?}");
            assert!(lines[0].starts_with(&format!("{start}{fault}")), "{}", lines[0]);
            assert!(!lines[0].contains("hunter2"), "{}", lines[0]);
        }
    }
    for text in [hunter, "5", "{}", "[", "[]\nstore.url = \"x\"]"] {
        let line = given().variable("APP__AUTH__KEYS", text).lines().remove(0);
        assert!(line.contains("allowed is tables of name, sha256 and scopes, as `unskew-gateway key new`"), "{line}");
    }
    let many: Vec<_> =
        (0..1001).map(|number| table(&format!("k{number}"), &format!("{number:064x}"), "[\"read\"]")).collect();
    let line = given().variable("APP__AUTH__KEYS", format!("[{}]", many.join(","))).lines().remove(0);
    assert!(line.contains("1001 keys are too many; allowed are 1000"), "{line}");
}

#[test]
fn files_of_tls_go_together() {
    let pair =
        given().variable("APP__SERVER__TLS__CERTIFICATE_FILE", "c").variable("APP__SERVER__TLS__PRIVATE_KEY_FILE", "k");
    assert_eq!(pair.config().server.tls.certificate_file, Some("c".into()));
    assert_eq!(
        given().file("[server.tls]\ncertificate_file = 'c'\n").lines(),
        ["server.tls.certificate_file = \"c\" (unskew.toml:2): needs server.tls.private_key_file, which is empty"]
    );
    for (text, expected) in [("true", true), ("false", false)] {
        assert_eq!(given().variable("APP__SERVER__INSECURE", text).config().server.insecure, expected);
    }
    let line = given().variable("APP__SERVER__INSECURE", "yes").lines().remove(0);
    assert_eq!(line, "APP__SERVER__INSECURE = \"yes\" (environment): allowed is true or false");
}
