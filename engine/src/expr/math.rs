//! Arithmetic. Numbers are finite: what would be NaN or infinite is null.

use super::node::{Computed, Datum};
use crate::scope::Fault;

/// The mean radius of the earth in km.
const EARTH: f64 = 6371.0088;

/// 10⁰ … 10²², all exact.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];

/// The most digits, in either direction, that a number can be rounded to: powers of ten are exact up to there.
pub(super) const MAX_DIGITS: i8 = 22;

/// A float, if it is finite.
#[inline]
pub(super) const fn real<'v>(value: f64) -> Datum<'v> {
    if value.is_finite() { Datum::Float(value) } else { Datum::Null }
}

/// An int, if there is one.
#[inline]
pub(super) fn whole<'v>(value: Option<i64>) -> Computed<'v> {
    value.map(Datum::Int).ok_or(&Fault::OVERFLOW)
}

/// Rounds half away from zero to that many digits behind the point.
pub(super) fn round_to(value: f64, digits: i8) -> f64 {
    let power = POWERS.get(usize::from(digits.unsigned_abs())).copied().unwrap_or(f64::INFINITY);
    let rounded = if digits >= 0 { (value * power).round() / power } else { (value / power).round() * power };
    // What is too large to scale has no digits there.
    if rounded.is_finite() { rounded } else { value }
}

/// Rounds half away from zero to tens, hundreds, …; none if that does not fit.
pub(super) fn round_int_to(value: i64, digits: i8) -> Option<i64> {
    if digits >= 0 {
        return Some(value);
    }
    let power = 10_i128.pow(u32::from(digits.unsigned_abs()));
    let value = i128::from(value);
    let half = if value < 0 { -power / 2 } else { power / 2 };
    i64::try_from((value + half) / power * power).ok()
}

/// The great-circle distance in km of two points in degrees.
pub(super) fn haversine([latitude, longitude, to_latitude, to_longitude]: [f64; 4]) -> f64 {
    let radians = |degrees: f64| degrees * (core::f64::consts::PI / 180.0);
    let by_latitude = libm::sin(radians(to_latitude - latitude) / 2.0);
    let by_longitude = libm::sin(radians(to_longitude - longitude) / 2.0);
    let across = libm::cos(radians(latitude)) * libm::cos(radians(to_latitude));
    let square = by_latitude * by_latitude + across * by_longitude * by_longitude;
    // Rounding can carry the chord of two antipodes above the diameter.
    2.0 * EARTH * libm::asin(square.sqrt().min(1.0))
}
