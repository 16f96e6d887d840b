//! Splitting a JSON array into its items by brackets, quotes and commas alone, so that an item which is no JSON is that row's fault.

use crate::error::Error;

/// Hands over the text of every item in order.
///
/// # Errors
/// INVALID_ARGUMENT for text that is no array, or what `push` answers.
pub(super) fn items<'t>(text: &'t [u8], mut push: impl FnMut(&'t [u8]) -> Result<(), Error>) -> Result<(), Error> {
    let mut at = skip_space(text, 0);
    if text.get(at) != Some(&b'[') {
        return Err(malformed("expected a JSON array of rows", at));
    }
    at = skip_space(text, at + 1);
    if text.get(at) == Some(&b']') {
        return finish(text, at + 1);
    }
    loop {
        let start = skip_space(text, at);
        at = item_end(text, start).ok_or_else(|| malformed("the text ends early", text.len()))?;
        let item = text[start..at].trim_ascii_end();
        if item.is_empty() {
            return Err(malformed("expected a row", start));
        }
        push(item)?;
        match text.get(at) {
            Some(b',') => at += 1,
            Some(b']') => return finish(text, at + 1),
            Some(_) | None => return Err(malformed("expected a comma or the end of the array", at)),
        }
    }
}

/// Where the comma or the closing bracket after an item is; none when the text ends before.
fn item_end(text: &[u8], start: usize) -> Option<usize> {
    let mut depth = 0_usize;
    let mut at = start;
    loop {
        at += memchr_any(&text[at..])?;
        match text[at] {
            b'"' => at = string_end(text, at + 1)?,
            b'{' | b'[' => depth += 1,
            b',' if depth > 0 => {}
            b'}' | b']' if depth > 0 => depth -= 1,
            _ => return Some(at),
        }
        at += 1;
    }
}

/// Where the closing quote of a string is.
fn string_end(text: &[u8], start: usize) -> Option<usize> {
    let mut at = start;
    loop {
        at += memchr::memchr2(b'"', b'\\', &text[at..])?;
        if text[at] == b'"' {
            return Some(at);
        }
        // The character after a backslash ends nothing.
        at += 2;
        if at > text.len() {
            return None;
        }
    }
}

fn memchr_any(text: &[u8]) -> Option<usize> {
    text.iter().position(|byte| matches!(byte, b'"' | b'{' | b'}' | b'[' | b']' | b','))
}

fn skip_space(text: &[u8], at: usize) -> usize {
    let space = text[at..].iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count();
    at + space
}

fn finish(text: &[u8], at: usize) -> Result<(), Error> {
    let end = skip_space(text, at);
    if end == text.len() { Ok(()) } else { Err(malformed("unexpected text after the array", end)) }
}

fn malformed(what: &str, at: usize) -> Error {
    Error::invalid("body", format!("no JSON array of rows: {what} at byte {at}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &[u8]) -> Result<Vec<String>, String> {
        let mut found = Vec::new();
        let push = |item: &[u8]| {
            found.push(String::from_utf8_lossy(item).into_owned());
            Ok(())
        };
        items(text, push).map_err(|error| error.message().to_owned())?;
        Ok(found)
    }

    #[test]
    fn brackets_quotes_and_commas_inside_an_item_split_nothing() {
        assert_eq!(split(b" [ ] ").unwrap(), Vec::<String>::new());
        let rows = ["{\"a,]\":[1,{\"b\":\"\\\"}\"}]}", "nope", "{\"x\":\"\\\\\"}", "{ , ]", "[[]]", "\"\\ud800\""];
        let text = format!("\n[ {} ]\r\n", rows.join(" ,\t"));
        assert_eq!(split(text.as_bytes()).unwrap(), rows);
    }

    #[test]
    fn what_is_no_array_is_refused_as_a_whole() {
        for text in ["", "{}", "[", "[1", "[1,", "[1,]", "[,1]", "[1}", "[1]x", "[\"a]", "[\"a\\", "[{]", "null"] {
            let refused = split(text.as_bytes()).unwrap_err();
            assert!(refused.starts_with("body: no JSON array of rows: "), "{text}: {refused}");
        }
    }
}
