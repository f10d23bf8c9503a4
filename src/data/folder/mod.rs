//! Data sets of one's own: a folder of class folders with files of images.

mod decode;
mod fault;
mod jpeg;
mod read;
mod report;
mod survey;
mod tiff;
mod webp;
mod write;

pub use read::FolderOptions;
pub use report::{ClassOfFolder, FolderReport};
pub use survey::{PassedOver, Reason};
