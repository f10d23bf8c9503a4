//! Data sets of one's own: a folder of class folders with files of images.

mod read;
mod write;

pub use read::FolderOptions;
