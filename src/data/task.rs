//! From a data set to a task: classes kept, labels counted anew, training and validation parts, reduced sets.

use std::sync::Arc;

use super::dataset::Dataset;
use super::images::Images;
use crate::config::{check_percentage, Params, TestSplit};
use crate::error::{Error, Result};
use crate::rng::TorchRng;

/// Some images of a file set, with the labels of a task.
#[derive(Clone)]
pub struct Samples {
    /// The file set.
    pub images: Arc<Images>,
    /// Which of its images, in order.
    pub rows: Vec<u32>,
    /// Their labels in the task: positions in its sorted class list.
    pub labels: Vec<u8>,
}

impl Samples {
    /// The images of the given classes, in file order. `classes` must be sorted.
    fn of_classes(images: &Arc<Images>, classes: &[u8]) -> Samples {
        let (mut rows, mut labels) = (Vec::new(), Vec::new());
        for (row, label) in images.labels.iter().enumerate() {
            if let Ok(position) = classes.binary_search(label) {
                rows.push(row as u32);
                labels.push(position as u8);
            }
        }
        Samples { images: Arc::clone(images), rows, labels }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The samples at `positions` (each below `len`), in that order.
    pub fn select(&self, positions: impl IntoIterator<Item = usize>) -> Samples {
        let (rows, labels) = positions.into_iter().map(|i| (self.rows[i], self.labels[i])).unzip();
        Samples { images: Arc::clone(&self.images), rows, labels }
    }

    /// The samples' pixels, one image after the other: `len` x channels x height x width bytes.
    pub fn pixels(&self) -> Vec<u8> {
        self.rows.iter().flat_map(|&row| self.images.image(row as usize)).copied().collect()
    }
}

impl std::fmt::Debug for Samples {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Samples({} of {:?})", self.len(), self.images)
    }
}

/// The part of the study under way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// The source task.
    #[default]
    Pretrain,
    /// The target task.
    Finetune,
}

impl std::fmt::Display for Phase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Phase::Pretrain => "Pretrain",
            Phase::Finetune => "Finetune",
        })
    }
}

/// One task: its classes and its three sets of samples.
#[derive(Clone, Debug)]
pub struct Task {
    /// The part of the study that it is the task of.
    pub phase: Phase,
    /// The data set the images are from.
    pub dataset: String,
    /// The classes, sorted; a label is a position in this list.
    pub classes: Vec<u8>,
    /// What each class shows, in the order of labels.
    pub class_names: Vec<String>,
    /// The training part of the training files.
    pub train: Samples,
    /// The validation part of the training files.
    pub validation: Samples,
    /// What test accuracy is measured on; see [`TestSplit`].
    pub test: Samples,
}

impl Task {
    /// The task of telling the classes of a part of the study apart: `pre_train_classes` of a data set, or
    /// `fine_tune_classes`.
    ///
    /// # Errors
    /// [`Error::Parameter`] (under the parameter that names the classes) when a class has no images in the training
    /// files, or when the task has no training or test images.
    pub fn new(dataset: &Dataset, phase: Phase, params: &Params) -> Result<Task> {
        let (name, classes) = match phase {
            Phase::Pretrain => ("pre_train_classes", &params.pre_train_classes),
            Phase::Finetune => ("fine_tune_classes", &params.fine_tune_classes),
        };
        let mut classes = classes.to_vec();
        classes.sort_unstable();
        for class in &classes {
            if !dataset.train.labels.contains(class) {
                let mut present = dataset.train.labels.clone();
                present.sort_unstable();
                present.dedup();
                return Err(Error::parameter(name, format!("classes of {} ({present:?})", dataset.name), class));
            }
        }
        let all = Samples::of_classes(&dataset.train, &classes);
        let (train, validation) = split(all.len(), params.val_split, params.generate_dataset_seed);
        let test = match params.test_split {
            TestSplit::Test => Samples::of_classes(&dataset.test, &classes),
            TestSplit::Published => all.clone(),
        };
        let (train, validation) = (all.select(train), all.select(validation));
        if train.is_empty() || test.is_empty() {
            let found = format!("{} training and {} test images", train.len(), test.len());
            return Err(Error::parameter(name, format!("classes with images in {}", dataset.name), found));
        }
        if validation.is_empty() && params.needs_validation() {
            let expected = format!(
                "a fraction that leaves validation images of {}, for early stopping and the best weights",
                all.len()
            );
            return Err(Error::parameter("val_split", expected, params.val_split));
        }
        let class_names = classes.iter().filter_map(|&c| dataset.class_names.get(usize::from(c)).cloned()).collect();
        Ok(Task { phase, dataset: dataset.name.clone(), classes, class_names, train, validation, test })
    }

    /// Images a class in the training set reduced to `percentage` (a fraction).
    ///
    /// # Errors
    /// [`Error::Parameter`] when the fraction is not one, or leaves a class empty.
    pub fn per_class(&self, percentage: f64) -> Result<usize> {
        check_percentage(percentage)?;
        let n = self.train.len();
        let present = self.counts().iter().filter(|&&c| c > 0).count();
        let per_class = (n as f64 * percentage / present as f64) as usize;
        if per_class == 0 {
            let expected = format!("a fraction that leaves each of {present} classes an image of the {n} there are");
            return Err(Error::parameter("percentage", expected, percentage));
        }
        Ok(per_class)
    }

    /// A digest of the images and labels of this task: of its training, validation and test set, in their order.
    pub fn digest(&self) -> String {
        self.digest_with(&self.train)
    }

