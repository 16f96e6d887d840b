//! Where a store is: `embedded:DIRECTORY` or `redis://…`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use percent_encoding::percent_decode_str;

const DEFAULT_PORT: u16 = 6379;
const ALLOWED: &str =
    "allowed are embedded:DIRECTORY, redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE] and rediss://… for TLS";

/// A text that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Hides this text.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The text itself.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// A store, as `store.url` names it. Its text form has no password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreUrl {
    /// A directory of this process.
    Embedded(PathBuf),
    /// A Redis server.
    Redis(RedisUrl),
}

/// A Redis server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedisUrl {
    /// Whether the connection is encrypted.
    pub tls: bool,
    /// Name or address; an IPv6 address without brackets.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Number of the database, when the URL names one.
    pub database: Option<u8>,
    /// ACL user, when the URL names one.
    pub username: Option<String>,
    /// Password, when the URL has one.
    pub password: Option<Secret>,
}

impl RedisUrl {
    /// `host:port`.
    #[must_use]
    pub fn server(&self) -> String {
        match self.host.contains(':') {
            true => format!("[{}]:{}", self.host, self.port),
            false => format!("{}:{}", self.host, self.port),
        }
    }
}

/// Why a text is no URL of a store. Says what would be right, and holds nothing of the text but its scheme.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidStoreUrl(String);

impl fmt::Display for InvalidStoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidStoreUrl {}

impl FromStr for StoreUrl {
    type Err = InvalidStoreUrl;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let Some((scheme, rest)) = text.split_once(':') else {
            return Err(InvalidStoreUrl(format!("has no scheme; {ALLOWED}")));
        };
        match scheme {
            "embedded" if rest.is_empty() => {
                Err(InvalidStoreUrl("names no directory, as in embedded:./data".to_owned()))
            }
            "embedded" => Ok(Self::Embedded(PathBuf::from(rest))),
            "redis" | "rediss" => redis(scheme == "rediss", rest).map(Self::Redis),
            "redis-cluster" | "redis-sentinel" | "rediss-cluster" | "rediss-sentinel" | "cql" => {
                Err(InvalidStoreUrl(format!("{scheme} is not served by this version; {ALLOWED}")))
            }
            // A scheme has no secret in it, unless it is no scheme at all.
            other if other.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte)) => {
                Err(InvalidStoreUrl(format!("{other} is no kind of store; {ALLOWED}")))
            }
            _ => Err(InvalidStoreUrl(format!("has no scheme; {ALLOWED}"))),
        }
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Embedded(directory) => write!(f, "embedded:{}", directory.display()),
            Self::Redis(url) => {
                f.write_str(if url.tls { "rediss://" } else { "redis://" })?;
                match (&url.username, &url.password) {
                    (None, None) => {}
                    (user, None) => write!(f, "{}@", user.as_deref().unwrap_or_default())?,
                    (user, Some(_)) => write!(f, "{}:[redacted]@", user.as_deref().unwrap_or_default())?,
                }
                f.write_str(&url.server())?;
                url.database.map_or(Ok(()), |database| write!(f, "/{database}"))
            }
        }
    }
}

fn redis(tls: bool, rest: &str) -> Result<RedisUrl, InvalidStoreUrl> {
    let wrong = |what: &str| InvalidStoreUrl(format!("{what}; {ALLOWED}"));
    let rest = rest.strip_prefix("//").ok_or_else(|| wrong("has no // after the scheme"))?;
    if rest.contains(['?', '#']) {
        return Err(wrong(
            "has a query or a fragment, which no setting is read from (a ? or # in a password is %3F or %23)",
        ));
    }
    // The last @ that is before the path: a password may hold an unescaped one, and a / must be escaped.
    let (credentials, address) = match rest.rsplit_once('@') {
        Some((credentials, address)) => (Some(credentials), address),
        None => (None, rest),
    };
    if credentials.is_some_and(|credentials| credentials.contains('/')) {
        return Err(wrong("has a / in its user or password, which must be written %2F"));
    }
    let (username, password) = match credentials.map(|text| text.split_once(':').unwrap_or((text, ""))) {
        None => (None, None),
        Some((user, password)) => (decoded(user, "user")?, decoded(password, "password")?),
    };
    if username.is_some() && password.is_none() {
        // redis-cli reads it so too, and a password that is silently taken for a user would be refused later without a hint.
        return Err(wrong("has a user and no password; a password alone is written redis://:PASSWORD@HOST"));
    }
    let (server, database) = match address.split_once('/') {
        None | Some((_, "")) => (address.trim_end_matches('/'), None),
        Some((server, database)) => {
            let number = database.parse().map_err(|_| wrong("has a path that is no database number from 0 to 255"))?;
            (server, Some(number))
        }
    };
    let (host, port) = host_and_port(server).map_err(wrong)?;
    Ok(RedisUrl { tls, host: host.to_owned(), port, database, username, password: password.map(Secret) })
}

