//! Which form a value is shown in, decided by the compiler where `show!` stands.
//!
//! Stable Rust has no specialisation, but method resolution chooses: it looks for a method of a receiver's type, first
//! an inherent one and then one of a trait, before it looks for one of a reference to that type. So each choice is a
//! pair of traits with a method of the same name: one for the special types, and one for a reference to any type. Only
//! `show!` uses them; it brings them into scope for itself.

use std::cell::{Ref, RefMut};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::fmt::{Debug, Display};
use std::rc::Rc;
use std::sync::{Arc, MutexGuard, RwLockReadGuard, RwLockWriteGuard};

use super::failed::Failed;
use super::sent::send;
use super::text::{indented, shortened, Text, TEXT_LIMIT};
use super::{array, collection, tensor};
use crate::error::torch;

/// What was taken off a value on the way to what it holds: the names of variants, from the outside.
#[derive(Default)]
pub struct Layers(Vec<&'static str>);

impl Layers {
    /// Shows the `None` that stands within these layers.
    pub fn show_none(&self) {
        self.show(&Text::plain("None".to_owned()));
    }

    fn show(&self, text: &Text) {
        // `Ok(())` says nothing either, `Some(())` does.
        if text.is_unit && !self.0.contains(&"Some") {
            return;
        }
        let before: String = self.0.iter().map(|layer| format!("{layer}(")).collect();
        let mut shown = format!("{before}{}{}", indented(&text.body, before.len()), ")".repeat(self.0.len()));
        if !text.note.is_empty() {
            shown = format!("{shown}\n{}", text.note);
        }
        send(&shown);
    }
}

/// A value, to be looked through if it is a reference, a box, or a guard.
pub struct Place<'a, T: ?Sized>(pub &'a T);

/// Looks through one of those.
pub trait Behind<'a> {
    type Behind: ?Sized;
    fn cutpoint_behind(&self) -> &'a Self::Behind;
}

macro_rules! behind {
    ($($holder:ty),*) => { $(
        impl<'a, T: ?Sized> Behind<'a> for Place<'a, $holder> {
            type Behind = T;
            fn cutpoint_behind(&self) -> &'a T {
                self.0
            }
        }
    )* };
}

// Each of these has the text of what it holds, so that looking through it changes no text.
behind!(
    &T,
    &mut T,
    Box<T>,
    Rc<T>,
    Arc<T>,
    Ref<'_, T>,
    RefMut<'_, T>,
    MutexGuard<'_, T>,
    RwLockReadGuard<'_, T>,
    RwLockWriteGuard<'_, T>
);

/// Any other value stands behind nothing.
pub trait AnyBehind<'a> {
    type Behind: ?Sized;
    fn cutpoint_behind(&self) -> &'a Self::Behind;
}

impl<'a, T: ?Sized> AnyBehind<'a> for &Place<'a, T> {
    type Behind = T;
    fn cutpoint_behind(&self) -> &'a T {
        self.0
    }
}

/// The error of what has none.
pub enum NoError {}

impl Display for NoError {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {}
    }
}

/// What a `Result` or an `Option` holds.
pub trait Inside {
    type Inside;
    type Error;
    fn cutpoint_error(&self) -> Option<&Self::Error>;
    fn cutpoint_inside(&self, layers: &mut Layers) -> Option<&Self::Inside>;
}

impl<T, E> Inside for Result<T, E> {
    type Inside = T;
    type Error = E;
    fn cutpoint_error(&self) -> Option<&E> {
        self.as_ref().err()
    }
    fn cutpoint_inside(&self, layers: &mut Layers) -> Option<&T> {
        layers.0.push("Ok");
        self.as_ref().ok()
    }
}

impl<T> Inside for Option<T> {
    type Inside = T;
    type Error = NoError;
    fn cutpoint_error(&self) -> Option<&NoError> {
        None
    }
    fn cutpoint_inside(&self, layers: &mut Layers) -> Option<&T> {
        let inside = self.as_ref();
        layers.0.extend(inside.map(|_| "Some"));
        inside
    }
}

/// Any other value is itself.
pub trait AnyInside<'a> {
    type Inside: ?Sized;
    fn cutpoint_error(&self) -> Option<&'a NoError>;
    fn cutpoint_inside(&self, layers: &mut Layers) -> Option<&'a Self::Inside>;
}

