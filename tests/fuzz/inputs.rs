//! Inputs that are nearly right: sound ones with a few changes each, drawn from a seed.

/// Numbers from a seed (xorshift64).
pub struct Draw(u64);

impl Draw {
    /// The numbers of a seed.
    pub fn new(seed: u64) -> Draw {
        Draw(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }
}

/// Words that headers are made of, and that arithmetic stumbles over.
const WORDS: [u32; 8] = [0, 1, 0x7fff_ffff, 0xffff_ffff, 0xffff, 0x1_0000, 0x8000, 255];

/// One of the corpus with up to six changes: bytes, bits, words, cuts, insertions, and pieces of others.
pub fn changed(draw: &mut Draw, corpus: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = corpus[draw.below(corpus.len())].clone();
    for _ in 0..1 + draw.below(6) {
        if bytes.is_empty() {
            bytes.push(0);
        }
        let length = bytes.len();
        let at = draw.below(length);
        match draw.below(8) {
            0 => bytes[at] = draw.next() as u8,
            1 => bytes[at] ^= 1 << draw.below(8),
            2 => bytes.truncate(at + 1),
            3 => drop(bytes.drain(at..(at + draw.below(16)).min(length))),
            4 => {
                let new: Vec<u8> = (0..1 + draw.below(8)).map(|_| draw.next() as u8).collect();
                drop(bytes.splice(at..at, new));
            }
            5 => {
                let other = &corpus[draw.below(corpus.len())];
                let from = draw.below(other.len());
                let piece = other[from..(from + draw.below(64)).min(other.len())].to_vec();
                drop(bytes.splice(at..(at + piece.len()).min(length), piece));
            }
            6 => {
                let at = draw.below(length.min(64));
                bytes[at] = draw.next() as u8;
            }
            _ => {
                let word = WORDS[draw.below(WORDS.len())];
                let word = if draw.below(2) == 0 { word.to_le_bytes() } else { word.to_be_bytes() };
                bytes.iter_mut().skip(at).zip(word).for_each(|(byte, new)| *byte = new);
            }
        }
    }
    bytes
}

/// A number from the environment.
pub fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}
