//! What the frozen layers make of the images, computed once for all runs.
//!
//! A frozen prefix is a pure function of the image. Each run's training, validation and test samples are rows of
//! one table; the table for a cut is made from the one for the cut before, chunk by chunk, and dropped when nothing
//! needs it any more.

use std::collections::HashMap;

use tch::Tensor;

use super::run::RunInputs;
use crate::data::{Samples, Task};
use crate::error::{During, Result};
use crate::model::{chunks, pixel_table, Model};
use crate::train::{label_tensor, Inputs};

/// The images of a target task: one table for the training files' samples and one for the test files'.
pub(super) struct ImageBank {
    task: Task,
    /// All samples of the training files, validation part first.
    train_files: Tensor,
    /// The test samples; `None` where they are training files' samples themselves.
    test_files: Option<Tensor>,
    validation_labels: Tensor,
    test_labels: Tensor,
    /// Rows of `train_files` by image number.
    row_of: HashMap<u32, i64>,
}

impl ImageBank {
    pub fn new(task: &Task, device: tch::Device) -> Result<Self> {
        let all = Samples {
            images: task.train.images.clone(),
            rows: [&task.validation.rows[..], &task.train.rows[..]].concat(),
            labels: [&task.validation.labels[..], &task.train.labels[..]].concat(),
        };
        let own_files = !std::sync::Arc::ptr_eq(&task.test.images, &task.train.images);
        Ok(ImageBank {
            train_files: pixel_table(&all, device)?,
            test_files: own_files.then(|| pixel_table(&task.test, device)).transpose()?,
            validation_labels: label_tensor(&task.validation, device)?,
            test_labels: label_tensor(&task.test, device)?,
            row_of: all.rows.iter().enumerate().map(|(i, &row)| (row, i as i64)).collect(),
            task: task.clone(),
        })
    }

    pub fn shallow_clone(&self) -> Self {
        ImageBank {
            task: self.task.clone(),
            train_files: self.train_files.shallow_clone(),
            test_files: self.test_files.as_ref().map(Tensor::shallow_clone),
            validation_labels: self.validation_labels.shallow_clone(),
            test_labels: self.test_labels.shallow_clone(),
            row_of: self.row_of.clone(),
        }
    }

    fn rows(&self, samples: &Samples) -> Vec<i64> {
        samples.rows.iter().map(|row| self.row_of[row]).collect()
    }

    /// The images of one run.
    pub fn inputs(&self, percentage: f64, repeat: u64) -> Result<RunInputs> {
        let train = self.task.train.select(self.task.reduced(percentage, repeat)?);
        let labels = label_tensor(&train, self.train_files.device())?;
        let (test_table, test_rows) = match &self.test_files {
            Some(table) => (table, (0..self.task.test.len() as i64).collect()),
            None => (&self.train_files, self.rows(&self.task.test)),
        };
        Ok(RunInputs {
            classes: self.task.classes.len(),
            train: Inputs::of_images(&self.train_files, self.rows(&train), &labels),
            validation: Inputs::of_images(&self.train_files, self.rows(&self.task.validation), &self.validation_labels),
            test: Inputs::of_images(test_table, test_rows, &self.test_labels),
        })
    }

    /// Where each sample stands in tables of stored activations, for runs of these reduced training sets.
    pub fn layout(&self, runs: impl IntoIterator<Item = (f64, u64)>) -> Result<Layout> {
        let mut wanted: Vec<bool> = vec![false; self.row_of.len()];
        let mark = |samples: &Samples, wanted: &mut Vec<bool>| {
            samples.rows.iter().for_each(|row| wanted[self.row_of[row] as usize] = true);
        };
        mark(&self.task.validation, &mut wanted);
        if self.test_files.is_none() {
            mark(&self.task.test, &mut wanted);
        }
        for (percentage, repeat) in runs {
            mark(&self.task.train.select(self.task.reduced(percentage, repeat)?), &mut wanted);
        }
        let image_rows: Vec<i64> = (0..wanted.len()).filter(|&i| wanted[i]).map(|i| i as i64).collect();
        let mut position = vec![-1; wanted.len()];
        for (at, &row) in image_rows.iter().enumerate() {
            position[row as usize] = at as i64;
        }
        let test_rows = if self.test_files.is_some() { self.task.test.len() } else { 0 };
        Ok(Layout { position, image_rows, test_rows })
    }
}

