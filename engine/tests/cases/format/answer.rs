//! Vectors as every path gives them, and their comparison with what a case expects.

use std::collections::BTreeMap;

use super::Case;

/// The answer to a request for vectors.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The bits of every position, row by row.
    pub vectors: Vec<Vec<u32>>,
    pub names: Vec<String>,
    pub incomplete: Vec<Incomplete>,
    /// By slot, one a row.
    pub statuses: BTreeMap<String, Vec<String>>,
    /// By view, one a row, in microseconds.
    pub event_times: BTreeMap<String, Vec<Option<i64>>>,
    /// In hexadecimal.
    pub fingerprint: String,
}

/// A row that is not complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incomplete {
    pub row: usize,
    pub slot: String,
    pub status: String,
    pub reason: Option<String>,
    pub message: String,
}

/// The bits of a position; none is the quiet NaN.
pub fn bits(number: Option<f64>) -> u32 {
    number.map_or(0x7fc0_0000, |number| (number as f32).to_bits())
}

impl Case {
    /// What differs from what is expected. `parse` reads a time.
    pub fn faults(&self, found: &Answer, parse: impl Fn(&str) -> i64) -> Vec<String> {
        let mut faults = Vec::new();
        let mut same = |what: &str, expected: String, found: String| {
            if expected != found {
                faults.push(format!("{what}: expected {expected}\n    found {found}"));
            }
        };
        if let Some(vectors) = &self.vectors {
            let expected: Vec<Vec<u32>> =
                vectors.iter().map(|row| row.iter().map(|number| bits(*number)).collect()).collect();
            if expected != found.vectors {
                same("vectors", shown(&expected), shown(&found.vectors));
            }
        }
        if let Some(names) = &self.names {
            same("names", format!("{names:?}"), format!("{:?}", found.names));
        }
        let expected: Vec<_> =
            self.incomplete.iter().map(|it| (it.row, &it.slot, &it.status, it.reason.as_ref())).collect();
        let incomplete: Vec<_> =
            found.incomplete.iter().map(|it| (it.row, &it.slot, &it.status, it.reason.as_ref())).collect();
        same("incomplete", format!("{expected:?}"), format!("{incomplete:?}"));
        for (slot, statuses) in &self.statuses {
            same(slot, format!("{:?}", Some(statuses)), format!("{:?}", found.statuses.get(slot)));
        }
        for (view, times) in &self.event_times {
            let times: Vec<_> = times.iter().map(|time| time.as_deref().map(&parse)).collect();
            same(view, format!("{:?}", Some(times)), format!("{:?}", found.event_times.get(view)));
        }
        if let Some(fingerprint) = &self.fingerprint {
            same("fingerprint", fingerprint.clone(), found.fingerprint.clone());
        }
        faults
    }
}

fn shown(vectors: &[Vec<u32>]) -> String {
    let row = |row: &Vec<u32>| {
        let numbers: Vec<_> = row.iter().map(|bits| format!("{:?} ({bits:08x})", f32::from_bits(*bits))).collect();
        format!("[{}]", numbers.join(", "))
    };
    vectors.iter().map(row).collect::<Vec<_>>().join(", ")
}
