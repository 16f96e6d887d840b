//! A connection that says nothing is closed: hyper waits for ever for the first bytes, and for the rest of a half preface of HTTP/2.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};
use tokio::time::{Instant, Sleep};

use super::reading::{Reading, Reads};

/// Bytes of the connection preface of HTTP/2; every request of HTTP/1.1 with its host header is longer too.
const PREFACE: usize = 24;

/// That the first bytes of a stream must come in time.
#[derive(Debug)]
pub(super) struct FirstBytes {
    received: usize,
    timer: Option<Pin<Box<Sleep>>>,
}

impl FirstBytes {
    /// Gives the peer until then to say something.
    pub(super) fn until<I>(io: I, end: Instant) -> Reading<I, Self> {
        Reading::new(io, Self { received: 0, timer: Some(Box::pin(tokio::time::sleep_until(end))) })
    }
}

impl Reads for FirstBytes {
    fn poll_read<I: AsyncRead + Unpin>(
        &mut self,
        io: Pin<&mut I>,
        context: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Some(timer) = &mut self.timer else { return io.poll_read(context, out) };
        let before = out.filled().len();
        if let Poll::Ready(result) = io.poll_read(context, out) {
            self.received += out.filled().len() - before;
            if self.received >= PREFACE {
                self.timer = None;
            }
            return Poll::Ready(result);
        }
        ready!(timer.as_mut().poll(context));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client sent no request in time")))
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
