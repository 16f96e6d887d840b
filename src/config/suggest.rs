//! The known name that a user may have meant.

/// The nearest of the known names: one that differs by few letters, or else one that ends in the same word elsewhere.
pub(super) fn nearest<'a>(written: &str, separator: &str, known: &'a [String]) -> Option<&'a str> {
    let written = written.to_lowercase();
    let last = |name: &str| name.rsplit(separator).next().unwrap_or_default().to_owned();
    let separator = separator.to_lowercase();
    let by_distance = |name: &&String| distance(&written, &name.to_lowercase());
    // One letter in five, and a slip of two in short names.
    let limit = (written.chars().count() / 5).max(2);
    let close = known.iter().min_by_key(by_distance).filter(|name| by_distance(name) <= limit);
    let elsewhere = || {
        let word = written.rsplit(&separator).next().unwrap_or_default();
        known.iter().filter(|name| last(name).to_lowercase() == word).min_by_key(by_distance)
    };
    close.or_else(elsewhere).map(String::as_str)
}

/// How many letters must be put in, left out, changed or swapped with their neighbour to make one text the other.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before = vec![0; b.len() + 1];
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for i in 0..a.len() {
        let mut row = vec![i + 1; b.len() + 1];
        for j in 0..b.len() {
            let change = above[j] + usize::from(a[i] != b[j]);
            row[j + 1] = change.min(above[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j] {
                row[j + 1] = row[j + 1].min(before[j - 1] + 1);
            }
        }
        before = std::mem::replace(&mut above, row);
    }
    above.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        for (a, b, steps) in [
            ("", "", 0),
            ("", "ab", 2),
            ("ab", "ab", 0),
            ("ab", "ba", 1),
            ("timout", "timeout", 1),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(distance(a, b), steps, "{a} {b}");
            assert_eq!(distance(b, a), steps, "{b} {a}");
        }
    }

    #[test]
    fn the_nearest_name_is_found() {
        let known: Vec<String> =
            ["server.address", "store", "store.url", "store.timeout", "store.redis.password"].map(str::to_owned).into();
        assert_eq!(nearest("store.timout", ".", &known), Some("store.timeout"));
        assert_eq!(nearest("Server.Adress", ".", &known), Some("server.address"));
        assert_eq!(nearest("storre", ".", &known), Some("store"));
        assert_eq!(nearest("store.password", ".", &known), Some("store.redis.password"));
        assert_eq!(nearest("password", ".", &known), Some("store.redis.password"));
        assert_eq!(nearest("kafka.brokers", ".", &known), None);
    }
}
