//! What the kernel's code around a cell calls: the store of variables, the guard around each statement, and the points
//! at which a cell can be stopped. Cells do not name any of this themselves.

use std::any::Any;
use std::collections::HashMap;
use std::fmt::Display;
use std::future::Future;
use std::panic::{catch_unwind, resume_unwind, AssertUnwindSafe, Location};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use cutpoint_wire::{Event, Failed, Place};

use super::wire;
use crate::error::torch;
use crate::runtime::host;

/// The variables between cells. All copies of this crate in a process use the same one.
#[derive(Default)]
pub struct Store {
    values: HashMap<String, Box<dyn Any>>,
    shared: HashMap<&'static str, Box<dyn Any>>,
    /// The statement at which the running cell failed, once its variables are in the store.
    failed_at: Option<i64>,
    /// Why the statement failed.
    trouble: Option<Trouble>,
    /// Whether a value that was replaced or forgotten panicked when it was dropped.
    drop_panicked: bool,
}

impl Store {
    // What is compiled anew for each cell and type is kept short: it is a good part of the time that a cell takes.

    /// Keeps a value. From a cell whose thread was left behind nothing is taken any more.
    #[inline]
    pub fn put<T: 'static>(&mut self, name: &str, value: T) {
        self.put_boxed(name, Box::new(value));
    }

    #[inline(never)]
    fn put_boxed(&mut self, name: &str, value: Box<dyn Any>) {
        if host::is_cell() {
            let old = self.values.insert(name.to_owned(), value);
            self.release(old);
        }
    }

    /// Drops a value. That its drop panics must not keep the other variables from being stored.
    fn release(&mut self, value: Option<Box<dyn Any>>) {
        self.dropped(catch_unwind(AssertUnwindSafe(|| drop(value))));
    }

    #[inline(never)]
    fn dropped(&mut self, result: std::thread::Result<()>) {
        if let Err(payload) = result {
            self.drop_panicked |= matches!(unwound(payload), Trouble::Panicked);
        }
    }

    /// Gives a value away.
    ///
    /// # Panics
    /// When there is none of this name and type; the kernel knows which there are.
    #[inline]
    pub fn take<T: 'static>(&mut self, name: &str) -> T {
        match self.take_boxed(name).downcast() {
            Ok(value) => *value,
            Err(_) => Store::is_another(name, std::any::type_name::<T>()),
        }
    }

    #[inline(never)]
    fn take_boxed(&mut self, name: &str) -> Box<dyn Any> {
        self.values.remove(name).unwrap_or_else(|| panic!("the variable `{name}` is gone"))
    }

    #[inline(never)]
    fn is_another(name: &str, kind: &str) -> ! {
        panic!("the variable `{name}` is no {kind} any more")
    }

    /// Drops a value that borrows from others, so that those can be stored.
    pub fn end<T>(&mut self, value: T) {
        self.dropped(catch_unwind(AssertUnwindSafe(|| drop(value))));
    }

    /// Drops a value, if it is there.
    pub fn forget(&mut self, name: &str) {
        let value = self.values.remove(name);
        self.release(value);
    }

    /// What a guarded statement gave; none, and why is noted, when it did not come to its end.
    pub fn tried<T>(&mut self, result: Result<T, Trouble>) -> Option<T> {
        result.map_err(|trouble| self.trouble = Some(trouble)).ok()
    }

    /// How a cell ends whose variables are in the store, after a statement failed as [`Store::tried`] has noted. What is
    /// dropped after this may panic.
    ///
    /// # Errors
    /// Always: the statement, and why it failed.
    pub fn failed(&mut self, statement: i64) -> Ended {
        self.failed_at = Some(statement);
        Err((statement, self.trouble.take().unwrap_or(Trouble::Panicked)))
    }

    /// A value that is made when it is first asked for, and stays: the runtime of asynchronous calls.
    pub fn shared<T: 'static>(&mut self, name: &'static str, make: impl FnOnce() -> T) -> Arc<T> {
        let value = self.shared.entry(name).or_insert_with(|| Box::new(Arc::new(make())));
        match value.downcast_ref::<Arc<T>>() {
            Some(value) => Arc::clone(value),
            None => panic!("{name} is of another version of its crate"),
        }
    }
}

