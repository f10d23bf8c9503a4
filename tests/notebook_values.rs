//! What `show!` shows for the value that ends a cell.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::fmt::Debug;
use std::rc::Rc;
use std::sync::{Arc, Mutex, RwLock};

use cutpoint::notebook::show;
use cutpoint::notebook::value::{capture, Failed};
use cutpoint::prelude::*;
use ndarray::{array, Array2, ArrayD};
use tch::{Kind, Tensor};

/// What a cell that ends in an expression shows; at most one text.
macro_rules! shown {
    ($value:expr) => {{
        let texts = capture(|| show!($value).unwrap());
        assert!(texts.len() <= 1, "{texts:?}");
        texts.into_iter().next()
    }};
}

/// What such a cell shows and what it fails with.
macro_rules! failed {
    ($value:expr) => {{
        let mut outcome = Ok(());
        let texts = capture(|| outcome = show!($value));
        assert_eq!(texts, [] as [&str; 0]);
        outcome.unwrap_err()
    }};
}

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

thread_local! {
    static DRAWN: Cell<usize> = const { Cell::new(0) };
}

/// Draws itself; neither `Debug` nor `Clone`.
struct Drawing;

impl Drawing {
    fn evcxr_display(&self) {
        DRAWN.set(DRAWN.get() + 1);
    }
}

/// How often a drawing is drawn while something runs that shows no text.
fn drawn(run: impl FnOnce() -> Result<(), Failed>) -> usize {
    DRAWN.set(0);
    let mut outcome = Ok(());
    assert_eq!(capture(|| outcome = run()), [] as [&str; 0]);
    outcome.unwrap();
    DRAWN.get()
}

/// Draws itself by a trait of the cell's, and has a `Debug` text as well.
#[derive(Debug)]
struct Sketch;

trait Draws {
    fn evcxr_display(&self);
}

impl Draws for Sketch {
    fn evcxr_display(&self) {
        DRAWN.set(DRAWN.get() + 1);
    }
}

#[derive(Debug)]
struct Point {
    #[allow(dead_code)]
    x: i32,
}

