//! Many short strings in one allocation.

/// A list of strings, kept as one text and the offsets where each ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StringList {
    text: String,
    ends: Vec<u32>,
}

impl StringList {
    /// An empty list with room for this many strings and bytes.
    #[must_use]
    pub fn with_capacity(strings: usize, bytes: usize) -> Self {
        Self { text: String::with_capacity(bytes), ends: Vec::with_capacity(strings) }
    }

    /// Appends a string. The text of all must stay below 4 GiB, which the limit on requests ensures; beyond it, strings read as empty.
    pub fn push(&mut self, string: &str) {
        self.text.push_str(string);
        self.ends.push(u32::try_from(self.text.len()).unwrap_or(u32::MAX));
    }

    /// Takes all strings out, and keeps the memory.
    pub fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
    }

    /// How many strings there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The string at a position; empty past the end.
    #[must_use]
    #[inline]
    pub fn get(&self, position: usize) -> &str {
        let start = if position == 0 { 0 } else { self.ends.get(position - 1).map_or(0, |&end| end as usize) };
        let end = self.ends.get(position).map_or(start, |&end| end as usize);
        self.text.get(start..end).unwrap_or_default()
    }

    /// All of them in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        (0..self.len()).map(|position| self.get(position))
    }

    /// Bytes of all strings together.
    #[must_use]
    pub fn text_len(&self) -> usize {
        self.text.len()
    }
}

impl<'a> FromIterator<&'a str> for StringList {
    fn from_iter<I: IntoIterator<Item = &'a str>>(strings: I) -> Self {
        let mut list = Self::default();
        strings.into_iter().for_each(|string| list.push(string));
        list
    }
}
