//! Tests against big rationals, and of independence from order, split and merge.

use num_bigint::BigInt;
use proptest::prelude::*;

use super::*;

/// A finite float times 2^1074: a whole number. Infinity stands for 2^1024, where rounding to it begins to be nearer.
fn scaled(value: f64) -> BigInt {
    if value.is_infinite() {
        return (BigInt::from(1) << (1024 + 1074)) * value.signum() as i64;
    }
    let bits = value.abs().to_bits();
    let (field, fraction) = ((bits >> 52) as u32, bits & ((1 << 52) - 1));
    let magnitude = if field == 0 { BigInt::from(fraction) } else { BigInt::from(fraction | 1 << 52) << (field - 1) };
    if value < 0.0 { -magnitude } else { magnitude }
}

/// Checks that no float is nearer to numerator / (denominator · 2^shift), and that of two as near it is the even one.
fn assert_nearest(value: f64, numerator: &BigInt, denominator: &BigInt, shift: u32) {
    assert!(!value.is_nan());
    let distance = |float: f64| {
        let distance: BigInt = (numerator << 1074) - scaled(float) * (denominator << shift);
        BigInt::from(distance.magnitude().clone())
    };
    let own = distance(value);
    for neighbour in [value.next_up(), value.next_down()] {
        if neighbour == value || (value.is_infinite() && neighbour.is_infinite()) {
            continue;
        }
        let other = distance(neighbour);
        assert!(own <= other, "{value:e} is further than {neighbour:e}");
        assert!(own != other || value.to_bits() & 1 == 0, "{value:e} is as near as {neighbour:e}, and odd");
    }
    assert!(value != 0.0 || value.is_sign_positive());
}

fn moments<const N: usize>(values: &[f64]) -> Moments<N> {
    let mut moments = Moments::default();
    values.iter().for_each(|value| moments.add(*value));
    moments
}

fn saved<const N: usize>(moments: &Moments<N>) -> Vec<u8> {
    let mut out = Vec::new();
    moments.save(&mut out);
    out
}

fn assert_exact(values: &[f64]) {
    let moments = moments::<2>(values);
    let one = BigInt::from(1);
    let sum: BigInt = values.iter().map(|value| scaled(*value)).sum();
    let squares: BigInt = values.iter().map(|value| scaled(*value).pow(2)).sum();
    assert_nearest(moments.sum().unwrap(), &sum, &one, 1074);
    assert_eq!(moments.mean().unwrap().to_bits(), (moments.sum().unwrap() / values.len() as f64).to_bits());
    let count = BigInt::from(values.len());
    let deviations = squares * &count - sum.pow(2);
    assert_nearest(moments.variance(0).unwrap(), &deviations, &count.pow(2), 2148);
    assert_nearest(moments.squared_deviations().unwrap(), &deviations, &count, 2148);
    match values.len() {
        1 => assert_eq!(moments.variance(1), None),
        _ => assert_nearest(moments.variance(1).unwrap(), &deviations, &(&count * (&count - 1)), 2148),
    }
}

fn finite() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<u64>().prop_map(f64::from_bits).prop_filter("finite", |value| value.is_finite()),
        (-1000_i32..1000).prop_map(f64::from),
        (-1_000_000_i32..1_000_000).prop_map(|cents| f64::from(cents) / 100.0),
        (0_u64..1 << 53).prop_map(f64::from_bits),
        prop::sample::select(vec![0.0, -0.0, f64::MAX, f64::MIN, f64::MIN_POSITIVE, 5e-324, -5e-324, 1e308, 1e16, 1.0]),
    ]
}

#[test]
fn hard_sums() {
    for values in [
        &[1e308, 1e308, -1e308, 1.0][..],
        &[f64::MAX, f64::MAX, f64::MIN, f64::MIN, 5e-324],
        &[f64::MAX, 2_f64.powi(969)],
        &[f64::MAX, 2_f64.powi(970)],
        &[f64::MAX, f64::MAX],
        &[f64::MIN, f64::MIN, 1.0],
        &[1.0, 2_f64.powi(-53)],
        &[1.0, 2_f64.powi(-53), 5e-324],
        &[1.0, 2_f64.powi(-52), 2_f64.powi(-53)],
        &[5e-324, 5e-324, -5e-324],
        &[0.1; 10],
        &[1e16, 1.0, -1e16],
        &[2_f64.powi(-537), 2_f64.powi(-538)],
        &[-0.0, -0.0],
        &[-0.0],
        &[1e-320, 1e300, -1e300],
    ] {
        assert_exact(values);
    }
    assert_eq!(moments::<1>(&[f64::MAX, f64::MAX]).sum(), Some(f64::INFINITY));
    assert_eq!(moments::<1>(&[1e16, 1.0, -1e16]).sum(), Some(1.0));
    assert_eq!(moments::<2>(&[0.1; 10]).variance(0), Some(0.0));
}