#[derive(Debug)]
struct OnlyDebug(#[allow(dead_code)] u8);

struct Nothing;

#[test]
fn what_draws_itself_is_drawn() {
    assert_eq!(drawn(|| show!(Drawing)), 1);
    let drawing = Drawing;
    assert_eq!(drawn(|| show!(drawing)), 1);
    assert_eq!(drawn(|| show!(&drawing)), 1);
    assert_eq!(drawn(|| show!(&&drawing)), 1);
    assert_eq!(drawn(|| show!(&mut Drawing)), 1);
    assert_eq!(drawn(|| show!(Box::new(Drawing))), 1);
    assert_eq!(drawn(|| show!(Rc::new(Box::new(&drawing)))), 1);
    assert_eq!(drawn(|| show!(Sketch)), 1);
    let object: Box<dyn Draws> = Box::new(Sketch);
    assert_eq!(drawn(|| show!(object)), 1);
}

#[test]
fn what_draws_itself_is_drawn_within_results_and_options() {
    assert_eq!(drawn(|| show!(Ok::<_, String>(Drawing))), 1);
    assert_eq!(drawn(|| show!(Some(Drawing))), 1);
    assert_eq!(drawn(|| show!(Some(&Drawing))), 1);
    assert_eq!(drawn(|| show!(Ok::<_, Nothing>(Some(Drawing)))), 1);
    assert_eq!(drawn(|| show!(Some(Ok::<_, String>(Box::new(Drawing))))), 1);
    assert_eq!(drawn(|| show!(Some(Some(Ok::<_, String>(Drawing))))), 1);
    let result: Result<Drawing, String> = Ok(Drawing);
    assert_eq!(drawn(|| show!(result)), 1);
    assert_eq!(drawn(|| show!(&result)), 1);
    assert_eq!(drawn(|| show!(result.as_ref())), 1);
    assert_eq!(shown!(None::<Drawing>), text("None"));
    assert_eq!(shown!(Ok::<_, String>(None::<Drawing>)), text("Ok(None)"));
}

#[test]
fn the_unit_shows_nothing() {
    assert_eq!(shown!(()), None);
    assert_eq!(shown!(Ok::<(), String>(())), None);
    assert_eq!(shown!(&()), None);
    assert_eq!(shown!(Some(())), text("Some(())"));
    assert_eq!(shown!(Ok::<_, String>(None::<()>)), text("Ok(None)"));
}

#[test]
fn other_values_show_their_debug_text() {
    assert_eq!(shown!(5), text("5"));
    assert_eq!(shown!(1.5), text("1.5"));
    assert_eq!(shown!("a\nb"), text("\"a\\nb\""));
    assert_eq!(shown!(String::from("a")), text("\"a\""));
    assert_eq!(shown!('x'), text("'x'"));
    assert_eq!(shown!((1, "a", [2.0])), text("(1, \"a\", [2.0])"));
    assert_eq!(shown!(Point { x: 1 }), text("Point { x: 1 }"));
    assert_eq!(shown!(Some(5)), text("Some(5)"));
    assert_eq!(shown!(Ok::<_, String>(5)), text("Ok(5)"));
    assert_eq!(shown!(Ok::<_, Nothing>(Some(5))), text("Ok(Some(5))"));
    assert_eq!(shown!(Some(Some(Some(Some(5))))), text("Some(Some(Some(Some(5))))"));
    assert_eq!(shown!("5".parse::<i32>()), text("Ok(5)"));
    assert_eq!(shown!(if true { 1 } else { 2 }), text("1"));
    assert_eq!(shown!(0..3), text("0..3"));
    assert_eq!(shown!(i32::abs as fn(i32) -> i32).map(|text| text.starts_with("0x")), Some(true));
}

#[test]
fn references_boxes_and_guards_show_what_is_behind_them() {
    let object: &dyn Debug = &7;
    assert_eq!(shown!(object), text("7"));
    assert_eq!(shown!(Box::new(7) as Box<dyn Debug>), text("7"));
    assert_eq!(shown!(&mut 7), text("7"));
    assert_eq!(shown!(Some(Box::new(Rc::new(7)))), text("Some(7)"));
    assert_eq!(shown!(Arc::new(Point { x: 2 })), text("Point { x: 2 }"));
    assert_eq!(shown!(RefCell::new(3).borrow()), text("3"));
    let (mutex, lock) = (Mutex::new(vec![1]), RwLock::new(Drawing));
    assert_eq!(shown!(mutex.lock().unwrap()), text("[1]"));
    assert_eq!(shown!(mutex.lock()), text("Ok([1])"));
    assert_eq!(drawn(|| show!(lock.read().unwrap())), 1);
    let numbers = [1, 2, 3];
    assert_eq!(shown!(&numbers[1..]), text("[2, 3]"));
    assert_eq!(shown!(numbers[1..]), text("[2, 3]"));
    let word = "word".to_owned();
    assert_eq!(shown!(word[1..]), text("\"ord\""));
    fn hidden() -> impl Debug {
        Point { x: 3 }
    }
    assert_eq!(shown!(hidden()), text("Point { x: 3 }"));
}

#[test]
fn an_expression_is_evaluated_once_and_a_place_is_not_moved() {
    let count = Cell::new(0);
    let next = || {
        count.set(count.get() + 1);
        count.get()
    };
    assert_eq!(shown!(next()), text("1"));
    assert_eq!(count.get(), 1);
    let words = vec!["a".to_owned()];
    assert_eq!(shown!(words), text("[\"a\"]"));
    assert_eq!(shown!(words[0]), text("\"a\""));
    assert_eq!(words.len(), 1);
}

/// As the kernel has it: a closure that ends in `show!`, with values of its own that the expression borrows.
#[test]
#[allow(clippy::diverging_sub_expression)]
fn a_cell_may_end_in_what_it_made_itself() {
    let cell = || -> Result<(), Failed> {
        let held = Mutex::new(5);
        show!(held.lock().unwrap().to_string())
    };
    assert_eq!(capture(|| cell().unwrap()), ["\"5\""]);
    let question = |word: &str| -> Result<(), Box<dyn std::error::Error>> {
        show!(word.parse::<i32>()? + 1).map_err(|failed| failed.text)?;
        Ok(())
    };
    assert_eq!(capture(|| question("1").unwrap()), ["2"]);
    assert_eq!(question("x").unwrap_err().to_string(), "invalid digit found in string");
    let returns = || -> Result<(), Failed> { show!(return Ok(())) };
    returns().unwrap();
    let panics = || -> Result<(), Failed> { show!(panic!("ended")) };
    assert!(std::panic::catch_unwind(panics).is_err());
}

#[test]
fn an_error_fails_the_cell() {
    let failure = failed!("x".parse::<i32>());
    assert_eq!(failure.kind, "core::num::error::ParseIntError");
    assert_eq!(failure.text, "invalid digit found in string");
    assert_eq!(failed!(Err::<Drawing, _>("words")).text, "words");
    assert_eq!(failed!(Err::<(), _>(OnlyDebug(1))).text, "OnlyDebug(1)");
    let failure = failed!(Err::<(), _>(Nothing));
    assert_eq!((failure.kind, failure.text.as_str()), ("notebook_values::Nothing", "an error without a text"));
    let failure = failed!(confusion_matrix(&[], &[]));
    assert_eq!(failure.kind, "cutpoint::error::Error");
    assert!(failure.text.starts_with("parameter `counts`: expected "), "{}", failure.text);
    assert_eq!(failed!(Some(Err::<i32, _>("within"))).text, "within");
    assert_eq!(failed!(Ok::<_, String>(Err::<i32, _>("within"))).text, "within");
    let result: Result<i32, Box<dyn std::error::Error>> = Err("boxed".into());
    let failure = failed!(result);
    assert_eq!((failure.kind, failure.text.as_str()), ("alloc::boxed::Box<dyn core::error::Error>", "boxed"));
}

#[test]
fn errors_of_libtorch_are_one_sentence() {
    let (a, b) = (Tensor::from_slice(&[1, 2, 3]), Tensor::from_slice(&[1, 2]));
    let failure = failed!(a.f_add(&b));
    assert_eq!(failure.kind, "tch::error::TchError");
    let said = "The size of tensor a (3) must match the size of tensor b (2) at non-singleton dimension 0";
    assert_eq!(failure.text, said);
}

#[test]
fn collections_show_their_items() {
    assert_eq!(shown!(vec![1, 2]), text("[1, 2]"));
    assert_eq!(shown!([1.5; 3]), text("[1.5, 1.5, 1.5]"));
    assert_eq!(shown!(vec![Point { x: 1 }]), text("[Point { x: 1 }]"));
    assert_eq!(shown!(Vec::<i32>::new()), text("[]"));
    assert_eq!(shown!(VecDeque::from([1, 2])), text("[1, 2]"));
    assert_eq!(shown!(BTreeSet::from([2, 1])), text("{1, 2}"));
    assert_eq!(shown!(HashSet::from([12, 9, 101])), text("{9, 12, 101}"));
    assert_eq!(shown!(BTreeMap::from([("b", 1), ("a", 2)])), text("{\"a\": 2, \"b\": 1}"));
    assert_eq!(shown!(HashMap::from([("b", 1), ("a", 2)])), text("{\"a\": 2, \"b\": 1}"));
    assert_eq!(shown!(Some(vec![(1, 2)])), text("Some([(1, 2)])"));
    let long = shown!((0..5000).collect::<Vec<_>>()).unwrap();
    assert!(long.contains("9, … (5000 items), 4990"), "{long}");
    let long = shown!(&vec![0.25; 500][..]).unwrap();
    assert!(long.contains("0.25, … (500 items), 0.25"), "{long}");
    let long = shown!("x".repeat(10_000)).unwrap();
    assert!(long.contains("x … (6002 characters left out) x") && long.chars().count() < 4100, "{long}");
}

#[test]
fn arrays_show_their_items_and_their_shape() {
    assert_eq!(shown!(array![[1, 2], [3, 4]]), text("[[1, 2],\n [3, 4]]\nshape [2, 2], i32"));
    assert_eq!(shown!(Some(array![[1, 2], [3, 4]])), text("Some([[1, 2],\n      [3, 4]])\nshape [2, 2], i32"));
    let large = Array2::<f64>::zeros((100, 100));
    assert!(shown!(large.view()).unwrap().ends_with("]]\nshape [100, 100], f64"));
    assert_eq!(shown!(ArrayD::<u8>::zeros(vec![2])), text("[0, 0]\nshape [2], u8"));
}

/// The numbers of `draw` in `notebook/make.py`.
fn draw(count: usize, parameters: &serde_json::Value) -> Vec<f64> {
    let mut state = parameters["seed"].as_u64().unwrap();
    let (low, high) = (parameters["low"].as_f64().unwrap(), parameters["high"].as_f64().unwrap());
    let powers: Vec<f64> = serde_json::from_value(parameters["powers"].clone()).unwrap();
    let mut unit = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 * 2.0_f64.powi(-53)
    };
    (0..count).map(|_| (low + (high - low) * unit()) * powers[(unit() * powers.len() as f64) as usize]).collect()
}