fn host_and_port(server: &str) -> Result<(&str, u16), &'static str> {
    let (host, port) = match server.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']').ok_or("has no ] after its IPv6 address")?;
            (
                host,
                if port.is_empty() {
                    None
                } else {
                    Some(port.strip_prefix(':').ok_or("has text between ] and :PORT")?)
                },
            )
        }
        None => match server.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (server, None),
        },
    };
    if host.is_empty() || host.contains(|letter: char| letter.is_whitespace() || letter.is_control()) {
        return Err("names no host");
    }
    match port.map(str::parse) {
        None => Ok((host, DEFAULT_PORT)),
        Some(Ok(port)) if port > 0 => Ok((host, port)),
        Some(Ok(_) | Err(_)) => Err("has a port that is no number from 1 to 65535 (an IPv6 address goes in [ ])"),
    }
}

fn decoded(text: &str, what: &str) -> Result<Option<String>, InvalidStoreUrl> {
    if text.is_empty() {
        return Ok(None);
    }
    match percent_decode_str(text).decode_utf8() {
        Ok(text) => Ok(Some(text.into_owned())),
        Err(_) => Err(InvalidStoreUrl(format!("has a {what} that is not percent-encoded UTF-8"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redis_url(text: &str) -> RedisUrl {
        match text.parse().unwrap() {
            StoreUrl::Redis(url) => url,
            other @ StoreUrl::Embedded(_) => panic!("{other}"),
        }
    }

    #[test]
    fn reads_every_part() {
        let url = redis_url("rediss://us%40er:p%2Fa:ss@[::1]:7000/3");
        assert_eq!((url.tls, url.host.as_str(), url.port, url.database), (true, "::1", 7000, Some(3)));
        assert_eq!(url.username.as_deref(), Some("us@er"));
        assert_eq!(url.password.as_ref().map(Secret::reveal), Some("p/a:ss"));
        assert_eq!(StoreUrl::Redis(url).to_string(), "rediss://us@er:[redacted]@[::1]:7000/3");
        let url = redis_url("redis://:p@ss@localhost/");
        assert_eq!((url.username, url.password), (None, Some(Secret("p@ss".to_owned()))));
        assert_eq!(redis_url("redis://localhost").server(), "localhost:6379");
        assert_eq!("embedded:./data".parse(), Ok(StoreUrl::Embedded(PathBuf::from("./data"))));
        assert_eq!("embedded:/var/lib/x y".parse::<StoreUrl>().unwrap().to_string(), "embedded:/var/lib/x y");
    }

    #[test]
    fn says_what_is_allowed_and_never_the_password() {
        for text in [
            "",
            "localhost",
            "secret@host:1",
            "se cret:x",
            "embedded:",
            "redis:localhost",
            "redis://",
            "redis://:secret@",
            "redis://user:secret@host:0",
            "redis://user:secret@host:99999",
            "redis://user:secret@host/x",
            "redis://user:secret@host/300",
            "redis://user:secret@host?db=1",
            "redis://secret@host",
            "redis://user:sec/secret@host",
            "redis://user:%ffsecret@host",
            "redis://user:secret@[::1",
            "redis://user:secret@::1",
            "redis-cluster://user:secret@host",
            "redis-sentinel://user:secret@host",
            "cql://user:secret@host",
            "mysql://user:secret@host",
        ] {
            let error = text.parse::<StoreUrl>().unwrap_err().to_string();
            assert!(!error.contains("secret"), "{text}: {error}");
        }
        let error = "redis-cluster://host".parse::<StoreUrl>().unwrap_err().to_string();
        assert!(error.contains("redis-cluster is not served by this version; allowed are embedded:"), "{error}");
    }

    #[test]
    fn debug_print_has_no_password() {
        let url: StoreUrl = "redis://user:secret@host".parse().unwrap();
        assert!(!format!("{url:?} {url}").contains("secret"));
    }
}