/// Why a statement did not come to its end.
#[derive(Debug)]
pub enum Trouble {
    /// An error ended it.
    Failed(CellError),
    /// A panic ended it; the panic's hook has told the kernel.
    Panicked,
    /// It was asked to stop.
    Stopped,
}

/// An error that a `?` of a cell met: its type, its text, and where.
#[derive(Debug)]
pub struct CellError(Failed);

impl<E: Display> From<E> for CellError {
    #[track_caller]
    fn from(error: E) -> Self {
        CellError::new(std::any::type_name::<E>(), &error.to_string(), Location::caller())
    }
}

thread_local! {
    /// The lines where the last expression before a `?` started, and where that `?` is.
    static MARK: std::cell::Cell<(u32, u32)> = const { std::cell::Cell::new((0, 0)) };
}

/// Gives a value on, and notes in which line it started and in which line its `?` stands.
#[inline]
pub fn at<T>(value: T, start: u32, mark: u32) -> T {
    note(start, mark);
    value
}

#[inline(never)]
fn note(start: u32, mark: u32) {
    MARK.set((start, mark));
}

impl CellError {
    fn new(kind: &str, text: &str, location: &Location<'_>) -> CellError {
        let mut place = wire::place(location);
        let (start, mark) = MARK.get();
        if place.line == start as usize {
            place.line = mark as usize;
        }
        CellError(Failed { kind: kind.to_owned(), text: torch::sentence(text), place: Some(place) })
    }
}

/// An error for a value that ends a cell and is an `Err`.
///
/// # Errors
/// What was given.
#[track_caller]
pub fn shown(result: Result<(), super::value::Failed>) -> Result<(), CellError> {
    let location = Location::caller();
    result.map_err(|failed| CellError::new(failed.kind, &failed.text, location))
}

/// Shows a text as the value that ends a cell.
pub fn text(text: &str) {
    let data = cutpoint_wire::Bundle::from_iter([("text/plain".to_owned(), text.into())]);
    host::send(&Event::Result { data });
}

/// What unwinds a cell that was asked to stop. It is no panic: no hook sees it.
struct StopRequest;

/// A point at which a cell can be stopped. The kernel puts one before each statement, and at the head of each loop,
/// function and closure of a cell.
#[inline(never)]
pub fn point() {
    if host::stopping() {
        resume_unwind(Box::new(StopRequest));
    }
}

/// Runs a statement: whatever ends it, the variables outside of it stay.
///
/// # Errors
/// What ended it.
pub fn guard<T>(statement: impl FnOnce() -> Result<T, CellError>) -> Result<T, Trouble> {
    // A mark of another statement says nothing of this one.
    note(0, 0);
    match catch_unwind(AssertUnwindSafe(statement)) {
        // A sleep or a program that was cut short comes back as if it had ended by itself.
        Ok(Ok(_)) if host::stopping() => Err(Trouble::Stopped),
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => Err(Trouble::Failed(error)),
        Err(payload) => Err(unwound(payload)),
    }
}

/// What a payload that unwound a statement means.
#[inline(never)]
fn unwound(payload: Box<dyn Any + Send>) -> Trouble {
    if payload.is::<StopRequest>() {
        return Trouble::Stopped;
    }
    wire::panicked(None);
    // A value's drop may panic in turn.
    let _ = catch_unwind(AssertUnwindSafe(|| drop(payload)));
    Trouble::Panicked
}

/// Between two looks at whether an asynchronous statement was asked to stop.
const LOOK: Duration = Duration::from_millis(50);

struct Unpark(std::thread::Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits for an asynchronous statement, and can be stopped meanwhile.
pub fn wait<F: Future>(statement: F) -> F::Output {
    let mut statement = pin!(statement);
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        point();
        match statement.as_mut().poll(&mut context) {
            Poll::Ready(done) => return done,
            Poll::Pending => std::thread::park_timeout(LOOK),
        }
    }
}

/// How a cell ended: in which statement, and why.
pub type Ended = Result<(), (i64, Trouble)>;

/// The number of a statement behind all others: the cell had come to its end.
const BEHIND: i64 = i64::MAX / 8;

