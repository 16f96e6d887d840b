//! A client that stops reading is sent away: over HTTP/1.1 nothing else would notice, and its connection and replies would be kept for as
//! long as it likes. HTTP/2 has its pings besides.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// An I/O stream whose peer must take something of what it is sent within a time.
#[derive(Debug)]
pub(super) struct Stalled<I> {
    io: I,
    limit: Duration,
    /// Runs while the peer takes nothing; and what found that out.
    timer: Option<(Call, Pin<Box<Sleep>>)>,
}

/// What is done with a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    Write,
    Flush,
}

impl<I> Stalled<I> {
    /// The peer may take nothing for this long.
    pub(super) fn new(io: I, limit: Duration) -> Self {
        Self { io, limit, timer: None }
    }

    /// What a write came to, or that the time is over.
    fn timed<T>(&mut self, call: Call, written: Poll<io::Result<T>>, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            // A flush of TCP is ready whatever its peer does, so it says nothing of a write that waits.
            if self.timer.as_ref().is_some_and(|(waits, _)| call == Call::Write || *waits == call) {
                self.timer = None;
            }
            return written;
        }
        let (_, timer) = self.timer.get_or_insert_with(|| (call, Box::pin(tokio::time::sleep(self.limit))));
        timer.as_mut().poll(context).map(|()| {
            Err(io::Error::new(io::ErrorKind::TimedOut, "the client took nothing of what it was sent in time"))
        })
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Stalled<I> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(context, out)
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Stalled<I> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(context, bytes);
        self.timed(Call::Write, written, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(context, slices);
        self.timed(Call::Write, written, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.io).poll_flush(context);
        self.timed(Call::Flush, flushed, context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.io).poll_shutdown(context);
        self.timed(Call::Flush, shut, context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    const LIMIT: Duration = Duration::from_millis(300);

    #[tokio::test]
    async fn who_reads_nothing_times_out_and_who_reads_slowly_does_not() {
        let (mut client, server) = tokio::io::duplex(64);
        let mut server = Stalled::new(server, LIMIT);
        let slow = async {
            let mut piece = [0; 64];
            for _ in 0..4 {
                tokio::time::sleep(LIMIT / 3).await;
                client.read_exact(&mut piece).await.unwrap();
            }
        };
        let (written, ()) = tokio::join!(server.write_all(&[1; 320]), slow);
        written.unwrap();
        // As a connection does: it flushes whatever became of its write.
        let stalled = std::future::poll_fn(|context| {
            let written = Pin::new(&mut server).poll_write(context, &[1; 320]);
            assert!(Pin::new(&mut server).poll_flush(context).is_ready());
            if let Poll::Ready(Ok(_)) = written {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            written
        });
        let error = stalled.await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
