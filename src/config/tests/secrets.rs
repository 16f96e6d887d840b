use proptest::prelude::*;

use super::{Given, given};
use crate::config::known::Known;
use crate::store::StoreUrl;

const VARIABLE: &str = "APP__STORE__REDIS__PASSWORD";
/// How the secret of the property test begins and ends: no name of a temporary folder holds either.
const BEGIN: &str = "XQsecretbegins";
const END: &str = "secretendsZq";
const FILE_VARIABLE: &str = "APP__STORE__REDIS__PASSWORD_FILE";

fn password(given: &Given) -> Option<String> {
    given.config().store.redis.password.map(|password| password.reveal().to_owned())
}

/// Everything that a load lets out, for good or bad.
fn all_output(given: &Given) -> String {
    match given.load() {
        Ok(config) => format!("{config:?} {config:#?} {}", config.print()),
        Err(problems) => format!("{problems} {problems:?} {problems:#?}"),
    }
}

#[test]
fn a_password_is_any_scalar_and_comes_from_each_layer() {
    for text in ["hunter2", "12345", "007", "true", "1.10", " spaced ", "2020-01-01", "[1]", "\"quoted\""] {
        assert_eq!(password(&given().variable(VARIABLE, text)).as_deref(), Some(text));
        assert_eq!(password(&given().flag("--password", "store.redis.password", text)).as_deref(), Some(text));
    }
    for text in ["12345", "0x1F", "true", "1.10", "2020-01-01"] {
        let given = given().file(format!("[store.redis]\npassword = {text}"));
        assert_eq!(password(&given).as_deref(), Some(text));
        assert!(!all_output(&given).contains(&format!("\"{text}\"")));
    }
    assert_eq!(password(&given().variable(VARIABLE, "")), None);
    assert_eq!(password(&given().variable("APP__STORE__PASSWORD", "short")).as_deref(), Some("short"));
}

#[test]
fn a_secret_file_loses_one_newline_and_no_more() {
    for (content, expected) in
        [("a", "a"), ("a\n", "a"), ("a\r\n", "a"), ("a\n\n", "a\n"), (" a \n", " a "), ("1\n", "1")]
    {
        for variable in [FILE_VARIABLE, "APP__STORE__PASSWORD_FILE"] {
            let mut given = given();
            let path = given.extra_file("password", content);
            let given = given.variable(variable, path);
            assert_eq!(password(&given).as_deref(), Some(expected), "{content:?}");
            assert!(
                given.config().print().contains(&format!("password = \"[redacted]\"  # environment: {variable}\n"))
            );
        }
    }
    let mut given = given();
    let path = given.extra_file("url", "redis://:hunter2@localhost/1\n");
    let given = given.variable("APP__STORE__URL_FILE", path);
    assert_eq!(given.config().store.url, "redis://:hunter2@localhost:6379/1".parse::<StoreUrl>().unwrap());
    assert!(!all_output(&given).contains("hunter2"));
}

#[test]
fn bad_secret_files_are_clear_errors() {
    let line = |value: &str| given().variable(FILE_VARIABLE, value).lines().remove(0);
    let start = format!("{FILE_VARIABLE} (environment): ");
    assert_eq!(line(""), format!("{start}names no file; set it to the path of a file that holds the value"));
    assert_eq!(
        line("/nowhere/password"),
        format!("{start}the file /nowhere/password can't be opened: No such file or directory (os error 2)")
    );
    assert_eq!(line("/dev/null"), format!("{start}the file /dev/null is empty"));
    assert_eq!(line("/dev/zero"), format!("{start}the file /dev/zero is larger than 64KiB"));
    assert_eq!(line("/"), format!("{start}the file / can't be read: Is a directory (os error 21)"));
    // The secret itself in place of the path.
    assert!(!line("hunter2").contains("hunter2"));

    let mut given = given();
    let path = given.extra_file("password", b"hunter2\xff");
    let line = given.variable(FILE_VARIABLE, path).lines().remove(0);
    assert!(line.ends_with("is not UTF-8 text (byte 7)"), "{line}");
}

