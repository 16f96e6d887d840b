//! The known name that was probably meant.

/// The nearest of the known names, if one differs by few letters: a slip of two, or one letter in five of a long name. Of equally
/// near ones the first.
pub(crate) fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (written.chars().count() / 5).max(2);
    let lower = written.to_lowercase();
    let near = known.into_iter().map(|name| (strsim::osa_distance(&lower, &name.to_lowercase()), name));
    // A name of two letters is two slips away from every other: what is left must be more than what differs.
    let near = near.filter(|(distance, name)| *distance <= limit && *distance < name.chars().count());
    near.min_by_key(|(distance, _)| *distance).map(|(_, name)| name)
}

/// The same as a question.
pub(super) fn did_you_mean<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(written, known).map(|name| format!("did you mean `{name}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_found() {
        let known = ["event_time", "event_id", "columns", "id"];
        assert_eq!(nearest("evnet_time", known), Some("event_time"));
        assert_eq!(nearest("Columns", known), Some("columns"));
        assert_eq!(nearest("colums", known), Some("columns"));
        assert_eq!(nearest("ab", known), None);
        assert_eq!(nearest("something", known), None);
        assert_eq!(did_you_mean("event_ids", known).as_deref(), Some("did you mean `event_id`?"));
    }
}
