//! Host and port.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::scalar::Text;

/// The longest name that the domain name system has.
const MAX_HOST: usize = 253;

/// A host and a port: `127.0.0.1:50051`, `localhost:50051`, `[::1]:50051`. A name is kept as it is and resolved when it is used, so
/// that reading the configuration needs no network and a name that moves is found again:
/// `TcpListener::bind((address.host(), address.port()))`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    host: String,
    port: u16,
}

impl Address {
    /// A name, an IPv4 address or an IPv6 address without its brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port; 0 where a free one is to be taken.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether it can't be anywhere but on this machine.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.host.eq_ignore_ascii_case("localhost")
            || self.host.parse::<IpAddr>().is_ok_and(|host| host.to_canonical().is_loopback())
    }

    /// Where a gateway that listens on this address is reached from its own machine: one that listens on every address, on the machine's own.
    #[must_use]
    pub fn reachable(&self) -> Self {
        let host = match self.host.parse() {
            Ok(IpAddr::V4(all)) if all.is_unspecified() => Ipv4Addr::LOCALHOST.to_string(),
            Ok(IpAddr::V6(all)) if all.is_unspecified() => Ipv6Addr::LOCALHOST.to_string(),
            Ok(IpAddr::V4(_) | IpAddr::V6(_)) | Err(_) => self.host.clone(),
        };
        Self { host, port: self.port }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl Text for Address {
    const ALLOWED: &'static str =
        "HOST:PORT with a port from 0 to 65535, for example 127.0.0.1:50051, localhost:0 or [::1]:50051";

    fn parse(text: &str) -> Option<Self> {
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (host, port) = rest.split_once("]:")?;
                host.parse::<Ipv6Addr>().ok()?;
                (host, port)
            }
            None => {
                let (host, port) = text.split_once(':')?;
                let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
                if host.is_empty() || host.len() > MAX_HOST || !host.chars().all(good) {
                    return None;
                }
                (host, port)
            }
        };
        // The number parser takes a sign; a port has none.
        let port = port.bytes().all(|b| b.is_ascii_digit()).then(|| port.parse().ok())??;
        Some(Self { host: host.to_owned(), port })
    }
}

impl Text for Option<Address> {
    const ALLOWED: &'static str = "HOST:PORT, for example 127.0.0.1:9090, or empty for none";

    fn parse(text: &str) -> Option<Self> {
        if text.is_empty() { Some(None) } else { Address::parse(text).map(Some) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_shown_alike() {
        for text in ["127.0.0.1:50051", "localhost:0", "my-host_1.example.org:65535", "[::1]:50051", "[2001:db8::1]:1"]
        {
            let address = Address::parse(text).expect(text);
            assert_eq!(address.to_string(), text);
        }
        assert_eq!(Address::parse("[::1]:5").map(|address| address.host().to_owned()).as_deref(), Some("::1"));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let bad = [
            "",
            ":",
            "localhost",
            "localhost:",
            ":50051",
            "*:50051",
            "localhost:65536",
            "localhost:-1",
            "localhost:+1",
            "a b:1",
            "::1:50051",
            "[::1]",
            "[::1",
            "[localhost]:1",
            "http://localhost:1",
            "localhost:1/",
            "lo\0:1",
            "ü:1",
        ];
        for text in bad {
            assert_eq!(Address::parse(text), None, "{text:?}");
        }
        assert_eq!(Address::parse(&format!("{}:1", "a".repeat(MAX_HOST + 1))), None);
    }

    #[test]
    fn a_gateway_on_every_address_is_reached_on_the_machine_s_own() {
        for (listens, reached) in [
            ("0.0.0.0:1", "127.0.0.1:1"),
            ("[::]:1", "[::1]:1"),
            ("[0:0::0]:1", "[::1]:1"),
            ("10.0.0.1:1", "10.0.0.1:1"),
            ("localhost:1", "localhost:1"),
        ] {
            assert_eq!(Address::parse(listens).unwrap().reachable().to_string(), reached);
        }
    }
}