    /// [`Self::digest`] with `train` as the training set.
    pub(crate) fn digest_with(&self, train: &Samples) -> String {
        digest_of(&[train, &self.validation, &self.test])
    }

    /// A digest of the images and labels that a training on this task sees: of its training and its validation set.
    pub fn training_digest(&self) -> String {
        digest_of(&[&self.train, &self.validation])
    }

    /// Training samples of each class.
    fn counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.classes.len()];
        for &label in &self.train.labels {
            counts[usize::from(label)] += 1;
        }
        counts
    }

    /// Positions in `train` of the balanced reduced training set of a repeat: for each class in turn one permutation,
    /// drawn after seeding with `repeat`, of which the first images are taken. A class with fewer than that
    /// gives all it has.
    ///
    /// # Errors
    /// Those of [`Task::per_class`].
    pub fn reduced(&self, percentage: f64, repeat: u64) -> Result<Vec<usize>> {
        let per_class = self.per_class(percentage)?;
        let mut rng = TorchRng::new(repeat);
        let mut picked = Vec::new();
        for class in 0..self.classes.len() {
            let of_class: Vec<usize> =
                (0..self.train.len()).filter(|&i| usize::from(self.train.labels[i]) == class).collect();
            let order = rng.randperm(of_class.len());
            picked.extend(order.iter().take(per_class).map(|&i| of_class[i as usize]));
        }
        Ok(picked)
    }
}

/// A digest of sets of images and labels, in their order.
fn digest_of(sets: &[&Samples]) -> String {
    use md5::Digest;
    let mut hash = md5::Md5::new();
    for samples in sets {
        hash.update(&samples.labels);
        for &row in &samples.rows {
            hash.update(samples.images.image(row as usize));
        }
    }
    crate::util::hex::hex(hash.finalize())
}

/// Positions of the training and the validation part of `n` samples: one permutation of a generator of its own, of
/// which the last `val_split` (rounded down) validate.
pub fn split(n: usize, val_split: f64, seed: u64) -> (Vec<usize>, Vec<usize>) {
    let n_val = (val_split * n as f64) as usize;
    let mut order: Vec<usize> = TorchRng::new(seed).randperm(n).into_iter().map(|i| i as usize).collect();
    let validation = order.split_off(n - n_val);
    (order, validation)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A data set of images with one pixel, `counts[class]` of each class, classes interleaved.
    fn dataset(counts: &[usize]) -> Dataset {
        let most = counts.iter().copied().max().unwrap_or(0);
        let labels: Vec<u8> =
            (0..most).flat_map(|i| (0..counts.len()).filter(move |&c| i < counts[c]).map(|c| c as u8)).collect();
        let pixels = (0..labels.len()).map(|i| i as u8).collect();
        let images = Arc::new(Images { pixels, labels, shape: [1, 1, 1] });
        let class_names = (0..counts.len()).map(|c| format!("class {c}")).collect();
        let place = String::new();
        Dataset { name: "numbers".to_owned(), class_names, train: Arc::clone(&images), test: images, place }
    }

    fn task(counts: &[usize], classes: &[u8], params: &Params) -> Result<Task> {
        let params = Params { fine_tune_classes: classes.to_vec(), ..params.clone() };
        Task::new(&dataset(counts), Phase::Finetune, &params)
    }

    #[test]
    fn labels_are_positions_in_the_sorted_class_list() {
        let task = task(&[4, 4, 4, 4], &[3, 1], &Params { val_split: 0.25, ..Params::default() }).unwrap();
        assert_eq!(task.classes, [1, 3]);
        for samples in [&task.train, &task.validation, &task.test] {
            for (&row, &label) in samples.rows.iter().zip(&samples.labels) {
                assert_eq!(task.classes[usize::from(label)], samples.images.labels[row as usize]);
            }
        }
        assert_eq!((task.train.len(), task.validation.len(), task.test.len()), (6, 2, 8));
        assert_eq!(task.train.pixels().len(), 6);
    }

    #[test]
    fn training_and_validation_parts_share_nothing() {
        let (train, validation) = split(1000, 0.1, 42);
        assert_eq!((train.len(), validation.len()), (900, 100));
        let mut all = [train, validation].concat();
        all.sort_unstable();
        assert_eq!(all, (0..1000).collect::<Vec<_>>());
    }

    #[test]
    fn reduced_sets_are_balanced_and_depend_on_the_repeat_only() {
        let task = task(&[100, 100, 100], &[0, 2], &Params::default()).unwrap();
        let picked = task.reduced(0.2, 1).unwrap();
        assert_eq!(picked.len(), 2 * task.per_class(0.2).unwrap());
        let ones = picked.iter().filter(|&&i| task.train.labels[i] == 1).count();
        assert_eq!(2 * ones, picked.len());
        assert_eq!(picked, task.reduced(0.2, 1).unwrap());
        assert_ne!(picked, task.reduced(0.2, 2).unwrap());
        let mut distinct = picked.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), picked.len());
    }

    #[test]
    fn impossible_tasks_are_refused() {
        let params = Params::default();
        let error = task(&[5, 5], &[0, 7], &params).unwrap_err().to_string();
        assert!(error.contains("`fine_tune_classes`") && error.contains("[0, 1]") && error.contains('7'), "{error}");
        let small = task(&[20, 20], &[0, 1], &params).unwrap();
        let error = small.reduced(0.01, 0).unwrap_err().to_string();
        assert!(error.contains("`percentage`") && error.contains("0.01"), "{error}");
        assert!(task(&[3, 3], &[0, 1], &params).unwrap_err().to_string().contains("`val_split`"));
    }
}
