//! Tables of results: columns of typed values, and one renderer a form.
//!
//! What people read (text, Markdown, LaTeX, HTML) has titles and rounded numbers; what programs read (CSV, JSON) has keys
//! and every digit. Both come from the same columns, so that they cannot disagree.
//!
//! ```
//! use cutpoint::table::Table;
//!
//! let rows = [(0.01, 2, 0.875), (0.1, 4, 0.9375)];
//! let table = Table::of(&rows)
//!     .fraction("percentage", |row| row.0).titled("data")
//!     .cut("cut", |row| row.1)
//!     .number("median", 3, |row| row.2).marked(|row| row.2 > 0.9)
//!     .done();
//! assert_eq!(table.to_string(), "data    cut  median\n  1%  cut 2  0.875\n 10%  cut 4  0.938*");
//! assert_eq!(table.to_csv(), "percentage,cut,median\n0.01,2,0.875\n0.1,4,0.9375\n");
//! ```

mod base;
mod build;
mod csv;
mod form;
mod html;
mod json;
mod latex;
mod markdown;
mod names;
mod text;
mod value;

pub use base::Table;
pub use build::TableOf;
pub use form::Form;
pub(crate) use names::{cannot_tell, cut_names, p_value, percents};
pub use names::{cut_name, percent};
pub use value::Value;
