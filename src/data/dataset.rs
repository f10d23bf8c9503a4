//! A data set: images for training and for testing, and what the classes are called.

use std::sync::Arc;

use super::images::Images;
use crate::error::{Error, Result};

/// A data set: the images of its training and of its test files.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// What it is called.
    pub name: String,
    /// What each class shows, by label.
    pub class_names: Vec<String>,
    /// The training files' images.
    pub train: Arc<Images>,
    /// The test files' images.
    pub test: Arc<Images>,
    /// Where they were read from, for a reader.
    pub place: String,
}

impl Dataset {
    /// A data set of one's own from arrays. Labels are positions in `class_names`.
    ///
    /// # Errors
    /// [`Error::Parameter`] when there are no images, when those for training and for testing have different shapes,
    /// or when a label has no name.
    pub fn from_images(name: &str, class_names: &[&str], train: Images, test: Images) -> Result<Dataset> {
        if train.is_empty() || test.is_empty() {
            let found = format!("{} and {}", train.len(), test.len());
            return Err(Error::parameter("images", "some for training and some for testing", found));
        }
        if train.shape != test.shape {
            let expected = format!("test images of {:?}", train.shape);
            return Err(Error::parameter("images", expected, format!("{:?}", test.shape)));
        }
        let highest = train.labels.iter().chain(&test.labels).max();
        if let Some(&label) = highest.filter(|&&l| usize::from(l) >= class_names.len()) {
            return Err(Error::parameter("class_names", format!("a name for label {label}"), class_names.len()));
        }
        Ok(Dataset {
            name: name.to_owned(),
            class_names: class_names.iter().map(|&n| n.to_owned()).collect(),
            train: Arc::new(train),
            test: Arc::new(test),
            place: "memory".to_owned(),
        })
    }
}