#[test]
fn a_secret_set_twice_is_refused() {
    let mut given = given();
    let path = given.extra_file("password", "hunter2");
    let lines = given.variable(FILE_VARIABLE, path).variable(VARIABLE, "hunter2").lines();
    assert_eq!(lines, [format!("{FILE_VARIABLE} (environment): sets the same key as {VARIABLE}; set one of the two")]);
}

#[test]
fn keys_that_sound_secret_are_kept_secret() {
    for key in Known::read().unwrap().keys {
        let sounds_secret = ["password", "secret", "token", "url", "key", "keys", "headers"]
            .iter()
            .any(|word| key.name().split('_').any(|part| part == *word))
            // The name of a file is none, whatever is in the file.
            && !key.name().ends_with("_file");
        assert_eq!(key.is_secret(), sounds_secret, "{}", key.path);
    }
}

/// Every way in which the secret can get in, rightly or wrongly.
fn ways(secret: &str) -> Vec<Given> {
    let quoted = serde_json::Value::from(secret).to_string();
    let urls = [
        format!("redis://user:{secret}@localhost:6379/0"),
        format!("redis://:{secret}@localhost"),
        format!("rediss://user:{secret}@[::1]/1"),
        format!("redis://user:{secret}@localhost:port"),
        format!("redis://user:{secret}@localhost/x/{secret}"),
        // Without a host; an @ would make a good URL of it, with half of the secret as the host.
        format!("redis://user:{}", secret.replace('@', "%40")),
        format!("redis:/user:{secret}@localhost"),
        format!("redis://localhost?password={secret}"),
        format!("redis-cluster://user:{secret}@localhost"),
        format!("user:{secret}@localhost"),
    ];
    let mut ways: Vec<Given> = urls
        .iter()
        .flat_map(|url| {
            let url_quoted = serde_json::Value::from(url.as_str()).to_string();
            [
                given().variable("APP__STORE__URL", url),
                given().variable("APP__STORE__ULR", url),
                given().variable("APP__STORE", url),
                given().flag("--store", "store.url", url),
                given().flag("--store", "store.ulr", url),
                given().file(format!("[store]\nurl = {url_quoted}")),
                given().file(format!("[store]\nurl = [{url_quoted}]")),
                given().file(format!("store = {url_quoted}")),
                given().file(format!("[store]\nurl = {url}")),
                given().file(format!("[store]\nurl = \"{url}\nx = 1")),
            ]
        })
        .collect();
    ways.extend([
        given().variable("APP__AUTH__KEYS", secret),
        given().variable("APP__AUTH__KEYS", format!("[{{name = 'a', sha256 = {quoted}, scopes = ['read']}}]")),
        given().file(format!("[[auth.keys]]\nname = {quoted}\nsha256 = {quoted}\nscopes = [{quoted}]")),
        given().file(format!("[[auth.keys]]\nname = 'a'\nkey = {quoted}")),
        given().variable(VARIABLE, secret),
        given().variable(VARIABLE, secret).variable("APP__STORE__TIMEOUT", "bad"),
        given().variable("APP__STORE__REDIS__PASWORD", secret),
        given().variable(FILE_VARIABLE, secret),
        given().flag("--password", "store.redis.password", secret),
        given().file(format!("[store.redis]\npassword = {quoted}")),
        given().file(format!("[store.redis]\npassword = [{quoted}]")),
        given().file(format!("[store.redis]\npassword = {{ a = {quoted} }}")),
        given().file(format!("[store.redis]\npassword = {secret}")),
        given().file(format!("[store.redis]\npassword = {secret}\n[store]\ntimeout = 1")),
        given().file(format!("[store.redis]\npassword = \"{secret}\nusername = \"")),
        given().file(format!("[store.redis]\npassword = '{secret}'x")),
        given().file(format!("[store.redis]\npassword = {quoted}\npassword = {quoted}")),
        given().file(format!("[store.redis]\npasswrd = {quoted}")),
        given().file(format!("[redis]\npassword = {quoted}")),
    ]);
    ways
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_secret_is_never_let_out(middle in "[ -~]{0,12}") {
        let secret = format!("{BEGIN}{middle}{END}");
        for given in ways(&secret) {
            let output = all_output(&given);
            // Escaped or not, it would begin and end like this.
            prop_assert!(!output.contains(BEGIN) && !output.contains(END), "{secret:?} in {output}");
        }
    }
}
