//! The thread that reads the file, and the batches that come from it.

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::LoadError;
use super::batch::{Batch, Batcher, RowReader};

/// Batches read ahead of those that are sent.
const AHEAD: usize = 2;

/// Batches in the order of the file.
#[derive(Debug)]
pub(super) struct Intake {
    batches: mpsc::Receiver<Batch>,
    reader: JoinHandle<Result<(), LoadError>>,
    is_open: bool,
    is_stopped: bool,
}

impl Intake {
    /// Begins to read.
    pub(super) fn start(rows: Box<dyn RowReader>, batch_rows: u32, strict: bool) -> Self {
        let (sender, batches) = mpsc::channel(AHEAD);
        let max_rows = usize::try_from(batch_rows).unwrap_or(usize::MAX);
        let reader = tokio::task::spawn_blocking(move || {
            let mut batcher = Batcher::new(rows, max_rows, strict);
            while let Some(batch) = batcher.next()? {
                if sender.blocking_send(batch).is_err() {
                    break;
                }
            }
            Ok(())
        });
        Self { batches, reader, is_open: true, is_stopped: false }
    }

    /// The next batch; none once the file ended, or reading was stopped.
    pub(super) async fn next(&mut self) -> Option<Batch> {
        let batch = self.batches.recv().await;
        self.is_open = batch.is_some();
        batch
    }

    /// Whether there may be more.
    pub(super) fn is_open(&self) -> bool {
        self.is_open
    }

    /// Reads no more.
    pub(super) fn stop(&mut self) {
        self.is_open = false;
        self.is_stopped = true;
        self.batches.close();
        while self.batches.try_recv().is_ok() {}
    }

    /// What was wrong with the file, if anything; nobody asks that of a file whose reading was stopped.
    pub(super) async fn end(self) -> Result<(), LoadError> {
        if self.is_stopped {
            return Ok(());
        }
        self.reader.await.unwrap_or_else(|_| {
            Err(LoadError::new("the reader of the file failed: the file is damaged in a way that it does not know"))
        })
    }
}
