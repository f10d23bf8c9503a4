//! A study from images to conclusions: the one way that notebooks and the command line go.
//!
//! ```
//! use cutpoint::prelude::*;
//!
//! let exp = Experiment::on(GLYPHS, GLYPHS, SplitConfig::new(&[0, 1, 2, 3, 4], &[5, 6, 7, 8, 9])?)?
//!     .network(NetworkConfig::new(3, 8, 3)?.on(Device::Cpu))
//!     .pretraining(TrainingConfig::new(Optimizer::adam(0.001)?).with_epochs(2)?)
//!     .training(TrainingConfig::new(Optimizer::adam(0.001)?).with_epochs(2)?)
//!     .fractions(&[0.01])?
//!     .repeats(Repeats::Fixed(2));
//! let data = exp.load_data("data")?;
//! let source = exp.source_network(&data)?;
//! assert!(source.evaluate(&data.source.test)?.accuracy > 0.5);
//! let results = exp.sweep(&source, &data)?.run()?;
//! assert_eq!(results.rows().records.len(), 10);
//! println!("{results}");
//! # Ok::<(), Error>(())
//! ```

mod base;
mod evaluation;
mod foretell;
mod images;
mod results;
mod source;
mod sweep;

pub use base::Experiment;
pub use evaluation::Evaluation;
pub use images::ImageStudy;
pub use results::ExperimentResults;
pub use source::{SourceNetwork, Weights};
pub use sweep::ExperimentSweep;
