//! Finds where a falling function of one number crosses zero, asked for one point at a time.

use crate::numbers::Reader;

/// How near to the crossing the search must come, in λ and in proportion to it.
const TOLERANCE: f64 = 1e-10;

/// A double is halved or doubled away in fewer points than this: a search that takes longer does not end.
const MOST_POINTS: u32 = 200;

/// A point and the function there.
type Point = [f64; 2];

/// The search: steps out from 1 in doubling strides until the function changes its sign, then closes in by Chandrupatla's
/// method (1997): inverse quadratic interpolation where three points allow it, bisection else.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Root {
    /// Where the function is asked for now.
    pub(super) at: f64,
    points: u32,
    /// The latest point; the one on the other side of the crossing (NaN until there is one); the one before.
    a: Point,
    b: Point,
    c: Point,
}

impl Root {
    pub(super) const fn new() -> Self {
        Self { at: 1.0, points: 0, a: [f64::NAN; 2], b: [f64::NAN; 2], c: [f64::NAN; 2] }
    }

    /// Takes the function at [`Root::at`]. The crossing, once it is known.
    pub(super) fn take(&mut self, value: f64) -> Result<Option<f64>, String> {
        let new = [self.at, value];
        self.points += 1;
        if value == 0.0 {
            return Ok(Some(self.at));
        }
        if self.points > MOST_POINTS {
            return Err("no power makes the column look normal; `quantile_transform` fits any column".to_owned());
        }
        let share = if self.points == 1 {
            self.a = new;
            None
        } else if (value > 0.0) == (self.a[1] > 0.0) {
            (self.c, self.a) = (self.a, new);
            (!self.b[0].is_nan()).then(|| self.share())
        } else {
            let bracketed = !self.b[0].is_nan();
            (self.c, self.b, self.a) = (self.b, self.a, new);
            Some(if bracketed { self.share() } else { 0.5 })
        };
        let Some(share) = share else {
            let stride = libm::exp2(f64::from(self.points - 1));
            self.at = 1.0 + stride.copysign(value);
            return Ok(None);
        };
        let nearer = if self.a[1].abs() < self.b[1].abs() { self.a[0] } else { self.b[0] };
        let width = (self.b[0] - self.a[0]).abs();
        let least = (TOLERANCE + TOLERANCE * nearer.abs()) / width;
        if least > 0.5 {
            return Ok(Some(nearer));
        }
        self.at = self.a[0] + share.clamp(least, 1.0 - least) * (self.b[0] - self.a[0]);
        Ok(None)
    }

    /// How far from `a` to `b` the next point lies.
    fn share(&self) -> f64 {
        let ([a, at_a], [b, at_b], [c, at_c]) = (self.a, self.b, self.c);
        let (xi, phi) = ((a - b) / (c - b), (at_a - at_b) / (at_c - at_b));
        // Not so with values that are infinite: their quotient is NaN.
        if phi * phi < xi && (1.0 - phi) * (1.0 - phi) < 1.0 - xi {
            at_a / (at_b - at_a) * at_c / (at_b - at_c)
                + (c - a) / (b - a) * at_a / (at_c - at_a) * at_b / (at_c - at_b)
        } else {
            0.5
        }
    }

    pub(super) fn save(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.points.to_le_bytes());
        out.extend_from_slice(&self.at.to_le_bytes());
        for point in [self.a, self.b, self.c] {
            point.iter().for_each(|number| out.extend_from_slice(&number.to_le_bytes()));
        }
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let (points, at) = (reader.u32()?, reader.f64()?);
        let mut point = || Some([reader.f64()?, reader.f64()?]);
        Some(Self { points, at, a: point()?, b: point()?, c: point()? })
    }
}