#[derive(serde::Deserialize)]
struct Case {
    kind: String,
    shape: Vec<i64>,
    numbers: serde_json::Value,
    text: String,
}

impl Case {
    fn tensor(&self) -> Tensor {
        let of_kind = |kind: Kind| (format!("{kind:?}") == self.kind).then_some(kind);
        let whole = [Kind::Uint8, Kind::Int8, Kind::Int16, Kind::Int, Kind::Int64, Kind::Bool];
        let complex = self.kind.starts_with("Complex");
        let count = self.shape.iter().product::<i64>() as usize * if complex { 2 } else { 1 };
        if let Some(kind) = whole.into_iter().find_map(of_kind) {
            let values: Vec<i64> = match self.numbers.as_array() {
                Some(numbers) => numbers.iter().map(|number| number.as_i64().unwrap()).collect(),
                None => draw(count, &self.numbers).iter().map(|number| number.floor() as i64).collect(),
            };
            return Tensor::from_slice(&values).reshape(&self.shape).to_kind(kind);
        }
        let number = |number: &serde_json::Value| match number.as_str() {
            Some(text) => text.parse().unwrap(),
            None => number.as_f64().unwrap(),
        };
        let values: Vec<f64> = match self.numbers.as_array() {
            Some(numbers) => numbers.iter().map(number).collect(),
            None => draw(count, &self.numbers),
        };
        let values = Tensor::from_slice(&values);
        if complex {
            let values = values.reshape([self.shape.as_slice(), &[2]].concat()).view_as_complex();
            return if self.kind == "ComplexFloat" { values.to_kind(Kind::ComplexFloat) } else { values };
        }
        let kinds =
            [Kind::Half, Kind::BFloat16, Kind::Float, Kind::Double, Kind::Float8e5m2, Kind::Float8e4m3fn].into_iter();
        values.reshape(&self.shape).to_kind(kinds.clone().find_map(of_kind).unwrap())
    }
}