#[test]
fn infinities_and_nan() {
    let (up, down) = (f64::INFINITY, f64::NEG_INFINITY);
    assert_eq!(moments::<2>(&[1.0, up]).sum(), Some(up));
    assert_eq!(moments::<2>(&[1.0, down]).mean(), Some(down));
    assert_eq!(moments::<2>(&[up, down]).sum(), None);
    assert_eq!(moments::<2>(&[1.0, f64::NAN]).sum(), None);
    assert_eq!(moments::<2>(&[1.0, up]).variance(0), None);
    assert_eq!(moments::<2>(&[]).sum(), None);
    assert_eq!(moments::<2>(&[]).variance(0), None);
    let mut back = moments::<2>(&[1.0, up, f64::NAN]);
    back.subtract(up);
    back.subtract(f64::NAN);
    assert_eq!(saved(&back), saved(&moments::<2>(&[1.0])));
}

#[test]
fn carries_are_resolved_in_time() {
    let mut doubled = moments::<2>(&[-1.5, 1e100, 0.1]);
    for _ in 0..60 {
        doubled.merge(&doubled.clone());
    }
    let exact = (scaled(-1.5) + scaled(1e100) + scaled(0.1)) << 60;
    assert_nearest(doubled.sum().unwrap(), &exact, &1.into(), 1074);
    assert_eq!(doubled.variance(0), moments::<2>(&[-1.5, 1e100, 0.1]).variance(0));
}

#[test]
fn torn_states_are_none() {
    let bytes = saved(&moments::<2>(&[1.5, -1e300, f64::INFINITY]));
    for end in 0..bytes.len() {
        assert!(Moments::<2>::read(&mut Reader::new(&bytes[..end])).is_none());
    }
    let mut far = bytes;
    // The exponent of the sum, behind four counts of one byte each.
    far.splice(4..5, [0xff, 0xff, 0x03]);
    assert!(Moments::<2>::read(&mut Reader::new(&far)).is_none());
}

