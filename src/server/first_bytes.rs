//! A connection that says nothing is closed: hyper waits for ever for the first bytes, and for the rest of a half preface of HTTP/2.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// Bytes of the connection preface of HTTP/2; every request of HTTP/1.1 with its host header is longer too.
const PREFACE: usize = 24;

/// An I/O stream whose first bytes must come in time.
#[derive(Debug)]
pub(super) struct FirstBytes<I> {
    io: I,
    received: usize,
    timer: Option<Pin<Box<Sleep>>>,
}

impl<I> FirstBytes<I> {
    /// Gives the peer until then to say something.
    pub(super) fn until(io: I, end: Instant) -> Self {
        Self { io, received: 0, timer: Some(Box::pin(tokio::time::sleep_until(end))) }
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for FirstBytes<I> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let Some(timer) = &mut this.timer else { return Pin::new(&mut this.io).poll_read(context, out) };
        let before = out.filled().len();
        if let Poll::Ready(result) = Pin::new(&mut this.io).poll_read(context, out) {
            this.received += out.filled().len() - before;
            if this.received >= PREFACE {
                this.timer = None;
            }
            return Poll::Ready(result);
        }
        ready!(timer.as_mut().poll(context));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client sent no request in time")))
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for FirstBytes<I> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test]
    async fn silence_and_half_a_preface_time_out_and_a_request_does_not() {
        let cases = [(&b""[..], false), (b"PRI * HTTP/2.0\r\n", false), (b"GET / HTTP/1.1\r\nhost: h\r\n\r\n", true)];
        for (said, answered) in cases {
            let (mut client, server) = tokio::io::duplex(64);
            let mut server = FirstBytes::until(server, Instant::now() + Duration::from_millis(200));
            client.write_all(said).await.unwrap();
            let mut buffer = vec![0; said.len()];
            server.read_exact(&mut buffer).await.unwrap();
            if answered {
                tokio::time::sleep(Duration::from_millis(400)).await;
                client.write_all(b"x").await.unwrap();
                assert_eq!(server.read_u8().await.unwrap(), b'x');
            } else {
                assert_eq!(server.read_u8().await.unwrap_err().kind(), io::ErrorKind::TimedOut);
            }
        }
    }
}