/// Expected: PyTorch 2.11; `notebook/make.py` says how.
#[test]
fn tensors_are_printed_as_pytorch_does() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("notebook/tensors.json")).unwrap();
    assert!(cases.len() > 80);
    for case in cases {
        let expected = format!("{}\nshape {:?}, {}", case.text, case.shape, case.kind);
        assert_eq!(shown!(case.tensor()), Some(expected));
    }
}

#[test]
fn tensors_are_shown_wherever_they_stand() {
    let tensor = Tensor::from_slice(&[1.0_f32, 2.0, 3.0, 4.0]).reshape([2, 2]);
    let expected = "tensor([[1., 2.],\n        [3., 4.]])\nshape [2, 2], Float";
    assert_eq!(shown!(tensor), text(expected));
    assert_eq!(shown!(&tensor), text(expected));
    assert_eq!(shown!(tensor.transpose(0, 1).transpose(0, 1)), text(expected));
    assert_eq!(
        shown!(tensor.f_add(&tensor)),
        text("Ok(tensor([[2., 4.],\n           [6., 8.]]))\nshape [2, 2], Float")
    );
    assert_eq!(
        shown!(tensor.set_requires_grad(true).sum(Kind::Float)),
        text("tensor(10.)\nshape [], Float, requires_grad")
    );
    assert_eq!(shown!(Tensor::new()), text("undefined tensor"));
}
