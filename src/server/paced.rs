//! A connection that asks for more than the gateway takes is read in small pieces, when there is room for its requests or time to refuse them.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, ReadBuf};
use tokio::time::Instant;

use super::reading::{Reading, Reads};
use crate::capacity::Capacity;
use crate::telemetry::metrics::Metrics;

/// Bytes that are read at once: about ten small requests, which are then begun, or refused, before more are read.
const PIECE: usize = 1024;
/// For how long after such a refusal a connection is read so.
const LASTS: Duration = Duration::from_secs(1);

/// What became of the requests of a connection.
#[derive(Debug)]
pub(super) struct Pace {
    capacity: Arc<Capacity>,
    metrics: &'static Metrics,
    /// One of its requests was refused for which there was no time, since this was last looked at.
    is_too_much: AtomicBool,
}

impl Pace {
    pub(super) fn new(capacity: Arc<Capacity>, metrics: &'static Metrics) -> Self {
        Self { capacity, metrics, is_too_much: AtomicBool::new(false) }
    }

    /// A request has its answer.
    pub(super) fn answered(&self, is_refused: bool) {
        if !is_refused {
            self.capacity.served();
        } else if self.capacity.refused() {
            self.is_too_much.store(true, Ordering::Relaxed);
        }
    }
}

/// That a stream is read as fast as its requests are taken.
pub(super) struct Paced {
    pace: Arc<Pace>,
    /// Until when it is read in pieces; none: as it comes.
    until: Option<Instant>,
    /// Whether a piece was just read: its requests come first.
    yields: bool,
    wait: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl Paced {
    pub(super) fn by<I>(io: I, pace: Arc<Pace>) -> Reading<I, Self> {
        Reading::new(io, Self { pace, until: None, yields: false, wait: None })
    }

    /// Whether it is read in pieces.
    fn is_slow(&mut self) -> bool {
        if self.pace.is_too_much.swap(false, Ordering::Relaxed) {
            self.until = Some(Instant::now() + LASTS);
        }
        self.until = self.until.filter(|until| Instant::now() < *until);
        self.until.is_some()
    }
}

impl Reads for Paced {
    fn poll_read<I: AsyncRead + Unpin>(
        &mut self,
        io: Pin<&mut I>,
        context: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if std::mem::take(&mut self.yields) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        if !self.is_slow() {
            self.wait = None;
            return io.poll_read(context, out);
        }
        if self.wait.is_none() && !self.pace.capacity.takes_more() {
            let pace = self.pace.clone();
            self.wait = Some(Box::pin(async move {
                let _unread = pace.metrics.saturation.unread();
                pace.capacity.wait().await;
            }));
        }
        if let Some(wait) = &mut self.wait {
            ready!(wait.as_mut().poll(context));
            self.wait = None;
        }
        let size = out.remaining().min(PIECE);
        let mut piece = ReadBuf::new(out.initialize_unfilled_to(size));
        let read = io.poll_read(context, &mut piece);
        let filled = piece.filled().len();
        out.advance(filled);
        self.yields = read.is_ready() && filled > 0;
        read
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test]
    async fn what_asks_for_too_much_is_read_as_there_is_room() {
        let metrics = crate::lookup::tests::metrics();
        let unread = |count: u32| {
            metrics
                .render(Default::default(), Default::default())
                .contains(&format!("\nunskew_connections_unread {count}\n"))
        };
        let capacity = Arc::new(Capacity::new(1));
        let pace = Arc::new(Pace::new(capacity.clone(), metrics));
        let (mut client, server) = tokio::io::duplex(1 << 16);
        let mut server = Paced::by(server, pace.clone());
        let mut buffer = vec![0; 1 << 16];
        client.write_all(&[7; 5000]).await.unwrap();
        assert_eq!(server.read(&mut buffer).await.unwrap(), 5000);

        // Refusals for which there is time change nothing.
        assert!(capacity.begin());
        pace.answered(true);
        client.write_all(&[8; 5000]).await.unwrap();
        assert_eq!(server.read(&mut buffer).await.unwrap(), 5000);
        client.write_all(&[8; 5000]).await.unwrap();
        for _ in 0..10_000 {
            pace.answered(true);
        }
        let start = std::time::Instant::now();
        let (read, ()) = tokio::join!(server.read(&mut buffer), async {
            tokio::time::sleep(Duration::from_millis(30)).await;
            assert!(unread(1));
            capacity.end();
        });
        assert!(unread(0));
        assert_eq!(read.unwrap(), PIECE);
        assert!(start.elapsed() >= Duration::from_millis(30));

        // Later it is read as any other.
        tokio::time::sleep(LASTS).await;
        assert_eq!(server.read(&mut buffer).await.unwrap(), 5000 - PIECE);
        assert_eq!(buffer[0], 8);
        drop(client);
        assert_eq!(server.read(&mut buffer).await.unwrap(), 0);
    }
}
