//! The value that ends a cell: what is shown for it.
//!
//! The kernel wraps a cell's last expression in `show!`. Which form the value is shown in is decided where the macro
//! stands, by method resolution on the value's own type ([`ladder`]): a method `evcxr_display` that the type brings
//! with it goes first, then the texts of this module, then `Debug`.
//!
//! ```
//! use cutpoint::notebook::{show, value::capture};
//!
//! assert_eq!(capture(|| show!(tch::Tensor::from_slice(&[1, 2])).unwrap()), ["tensor([1, 2])\nshape [2], Int"]);
//! assert_eq!(capture(|| show!("7".parse::<i32>()).unwrap()), ["Ok(7)"]);
//! assert_eq!(show!("x".parse::<i32>()).unwrap_err().text, "invalid digit found in string");
//! ```
//!
//! What has neither does not compile (`E0599`, of the method `evcxr_display`):
//!
//! ```compile_fail,E0599
//! struct Silent;
//! let _ = cutpoint::notebook::show!(Silent);
//! ```

mod array;
mod collection;
mod failed;
mod grid;
#[doc(hidden)]
pub mod ladder;
mod sent;
mod tensor;
mod text;

pub use failed::Failed;
pub use sent::capture;

/// Shows the value of an expression as a cell's result: `Ok(())`, or what the cell fails with
/// ([`Failed`](crate::notebook::value::Failed)) where the value is an `Err`.
///
/// The expression is evaluated once; a place is borrowed, and not moved. References, boxes and the like are looked
/// through. `Ok(v)` and `Some(v)` are shown as `v` where `v` has an `evcxr_display` of its own, so that a forgotten `?`
/// still draws the figure; else as `Ok(text)` and `Some(text)`. An `Err` within a `Some` or an `Ok` fails the cell too.
/// `()` and `Ok(())` show nothing. A type without `Debug` and without `evcxr_display` does not compile.
#[macro_export]
#[doc(hidden)]
macro_rules! notebook_show {
    // What is behind references and boxes, three of them at most.
    (@behind $value:ident) => {
        let $value = (&$crate::notebook::value::ladder::Place($value)).cutpoint_behind();
        let $value = (&$crate::notebook::value::ladder::Place($value)).cutpoint_behind();
        let $value = (&$crate::notebook::value::ladder::Place($value)).cutpoint_behind();
    };
    // One layer off: those, and then a `Result` or an `Option`.
    (@layer $value:ident $layers:ident $shown:lifetime) => {
        $crate::notebook_show!(@behind $value);
        if let ::std::option::Option::Some(error) = $value.cutpoint_error() {
            let failed = (&&&$crate::notebook::value::ladder::Error(error)).cutpoint_failed();
            break $shown ::std::result::Result::Err(failed);
        }
        let $value = match $value.cutpoint_inside(&mut $layers) {
            ::std::option::Option::Some(inside) => inside,
            ::std::option::Option::None => {
                $layers.show_none();
                break $shown ::std::result::Result::Ok(());
            }
        };
    };
    ($value:expr $(,)?) => {{
        // Bound before it is returned, so that what the expression borrows outlives its temporaries.
        #[allow(unreachable_code, unused_variables, unused_mut)]
        let outcome: ::std::result::Result<(), $crate::notebook::value::Failed> = match $value {
            ref value => 'shown: {
                use $crate::notebook::value::ladder::{
                    AnyBehind as _, AnyInside as _, Behind as _, ByDebug as _, ByDisplay as _, ByType as _,
                    DebugText as _, Drawn as _, Inside as _, OwnText as _, Written as _,
                };
                let mut layers = $crate::notebook::value::ladder::Layers::default();
                $crate::notebook_show!(@layer value layers 'shown);
                $crate::notebook_show!(@layer value layers 'shown);
                $crate::notebook_show!(@layer value layers 'shown);
                $crate::notebook_show!(@behind value);
                (&&$crate::notebook::value::ladder::Shown(value.evcxr_display())).cutpoint_finish(&layers);
                ::std::result::Result::Ok(())
            }
        };
        outcome
    }};
}
