//! Layer-freezing studies: when a pre-trained network is fine-tuned on a new task, how many of its layers should be
//! kept and frozen, re-initialised, or cut off, and how does the answer change with the amount of target data?
//!
//! A study in small, on the built-in images:
//!
//! ```
//! use cutpoint::prelude::*;
//!
//! let params = Params { depth: 3, num_channels: 8, num_train: 2, device: Device::Cpu, ..Params::default() };
//! let mut data = TransferLearningWrapper::new(&params, GLYPHS, GLYPHS, "data")?;
//! let mut model = CustomCnn::new(&params, data.output_dim(), data.input_shape())?;
//! let report = Trainer::new(&mut model, &data, params.lr_pretrain, &params)?.train()?;
//! assert!(report.test_acc > 0.5);
//!
//! data.update_phase(Phase::Finetune);
//! let sweep = Sweep::new(&params, &model, &data)?.percentages(&[0.01]).cuts(-1..=3).repeats(Repeats::Fixed(2));
//! let results = sweep.run()?;
//! assert_eq!(results.records.len(), 10);
//! println!("{}", Summary::new(&results.records));
//! # Ok::<(), Error>(())
//! ```
//!
//! Modules are rooms above each other, and each uses only its own and those below it (`tests/house.py` sees to that):
//!
//! | rooms, from the top | what is in them |
//! |---|---|
//! | [`prelude`], and the program `cutpoint` | what a notebook sees; one file a command |
//! | [`experiment`] | a study from images to conclusions: the way that notebooks and the program go |
//! | [`table`], [`stats`], [`plot`] | tables; tests of records and their conclusions; figures |
//! | [`sweep`], [`cluster`], [`transfer`] | the grid of runs, side by side; feature maps clustered, and scored |
//! | [`study`] | the studies, their plans and files |
//! | [`train`] | the loop, early stopping, evaluation, the report, source networks |
//! | [`model`] | networks, the cut, features, files of weights |
//! | [`data`] | images, data sets and tasks |
//! | [`results`] | result files, journals, and what makes two runs the same |
//! | [`runtime`], [`notebook`] | workers, interrupts, memory, progress; what only a notebook has |
//! | [`config`] | network, training, split, setting, cut and grid, each checked when it is built |
//! | [`error`], [`rng`], [`util`] | errors; PyTorch's generator; files, locks, digests |

#![warn(missing_docs)]

pub mod cluster;
pub mod config;
pub mod data;
pub mod error;
pub mod experiment;
pub mod model;
pub mod notebook;
pub mod plot;
pub mod prelude;
pub mod results;
pub mod rng;
pub mod runtime;
pub mod stats;
pub mod study;
pub mod sweep;
pub mod table;
pub mod train;
pub mod transfer;
pub mod util;
