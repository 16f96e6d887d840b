//! A YAML file as a tree in which every node knows its place: what errors point at.

use crate::diagnostics::Span;

/// A node and its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Where it begins.
    pub span: Span,
    /// What it is.
    pub kind: Kind,
}

/// What a node is.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// `null`, `~` or nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number within int64.
    Int(i64),
    /// Any other number; correctly rounded.
    Float(f64),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A mapping, in the order of the file. Keys are unique.
    Map(Vec<(Key, Node)>),
}

/// A key of a mapping and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Where it begins.
    pub span: Span,
    /// Its text.
    pub name: String,
}

/// How much of a text an error repeats, in characters.
const SHOWN: usize = 60;

impl Node {
    /// What it is, in words for an error: "a list", "the text `x`".
    #[must_use]
    pub fn describe(&self) -> String {
        match &self.kind {
            Kind::Null => "nothing".to_owned(),
            Kind::Bool(value) => format!("`{value}`"),
            Kind::Int(value) => format!("the number {value}"),
            Kind::Float(value) => format!("the number {value:?}"),
            Kind::Text(text) if text.chars().nth(SHOWN).is_some() => {
                format!("the text `{}…`", text.chars().take(SHOWN).collect::<String>())
            }
            Kind::Text(text) => format!("the text `{text}`"),
            Kind::List(_) => "a list".to_owned(),
            Kind::Map(_) => "a mapping".to_owned(),
        }
    }

    /// The value of a key of a mapping.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Self> {
        self.entries().iter().find(|(key, _)| key.name == name).map(|(_, node)| node)
    }

    /// The entries of a mapping; none of anything else.
    #[must_use]
    pub fn entries(&self) -> &[(Key, Self)] {
        if let Kind::Map(entries) = &self.kind { entries } else { &[] }
    }

    /// The items of a list; none of anything else.
    #[must_use]
    pub fn items(&self) -> &[Self] {
        if let Kind::List(items) = &self.kind { items } else { &[] }
    }

    /// The text, if it is one.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        if let Kind::Text(text) = &self.kind { Some(text) } else { None }
    }

    /// The text of a key of a mapping.
    #[must_use]
    pub fn text_of(&self, name: &str) -> Option<&str> {
        self.get(name)?.text()
    }

    /// The texts of the list at a key of a mapping.
    #[must_use]
    pub fn texts_of(&self, name: &str) -> Vec<String> {
        let items = self.get(name).map_or(&[][..], Self::items);
        items.iter().filter_map(Self::text).map(str::to_owned).collect()
    }
}