/// Runs a cell on the store that `slot` points to, which is made at the first call. Returns how it ended: the number of
/// the statement times four, and 0 (done), 1 (an error), 2 (a panic) or 3 (stopped).
///
/// # Safety
/// `slot` is null or points to null or to what an earlier call left there, and no other thread uses it.
pub unsafe fn run(slot: *mut *mut std::ffi::c_void, cell: fn(&mut Store) -> Ended) -> i64 {
    // SAFETY: the caller's promise.
    let store = unsafe {
        if (*slot).is_null() {
            *slot = Box::into_raw(Box::<Store>::default()).cast();
        }
        &mut *(*slot).cast::<Store>()
    };
    store.failed_at = None;
    store.drop_panicked = false;
    let mut at = None;
    let ended = guard(|| {
        Ok(match cell(store) {
            Ok(()) => None,
            Err((statement, trouble)) => {
                at = Some(statement);
                Some(trouble)
            }
        })
    });
    let trouble = match ended {
        Ok(None) if store.drop_panicked => Trouble::Panicked,
        Ok(None) => return 0,
        Ok(Some(trouble)) | Err(trouble) => trouble,
    };
    // Outside of the statements only what is dropped at the end can fail.
    at.or(store.failed_at).unwrap_or(BEHIND) * 4
        + match trouble {
            Trouble::Failed(CellError(failed)) => {
                host::send(&Event::Failed(failed));
                1
            }
            Trouble::Panicked => 2,
            Trouble::Stopped => 3,
        }
}

/// Where an error was met, for tests.
#[doc(hidden)]
pub fn place_of(error: &CellError) -> Option<&Place> {
    error.0.place.as_ref()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failing() -> Result<i32, CellError> {
        let number = "x".parse::<i32>()?;
        Ok(number)
    }

    #[test]
    fn an_error_knows_its_line() {
        let error = failing().unwrap_err();
        let place = place_of(&error).unwrap();
        assert!(place.file.ends_with("cell.rs"), "{place:?}");
        let text = include_str!("cell.rs").lines().nth(place.line - 1).unwrap();
        assert!(text.contains("parse::<i32>()?"), "{text}");
        assert!(error.0.kind.ends_with("ParseIntError") && error.0.text.contains("invalid digit"));
    }

    #[test]
    fn the_question_mark_of_a_chain_is_found_further_down() {
        let failing = || -> Result<i32, CellError> {
            let start = line!() + 1;
            let number = at("x".parse::<i32>(), start, start + 7)?;
            Ok(number)
        };
        let place = failing().unwrap_err().0.place.unwrap();
        let text = include_str!("cell.rs").lines().nth(place.line - 8).unwrap();
        assert!(text.contains("let number = at"), "{text}");
    }

    #[test]
    fn values_of_a_cell_are_kept_whatever_ends_it() {
        let mut slot = std::ptr::null_mut();
        let cell = |store: &mut Store| -> Ended {
            let kept = match guard(|| Ok(vec![1, 2])) {
                Ok(kept) => kept,
                Err(trouble) => return Err((0, trouble)),
            };
            let hook = std::panic::take_hook();
            std::panic::set_hook(Box::new(|_| ()));
            let failed = guard::<()>(|| panic!("on purpose"));
            std::panic::set_hook(hook);
            store.put("kept", kept);
            failed.map_err(|trouble| (1, trouble))
        };
        // SAFETY: a slot of this test's own.
        unsafe {
            assert_eq!(run(&mut slot, cell), 6);
            let read = |store: &mut Store| -> Ended {
                assert_eq!(store.take::<Vec<i32>>("kept"), [1, 2]);
                Err((5, Trouble::Stopped))
            };
            assert_eq!(run(&mut slot, read), 23);
            drop(Box::from_raw(slot.cast::<Store>()));
        }
    }

    #[test]
    fn asynchronous_statements_are_waited_for() {
        struct Second(bool);
        impl Future for Second {
            type Output = i32;
            fn poll(mut self: std::pin::Pin<&mut Self>, context: &mut Context<'_>) -> Poll<i32> {
                if self.0 {
                    return Poll::Ready(7);
                }
                self.0 = true;
                let waker = context.waker().clone();
                std::thread::spawn(move || waker.wake());
                Poll::Pending
            }
        }
        assert_eq!(wait(async { Second(false).await + 1 }), 8);
    }
}
