//! Events and rows of one entity as columns of numbers: how most views are joined to a history.

use super::accumulator::{Kind, Spec};
use super::plan::WindowPlan;
use super::prefix::Prefix;
use super::sweep::Sink;

/// Numbers of one column, without nulls; NaN stands for one.
#[derive(Clone, Copy, Debug)]
pub enum Numbers<'a> {
    /// Whole numbers; bools as 0 and 1.
    Ints(&'a [i64]),
    /// Floats.
    Floats(&'a [f64]),
}

/// Events of one entity, all different and in the order of time, and the rows that ask, in the order of time too.
#[derive(Clone, Copy, Debug)]
pub struct Strip<'a> {
    /// When each event was, in microseconds since 1970-01-01 UTC.
    pub times: &'a [i64],
    /// What each value of the events' projections is.
    pub columns: &'a [Numbers<'a>],
    /// The time t of each row.
    pub asked: &'a [i64],
    /// What each value of the projections of the rows' requests is; none for a view that does not include them.
    pub requests: Option<&'a [Numbers<'a>]>,
}

impl WindowPlan {
    /// The columns of the source, by position, that a projection is made of; none if it has a condition.
    #[must_use]
    pub fn plain_projection(&self) -> Option<Vec<usize>> {
        self.projected_columns().collect()
    }

    /// Whether [`WindowPlan::sweep_strip`] gives a feature.
    #[must_use]
    pub fn is_difference(&self, feature: usize) -> bool {
        let Some(feature) = self.finishers().get(feature) else { return false };
        let is_sum = |spec: &Spec| matches!(spec.kind, Kind::Count | Kind::Sum) && spec.filter.is_none();
        feature.is_difference() && self.specs.get(feature.spec).is_some_and(is_sum)
    }

    /// Computes these features for every row: what [`WindowPlan::sweep`] gives. False, and nothing is given, if one of them can't be computed so:
    /// the floats of the events are infinite or lie too far apart.
    pub fn sweep_strip<'v>(&'v self, strip: &Strip<'_>, features: &[usize], mut sink: impl Sink<'v>) -> bool {
        let found = || features.iter().filter_map(|position| Some((*position, self.finishers().get(*position)?)));
        let mut prefixes: Vec<Option<Prefix>> = self.specs.iter().map(|_| None).collect();
        let mut is_wanted = vec![false; self.lengths.len()];
        for (_, feature) in found() {
            let (Some(prefix), Some(spec)) = (prefixes.get_mut(feature.spec), self.specs.get(feature.spec)) else {
                return false;
            };
            if prefix.is_none() {
                *prefix = Prefix::of_strip(spec, strip);
            }
            if prefix.is_none() || !feature.is_difference() {
                return false;
            }
            if let Some(is_wanted) = is_wanted.get_mut(feature.length) {
                *is_wanted = true;
            }
        }
        let passed = self.passed(strip.times, strip.asked, |length| is_wanted.get(length).copied().unwrap_or(false));
        self.give(found(), &prefixes, &passed, &mut sink);
        true
    }
}
