//! The keys that are valid now: several at once, so that one can be replaced without a gap.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::{ArcSwap, Guard};

use super::digest::Digest;
use super::rate::RateLimit;
use super::scope::{Scope, Scopes};

/// The longest name of a key.
const MAX_NAME: usize = 64;
/// What a name may be, in words.
pub const NAMES: &str = "allowed are 1 to 64 letters, digits and signs of \"._-\", for example \"training\"";

/// Whether a key can be called that.
#[must_use]
pub fn is_name(name: &str) -> bool {
    (1..=MAX_NAME).contains(&name.len())
        && name.bytes().all(|letter| letter.is_ascii_alphanumeric() || b"._-".contains(&letter))
}

/// One key of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// What operators call it: in the log, never in answers.
    pub name: String,
    /// Of its text, which nobody but its owner knows.
    pub digest: Digest,
    /// What it is good for.
    pub scopes: Scopes,
    /// How often it may be used; none: as often as there is room.
    pub limit: Option<RateLimit>,
}

/// What a request may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant<'a> {
    /// The name of its key.
    pub name: &'a str,
    /// How often it may be used.
    pub limit: Option<&'a RateLimit>,
    scopes: Scopes,
}

impl Grant<'_> {
    /// Whether it may do this.
    #[must_use]
    pub fn allows(&self, scope: Scope) -> bool {
        self.scopes.has(scope)
    }
}

/// All keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeySet(Vec<ApiKey>);

impl KeySet {
    /// A set of these.
    #[must_use]
    pub fn new(keys: Vec<ApiKey>) -> Self {
        Self(keys)
    }

    /// Whether nobody needs a key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The keys.
    #[must_use]
    pub fn all(&self) -> &[ApiKey] {
        &self.0
    }

    /// What the owner of this key may do; none: it is not known. Every key is compared to its end, so that the time tells nothing of them.
    #[must_use]
    pub fn find(&self, key: &[u8]) -> Option<Grant<'_>> {
        let digest = Digest::of(key);
        let found = self.0.iter().fold(None, |found, known| if known.digest == digest { Some(known) } else { found });
        found.map(|known| Grant { name: &known.name, limit: known.limit.as_ref(), scopes: known.scopes })
    }

    /// Lets the limits of keys that stay go on with their buckets: a reload gives nobody a full one.
    fn go_on_with(&mut self, before: &Self) {
        for key in &mut self.0 {
            let same = before.0.iter().find(|other| other.digest == key.digest);
            if let (Some(limit), Some(before)) = (&mut key.limit, same.and_then(|other| other.limit.as_ref())) {
                limit.go_on_with(before);
            }
        }
    }
}

/// Where keys come from: those of the configuration as it is now, or what is wrong with it, in words.
pub type Source = dyn Fn() -> Result<KeySet, String> + Send + Sync;

/// The keys that are valid now; each request looks at them.
#[derive(Clone)]
pub struct Keys {
    now: Arc<ArcSwap<KeySet>>,
    source: Arc<Source>,
    /// The beginning of the time of the limits.
    since: Instant,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("now", &self.now).finish_non_exhaustive()
    }
}

impl Keys {
    /// These keys, until those of the source are read.
    #[must_use]
    pub fn new(keys: KeySet, source: Arc<Source>) -> Self {
        Self { now: Arc::new(ArcSwap::from_pointee(keys)), source, since: Instant::now() }
    }

    /// The keys that are valid now.
    #[must_use]
    pub fn now(&self) -> Guard<Arc<KeySet>> {
        self.now.load()
    }

    /// The time of the limits of the keys.
    #[must_use]
    pub fn time(&self) -> Duration {
        self.since.elapsed()
    }

    /// Reads the keys again: from now on they are valid, and no others. Blocks while the source reads files.
    ///
    /// # Errors
    /// What is wrong with the source; the keys before stay valid.
    pub fn reload(&self) -> Result<(), String> {
        let mut keys = (self.source)()?;
        keys.go_on_with(&self.now.load());
        self.now.store(Arc::new(keys));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    fn key(name: &str, text: &str, scopes: &[Scope]) -> ApiKey {
        ApiKey {
            name: name.to_owned(),
            digest: Digest::of(text.as_bytes()),
            scopes: scopes.iter().copied().collect(),
            limit: None,
        }
    }

    #[test]
    fn a_key_is_found_by_its_text_wherever_it_stands() {
        let keys = KeySet::new(vec![
            key("a", "one", &[Scope::Read]),
            key("b", "two", &[Scope::Read, Scope::Write]),
            key("c", "three", &[Scope::Admin]),
        ]);
        for (text, name, allowed) in [
            ("one", "a", &[Scope::Read][..]),
            ("two", "b", &[Scope::Read, Scope::Write]),
            ("three", "c", &[Scope::Admin]),
        ] {
            let grant = keys.find(text.as_bytes()).unwrap();
            assert_eq!(grant.name, name);
            assert!(Scope::ALL.iter().all(|scope| grant.allows(*scope) == allowed.contains(scope)), "{name}");
        }
        for text in ["", "on", "onee", "One", "a"] {
            assert_eq!(keys.find(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn keys_are_replaced_for_all_who_hold_them() {
        let next = Arc::new(Mutex::new(Ok(KeySet::new(vec![key("b", "two", &[Scope::Read])]))));
        let source = next.clone();
        let keys = Keys::new(
            KeySet::new(vec![key("a", "one", &[Scope::Read])]),
            Arc::new(move || source.lock().unwrap().clone()),
        );
        let held = keys.clone();
        assert!(held.now().find(b"one").is_some());
        keys.reload().unwrap();
        assert!(held.now().find(b"one").is_none() && held.now().find(b"two").is_some());
        *next.lock().unwrap() = Err("no file".to_owned());
        assert_eq!(keys.reload(), Err("no file".to_owned()));
        assert!(held.now().find(b"two").is_some());
    }

    #[test]
    fn a_reload_fills_no_bucket() {
        let set = |name: &str, text: &str| {
            KeySet::new(vec![ApiKey { limit: Some(RateLimit::new(1, 1)), ..key(name, text, &[Scope::Read]) }])
        };
        let next = Arc::new(Mutex::new(set("renamed", "one")));
        let source = next.clone();
        let keys = Keys::new(set("a", "one"), Arc::new(move || Ok(source.lock().unwrap().clone())));
        let take = |text: &str| keys.now().find(text.as_bytes()).unwrap().limit.unwrap().take(Duration::ZERO);
        assert_eq!(take("one"), Ok(()));
        keys.reload().unwrap();
        assert!(take("one").is_err());
        // Another key is another bucket.
        *next.lock().unwrap() = set("a", "two");
        keys.reload().unwrap();
        assert_eq!(take("two"), Ok(()));
    }
}
