//! Ranks that rest on tests: how many others are significantly better.

use crate::error::Result;
use crate::stats::tests::{numbered_pairs, pairs_of, wilcoxon, Family, Rule, ALPHA};

/// Ranks paired samples: a sample's rank is 1 and one more for each other one that is significantly better than it
/// (Wilcoxon, Holm-corrected over all pairs, of which those of samples that are there twice count once; better is what
/// has the higher sum of ranks, as in the test, whatever the means). Samples that no test tells apart share a rank, so
/// that with five repeats or fewer all ranks are 1.
///
/// # Errors
/// [`crate::error::Error::Parameter`] when the samples are not of one length, or hold numbers that are not finite.
pub fn dominance_ranks(samples: &[&[f64]], rule: Rule) -> Result<Vec<usize>> {
    let pairs = numbered_pairs(samples.len());
    let test = |&(a, b): &(usize, usize)| wilcoxon(samples[a], samples[b], rule);
    let tests = pairs.iter().map(test).collect::<Result<Vec<_>>>()?;
    let family = Family::new(&pairs_of(samples));
    let corrected = family.corrected(&tests.iter().map(|t| t.p_value).collect::<Vec<_>>());
    let mut ranks = vec![1; samples.len()];
    for ((&(a, b), test), p) in pairs.iter().zip(tests).zip(corrected) {
        if p < ALPHA {
            ranks[if test.effect_size() < 0.0 { a } else { b }] += 1;
        }
    }
    Ok(ranks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rank_counts_the_samples_that_are_significantly_better() {
        let at = |middle: f64| (0..20).map(|i| middle + f64::from(i % 7) * 0.001).collect::<Vec<f64>>();
        let nearly = at(0.8).iter().enumerate().map(|(i, v)| v + [0.0005, -0.0005][i % 2]).collect::<Vec<_>>();
        let (low, middle, high) = (at(0.5), at(0.6), at(0.8));
        assert_eq!(dominance_ranks(&[&low, &high, &middle, &nearly], Rule::SciPy).unwrap(), [4, 1, 3, 1]);
        assert_eq!(dominance_ranks(&[&low[..5], &high[..5]], Rule::SciPy).unwrap(), [1, 1], "five pairs tell nothing");
        assert!(dominance_ranks(&[&low, &high[..5]], Rule::SciPy).is_err());
        let mut fell = at(0.61);
        fell[3] = 0.0;
        assert!(fell.iter().sum::<f64>() < middle.iter().sum::<f64>(), "one run that failed pulls the mean down");
        assert_eq!(dominance_ranks(&[&middle, &fell], Rule::SciPy).unwrap(), [2, 1], "the test looks at ranks");
        assert!(dominance_ranks(&[], Rule::SciPy).unwrap().is_empty());
    }
}
