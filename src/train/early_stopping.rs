//! When to stop.

/// What an epoch's validation accuracy means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The best so far: keep these weights.
    Best,
    /// Not better, but go on.
    GoOn,
    /// `patience` epochs without a better one: restore the best weights and stop.
    Stop,
}

/// Counts epochs without a better validation accuracy. Better means strictly greater; the best starts at 0.
#[derive(Clone, Debug, PartialEq)]
pub struct EarlyStopping {
    /// Epochs without a better accuracy before stopping; `None`: never.
    pub patience: Option<usize>,
    /// The best accuracy so far.
    pub best: f64,
    /// Epochs since.
    pub stale: usize,
}

impl EarlyStopping {
    /// At the start of training.
    pub fn new(patience: Option<usize>) -> Self {
        EarlyStopping { patience, best: 0.0, stale: 0 }
    }

    /// Takes note of an epoch's validation accuracy.
    pub fn update(&mut self, val_acc: f64) -> Verdict {
        if val_acc > self.best {
            (self.best, self.stale) = (val_acc, 0);
            return Verdict::Best;
        }
        self.stale += 1;
        if self.patience.is_some_and(|p| self.stale >= p) {
            Verdict::Stop
        } else {
            Verdict::GoOn
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stops_when_it_should_and_only_then() {
        use Verdict::{Best, GoOn, Stop};
        type Case<'a> = (&'a str, Option<usize>, &'a [(f64, Verdict)]);
        let table: [Case; 5] = [
            ("each better", Some(1), &[(0.1, Best), (0.2, Best), (0.3, Best)]),
            ("equal is not better", Some(2), &[(0.5, Best), (0.5, GoOn), (0.5, Stop)]),
            (
                "a better one starts the count anew",
                Some(2),
                &[(0.5, Best), (0.4, GoOn), (0.6, Best), (0.1, GoOn), (0.6, Stop)],
            ),
            ("zero never counts as better", Some(2), &[(0.0, GoOn), (0.0, Stop)]),
            ("without patience it never stops", None, &[(0.5, Best), (0.1, GoOn), (0.1, GoOn), (0.1, GoOn)]),
        ];
        for (why, patience, epochs) in table {
            let mut stopping = EarlyStopping::new(patience);
            for (val_acc, expected) in epochs {
                assert_eq!(stopping.update(*val_acc), *expected, "{why}");
            }
        }
    }
}
