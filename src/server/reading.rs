//! An I/O stream whose reads are watched, and whose writes go through as they are.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What watches reads.
pub(super) trait Reads: Unpin {
    /// Reads from the stream, in its own time and as much as it likes.
    fn poll_read<I: AsyncRead + Unpin>(
        &mut self,
        io: Pin<&mut I>,
        context: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>>;
}

/// A stream, and what watches its reads.
#[derive(Debug)]
pub(super) struct Reading<I, R> {
    io: I,
    reads: R,
}

impl<I, R> Reading<I, R> {
    pub(super) fn new(io: I, reads: R) -> Self {
        Self { io, reads }
    }
}

impl<I: AsyncRead + Unpin, R: Reads> AsyncRead for Reading<I, R> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        this.reads.poll_read(Pin::new(&mut this.io), context, out)
    }
}

impl<I: AsyncWrite + Unpin, R: Unpin> AsyncWrite for Reading<I, R> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}
