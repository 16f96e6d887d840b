//! Waiting for a point in time to within some microseconds, without spinning: tokio's timer counts whole milliseconds, and a
//! spinning client would take a core from the server. The kernel's timerfd has neither fault.

use std::os::fd::OwnedFd;
use std::time::Instant;

use rustix::io::{Errno, read};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};
use tokio::io::unix::AsyncFd;

use crate::error::BenchError;

#[derive(Debug)]
pub(crate) struct Ticker {
    timer: AsyncFd<OwnedFd>,
}

impl Ticker {
    pub(crate) fn new() -> Result<Self, BenchError> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer =
            timerfd_create(TimerfdClockId::Monotonic, flags).map_err(|errno| failed("making a timer", errno))?;
        #[expect(
            deprecated,
            reason = "its successor is unsafe; an OwnedFd keeps its descriptor, which is all that it asks for"
        )]
        let timer =
            AsyncFd::new(timer).map_err(|source| BenchError::Io { doing: "waiting for a timer".into(), source })?;
        Ok(Self { timer })
    }

    /// Returns at `due`, or at once if it has passed.
    pub(crate) async fn until(&self, due: Instant) -> Result<(), BenchError> {
        let wait = due.saturating_duration_since(Instant::now());
        if wait.is_zero() {
            return Ok(());
        }
        let value = Timespec::try_from(wait).map_err(|_| failed("setting a timer", Errno::RANGE))?;
        let once = Itimerspec { it_interval: Timespec::default(), it_value: value };
        timerfd_settime(self.timer.get_ref(), TimerfdTimerFlags::empty(), &once)
            .map_err(|errno| failed("setting a timer", errno))?;
        loop {
            let mut ready = self
                .timer
                .readable()
                .await
                .map_err(|source| BenchError::Io { doing: "waiting for a timer".into(), source })?;
            let mut expirations = [0_u8; 8];
            match ready.try_io(|timer| Ok(read(timer.get_ref(), &mut expirations)?)) {
                Ok(Ok(_)) => return Ok(()),
                Ok(Err(source)) => {
                    return Err(BenchError::Io { doing: "reading a timer".into(), source });
                }
                Err(_would_block) => {}
            }
        }
    }
}

fn failed(doing: &str, errno: Errno) -> BenchError {
    BenchError::Io { doing: doing.into(), source: errno.into() }
}
