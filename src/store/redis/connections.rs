//! Keeps the connections of a pool coming back, and remembers why they are down.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use fred::clients::{Client, Pool};
use fred::error::{Error, ErrorKind};
use fred::interfaces::{ClientLike, EventInterface};
use tokio::sync::broadcast::error::RecvError;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::MissedTickBehavior;

use super::faults;
use super::reader::Reader;
use crate::store::{StoreError, StoreErrorKind};

/// How often a connection is looked at for answers that it owes, at least.
const WATCH_INTERVAL: Duration = Duration::from_millis(200);

/// The tasks that keep connections, one each.
pub(super) struct Connections {
    tasks: Mutex<JoinSet<()>>,
    state: Arc<State>,
}

struct State {
    server: String,
    /// The last fault of any connection; none when one has connected since.
    fault: Mutex<Option<StoreError>>,
}

impl Connections {
    /// Starts to connect, and connects again whenever a connection is lost.
    pub(super) fn keep(pool: &Pool, server: &str, delay: Duration) -> Self {
        let state = Arc::new(State { server: server.to_owned(), fault: Mutex::new(None) });
        let mut tasks = JoinSet::new();
        for client in pool.clients() {
            tasks.spawn(keep(client.clone(), Arc::clone(&state), delay));
        }
        Self { tasks: Mutex::new(tasks), state }
    }

    /// Makes a connection anew that answers nothing.
    pub(super) fn watch(&self, reader: Arc<Reader>) {
        let task = watch(reader, Arc::clone(&self.state));
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).spawn(task);
    }

    /// Why no connection is up.
    pub(super) fn why_down(&self) -> StoreError {
        let fault = self.state.fault.lock().unwrap_or_else(PoisonError::into_inner).clone();
        fault.unwrap_or_else(|| {
            StoreError::new(StoreErrorKind::Unreachable, format!("redis at {} is not connected", self.state.server))
        })
    }

    /// Ends all connections.
    pub(super) fn stop(&self) {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).abort_all();
    }
}

impl State {
    fn failed(&self, error: &Error) {
        let fault = faults::explain(&self.server, error);
        let mut last = self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        // One line for a fault that lasts, and not one for each try.
        if last.as_ref() != Some(&fault) {
            tracing::warn!(error = %fault, "redis connection failed");
        }
        *last = Some(fault);
    }

    fn connected(&self) {
        let mut last = self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        if last.take().is_some() {
            tracing::info!(server = %self.server, "redis connected again");
        }
    }
}

/// Ends fred's own task with ours: it would go on connecting.
struct Ends(AbortHandle);

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn keep(client: Client, state: Arc<State>, delay: Duration) {
    let mut errors = client.error_rx();
    let mut reconnects = client.reconnect_rx();
    loop {
        let mut task = client.connect();
        let _ends = Ends(task.abort_handle());
        loop {
            tokio::select! {
                error = errors.recv() => match error {
                    Ok((error, _)) => state.failed(&error),
                    Err(RecvError::Lagged(_)) => {}
                    // It was told to quit.
                    Err(RecvError::Closed) => return,
                },
                reconnected = reconnects.recv() => match reconnected {
                    Ok(_) => state.connected(),
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return,
                },
                ended = &mut task => {
                    // fred gives up on some faults, such as one that it takes for wrong configuration. The server may be put right.
                    if let Ok(Err(error)) = ended {
                        state.failed(&error);
                    }
                    break;
                }
            }
        }
        tokio::time::sleep(delay).await;
    }
}

/// Asks for a sign of life when an answer is overdue, and without one connects again. fred's own check begins anew with every call, so that
/// a connection that is used is never found to be silent.
async fn watch(reader: Arc<Reader>, state: Arc<State>) {
    let mut ticks = tokio::time::interval(WATCH_INTERVAL.min(reader.owed.least));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(budget) = reader.owed.overdue(Instant::now()) else { continue };
        let is_silent = reader.ping(budget).await.is_err_and(|error| error.kind == StoreErrorKind::Timeout);
        if is_silent && reader.client.is_connected() {
            state.failed(&Error::new(ErrorKind::IO, "Unresponsive connection."));
            // It ends when there is a new connection, which `keep` sees too.
            let _ = tokio::time::timeout(budget, reader.client.force_reconnection()).await;
        }
    }
}
