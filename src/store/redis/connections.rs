//! Keeps the connections of a pool coming back, and remembers why they are down.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fred::clients::{Client, Pool};
use fred::interfaces::{ClientLike, EventInterface};
use tokio::sync::broadcast::error::RecvError;
use tokio::task::{AbortHandle, JoinSet};

use super::faults;
use crate::store::{StoreError, StoreErrorKind};

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
    fn failed(&self, error: &fred::error::Error) {
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
