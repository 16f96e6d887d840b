//! `[telemetry.tracing]`: which requests are traced, and where their spans go.

use std::fmt;
use std::path::PathBuf;

use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use serde::Deserialize;
use serde::de::{Deserializer, Error, Unexpected, Visitor};

use super::scalar::{self, Text};

/// Which requests are traced, and where their spans go.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Tracing {
    /// The collector; none: nothing is traced.
    #[serde(deserialize_with = "scalar::text")]
    pub otlp_endpoint: Option<OtlpEndpoint>,
    /// What is sent to it beside the spans.
    #[serde(deserialize_with = "scalar::text")]
    pub otlp_headers: OtlpHeaders,
    /// PEM file of the authorities to trust for `https:`; without it those of the system.
    #[serde(deserialize_with = "scalar::text")]
    pub otlp_ca_file: Option<PathBuf>,
    /// Which of the requests are traced whose client does not say.
    #[serde(deserialize_with = "sample_ratio")]
    pub sample_ratio: SampleRatio,
    /// What the spans call this service.
    #[serde(deserialize_with = "scalar::text")]
    pub service_name: ServiceName,
    /// Requests whose spans wait to be sent.
    #[serde(deserialize_with = "scalar::whole::<1, 1_000_000, _>")]
    pub max_queued: usize,
}

/// The URL of a collector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtlpEndpoint(String);

impl OtlpEndpoint {
    /// The URL.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for OtlpEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Text for Option<OtlpEndpoint> {
    const ALLOWED: &'static str =
        "http://HOST:PORT or https://HOST:PORT without a path, for example http://127.0.0.1:4317, or empty for none";

    fn parse(text: &str) -> Option<Self> {
        if text.is_empty() {
            return Some(None);
        }
        let uri: Uri = text.parse().ok()?;
        let good_scheme = matches!(uri.scheme_str()?, "http" | "https");
        let authority = uri.authority()?;
        let has_path = !matches!(uri.path_and_query().map(PathAndQuery::as_str), None | Some("/"));
        let has_host = !authority.host().is_empty() && authority.port_u16().is_some();
        let good = good_scheme && has_host && !authority.as_str().contains('@') && !has_path;
        good.then(|| Some(OtlpEndpoint(text.to_owned())))
    }
}

/// Headers that may be secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct OtlpHeaders(HeaderMap);

impl OtlpHeaders {
    /// The headers themselves.
    #[must_use]
    pub fn reveal(&self) -> &HeaderMap {
        &self.0
    }
}

impl fmt::Debug for OtlpHeaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl Text for OtlpHeaders {
    const ALLOWED: &'static str =
        "name=value with commas between them, for example \"authorization=Bearer …\", or empty for none";

    fn parse(text: &str) -> Option<Self> {
        let mut headers = HeaderMap::new();
        for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=')?;
            let name: HeaderName = name.trim().parse().ok()?;
            let mut value: HeaderValue = value.trim().parse().ok()?;
            value.set_sensitive(true);
            // gRPC keeps these for values in base64.
            if name.as_str().ends_with("-bin") || name.as_str().starts_with("grpc-") {
                return None;
            }
            headers.append(name, value);
        }
        Some(Self(headers))
    }
}

/// The name of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceName(String);

impl ServiceName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Text for ServiceName {
    const ALLOWED: &'static str = "any text but an empty one";

    fn parse(text: &str) -> Option<Self> {
        (!text.trim().is_empty()).then(|| Self(text.to_owned()))
    }
}

/// A share of all traces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SampleRatio {
    /// Of 2^63.
    below: u64,
}

impl SampleRatio {
    const WHOLE: u64 = 1 << 63;

    fn of(share: f64) -> Option<Self> {
        #[expect(clippy::cast_precision_loss, reason = "a power of two")]
        let below = share * Self::WHOLE as f64;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 2^63")]
        (0.0..=1.0).contains(&share).then_some(Self { below: below as u64 })
    }

    /// Whether the trace of this id is in the share. Every service with the ratio decides alike, as OpenTelemetry's `TraceIdRatioBased`
    /// does: by the second half of the id without its last bit.
    #[must_use]
    pub fn takes(self, trace: u128) -> bool {
        #[expect(clippy::cast_possible_truncation, reason = "the second half is meant")]
        let low = trace as u64;
        low >> 1 < self.below
    }
}

impl fmt::Display for SampleRatio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        #[expect(clippy::cast_precision_loss, reason = "for people")]
        let share = self.below as f64 / Self::WHOLE as f64;
        write!(f, "{share}")
    }
}

fn sample_ratio<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SampleRatio, D::Error> {
    struct Reader;

    impl Reader {
        fn take<E: Error>(&self, share: Option<f64>) -> Result<SampleRatio, E> {
            let refused = || E::invalid_value(Unexpected::Other("another value"), self);
            share.and_then(SampleRatio::of).ok_or_else(refused)
        }
    }

    impl Visitor<'_> for Reader {
        type Value = SampleRatio;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a number from 0 to 1")
        }

        fn visit_f64<E: Error>(self, share: f64) -> Result<SampleRatio, E> {
            self.take(Some(share))
        }

        fn visit_u64<E: Error>(self, share: u64) -> Result<SampleRatio, E> {
            self.take(u32::try_from(share).ok().map(f64::from))
        }

        fn visit_i64<E: Error>(self, share: i64) -> Result<SampleRatio, E> {
            self.take(i32::try_from(share).ok().map(f64::from))
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<SampleRatio, E> {
            self.take(text.trim().parse().ok())
        }
    }

    deserializer.deserialize_any(Reader)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_urls_of_hosts() {
        for good in ["http://127.0.0.1:4317", "https://otel.example.org:443", "http://[::1]:4317/"] {
            assert_eq!(Option::<OtlpEndpoint>::parse(good), Some(Some(OtlpEndpoint(good.to_owned()))), "{good}");
        }
        assert_eq!(Option::<OtlpEndpoint>::parse(""), Some(None));
        for bad in [
            "127.0.0.1:4317",
            "http://a",
            "grpc://a:1",
            "http://a:1/v1/traces",
            "http://u:p@a:1",
            "http://:1",
            "http://a:1?x",
        ] {
            assert_eq!(Option::<OtlpEndpoint>::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn headers_are_pairs_and_hidden() {
        let headers = OtlpHeaders::parse("Authorization=Bearer a=b, x-tenant = one,").unwrap();
        assert_eq!(headers.reveal().get("authorization").unwrap(), "Bearer a=b");
        assert_eq!(headers.reveal().get("x-tenant").unwrap(), "one");
        assert_eq!(format!("{headers:?}"), "[redacted]");
        assert!(OtlpHeaders::parse("").unwrap().reveal().is_empty());
        for bad in ["a", "a b=c", "=c", "x-bin=c", "grpc-timeout=1S", "a=b\nc"] {
            assert_eq!(OtlpHeaders::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_ratio_takes_its_share() {
        let all = SampleRatio::of(1.0).unwrap();
        let none = SampleRatio::of(0.0).unwrap();
        let half = SampleRatio::of(0.5).unwrap();
        for trace in [1, u128::from(u64::MAX), u128::MAX, 1 << 100] {
            assert!(all.takes(trace) && !none.takes(trace), "{trace}");
        }
        assert!(half.takes(u128::from(u64::MAX >> 1)) && !half.takes(1 << 63));
        assert!(half.takes(u128::MAX << 64));
        assert_eq!(half.to_string(), "0.5");
        for bad in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
            assert_eq!(SampleRatio::of(bad), None, "{bad}");
        }
    }
}
