//! Folders: what the preparation leaves, and what each kernel works in.

pub mod home;
pub mod lock;
pub mod std_source;
