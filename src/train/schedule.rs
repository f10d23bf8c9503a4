//! Learning rates in the course of training, as `torch.optim.lr_scheduler` computes them, to the last digit: most of its
//! schedules go from the rate before to the next one, and so do these.

use std::f64::consts::PI;

use crate::config::{Recipe, Schedule};

/// What the learning rate begins with in a warm-up, as a part of the whole.
const WARM_UP_FROM: f64 = 1.0 / 3.0;
/// The one-cycle schedule's settings: the part of the steps in which the rate rises, how much smaller it is at the start
/// and at the end of all, and momentum's bounds.
const RISES: f64 = 0.3;
const START: f64 = 25.0;
const END: f64 = 1e4;
const MOMENTUM: (f64, f64) = (0.85, 0.95);

/// Learning rates of some groups of parameters, now.
#[derive(Clone, Debug)]
pub(crate) struct Rates {
    schedule: Schedule,
    warm_up: usize,
    epochs: usize,
    /// Steps of all epochs.
    total_steps: usize,
    base: Vec<f64>,
    now: Vec<f64>,
    momentum: Option<f64>,
    epoch: usize,
    step: usize,
}

impl Rates {
    /// At the start of a training of `epochs` of `steps` each; `base` holds the whole rate of each group.
    pub fn new(recipe: &Recipe, base: Vec<f64>, epochs: usize, steps: usize) -> Rates {
        let mut rates = Rates {
            schedule: recipe.schedule,
            warm_up: recipe.warm_up,
            epochs,
            total_steps: epochs * steps,
            now: base.clone(),
            base,
            momentum: None,
            epoch: 0,
            step: 0,
        };
        if rates.warm_up > 0 {
            rates.now.iter_mut().for_each(|rate| *rate *= WARM_UP_FROM);
        }
        rates.cycle();
        rates
    }

    /// The rate of each group.
    pub fn now(&self) -> &[f64] {
        &self.now
    }

    /// Momentum, where the schedule sets it.
    pub fn momentum(&self) -> Option<f64> {
        self.momentum
    }

    /// After a step of the optimizer.
    pub fn after_step(&mut self) {
        self.step += 1;
        self.cycle();
    }

    /// After an epoch.
    pub fn after_epoch(&mut self) {
        self.epoch += 1;
        let (warm_up, epoch) = (self.warm_up, self.epoch);
        if warm_up > 0 && (epoch < warm_up || (epoch == warm_up && self.schedule == Schedule::Constant)) {
            let rise = 1.0 - WARM_UP_FROM;
            let by = 1.0 + rise / (warm_up as f64 * WARM_UP_FROM + (epoch as f64 - 1.0) * rise);
            self.now.iter_mut().for_each(|rate| *rate *= by);
            return;
        }
        // Epochs of the schedule itself, and how many of them there will be.
        let Some(at) = epoch.checked_sub(warm_up) else { return };
        if at == 0 && self.schedule != Schedule::Constant {
            self.now.clone_from(&self.base);
            return;
        }
        match self.schedule {
            Schedule::Step { every, factor } if at.is_multiple_of(every) => {
                self.now.iter_mut().for_each(|rate| *rate *= factor);
            }
            Schedule::Cosine => {
                let (at, whole) = (at as f64, self.epochs.saturating_sub(warm_up).max(1) as f64);
                for (rate, base) in self.now.iter_mut().zip(&self.base) {
                    *rate = if (at - 1.0 - whole).rem_euclid(2.0 * whole) == 0.0 {
                        *rate + base * (1.0 - (PI / whole).cos()) / 2.0
                    } else {
                        (1.0 + (PI * at / whole).cos()) / (1.0 + (PI * (at - 1.0) / whole).cos()) * *rate
                    };
                }
            }
            _ => {}
        }
    }

    /// Rates and momentum of the one-cycle schedule at this step.
    fn cycle(&mut self) {
        if self.schedule != Schedule::OneCycle {
            return;
        }
        let (rises, ends) = (RISES * self.total_steps as f64 - 1.0, self.total_steps as f64 - 1.0);
        let at = self.step as f64;
        let along = |from: f64, to: f64, part: f64| to + (from - to) / 2.0 * ((PI * part).cos() + 1.0);
        for (rate, &base) in self.now.iter_mut().zip(&self.base) {
            let start = base / START;
            *rate = match at <= rises {
                true => along(start, base, at / rises),
                false => along(base, start / END, (at - rises) / (ends - rises)),
            };
        }
        self.momentum = Some(match at <= rises {
            true => along(MOMENTUM.1, MOMENTUM.0, at / rises),
            false => along(MOMENTUM.0, MOMENTUM.1, (at - rises) / (ends - rises)),
        });
    }
}
