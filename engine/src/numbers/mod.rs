//! Exact arithmetic: sums that are rounded once and so depend on the set of their values alone, never on order, split or merge.
//!
//! Every state here can be added to, merged and saved; equal states give equal bytes. Those that a sliding window needs can also
//! be subtracted from, which is the exact inverse. Null is the caller's affair; a result that does not exist is `None`.

mod accumulator;
mod bins;
mod bytes;
mod extremes;
mod ints;
mod moments;
mod normal;
mod quantiles;
mod round;

#[cfg(test)]
mod tests;

pub use accumulator::{Accumulator, Dyadic, Factor, Lane, Term};
pub use bins::Bins;
pub use bytes::Reader;
pub(crate) use bytes::{put_bytes, put_count, put_short_bytes, put_signed, put_varint};
pub use extremes::Extremes;
pub use ints::IntMoments;
pub(crate) use moments::subtract;
pub use moments::{ExactSum, Moments};
pub use normal::normal_quantile;
pub use quantiles::{EXACT_QUANTILES, Method, Quantiles, Sorted};
pub use round::divide;
