//! Comparisons that are made together: Holm's correction, over those that say something of their own.

use super::holm::{holm, ALPHA};

/// Two paired samples.
pub(crate) type Pair<'a> = (&'a [f64], &'a [f64]);

/// Comparisons of paired samples that are made at once, each counted once.
///
/// Runs that coincide (the baseline and cut 0 under FR, the last cut under FR, F and FT) give the same sample twice.
/// Comparing it with a third is one comparison, not two, and comparing it with itself is none: its p-value is 1 whatever
/// comes out, and such a test takes no part in a family (Tarone 1990).
pub(crate) struct Family {
    /// By pair, the number of its comparison; none where both samples are the same.
    places: Vec<Option<usize>>,
    /// How many comparisons there are.
    count: usize,
}

impl Family {
    pub fn new(pairs: &[Pair]) -> Family {
        let mut samples: Vec<&[f64]> = Vec::new();
        let mut comparisons: Vec<(usize, usize)> = Vec::new();
        let mut places = Vec::new();
        for (x, y) in pairs {
            let (a, b) = (place_of(&mut samples, x), place_of(&mut samples, y));
            let pair = (a.min(b), a.max(b));
            places.push((a != b).then(|| place_of(&mut comparisons, pair)));
        }
        Family { places, count: comparisons.len() }
    }

    /// The p-values of the pairs, corrected (Holm 1979).
    pub fn corrected(&self, p_values: &[f64]) -> Vec<f64> {
        let mut own = vec![1.0; self.count];
        for (place, p) in self.places.iter().zip(p_values) {
            place.iter().for_each(|&place| own[place] = *p);
        }
        let own = holm(&own);
        self.places.iter().map(|place| place.map_or(1.0, |place| own[place])).collect()
    }

    /// The fewest repeats with which any of these comparisons can be significant.
    pub fn repeats_needed(&self) -> usize {
        repeats_needed(self.count)
    }
}

/// The fewest repeats with which any of some comparisons can be significant: of `n` pairs that differ, the smallest
/// two-sided p-value is 2 / 2^n, and the first step of the correction multiplies it by the number of comparisons.
pub(crate) fn repeats_needed(comparisons: usize) -> usize {
    let least = |n: usize| 2.0 / 2f64.powi(n.min(1000) as i32);
    (1..).find(|&n| comparisons.max(1) as f64 * least(n) < ALPHA).unwrap_or(1)
}

/// Where something is in a list, at whose end it is put where it is not there yet.
fn place_of<T: PartialEq>(list: &mut Vec<T>, wanted: T) -> usize {
    list.iter().position(|item| *item == wanted).unwrap_or_else(|| {
        list.push(wanted);
        list.len() - 1
    })
}

/// Every pair of some samples.
pub(crate) fn pairs_of<'a>(samples: &[&'a [f64]]) -> Vec<Pair<'a>> {
    numbered_pairs(samples.len()).into_iter().map(|(a, b)| (samples[a], samples[b])).collect()
}

/// The same by their numbers among so many, in the same order.
pub(crate) fn numbered_pairs(samples: usize) -> Vec<(usize, usize)> {
    (0..samples).flat_map(|a| (a + 1..samples).map(move |b| (a, b))).collect()
}

/// Whether there are too few repeats for any of some samples to be told from another, whatever their values.
pub(crate) fn tell_nothing(samples: &[&[f64]]) -> bool {
    let needed = Family::new(&pairs_of(samples)).repeats_needed();
    samples.iter().any(|sample| sample.len() < needed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_that_is_there_twice_counts_once() {
        let (a, b, c) = ([0.1, 0.2], [0.3, 0.4], [0.5, 0.6]);
        let family = Family::new(&pairs_of(&[&a, &a, &b, &c]));
        // a-a, a-b, a-c, a-b, a-c, b-c
        assert_eq!(family.count, 3);
        let corrected = family.corrected(&[1.0, 0.01, 0.02, 0.01, 0.02, 0.5]);
        assert_eq!(corrected, [1.0, 0.03, 0.04, 0.03, 0.04, 0.5]);
        assert!(Family::new(&[]).corrected(&[]).is_empty());
    }

    #[test]
    fn the_repeats_that_it_takes_grow_with_the_comparisons() {
        // 2 / 2^5 is 0.0625 and 2 / 2^6 0.03125; times 4 below 0.05 from 2 / 2^8 on, times 28 from 2 / 2^11 on.
        assert_eq!([0, 1, 4, 28].map(repeats_needed), [6, 6, 8, 11]);
        let samples: Vec<Vec<f64>> = (0..8).map(|i| (0..10).map(|j| f64::from(i * 10 + j)).collect()).collect();
        let of = |n: usize, distinct: usize| {
            (0..8).map(|i| samples[i.min(distinct - 1)].split_at(n).0).collect::<Vec<&[f64]>>()
        };
        assert!(tell_nothing(&of(10, 8)), "28 comparisons of ten repeats");
        assert!(!tell_nothing(&of(10, 7)), "21 comparisons, as one sample is there twice");
        assert!(tell_nothing(&of(9, 7)) && tell_nothing(&of(5, 2)) && !tell_nothing(&of(6, 2)));
    }
}
