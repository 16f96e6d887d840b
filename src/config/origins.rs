//! Origins of web pages.

use std::fmt;

use http::HeaderValue;

use super::scalar::Text;

/// Origins of web pages, `https://dashboard.example.org`, or `*` for every one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origins(Vec<HeaderValue>);

impl Origins {
    /// As the header `origin` has them.
    #[must_use]
    pub fn as_slice(&self) -> &[HeaderValue] {
        &self.0
    }
}

impl fmt::Display for Origins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts: Vec<_> = self.0.iter().filter_map(|origin| origin.to_str().ok()).collect();
        f.write_str(&texts.join(", "))
    }
}

impl Text for Origins {
    const ALLOWED: &'static str = "origins with commas between them, such as https://dashboard.example.org, http://localhost:3000; * for every origin; empty for none";

    fn parse(text: &str) -> Option<Self> {
        if text.trim().is_empty() {
            return Some(Self::default());
        }
        text.split(',').map(|origin| origin_of(origin.trim())).collect::<Option<_>>().map(Self)
    }
}

fn origin_of(text: &str) -> Option<HeaderValue> {
    if text == "*" {
        return Some(HeaderValue::from_static("*"));
    }
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
    let is_part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-' | ':' | '[' | ']');
    (!rest.is_empty() && rest.chars().all(is_part)).then(|| HeaderValue::from_str(text).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_read_and_shown_alike() {
        for text in ["", "*", "https://a.example", "https://a.example, http://localhost:3000", "http://[::1]:8080"] {
            assert_eq!(Origins::parse(text).expect(text).to_string(), text);
        }
        assert_eq!(Origins::parse("  "), Some(Origins::default()));
    }

    #[test]
    fn what_is_no_origin_is_refused() {
        for text in [
            "a.example",
            "https://",
            "https://a.example/",
            "https://A.example",
            "ftp://a",
            ",",
            "https://a,",
            "https://a b",
        ] {
            assert_eq!(Origins::parse(text), None, "{text:?}");
        }
    }
}
