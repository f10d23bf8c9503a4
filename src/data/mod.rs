//! Data sets: from files, or a download, to the images of a source and a target task.
//!
//! [`find`] finds or fetches the files of a known data set, [`Dataset::from_folder`] reads one's own, [`idx`], [`cifar`],
//! [`cifar_python`] and [`glyphs`] read them into [`Images`] (bytes), [`task`] picks classes and splits, and
//! [`TransferLearningWrapper`] holds both tasks of a study.

mod augment;
pub mod cifar;
pub mod cifar_python;
mod dataset;
pub mod download;
pub mod find;
mod folder;
pub mod glyphs;
pub mod idx;
mod images;
mod name;
pub mod places;
mod prepare;
pub mod resize;
pub mod task;
mod wrapper;

pub(crate) use augment::augment;
pub use dataset::Dataset;
pub use folder::{ClassOfFolder, FolderOptions, FolderReport, PassedOver, Reason};
pub use images::{Files, Images};
pub use name::{DatasetName, CIFAR10, FASHION_MNIST, GLYPHS, MNIST};
pub use prepare::Preparation;
pub use task::{Phase, Samples, Task};
pub use wrapper::TransferLearningWrapper;
