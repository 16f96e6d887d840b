//! How old a connection may become. Clients keep connections for as long as they work, so that a gateway that was added gets no load, and one
//! behind a load balancer keeps what it once got; a connection that ends now and then is made anew where there is room.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::config::Server;

/// The ages of connections: those that were opened together, after a deployment, don't all end together.
#[derive(Debug)]
pub(super) struct Ages {
    max: Duration,
    grace: Duration,
    connections: AtomicU64,
}

/// How long one connection lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lifetime {
    /// Then its client is asked to use another one; none: never.
    pub(super) age: Option<Duration>,
    /// After this time more, streams are told to end; after the same time again it is cut.
    pub(super) grace: Duration,
}

/// How far a connection is on its way to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// It may be used.
    Young,
    /// What was begun goes on; new requests should come on another one.
    Asked,
    /// Streams must end too.
    Told,
}

/// What the connection and its requests tell each other.
#[derive(Debug, Default)]
pub(super) struct Marks {
    /// It speaks HTTP/2, which can end a connection at any time. HTTP/1.1 has no way to do so without losing a request that is on its way, but in
    /// a reply; nor can one be ended on which nothing was said yet.
    is_http2: AtomicBool,
    /// The next reply is the last.
    is_old: AtomicBool,
}

impl Ages {
    pub(super) fn of(settings: &Server) -> Self {
        Self {
            max: settings.max_connection_age,
            grace: settings.max_connection_age_grace,
            connections: AtomicU64::new(0),
        }
    }

    /// The lifetime of the next connection: the age of the configuration, up to a tenth more or less.
    pub(super) fn next(&self) -> Lifetime {
        // The multiples of the golden ratio lie evenly between 0 and 1, however many they are.
        let number = self.connections.fetch_add(1, Ordering::Relaxed);
        let spread = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        let thousandths = 900 + u32::try_from((spread * 201) >> 32).unwrap_or_default();
        let age = self.max / 1000 * thousandths;
        Lifetime { age: (!age.is_zero()).then_some(age), grace: self.grace }
    }
}

impl Marks {
    /// A request came by HTTP/2.
    pub(super) fn set_http2(&self) {
        self.is_http2.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_http2(&self) -> bool {
        self.is_http2.load(Ordering::Relaxed)
    }

    pub(super) fn set_old(&self) {
        self.is_old.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_old(&self) -> bool {
        self.is_old.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_spread_evenly_around_the_setting() {
        let (max, grace) = (Duration::from_secs(100), Duration::from_secs(1));
        let ages = Ages { max, grace, connections: AtomicU64::new(0) };
        let mut all: Vec<_> = (0..1000).map(|_| ages.next().age.unwrap()).collect();
        all.sort();
        assert!(all[0] >= Duration::from_secs(90) && all[999] <= Duration::from_secs(110), "{:?}", (all[0], all[999]));
        for window in all.windows(20) {
            assert!(window[19] - window[0] <= Duration::from_secs(1), "{window:?}");
        }
        let never = Ages { max: Duration::ZERO, grace, connections: AtomicU64::new(0) };
        assert_eq!(never.next(), Lifetime { age: None, grace });
    }
}