proptest! {
    #[test]
    fn sums_and_variances_are_nearest(values in prop::collection::vec(finite(), 1..20)) {
        assert_exact(&values);
    }

    #[test]
    fn fourth_powers_are_exact(values in prop::collection::vec(finite(), 1..8)) {
        let mut sum = Accumulator::default();
        values.iter().map(|value| Factor::of_float(*value)).for_each(|factor| {
            sum.add(Term::new(factor).times(factor).times(factor).times(factor));
        });
        let exact: BigInt = values.iter().map(|value| scaled(*value).pow(4)).sum();
        assert_nearest(sum.value().round(), &exact, &1.into(), 4 * 1074);
    }

    #[test]
    fn order_split_and_detours_do_not_matter(
        values in prop::collection::vec(finite(), 0..30),
        visitors in prop::collection::vec(finite(), 0..30),
        cut in 0.0..1.0_f64,
        seed in any::<u64>(),
    ) {
        let whole = saved(&moments::<2>(&values));
        let mut shuffled = values;
        shuffled.sort_by_key(|value| (value.to_bits() ^ seed).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let (left, right) = shuffled.split_at((shuffled.len() as f64 * cut) as usize);
        let mut merged = moments::<2>(right);
        merged.merge(&Moments::read(&mut Reader::new(&saved(&moments::<2>(left)))).unwrap());
        prop_assert_eq!(&saved(&merged), &whole);
        visitors.iter().for_each(|value| merged.add(*value));
        visitors.iter().rev().for_each(|value| merged.subtract(*value));
        prop_assert_eq!(&saved(&merged), &whole);
        merged.merge(&moments(&visitors));
        merged.unmerge(&moments(&visitors));
        prop_assert_eq!(&saved(&merged), &whole);
    }

    #[test]
    fn whole_numbers(values in prop::collection::vec(any::<i64>(), 1..20), visitors in prop::collection::vec(any::<i64>(), 0..9)) {
        let mut moments = IntMoments::default();
        values.iter().for_each(|value| moments.add(*value));
        let before = moments;
        visitors.iter().for_each(|value| moments.add(*value));
        visitors.iter().for_each(|value| moments.subtract(*value));
        prop_assert_eq!(moments, before);
        let sum: i128 = values.iter().map(|value| i128::from(*value)).sum();
        prop_assert_eq!(moments.sum(), sum);
        prop_assert_eq!(moments.mean(), Some(sum as f64 / values.len() as f64));
        let count = BigInt::from(values.len());
        let squares: BigInt = values.iter().map(|value| BigInt::from(*value).pow(2)).sum();
        assert_nearest(moments.variance(0).unwrap(), &(squares * &count - BigInt::from(sum).pow(2)), &count.pow(2), 0);
        let mut bytes = Vec::new();
        moments.save(&mut bytes);
        prop_assert_eq!(IntMoments::read(&mut Reader::new(&bytes)), Some(moments));
        moments.merge(&before);
        moments.unmerge(&before);
        prop_assert_eq!(moments, before);
    }

    #[test]
    fn any_bytes_are_a_state_or_none(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Some(moments) = Moments::<2>::read(&mut Reader::new(&bytes)) {
            let _ = (moments.sum(), moments.variance(0));
        }
        let _ = Quantiles::read(&mut Reader::new(&bytes)).and_then(|quantiles| quantiles.sorted()).map(|sorted| sorted.median());
    }

    #[test]
    fn bins_hold_their_promise(values in prop::collection::vec(finite(), 1..50), q in 0.0..=1.0_f64) {
        let mut bins = Bins::default();
        values.iter().for_each(|value| bins.add(*value));
        let mut sorted = values.clone();
        sorted.sort_by(f64::total_cmp);
        let exact = sorted[((q * values.len() as f64).ceil() as usize).max(1) - 1];
        let got = bins.quantile(q).unwrap();
        prop_assert!((got - exact).abs() <= exact.abs() / 256.0 + 2_f64.powi(-1030), "{got:e} for {exact:e}");
        let mut back = bins.clone();
        back.merge(&bins);
        back.unmerge(&bins);
        prop_assert_eq!(&back, &bins);
        values.iter().for_each(|value| back.subtract(*value));
        prop_assert_eq!(back, Bins::default());
        let mut bytes = Vec::new();
        bins.save(&mut bytes);
        prop_assert_eq!(Bins::read(&mut Reader::new(&bytes)), Some(bins));
    }
}

/// Expected: `numpy.quantile(values, q, method=...)`.
#[test]
fn quantiles_are_those_of_numpy() {
    let mut quantiles = Quantiles::default();
    [3.0, -1.0, 4.0, 1.0, -5.0, 9.0, 2.0, 6.0, 5.0, 3.5].iter().for_each(|value| quantiles.add(*value));
    let sorted = quantiles.sorted().unwrap();
    let at = |method| [0.0, 0.1, 0.25, 1.0 / 3.0, 0.5, 0.77, 1.0].map(|q| sorted.quantile(q, method));
    assert_eq!(at(Method::Linear), [-5.0, -1.4, 1.25, 2.0, 3.25, 4.93, 9.0]);
    assert_eq!(at(Method::AveragedInvertedCdf), [-5.0, -3.0, 1.0, 2.0, 3.25, 5.0, 9.0]);
    assert_eq!(at(Method::InvertedCdf), [-5.0, -5.0, 1.0, 2.0, 3.0, 5.0, 9.0]);
    assert_eq!(sorted.median(), 3.25);
    assert_eq!(Quantiles::default().sorted().map(|sorted| sorted.median()), None);
}

#[test]
fn above_a_million_values_quantiles_are_binned() {
    let values: Vec<f64> = (0..=EXACT_QUANTILES).map(|index| (index * 7919 % 1_000_003) as f64).collect();
    let (mut whole, mut left, mut right) = (Quantiles::default(), Quantiles::default(), Quantiles::default());
    values.iter().for_each(|value| whole.add(*value));
    let (head, tail) = values.split_at(400_000);
    head.iter().for_each(|value| left.add(*value));
    tail.iter().for_each(|value| right.add(*value));
    right.merge(left.clone());
    left.merge(Quantiles::Binned(Bins::default()));
    let saved = |quantiles: &Quantiles| {
        let mut out = Vec::new();
        quantiles.save(&mut out);
        out
    };
    assert!(matches!(whole, Quantiles::Binned(_)));
    assert_eq!(saved(&whole), saved(&right));
    let sorted = right.sorted().unwrap();
    assert_eq!(sorted.count(), EXACT_QUANTILES + 1);
    let median = sorted.median();
    assert!((median - 500_000.0).abs() < 500_000.0 / 256.0, "{median}");
    let mut exact = Quantiles::default();
    values[..EXACT_QUANTILES].iter().for_each(|value| exact.add(*value));
    assert!(matches!(exact, Quantiles::Exact(_)));
    let read = Quantiles::read(&mut Reader::new(&saved(&exact))).unwrap();
    assert_eq!(saved(&read), saved(&exact));
}

#[test]
fn the_median_of_huge_values_is_finite() {
    let mut quantiles = Quantiles::default();
    quantiles.add(f64::MAX);
    quantiles.add(f64::MAX);
    assert_eq!(quantiles.sorted().unwrap().median(), f64::MAX);
}

/// Expected: `scipy.special.ndtri(p)`.
#[test]
fn normal_quantiles_are_those_of_scipy() {
    let cases = [
        (1e-10, -6.361340902404056),
        (1e-07, -5.1993375821928165),
        (0.001, -3.090232306167813),
        (0.02425, -1.972961051311885),
        (0.074, -1.4466320671589785),
        (0.075, -1.4395314709384563),
        (0.076, -1.4325027208258116),
        (0.25, -0.6744897501960817),
        (0.49999, -2.5066282748960008e-05),
        (0.7, 0.5244005127080407),
        (0.925, 1.4395314709384563),
        (0.93, 1.475791028179171),
        (0.9999999, 5.199337582290661),
    ];
    for (p, expected) in cases {
        let got = normal_quantile(p);
        assert!((got - expected).abs() <= 4e-16 * expected.abs() + 1e-16 / 0.4, "{p}: {got} for {expected}");
    }
    assert_eq!(normal_quantile(0.5), 0.0);
    assert_eq!(normal_quantile(0.0), normal_quantile(1e-10));
}
