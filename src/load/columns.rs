//! Which column of a file is what to the view.

use std::collections::HashSet;

use super::options::Options;
use crate::lookup::scan::writer::JsonWriter;
use crate::lookup::write::DEFAULT_VIEW;
use crate::store::order;

/// The member of a row that holds the entity id.
pub(super) const ENTITY_ID: &str = "entity_id";
/// The member of a row that holds the event time.
pub(super) const EVENT_TIME: &str = "event_time";

/// What a column is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// The entity.
    EntityId,
    /// The event time.
    EventTime,
    /// A feature.
    Feature,
}

/// The names that the options give to columns.
#[derive(Clone, Debug)]
pub(super) struct Names {
    /// The column of the entity id; none for a defined view, whose rows have the key columns of its entity.
    pub(super) entity_id: Option<String>,
    /// The column of the event time.
    pub(super) event_time: String,
    /// Whether every row must have an event time.
    pub(super) needs_event_time: bool,
    /// What goes before each entity id, as it stands inside a JSON string.
    pub(super) prefix: Vec<u8>,
}

impl Names {
    /// The names of these options.
    ///
    /// # Errors
    /// When both columns are the same, or one is named that the view does not have.
    pub(super) fn new(options: &Options) -> Result<Self, String> {
        let event_time = options.event_time.clone().unwrap_or_else(|| EVENT_TIME.to_owned());
        let is_built_in = options.view == DEFAULT_VIEW;
        if !is_built_in && (options.entity_id != ENTITY_ID || !options.entity_prefix.is_empty()) {
            return Err(format!(
                "--entity-id and --entity-prefix are for the view {DEFAULT_VIEW:?}; rows of {:?} have the key columns of its entity",
                options.view
            ));
        }
        if is_built_in && event_time == options.entity_id {
            return Err(format!("column {event_time:?} can't be both --entity-id and --event-time"));
        }
        Ok(Self {
            entity_id: is_built_in.then(|| options.entity_id.clone()),
            event_time,
            needs_event_time: options.event_time.is_some(),
            prefix: inside(&options.entity_prefix),
        })
    }

    /// What a column or member of this name is.
    ///
    /// # Errors
    /// When the name means something else to the view.
    pub(super) fn role(&self, name: &str) -> Result<Role, String> {
        if self.entity_id.as_deref() == Some(name) {
            return Ok(Role::EntityId);
        }
        if name == self.event_time {
            return Ok(Role::EventTime);
        }
        if let Some(entity_id) = self.entity_id.as_ref().filter(|_| name == ENTITY_ID) {
            return Err(format!("a feature can't be named entity_id, and --entity-id is {entity_id:?}"));
        }
        if name == EVENT_TIME {
            return Err(format!("a feature can't be named event_time, and --event-time is {:?}", self.event_time));
        }
        Ok(Role::Feature)
    }

    /// What each column of a header is.
    ///
    /// # Errors
    /// When a column is missing, has no name, the name of another, or one that the view can't take.
    pub(super) fn roles(&self, columns: &[&str]) -> Result<Vec<Role>, String> {
        let mut seen = HashSet::new();
        let mut roles = Vec::with_capacity(columns.len());
        for (index, name) in columns.iter().enumerate() {
            if name.is_empty() {
                return Err(format!("column {} has no name", index + 1));
            }
            if !seen.insert(name) {
                return Err(format!("two columns are named {name:?}"));
            }
            if matches!(*name, order::EVENT_TIME | order::CREATED) {
                return Err(format!("the column name {name:?} is reserved"));
            }
            roles.push(self.role(name).map_err(|message| format!("column {}: {message}", index + 1))?);
        }
        if let Some(entity_id) = &self.entity_id {
            find(columns, &roles, Role::EntityId, (entity_id, "--entity-id"))?;
        }
        if self.needs_event_time {
            find(columns, &roles, Role::EventTime, (&self.event_time, "--event-time"))?;
        }
        Ok(roles)
    }
}

fn find(columns: &[&str], roles: &[Role], role: Role, (wanted, option): (&str, &str)) -> Result<(), String> {
    const SHOWN: usize = 20;
    if roles.contains(&role) {
        return Ok(());
    }
    let shown: Vec<_> = columns.iter().take(SHOWN).map(|name| format!("{name:?}")).collect();
    let more = if columns.len() > SHOWN { ", ..." } else { "" };
    Err(format!("there is no column {wanted:?} ({option}); the columns are {}{more}", shown.join(", ")))
}

/// Text as it stands between the quotes of a JSON string.
fn inside(text: &str) -> Vec<u8> {
    let mut quoted = Vec::with_capacity(text.len() + 2);
    JsonWriter::new(&mut quoted).string(text);
    quoted.pop();
    quoted.split_off(1)
}

/// The name of a member with what stands around it in a row: `{"name":` at the first column, `,"name":` at the others.
pub(super) fn opening(index: usize, name: &str, role: Role) -> Vec<u8> {
    let mut text = vec![if index == 0 { b'{' } else { b',' }];
    let name = match role {
        Role::EntityId => ENTITY_ID,
        Role::EventTime => EVENT_TIME,
        Role::Feature => name,
    };
    JsonWriter::new(&mut text).string(name);
    text.push(b':');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(entity_id: &str, event_time: Option<&str>) -> Names {
        Names {
            entity_id: Some(entity_id.to_owned()),
            event_time: event_time.unwrap_or(EVENT_TIME).to_owned(),
            needs_event_time: event_time.is_some(),
            prefix: Vec::new(),
        }
    }

    #[test]
    fn roles_are_by_name() {
        let found = names("customer", Some("at")).roles(&["a", "at", "customer"]);
        assert_eq!(found, Ok(vec![Role::Feature, Role::EventTime, Role::EntityId]));
        assert_eq!(names("entity_id", None).roles(&["entity_id", "a"]), Ok(vec![Role::EntityId, Role::Feature]));
    }

    #[test]
    fn a_header_that_can_not_be_is_refused_in_words() {
        let default = names("entity_id", None);
        let renamed = names("customer", Some("at"));
        for (names, columns, part) in [
            (&default, &["id", "a"][..], "no column \"entity_id\" (--entity-id); the columns are \"id\", \"a\""),
            (&default, &[], "no column"),
            (&default, &["entity_id", "a", "a"], "two columns are named \"a\""),
            (&default, &["entity_id", ""], "column 2 has no name"),
            (&default, &["entity_id", "__event_time"], "reserved"),
            (&renamed, &["customer", "a"], "no column \"at\" (--event-time)"),
            (&renamed, &["customer", "at", "entity_id"], "column 3: a feature can't be named entity_id"),
            (&renamed, &["customer", "at", "event_time"], "column 3: a feature can't be named event_time"),
        ] {
            let found = names.roles(columns);
            assert!(found.as_ref().is_err_and(|message| message.contains(part)), "{columns:?}: {found:?}");
        }
    }
}
