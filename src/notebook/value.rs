//! The value that ends a cell, as text.

use std::fmt::Debug;
use std::io::Write;

/// Gives every value with a `Debug` text the method that evcxr calls at the end of a cell.
///
/// evcxr compiles a cell that ends in a value without this method twice: once to find out that there is none. With the
/// prelude in force once is enough. A type's own `evcxr_display` goes before this one.
pub trait CellValue {
    /// Shows the value as the cell's result; of `()` nothing.
    fn evcxr_display(&self);
}

impl<T: Debug + ?Sized> CellValue for T {
    fn evcxr_display(&self) {
        if std::any::type_name::<T>() == std::any::type_name::<()>() {
            return;
        }
        let mut out = std::io::stdout().lock();
        // A notebook that has gone away has no use for the output, and nowhere to hear of it.
        let _ = writeln!(out, "EVCXR_BEGIN_CONTENT text/plain\n{self:?}\nEVCXR_END_CONTENT");
        let _ = out.flush();
    }
}

/// Takes [`CellValue`] out of force: with both in scope neither is chosen, and evcxr formats values itself, as its
/// commands `:fmt` and `:types` say.
pub trait EvcxrValue {
    /// Never called.
    fn evcxr_display(&self) {}
}

impl<T: ?Sized> EvcxrValue for T {}
