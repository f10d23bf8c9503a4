//! The real data sets: what is in them, what they take in memory, how they are split.

mod common;

use std::path::Path;

use common::need;
use cutpoint::config::{Params, TestSplit};
use cutpoint::data::{Dataset, DatasetName, TransferLearningWrapper, CIFAR10, FASHION_MNIST, MNIST};
use cutpoint::runtime::progress::Silent;
use cutpoint::study::Study;

fn counts(labels: &[u8]) -> Vec<usize> {
    (0..10).map(|class| labels.iter().filter(|&&l| l == class).count()).collect()
}

/// A data set's training images of each class, when the numbers and the shape of its images are those expected.
fn per_class(name: DatasetName, folder: &Path, train: usize, shape: [usize; 3]) -> Vec<usize> {
    let set = Dataset::load(name, Some(folder), &Silent).unwrap();
    assert_eq!((set.train.len(), set.test.len(), set.train.shape), (train, 10_000, shape), "{name}");
    assert_eq!(set.train.pixels.len(), train * shape.iter().product::<usize>());
    counts(&set.train.labels)
}

/// The counts on the data set's page.
#[test]
fn images_and_labels_of_mnist_are_those_of_the_published_set() {
    let classes = per_class(MNIST, &need!(common::data(&[MNIST])), 60_000, [1, 28, 28]);
    assert_eq!(classes, [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]);
}

#[test]
fn images_and_labels_of_fashion_mnist_are_those_of_the_published_set() {
    let classes = per_class(FASHION_MNIST, &need!(common::data(&[FASHION_MNIST])), 60_000, [1, 28, 28]);
    assert_eq!(classes, [6000; 10]);
}

#[test]
fn cifar_10_has_as_many_images_as_the_published_set() {
    per_class(CIFAR10, &need!(common::data(&[CIFAR10])), 50_000, [3, 32, 32]);
}

#[test]
fn mnist_takes_less_than_60_mb_in_memory() {
    let set = Dataset::load(MNIST, Some(&need!(common::data(&[MNIST]))), &Silent).unwrap();
    let bytes: usize = [&set.train, &set.test].iter().map(|p| p.pixels.capacity() + p.labels.capacity()).sum();
    assert!(bytes < 60_000_000, "{bytes}");
    // Source and target task of one data set share its images.
    let study = Study::find("MNIST").unwrap();
    let both = TransferLearningWrapper::from_datasets(&study.params, &set, &set).unwrap();
    assert!(std::sync::Arc::ptr_eq(&both.source.train.images, &both.target.train.images));
}

/// Expected: `filter_classes`, `split` and `reduce` of the reference program with PyTorch 2.11, FashionMNIST classes 5,
/// 7, 9: sizes, the first five positions of the training part, and of the reduced set of 0.1% with seed 3.
#[test]
fn splits_and_reduced_sets_are_pytorchs() {
    let study = Study::find("FashionMNIST").unwrap();
    let set = Dataset::load(FASHION_MNIST, Some(&need!(common::data(&[FASHION_MNIST]))), &Silent).unwrap();
    let both = TransferLearningWrapper::from_datasets(&study.params, &set, &set).unwrap();
    let task = &both.target;
    assert_eq!((task.train.len(), task.validation.len(), task.test.len()), (16_200, 1_800, 3_000));
    let (train, _) = cutpoint::data::task::split(18_000, 0.1, 42);
    assert_eq!(train[..5], [13542, 2141, 8626, 9745, 6826]);
    assert_eq!(task.reduced(0.001, 3).unwrap()[..5], [11781, 13050, 15846, 12896, 4018]);
    let params = Params { test_split: TestSplit::Published, ..study.params };
    let published = TransferLearningWrapper::from_datasets(&params, &set, &set).unwrap();
    assert_eq!(published.target.test.len(), 18_000, "the published results measured on the training files");
}

#[test]
fn images_of_different_shapes_are_refused() {
    let data = need!(common::data(&[MNIST, CIFAR10]));
    let error = TransferLearningWrapper::load(&Params::default(), MNIST, CIFAR10, Some(&data), &Silent).unwrap_err();
    assert!(error.to_string().contains("`target`: expected images of shape [1, 28, 28] (MNIST)"), "{error}");
}
