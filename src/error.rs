//! What can go wrong, in terms a user can act on.

pub mod torch;

use std::path::{Path, PathBuf};

use torch::sentence;

/// The crate's result type.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Every failure the crate reports. Each names the file or parameter, what was expected, and what was found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused an operation on a file.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried: "open", "write", ...
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file's contents are not what its format demands.
    #[error("{}: expected {expected}, found {found}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What the format demands.
        expected: String,
        /// What the file holds.
        found: String,
    },
    /// A parameter has a value that cannot be used.
    #[error("parameter `{name}`: expected {expected}, found {found}")]
    Parameter {
        /// The parameter, as it is spelled in result files.
        name: &'static str,
        /// The values that can be used.
        expected: String,
        /// The value given.
        found: String,
    },
    /// Data that were handed over cannot be used: arrays, samples, vectors.
    #[error("`{name}`: expected {expected}, found {found}")]
    Data {
        /// What the data are called where they are handed over.
        name: &'static str,
        /// The data that can be used.
        expected: String,
        /// What they are.
        found: String,
    },
    /// A file is of something else: of other parameters, images, weights. Rows of different origins are never mixed, and
    /// what was made of other images is never reused.
    #[error("{}: expected {what} with `{key}` {ours}, found {theirs} ({remedy})", path.display())]
    Mismatch {
        /// The file.
        path: PathBuf,
        /// What the file holds: "results", "weights", ..
        what: &'static str,
        /// The first field in which both differ.
        key: String,
        /// Its value here.
        ours: String,
        /// Its value in the file.
        theirs: String,
        /// What would help.
        remedy: &'static str,
    },
    /// These vectors cannot be clustered in this way; others can.
    #[error("cannot cluster: `{name}`: expected {expected}, found {found}")]
    Clustering {
        /// What is wrong: the vectors, or the algorithm for them.
        name: &'static str,
        /// What could be clustered.
        expected: String,
        /// What was given.
        found: String,
    },
    /// A data set is in none of the places looked at.
    #[error("data set {name} was not found; looked at:\n{}\n{hint}", looked.iter().map(|l| format!("  - {l}")).collect::<Vec<_>>().join("\n"))]
    DataNotFound {
        /// The data set's name.
        name: String,
        /// Each place, and why it did not serve.
        looked: Vec<String>,
        /// What would help.
        hint: String,
    },
    /// A download did not succeed.
    #[error("cannot download {url}: {reason}")]
    Download {
        /// The address.
        url: String,
        /// The reason, as the server or the network gave it.
        reason: String,
    },
    /// A file is complete but is not the official one.
    #[error("{}: expected MD5 {expected}, found {found}", path.display())]
    Checksum {
        /// The file.
        path: PathBuf,
        /// The official sum.
        expected: String,
        /// The file's sum.
        found: String,
    },
    /// libtorch refused an operation. Shown as [one sentence](torch::sentence).
    #[error("libtorch failed in {during}: {}", sentence(&source.to_string()))]
    Torch {
        /// The operation of this crate that asked for it.
        during: String,
        /// libtorch's message.
        source: tch::TchError,
    },
    /// A training has diverged: the weights of this name are no numbers.
    #[error("expected {}, found {NOT_FINITE}", finite_weights(.0))]
    Diverged(String),
    /// A figure could not be drawn.
    #[error("cannot draw the figure: {0}")]
    Drawing(String),
    /// The user asked to stop.
    #[error("interrupted: {0}")]
    Interrupted(String),
    /// A background thread ended without a result.
    #[error("a worker thread failed: {0}")]
    Worker(String),
}

/// What is found in weights after a training that has diverged.
const NOT_FINITE: &str = "NaN or infinity";

fn finite_weights(name: &str) -> String {
    format!("finite weights in {name} (a training that diverges needs a smaller learning rate)")
}

impl Error {
    /// The same, as an error of the file that weights were to be written to, or read from: of a training that has diverged.
    pub fn of_weights(self, path: &Path) -> Error {
        match self {
            Error::Diverged(name) => Error::format(path, finite_weights(&name), NOT_FINITE),
            other => other,
        }
    }

    /// An [`Error::Io`] on `path`; for `map_err`.
    pub(crate) fn io<'a>(action: &'static str, path: &'a Path) -> impl FnOnce(std::io::Error) -> Error + 'a {
        move |source| Error::Io { action, path: path.to_owned(), source }
    }

    /// An [`Error::Format`] on `path`.
    pub(crate) fn format(path: &Path, expected: impl Into<String>, found: impl Into<String>) -> Error {
        Error::Format { path: path.to_owned(), expected: expected.into(), found: found.into() }
    }

    /// An [`Error::Data`].
    pub(crate) fn data(name: &'static str, expected: impl Into<String>, found: impl std::fmt::Display) -> Error {
        Error::Data { name, expected: expected.into(), found: found.to_string() }
    }

    /// An [`Error::Clustering`].
    pub(crate) fn clustering(name: &'static str, expected: impl Into<String>, found: impl std::fmt::Display) -> Error {
        Error::Clustering { name, expected: expected.into(), found: found.to_string() }
    }

    /// The exit code of a program that ends with this error: 2 for a wrong parameter, 130 for an interrupt, as shells have
    /// it, else 1.
    pub fn exit_code(&self) -> i32 {
        match self {
            Error::Parameter { .. } => 2,
            Error::Interrupted(_) => 130,
            _ => 1,
        }
    }

    /// An [`Error::Parameter`].
    pub(crate) fn parameter(name: &'static str, expected: impl Into<String>, found: impl std::fmt::Display) -> Error {
        Error::Parameter { name, expected: expected.into(), found: found.to_string() }
    }
}

/// Says which operation of this crate a libtorch error came from.
pub(crate) trait During<T> {
    /// Wraps the error in [`Error::Torch`].
    fn during(self, what: &str) -> Result<T>;
}

impl<T> During<T> for std::result::Result<T, tch::TchError> {
    fn during(self, what: &str) -> Result<T> {
        self.map_err(|source| match source {
            // The C++ backtrace that libtorch appends helps nobody, not even in a `Debug` text.
            tch::TchError::Torch(message) => {
                Error::Torch { during: what.to_owned(), source: tch::TchError::Torch(sentence(&message)) }
            }
            source => Error::Torch { during: what.to_owned(), source },
        })
    }
}