/// Which images tables of activations hold: first those of the training files that runs need, then the test files'.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    /// Row of a table by row of the training files' images; -1 where no run needs it.
    position: Vec<i64>,
    /// Rows of the training files' images, in table order.
    image_rows: Vec<i64>,
    /// Test files' images after them.
    test_rows: usize,
}

impl Layout {
    /// Rows of a table.
    pub fn len(&self) -> usize {
        self.image_rows.len() + self.test_rows
    }

    /// A run's inputs as rows of a table of activations, the inputs of block `start`.
    pub fn as_features(
        &self,
        images: &ImageBank,
        inputs: RunInputs,
        run: (f64, u64),
        table: &Tensor,
        start: usize,
    ) -> Result<RunInputs> {
        let of =
            |samples: &Samples| images.rows(samples).iter().map(|&r| self.position[r as usize]).collect::<Vec<_>>();
        let task = &images.task;
        let train = of(&task.train.select(task.reduced(run.0, run.1)?));
        let test = match images.test_files {
            Some(_) => (self.image_rows.len() as i64..self.len() as i64).collect(),
            None => of(&task.test),
        };
        Ok(RunInputs {
            classes: inputs.classes,
            train: inputs.train.into_features(table, train, start),
            validation: inputs.validation.into_features(table, of(&task.validation), start),
            test: inputs.test.into_features(table, test, start),
        })
    }

    /// The shape of a table for the inputs of block `level`: rows x channels x height x width.
    pub fn shape(&self, source: &dyn Model, level: usize) -> Result<[i64; 4]> {
        let [c, h, w] = source.shape_before(level)?.map(|s| s as i64);
        Ok([self.len() as i64, c, h, w])
    }

    /// Bytes of such a table.
    pub fn bytes(&self, source: &dyn Model, level: usize) -> Result<u64> {
        Ok((self.len() * source.shape_before(level)?.iter().product::<usize>() * 4) as u64)
    }

    /// Fills rows `first` to `first + count` of the table for block `level` from the table for block `from`, or from
    /// the images where `from` is 0.
    pub fn fill(
        &self,
        images: &ImageBank,
        source: &dyn Model,
        (first, count): (usize, usize),
        (from, lower): (usize, Option<&Tensor>),
        (level, table): (usize, &Tensor),
    ) -> Result<()> {
        let _no_grad = tch::no_grad_guard();
        for (at, size) in chunks(count, source.device()) {
            let range = first + at..first + at + size;
            let x = match lower {
                Some(lower) => lower.f_narrow(0, range.start as i64, size as i64).during("reading activations")?,
                None => source.preparation().apply(&self.images(images, range.clone())?)?,
            };
            let x = source.through(&x, from, level, false)?;
            let mut rows = table.f_narrow(0, range.start as i64, size as i64).during("storing activations")?;
            rows.f_copy_(&x).during("storing activations")?;
        }
        Ok(())
    }

    /// The images of some rows, as bytes.
    fn images(&self, bank: &ImageBank, range: std::ops::Range<usize>) -> Result<Tensor> {
        let border = self.image_rows.len();
        let mut parts = Vec::new();
        if range.start < border {
            let rows = &self.image_rows[range.start..range.end.min(border)];
            let rows = Tensor::f_from_slice(rows).and_then(|r| r.f_to(bank.train_files.device()));
            parts.push(rows.and_then(|r| bank.train_files.f_index_select(0, &r)).during("choosing images")?);
        }
        if let (Some(test), true) = (&bank.test_files, range.end > border) {
            let start = range.start.max(border) - border;
            let part = test.f_narrow(0, start as i64, (range.end - border - start) as i64);
            parts.push(part.during("choosing images")?);
        }
        Tensor::f_cat(&parts, 0).during("choosing images")
    }
}
