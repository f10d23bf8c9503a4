//! The value that ends a cell, as text.
use std::fmt::Debug;
use cutpoint_wire::{Bundle, Event};
/// Failed.
pub struct Failed { /// kind
 pub kind: &'static str, /// text
 pub text: String }
/// d
pub trait CellValue { /// d
 fn evcxr_display(&self); }
impl<T: Debug + ?Sized> CellValue for T {
    fn evcxr_display(&self) {
        if std::any::type_name::<T>() == "()" { return; }
        let data = Bundle::from_iter([("text/plain".to_owned(), format!("{self:?}").into())]);
        super::wire::send(&Event::Result { data });
    }
}
/// d
#[macro_export]
#[doc(hidden)]
macro_rules! notebook_show { ($v:expr) => {{ use $crate::notebook::value::CellValue as _; ($v).evcxr_display(); ::core::result::Result::Ok::<(), $crate::notebook::value::Failed>(()) }}; }
