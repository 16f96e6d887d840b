//! Reads that come while a connection waits for an answer go together in its next MGET: the busier the gateway, the fewer commands,
//! system calls and wake-ups a request costs. A read that finds its connection idle is sent at once, so nothing waits without load.
//! The decision and what it costs are in `docs/decisions/0007-combined-reads.md`.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::reader::Reader;
use crate::store::{Fetched, StoreError};

/// Keys of one combined MGET; more would hold up the requests that asked for few.
const MOST_KEYS: usize = 256;
/// A read of so many keys is worth a command of its own, in the pipeline beside the others.
const LARGE: usize = 64;

type Answer = Result<Vec<Fetched>, StoreError>;

/// A read that waits for the next command.
struct Waiting {
    keys: Vec<Bytes>,
    /// When its request no longer waits.
    until: Instant,
    answer: oneshot::Sender<Answer>,
}

/// What a read does next.
enum Turn {
    /// It sends its command.
    Send(Vec<Bytes>),
    /// Its keys are with those that wait; this brings their values.
    Wait(oneshot::Receiver<Answer>),
}

#[derive(Default)]
struct State {
    /// Whether a command of this combiner is on its way.
    busy: bool,
    waiting: Vec<Waiting>,
}

/// Combines the reads of one connection.
#[derive(Clone)]
pub(super) struct Combiner {
    reader: Arc<Reader>,
    state: Arc<Mutex<State>>,
}

impl Combiner {
    pub(super) fn new(reader: Arc<Reader>) -> Self {
        Self { reader, state: Arc::default() }
    }

    /// The connection.
    pub(super) fn reader(&self) -> &Reader {
        &self.reader
    }

    /// Whether a read would be sent at once.
    pub(super) fn is_idle(&self) -> bool {
        !self.lock().busy
    }

    /// Values of the keys, in their order, within the budget.
    pub(super) async fn fetch(&self, keys: Vec<Bytes>, budget: Duration) -> Answer {
        if keys.len() >= LARGE {
            return self.reader.mget(keys, budget).await;
        }
        match self.enter(keys, budget) {
            Turn::Send(keys) => {
                // Whatever becomes of this request, those that wait are served next.
                let _next = Next(self.clone());
                self.reader.mget(keys, budget).await
            }
            Turn::Wait(answer) => match tokio::time::timeout(budget, answer).await {
                Ok(Ok(answer)) => answer,
                Ok(Err(_)) | Err(_) => Err(self.reader.timed_out()),
            },
        }
    }

    /// Takes an idle connection, or a place among those that wait for it.
    fn enter(&self, keys: Vec<Bytes>, budget: Duration) -> Turn {
        let mut state = self.lock();
        if !state.busy {
            state.busy = true;
            return Turn::Send(keys);
        }
        let (answer, answered) = oneshot::channel();
        state.waiting.push(Waiting { keys, until: Instant::now() + budget, answer });
        Turn::Wait(answered)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The reads of the next command; none: the connection is idle from now on.
    fn take(&self) -> Option<Vec<Waiting>> {
        let mut state = self.lock();
        state.waiting.retain(|waiting| !waiting.answer.is_closed());
        let mut keys = 0;
        let fits = |waiting: &&Waiting| {
            keys += waiting.keys.len();
            keys <= MOST_KEYS
        };
        // A single read has fewer keys than fit, so at least one is taken.
        let count = state.waiting.iter().take_while(fits).count();
        state.busy = count > 0;
        state.busy.then(|| state.waiting.drain(..count).collect())
    }

    /// Sends combined reads until none waits.
    async fn drain(self, mut batch: Vec<Waiting>) {
        loop {
            self.answer(batch).await;
            match self.take() {
                Some(next) => batch = next,
                None => return,
            }
        }
    }

    async fn answer(&self, mut batch: Vec<Waiting>) {
        let now = Instant::now();
        let budget = batch.iter().map(|waiting| waiting.until.saturating_duration_since(now)).max().unwrap_or_default();
        let counts: Vec<usize> = batch.iter().map(|waiting| waiting.keys.len()).collect();
        let keys = batch.iter_mut().flat_map(|waiting| std::mem::take(&mut waiting.keys)).collect();
        // A request that has gone away wants no answer.
        match self.reader.mget(keys, budget).await {
            Ok(values) => {
                let mut values = values.into_iter();
                for (waiting, count) in batch.into_iter().zip(counts) {
                    drop(waiting.answer.send(Ok(values.by_ref().take(count).collect())));
                }
            }
            Err(error) => batch.into_iter().for_each(|waiting| drop(waiting.answer.send(Err(error.clone())))),
        }
    }
}

/// When the command of a request has its answer, or its request went away, those that came meanwhile go on.
struct Next(Combiner);

impl Drop for Next {
    fn drop(&mut self) {
        if let Some(batch) = self.0.take() {
            match tokio::runtime::Handle::try_current() {
                Ok(runtime) => drop(runtime.spawn(self.0.clone().drain(batch))),
                // The process is ending; those that wait are told so as their senders go.
                Err(_) => self.0.lock().busy = false,
            }
        }
    }
}
