//! Small tools without a subject of their own: files, locks, digests, markup.

pub mod files;
pub(crate) mod hex;
pub(crate) mod json;
pub(crate) mod locks;
pub mod markup;
pub(crate) mod names;
pub(crate) mod numbers;
pub(crate) mod panics;
pub(crate) mod pickle;
