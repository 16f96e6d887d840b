//! Quantiles of the normal distribution.

/// Coefficients of a rational approximation, numerator and denominator, constants first.
type Rational = ([f64; 8], [f64; 8]);

/// For |p − ½| ≤ 0.425, in 0.180625 − (p − ½)².
const CENTRE: Rational = (
    [
        3.387_132_872_796_366_5,
        133.141_667_891_784_38,
        1_971.590_950_306_551_3,
        13_731.693_765_509_46,
        45_921.953_931_549_87,
        67_265.770_927_008_7,
        33_430.575_583_588_13,
        2_509.080_928_730_122_7,
    ],
    [
        1.0,
        42.313_330_701_600_91,
        687.187_007_492_057_9,
        5_394.196_021_424_751,
        21_213.794_301_586_597,
        39_307.895_800_092_71,
        28_729.085_735_721_943,
        5_226.495_278_852_854,
    ],
);

/// For p further out, down to e⁻²⁵, in √(−ln p) − 1.6.
const TAIL: Rational = (
    [
        1.423_437_110_749_683_5,
        4.630_337_846_156_546,
        5.769_497_221_460_691,
        3.647_848_324_763_204_5,
        1.270_458_252_452_368_4,
        0.241_780_725_177_450_6,
        0.022_723_844_989_269_184,
        7.745_450_142_783_414e-4,
    ],
    [
        1.0,
        2.053_191_626_637_759,
        1.676_384_830_183_803_8,
        0.689_767_334_985_1,
        0.148_103_976_427_480_08,
        0.015_198_666_563_616_457,
        5.475_938_084_995_345e-4,
        1.050_750_071_644_416_9e-9,
    ],
);

/// The quantile of the standard normal distribution for `p` within 1e-10..=1 − 1e-10 (others are taken to the nearer bound):
/// the rational approximations of algorithm AS 241 (Wichura, 1988), relative error about 1e-16, of which these two cover
/// the range. Its only transcendental function is the logarithm. A step of Newton's method behind it would add no digit: the
/// error of an erfc in float64 is no smaller.
#[must_use]
pub fn normal_quantile(p: f64) -> f64 {
    let p = p.clamp(1e-10, 1.0 - 1e-10);
    let q = p - 0.5;
    if q.abs() <= 0.425 {
        return q * ratio(CENTRE, 0.180_625 - q * q);
    }
    let tail = if q < 0.0 { p } else { 1.0 - p };
    let value = ratio(TAIL, libm::sqrt(-libm::log(tail)) - 1.6);
    if q < 0.0 { -value } else { value }
}

fn ratio((numerator, denominator): Rational, x: f64) -> f64 {
    let polynomial = |coefficients: [f64; 8]| coefficients.iter().rev().fold(0.0, |sum, c| sum * x + c);
    polynomial(numerator) / polynomial(denominator)
}
