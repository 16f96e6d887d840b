//! Inputs without knowledge of coverage: those of the corpus, cut, joined and spoilt. The same seed gives the same ones.

/// Numbers at which length and sign go wrong.
const EDGES: [u8; 8] = [0, 1, 0x7f, 0x80, 0xff, b'"', b'{', b'\\'];
/// Longer inputs find nothing that shorter ones don't.
const LONGEST: usize = 32 << 10;
/// Changes of one input.
const CHANGES: usize = 6;

/// Makes inputs of a corpus.
#[derive(Debug)]
pub struct Mutator {
    state: u64,
    corpus: Vec<Vec<u8>>,
}

impl Mutator {
    /// Of this corpus, which has an input at least.
    #[must_use]
    pub fn new(seed: u64, corpus: Vec<Vec<u8>>) -> Self {
        assert!(!corpus.is_empty(), "there is nothing to begin with");
        Self { state: seed, corpus }
    }

    /// The next input.
    pub fn input(&mut self) -> Vec<u8> {
        let mut input = self.any().to_vec();
        for _ in 0..=self.below(CHANGES) {
            self.change(&mut input);
        }
        input.truncate(LONGEST);
        input
    }

    fn any(&mut self) -> &[u8] {
        let at = self.below(self.corpus.len());
        &self.corpus[at]
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        let from = self.below(input.len() + 1);
        let to = (from + self.below(16)).min(input.len());
        match self.below(7) {
            0 if from < input.len() => input[from] ^= 1 << self.below(8),
            1 if from < input.len() => input[from] = EDGES[self.below(EDGES.len())],
            2 => drop(input.drain(from..to)),
            3 => {
                let piece = input[from..to].to_vec();
                let at = self.below(input.len() + 1);
                input.splice(at..at, piece);
            }
            4 => input.truncate(from),
            5 => {
                // The rest of another one.
                let cut = self.below(usize::MAX);
                let other = self.any();
                let rest = other[cut % (other.len() + 1)..].to_vec();
                input.truncate(from);
                input.extend(rest);
            }
            _ => {
                let random = self.random().to_le_bytes();
                let count = self.below(9);
                input.splice(from..to, random[..count].iter().copied());
            }
        }
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.random() % u64::try_from(bound).unwrap_or(u64::MAX)).unwrap_or_default()
    }

    /// SplitMix64.
    fn random(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}
