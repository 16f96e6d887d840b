//! The names of a row's members, remembered from row to row. Rows of one view mostly hold the same names in the same order, so that
//! a name is known by comparing its bytes with the one that stood there in the row before: no hash, and no second look for repeats.

use std::cell::Cell;

use super::names::Names;
use super::reply::ReplySink;
use super::scan::{ScanError, Scanner, Text};
use crate::store::order;
use crate::telemetry::labels::Protocol;

/// Bytes of names that a thread keeps from one request to the next.
const MOST_KEPT: usize = 64 << 10;

/// What to do with a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// A feature that was asked for: its position among the names of the request, 0 when all are wanted.
    Feature(u32),
    /// A feature that was not asked for.
    Skip,
    /// A member of ours that is no feature.
    Reserved,
}

#[derive(Clone, Copy, Debug)]
struct Member {
    /// The raw name with its closing quote and the colon lies at this range of the text.
    start: u32,
    end: u32,
    escaped: bool,
    usage: Use,
    /// Where what the protocol writes before a number of this name ends among the heads; it begins where that of the member before ends.
    head_end: u32,
}

/// The members of the row before.
#[derive(Debug, Default)]
pub(super) struct Members {
    text: String,
    members: Vec<Member>,
    /// What the protocol writes before a number, for each member.
    heads: Vec<u8>,
    /// The names that the members mean, to find repeats; empty when it has to be made again.
    known: Names,
}

/// How reading a name ended.
pub(super) enum Next {
    /// A member with this use.
    Member(Use),
    /// A name that this row had before.
    Repeat,
}

thread_local! {
    /// What the last request of this thread that wanted all features learnt: the next one mostly meets the same names.
    static LEARNT: [Cell<Option<Members>>; Protocol::ALL.len()] = const { [Cell::new(None), Cell::new(None)] };
}

impl Members {
    /// What is known when a request begins. The use of a member hangs on the names that were asked for, so only a request for all
    /// features can begin with what another learnt.
    pub(super) fn begin(wanted: Option<&Names>, protocol: Protocol) -> Self {
        let learnt = if wanted.is_none() { LEARNT.with(|learnt| learnt[protocol as usize].take()) } else { None };
        learnt.unwrap_or_default()
    }

    /// Keeps what a request for all features learnt, unless it is much.
    pub(super) fn keep(self, protocol: Protocol) {
        if self.text.len() <= MOST_KEPT {
            LEARNT.with(|learnt| learnt[protocol as usize].set(Some(self)));
        }
    }

    /// Reads the name of the member at this position, with the colon after it. `wanted`: the names asked for; none: all.
    #[inline]
    pub(super) fn next<S: ReplySink>(
        &mut self,
        position: usize,
        scanner: &mut Scanner<'_>,
        wanted: Option<&Names>,
    ) -> Result<Next, ScanError> {
        scanner.expect(b'"', "expected a name in double quotes")?;
        if let Some(member) = self.members.get(position) {
            let known = &self.text.as_bytes()[member.start as usize..member.end as usize];
            // Most text is compact, so that the colon follows at once.
            if scanner.take(known) {
                return Ok(Next::Member(member.usage));
            }
            if scanner.take(&known[..known.len() - 1]) {
                scanner.expect(b':', "expected a colon after the name")?;
                return Ok(Next::Member(member.usage));
            }
        }
        let name = scanner.name_after_quote()?;
        Ok(self.learn::<S>(position, name, wanted))
    }

    /// The name of the member at a position.
    #[inline]
    pub(super) fn name(&self, position: usize) -> Text<'_> {
        self.members.get(position).map_or(Text::plain(""), |member| {
            let raw = self.text.get(member.start as usize..member.end as usize - 2).unwrap_or_default();
            Text::checked(raw, member.escaped)
        })
    }

    /// Whether the member at a position is ours and no feature, however its name is escaped.
    pub(super) fn is_reserved(&self, position: usize) -> bool {
        self.members.get(position).is_some_and(|member| member.usage == Use::Reserved)
    }

    /// What the protocol writes before a number of the member at a position; empty when it can't be said once.
    #[inline]
    pub(super) fn head(&self, position: usize) -> &[u8] {
        let end = self.members.get(position).map_or(0, |member| member.head_end as usize);
        self.heads.get(self.head_start(position)..end).unwrap_or_default()
    }

    #[inline]
    fn head_start(&self, position: usize) -> usize {
        position.checked_sub(1).and_then(|before| self.members.get(before)).map_or(0, |member| member.head_end as usize)
    }

    /// Another name than in the row before: what follows is learnt anew.
    #[cold]
    fn learn<S: ReplySink>(&mut self, position: usize, name: Text<'_>, wanted: Option<&Names>) -> Next {
        if position < self.members.len() || self.known.len() != position {
            self.members.truncate(position);
            self.text.truncate(self.members.last().map_or(0, |member| member.end as usize));
            self.heads.truncate(self.head_start(position));
            self.known.clear();
            for at in 0..self.members.len() {
                let meant = self.name(at).unescape().into_owned();
                self.known.insert(&meant);
            }
        }
        let meant = name.unescape();
        if !self.known.insert(&meant) {
            return Next::Repeat;
        }
        let usage = match (wanted, meant.as_ref()) {
            (_, order::EVENT_TIME | order::CREATED) => Use::Reserved,
            (None, _) => Use::Feature(0),
            (Some(wanted), meant) => wanted
                .position(meant)
                .map_or(Use::Skip, |position| Use::Feature(u32::try_from(position).unwrap_or(u32::MAX))),
        };
        let start = self.text.len();
        self.text.push_str(name.raw());
        self.text.push_str("\":");
        S::head(name, &mut self.heads);
        let [start, end, head_end] =
            [start, self.text.len(), self.heads.len()].map(|at| u32::try_from(at).unwrap_or(u32::MAX));
        self.members.push(Member { start, end, escaped: name.is_escaped(), usage, head_end });
        Next::Member(usage)
    }
}
