//! Checks between values of the merged configuration; each value alone was checked as it was read.

use super::Section;
use super::known::{Known, join};
use super::layers::{Merged, shown};
use super::problem::{Origin, Problem};
use super::setting::origin_of;

/// Collects what is wrong between values.
pub(super) struct Checks<'a> {
    known: &'a Known,
    merged: &'a Merged,
    found: Vec<Problem>,
}

impl<'a> Checks<'a> {
    pub(super) fn new(known: &'a Known, merged: &'a Merged) -> Self {
        Self { known, merged, found: Vec::new() }
    }

    /// Refuses a lower value that is above the upper one. The blame goes to the one that the user set.
    pub(super) fn in_order<S: Section, T: PartialOrd>(&mut self, lower: (&str, T), upper: (&str, T)) {
        let (low, high) = (join(S::PATH, lower.0), join(S::PATH, upper.0));
        // A default that stands in for a refused value says nothing.
        if lower.1 <= upper.1 || self.merged.refused.contains(&low) || self.merged.refused.contains(&high) {
            return;
        }
        let origin = origin_of(&self.merged.tree, &high);
        let problem = if origin.place == Origin::DEFAULT {
            let origin = origin_of(&self.merged.tree, &low);
            Problem::of(&origin, self.shown(&low), format!("allowed is at most {high}, which is {}", self.place(&high)))
        } else {
            Problem::of(&origin, self.shown(&high), format!("allowed is at least {low}, which is {}", self.place(&low)))
        };
        self.found.push(problem);
    }

    /// Refuses a key that is set without another that it makes no sense without.
    pub(super) fn needs<S: Section>(&mut self, set: (&str, bool), other: (&str, bool)) {
        let (key, other_key) = (join(S::PATH, set.0), join(S::PATH, other.0));
        if set.1 && !other.1 && !self.merged.refused.contains(&other_key) {
            let origin = origin_of(&self.merged.tree, &key);
            self.found.push(Problem::of(&origin, self.shown(&key), format!("needs {other_key}, which is empty")));
        }
    }

    pub(super) fn into_problems(self) -> Vec<Problem> {
        self.found
    }

    fn shown(&self, path: &str) -> Option<String> {
        let value = self.merged.tree.find_value(path).ok()?;
        self.known.get(path).map(|key| shown(key, &value))
    }

    fn place(&self, path: &str) -> String {
        format!("{} ({})", self.shown(path).unwrap_or_default(), origin_of(&self.merged.tree, path).place)
    }
}
