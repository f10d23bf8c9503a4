//! The random numbers of PyTorch's CPU generator, as a value of one's own.
//!
//! PyTorch's generator is global; runs that share it disturb each other. [`TorchRng`] draws the same numbers from
//! the same seed (mt19937, 32-bit outputs), and every run carries its own.
//! Source: the algorithm of Matsumoto and Nishimura (1998); what each of PyTorch's operations draws was checked
//! against PyTorch 2.11 (the numbers in the tests below are its output).

const N: usize = 624;
const M: usize = 397;

/// A generator equal to `torch.Generator().manual_seed(seed)` on the CPU.
#[derive(Clone, PartialEq, Eq)]
pub struct TorchRng {
    state: [u32; N],
    next: usize,
}

impl std::fmt::Debug for TorchRng {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TorchRng {{ {} outputs used of this block, first word {:#010x} }}", self.next, self.state[0])
    }
}

impl TorchRng {
    /// The generator after `manual_seed(seed)`. Only the low 32 bits of a seed count, as in PyTorch.
    pub fn new(seed: u64) -> Self {
        let mut state = [0u32; N];
        state[0] = seed as u32;
        for i in 1..N {
            let previous = state[i - 1];
            state[i] = 1_812_433_253u32.wrapping_mul(previous ^ (previous >> 30)).wrapping_add(i as u32);
        }
        TorchRng { state, next: N }
    }

    fn refill(&mut self) {
        for i in 0..N {
            let y = (self.state[i] & 0x8000_0000) | (self.state[(i + 1) % N] & 0x7fff_ffff);
            let twist = if y & 1 == 1 { 0x9908_b0df } else { 0 };
            self.state[i] = self.state[(i + M) % N] ^ (y >> 1) ^ twist;
        }
        self.next = 0;
    }

    /// The next 32-bit output.
    pub fn random32(&mut self) -> u32 {
        if self.next == N {
            self.refill();
        }
        let mut y = self.state[self.next];
        self.next += 1;
        y ^= y >> 11;
        y ^= (y << 7) & 0x9d2c_5680;
        y ^= (y << 15) & 0xefc6_0000;
        y ^ (y >> 18)
    }

    /// Two outputs as one number, the first one high.
    pub fn random64(&mut self) -> u64 {
        let high = u64::from(self.random32());
        (high << 32) | u64::from(self.random32())
    }

    /// `torch.empty((), dtype=torch.int64).random_()`: 63 bits.
    pub fn random_int64(&mut self) -> u64 {
        self.random64() & (i64::MAX as u64)
    }

    /// `tensor.uniform_(from, to)` on a float32 tensor of `count` elements, in memory order.
    pub fn uniform(&mut self, count: usize, from: f64, to: f64) -> Vec<f32> {
        let (from, to) = (from as f32, to as f32);
        let width = to - from;
        (0..count)
            .map(|_| {
                let unit = (self.random32() & 0x00ff_ffff) as f32 * (1.0 / 16_777_216.0);
                // One rounding, not two: PyTorch's kernel is compiled to a fused multiply-add.
                unit.mul_add(width, from)
            })
            .collect()
    }

    /// `torch.randperm(n)`: a permutation of 0..n.
    ///
    /// PyTorch draws 32-bit numbers below 2^32 / 20 elements; larger permutations are outside this crate's use.
    pub fn randperm(&mut self, n: usize) -> Vec<i64> {
        let mut order: Vec<i64> = (0..n as i64).collect();
        for i in 0..n.saturating_sub(1) {
            let j = self.random32() as usize % (n - i);
            order.swap(i, i + j);
        }
        order
    }

    /// The generator's whole state as numbers, for checkpoints: 624 state words and the position.
    pub fn to_words(&self) -> Vec<i64> {
        self.state.iter().map(|&w| i64::from(w)).chain([self.next as i64]).collect()
    }

    /// The inverse of [`TorchRng::to_words`]; `None` when the numbers are not such a state.
    pub fn from_words(words: &[i64]) -> Option<Self> {
        let (next, state) = words.split_last()?;
        let state: Vec<u32> = state.iter().map(|&w| u32::try_from(w).ok()).collect::<Option<_>>()?;
        let next = usize::try_from(*next).ok().filter(|&n| n <= N)?;
        Some(TorchRng { state: state.try_into().ok()?, next })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected numbers: PyTorch 2.11, `g = torch.Generator().manual_seed(SEED)`, then
    /// `torch.randperm(10, generator=g)`, `torch.empty((), dtype=torch.int64).random_(generator=g)`,
    /// `torch.empty(5).uniform_(-0.3, 0.3, generator=g)` and the start of `torch.randperm(1000, generator=g)`.
    #[test]
    // The digits are as PyTorch prints them.
    #[allow(clippy::excessive_precision)]
    fn draws_what_pytorch_draws() {
        type Draws = (u64, [i64; 10], u64, [f32; 5], [i64; 5]);
        let expected: [Draws; 3] = [
            (
                0,
                [4, 1, 7, 5, 3, 9, 0, 8, 6, 2],
                2279347887019741461,
                [
                    -0.05896962061524391,
                    -0.28660455346107483,
                    -0.19868464767932892,
                    -0.12366693466901779,
                    0.01111307181417942,
                ],
                [56, 91, 134, 223, 486],
            ),
            (
                42,
                [2, 6, 1, 8, 4, 5, 0, 9, 3, 7],
                8224162778172047826,
                [
                    0.05614779144525528,
                    0.22164267301559448,
                    0.040629174560308456,
                    0.14465643465518951,
                    -0.04235730320215225,
                ],
                [315, 518, 55, 577, 809],
            ),
            (
                (1 << 40) + 7,
                [5, 0, 3, 4, 1, 7, 9, 6, 8, 2],
                5681832686530518414,
                [
                    0.03056112676858902,
                    -0.12789660692214966,
                    -0.17620837688446045,
                    -0.0329458974301815,
                    -0.08442842960357666,
                ],
                [666, 875, 547, 180, 544],
            ),
        ];
        for (seed, permutation, number, uniform, long) in expected {
            let mut rng = TorchRng::new(seed);
            assert_eq!(rng.randperm(10), permutation);
            assert_eq!(rng.random_int64(), number);
            assert_eq!(rng.uniform(5, -0.3, 0.3), uniform);
            assert_eq!(rng.randperm(1000)[..5], long);
        }
    }

    #[test]
    fn a_state_survives_as_words() {
        let mut rng = TorchRng::new(5);
        rng.randperm(1000);
        let mut again = TorchRng::from_words(&rng.to_words()).unwrap();
        assert_eq!(again.random64(), rng.random64());
        assert!(TorchRng::from_words(&[1, 2]).is_none());
        assert!(TorchRng::from_words(&[-1; 625]).is_none());
    }
}
