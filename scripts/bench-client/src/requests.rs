//! The requests of a load, encoded before it begins, so that encoding costs nothing while the clock runs.

use bytes::Bytes;

use crate::messages::{OnlineFeaturesRequest, frame};
use crate::options::Load;

/// Distinct requests of a load; then they repeat.
const DISTINCT: usize = 8192;

/// An endless cycle of encoded requests for random entities.
#[derive(Debug)]
pub(crate) struct Requests {
    bodies: Vec<Bytes>,
    next: usize,
}

impl Requests {
    /// Encodes the requests that the options describe; the same seed gives the same ones.
    pub(crate) fn new(load: &Load) -> Self {
        let mut random = SplitMix(load.seed);
        let feature_names: Vec<String> = (0..load.names).map(|i| format!("{}{i:02}", load.name_prefix)).collect();
        let mut entity = || format!("{}{}", load.id_prefix, random.below(load.entities));
        let mut body = || {
            let entity_ids = (0..load.batch).map(|_| entity()).collect();
            frame(&OnlineFeaturesRequest { entity_ids, feature_names: feature_names.clone(), ..Default::default() })
        };
        Self { bodies: (0..DISTINCT).map(|_| body()).collect(), next: 0 }
    }

    /// The next request, with its gRPC frame.
    pub(crate) fn next(&mut self) -> Bytes {
        self.next = (self.next + 1) % self.bodies.len();
        self.bodies[self.next].clone()
    }
}

/// SplitMix64: enough to spread the load over the entities.
#[derive(Debug)]
struct SplitMix(u64);

impl SplitMix {
    fn below(&mut self, bound: u32) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        // The top 32 bits scaled to the bound: no division, and a bias far below what a load could show.
        ((z >> 32) * u64::from(bound)) >> 32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_entities_lie_in_range_and_spread() {
        let mut random = SplitMix(7);
        let mut seen = [0_u32; 10];
        for _ in 0..10_000 {
            seen[usize::try_from(random.below(10)).unwrap_or(10)] += 1;
        }
        assert!(seen.iter().all(|count| (800..1200).contains(count)), "{seen:?}");
    }
}