impl<'a, T: ?Sized> AnyInside<'a> for &'a T {
    type Inside = T;
    fn cutpoint_error(&self) -> Option<&'a NoError> {
        None
    }
    fn cutpoint_inside(&self, _: &mut Layers) -> Option<&'a T> {
        Some(self)
    }
}

/// An error, to be told by its `Display`, else by its `Debug`, else by its type alone.
pub struct Error<'a, E: ?Sized>(pub &'a E);

fn failed<E: ?Sized>(text: &str) -> Failed {
    Failed { kind: std::any::type_name::<E>(), text: torch::sentence(text) }
}

pub trait ByDisplay {
    fn cutpoint_failed(&self) -> Failed;
}

impl<E: Display + ?Sized> ByDisplay for &&Error<'_, E> {
    fn cutpoint_failed(&self) -> Failed {
        failed::<E>(&self.0.to_string())
    }
}

pub trait ByDebug {
    fn cutpoint_failed(&self) -> Failed;
}

impl<E: Debug + ?Sized> ByDebug for &Error<'_, E> {
    fn cutpoint_failed(&self) -> Failed {
        failed::<E>(&shortened(format_args!("{:?}", self.0), TEXT_LIMIT))
    }
}

pub trait ByType {
    fn cutpoint_failed(&self) -> Failed;
}

impl<E: ?Sized> ByType for Error<'_, E> {
    fn cutpoint_failed(&self) -> Failed {
        failed::<E>("an error without a text")
    }
}

/// The types that have a text here, which is better than their `Debug`.
pub trait OwnText {
    fn evcxr_display(&self) -> Text;
}

impl OwnText for () {
    fn evcxr_display(&self) -> Text {
        Text { body: "()".to_owned(), is_unit: true, ..Text::default() }
    }
}

impl OwnText for tch::Tensor {
    fn evcxr_display(&self) -> Text {
        tensor::text(self)
    }
}

impl<S: ndarray::Data<Elem: Debug>, D: ndarray::Dimension> OwnText for ndarray::ArrayBase<S, D> {
    fn evcxr_display(&self) -> Text {
        array::text(self)
    }
}

impl<T: Debug> OwnText for [T] {
    fn evcxr_display(&self) -> Text {
        collection::list(self.iter())
    }
}

impl<T: Debug, const N: usize> OwnText for [T; N] {
    fn evcxr_display(&self) -> Text {
        collection::list(self.iter())
    }
}

impl<T: Debug> OwnText for Vec<T> {
    fn evcxr_display(&self) -> Text {
        collection::list(self.iter())
    }
}

impl<T: Debug> OwnText for VecDeque<T> {
    fn evcxr_display(&self) -> Text {
        collection::list(self.iter())
    }
}

impl<T: Debug> OwnText for BTreeSet<T> {
    fn evcxr_display(&self) -> Text {
        collection::set(self.iter())
    }
}

impl<K: Debug, V: Debug> OwnText for BTreeMap<K, V> {
    fn evcxr_display(&self) -> Text {
        collection::map(self.iter())
    }
}

impl<T: Debug, S> OwnText for HashSet<T, S> {
    fn evcxr_display(&self) -> Text {
        collection::unordered_set(self.iter())
    }
}

impl<K: Debug, V: Debug, S> OwnText for HashMap<K, V, S> {
    fn evcxr_display(&self) -> Text {
        collection::unordered_map(self.iter())
    }
}

/// Any other value has its `Debug` text.
pub trait DebugText {
    fn evcxr_display(&self) -> Text;
}

impl<T: Debug + ?Sized> DebugText for &T {
    fn evcxr_display(&self) -> Text {
        Text::plain(shortened(format_args!("{self:?}"), TEXT_LIMIT))
    }
}

/// What the `evcxr_display` that was chosen returned.
pub struct Shown<T>(pub T);

/// One of ours: a text, to be sent.
pub trait Written {
    fn cutpoint_finish(&self, layers: &Layers);
}

impl Written for &Shown<Text> {
    fn cutpoint_finish(&self, layers: &Layers) {
        layers.show(&self.0);
    }
}

/// A type's own, which has shown the value itself.
pub trait Drawn {
    fn cutpoint_finish(&self, layers: &Layers);
}

impl<T> Drawn for Shown<T> {
    fn cutpoint_finish(&self, _: &Layers) {}
}
