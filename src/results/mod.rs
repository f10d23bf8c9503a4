//! Results and where they come from: rows, files, how files are merged, provenance, identities, journals of finished runs.

mod file;
mod identity;
mod journal;
mod machine;
mod merge;
mod origin;
mod provenance;
mod record;

pub use file::ResultFile;
pub use identity::Identity;
pub use journal::Journal;
pub use machine::Computed;
pub use origin::Origin;
pub(crate) use provenance::OF_CUTS;
pub use provenance::{Provenance, PICTURES};
pub use record::Record;
