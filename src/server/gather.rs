//! What a connection has to say is sent once it has said all of it: HTTP/2 flushes a reply's data before its trailers, which would make two
//! segments of every small reply, each with its own system call.

use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes that are gathered; more are sent at once.
const MOST: usize = 64 << 10;
/// Bytes that a connection says in one turn of its task: while it says more, nothing else is read or served by its thread.
const TURN: usize = MOST;
/// A buffer above this is given back once it is sent: most connections say nothing at any one time.
const KEPT: usize = 2 << 10;

/// An I/O stream whose flushes wait for [`Sender::drive`]. Used by one task, so that its lock is never waited for.
pub(super) struct Gathered<I>(Arc<Mutex<Buffered<I>>>);

/// The other end of a [`Gathered`] stream, which flushes it.
pub(super) struct Sender<I>(Arc<Mutex<Buffered<I>>>);

struct Buffered<I> {
    io: I,
    buffer: Vec<u8>,
    /// How much of the buffer is sent.
    sent: usize,
    /// Bytes that were taken in this turn.
    taken: usize,
}

/// A stream to give to the connection, and what sends for it.
pub(super) fn gathered<I: AsyncWrite>(io: I) -> (Gathered<I>, Sender<I>) {
    let shared = Arc::new(Mutex::new(Buffered { io, buffer: Vec::new(), sent: 0, taken: 0 }));
    (Gathered(shared.clone()), Sender(shared))
}

impl<I: AsyncWrite + Unpin> Buffered<I> {
    /// Sends all that was gathered.
    fn poll_drain(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(rest) = self.buffer.get(self.sent..).filter(|rest| !rest.is_empty()) {
            match ready!(Pin::new(&mut self.io).poll_write(context, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                sent => self.sent += sent,
            }
        }
        self.sent = 0;
        if self.buffer.capacity() > KEPT {
            self.buffer = Vec::new()
        } else {
            self.buffer.clear()
        }
        Poll::Ready(Ok(()))
    }

    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_drain(context))?;
        Pin::new(&mut self.io).poll_flush(context)
    }
}

impl<I: AsyncWrite + Unpin> Sender<I> {
    /// Runs the connection that has the stream to its end, and flushes the stream whenever it has no more to do.
    ///
    /// # Errors
    ///
    /// Those of the connection, and of a flush.
    pub(super) async fn drive<F, E>(self, connection: F) -> Result<(), E>
    where
        F: Future<Output = Result<(), E>>,
        E: From<io::Error>,
    {
        let mut connection = pin!(connection);
        std::future::poll_fn(|context| {
            locked(&self.0).taken = 0;
            let ended = connection.as_mut().poll(context);
            let flushed = locked(&self.0).poll_flush(context);
            match (ended, flushed) {
                (Poll::Pending, Poll::Ready(Err(error))) => Poll::Ready(Err(error.into())),
                (ended, _) => ended,
            }
        })
        .await
    }
}

fn locked<I>(io: &Mutex<Buffered<I>>) -> MutexGuard<'_, Buffered<I>> {
    io.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<I: AsyncRead + Unpin> AsyncRead for Gathered<I> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut locked(&self.0).io).poll_read(context, out)
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Gathered<I> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(context, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *locked(&self.0);
        if this.taken >= TURN {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let more: usize = slices.iter().map(|slice| slice.len()).sum();
        if this.buffer.len() + more > MOST {
            ready!(this.poll_drain(context))?;
            if more > MOST {
                let taken = ready!(Pin::new(&mut this.io).poll_write_vectored(context, slices))?;
                this.taken += taken;
                return Poll::Ready(Ok(taken));
            }
        }
        this.buffer.reserve(more);
        slices.iter().for_each(|slice| this.buffer.extend_from_slice(slice));
        this.taken += more;
        Poll::Ready(Ok(more))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *locked(&self.0);
        ready!(this.poll_drain(context))?;
        Pin::new(&mut this.io).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    /// Counts what is written and how often.
    #[derive(Default)]
    struct Writes(Arc<Mutex<Vec<usize>>>);

    impl AsyncWrite for Writes {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            self.0.lock().unwrap().push(bytes.len());
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[tokio::test]
    async fn what_is_flushed_in_one_turn_is_sent_in_one_piece() {
        let writes = Arc::new(Mutex::new(Vec::new()));
        let (mut io, sender) = gathered(Writes(writes.clone()));
        let connection = async {
            for _ in 0..2 {
                io.write_all(b"data").await?;
                io.flush().await?;
                io.write_all(b"trailers").await?;
                io.flush().await?;
                tokio::task::yield_now().await;
            }
            Ok::<_, io::Error>(())
        };
        sender.drive(connection).await.unwrap();
        assert_eq!(*writes.lock().unwrap(), [12, 12]);
    }

    #[tokio::test]
    async fn a_peer_that_reads_slowly_gets_all_of_it() {
        let (mut client, server) = tokio::io::duplex(777);
        let (mut io, sender) = gathered(server);
        let connection = async {
            for number in 0..5_000 {
                io.write_all(b"data and trailers").await?;
                io.flush().await?;
                if number == 2_500 {
                    io.write_all(&[7; 3 * MOST]).await?;
                }
            }
            io.shutdown().await
        };
        let read = async {
            let mut all = Vec::new();
            client.read_to_end(&mut all).await.unwrap();
            all
        };
        let (sent, all) = tokio::join!(sender.drive(connection), read);
        sent.unwrap();
        let half = b"data and trailers".repeat(2_500);
        let all_of_it = [half.as_slice(), b"data and trailers", &[7; 3 * MOST], &half[17..]].concat();
        assert!(all == all_of_it, "{} bytes", all.len());
    }

    #[tokio::test]
    async fn who_says_much_lets_others_speak() {
        let (mut io, sender) = gathered(Writes::default());
        let connection = async {
            for _ in 0..32 {
                io.write_all(&[7; TURN / 4]).await?;
            }
            Ok::<_, io::Error>(())
        };
        let others = async {
            let mut turns = 0;
            while turns < 6 {
                tokio::task::yield_now().await;
                turns += 1;
            }
        };
        tokio::select! {
            biased;
            said = sender.drive(connection) => panic!("it said all of it before the others had their turns: {said:?}"),
            () = others => {}
        }
    }

    #[tokio::test]
    async fn a_connection_ends_when_its_peer_is_gone() {
        let (client, server) = tokio::io::duplex(64);
        drop(client);
        let (mut io, sender) = gathered(server);
        let connection = async {
            io.write_all(b"reply").await?;
            io.flush().await?;
            std::future::pending().await
        };
        let error = sender.drive::<_, io::Error>(connection).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }
}
