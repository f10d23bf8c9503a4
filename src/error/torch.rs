//! libtorch's errors in one sentence: without the C++ frames, and without advice for those who build libtorch.

use std::ffi::OsStr;

/// Set to anything but `0`, leaves the texts of errors whole.
const FRAMES: &str = "CUTPOINT_TORCH_FRAMES";
/// How tch begins the text of an error of libtorch.
const PREFIX: &str = "Internal torch error: ";
/// How a panic of `unwrap` begins.
const UNWRAP: &str = "called `Result::unwrap()` on an `Err` value: ";
/// What tch's error begins with in a `Debug` text.
const QUOTED: &str = "Torch(\"";
/// How this crate's own [`Error::Torch`](crate::Error::Torch) begins in a `Debug` text.
const DURING: &str = "Torch { during: \"";
/// A first line longer than this, in characters, is cut after its first sentence.
const LONG: usize = 240;

/// An error's text with what libtorch said in it as one sentence, also where that stands in quotes within a `Debug`
/// text such as a panic's. A text that is not libtorch's is returned as it is.
///
/// `CUTPOINT_TORCH_FRAMES=1` in the environment leaves every text whole.
///
/// ```
/// use cutpoint::notebook::torch::sentence;
///
/// let panic = r#"called `Result::unwrap()` on an `Err` value: Torch("index out of range\nException raised from ...")"#;
/// assert_eq!(sentence(panic), "index out of range");
/// ```
pub fn sentence(text: &str) -> String {
    if wants_frames(std::env::var_os(FRAMES).as_deref()) {
        text.to_owned()
    } else {
        without_frames(text)
    }
}

fn wants_frames(value: Option<&OsStr>) -> bool {
    value.is_some_and(|value| !value.is_empty() && value != "0")
}

fn without_frames(text: &str) -> String {
    quoted(text).or_else(|| message(text)).unwrap_or_else(|| text.to_owned())
}

/// A text in which tch's error stands as `Debug` writes it; `None` if none does.
fn quoted(text: &str) -> Option<String> {
    let at = (text.match_indices(QUOTED).map(|(at, _)| at))
        .find(|&at| !text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_'))?;
    let (inner, after) = unescaped(&text[at + QUOTED.len()..]);
    let after = after.strip_prefix(')').unwrap_or(after);
    let before = &text[..at];
    let ours = before
        .rsplit_once(DURING)
        .and_then(|(before, during)| Some((before, during.strip_suffix("\", source: ")?, after.strip_prefix(" }")?)));
    let said = message(&inner);
    if said.is_none() && ours.is_none() && !before.ends_with(UNWRAP) {
        return None;
    }
    let said = said.unwrap_or(inner);
    let (before, said, after) = match ours {
        Some((before, during, after)) => (before, format!("libtorch failed in {during}: {said}"), after),
        None => (before, said, after),
    };
    Some(format!("{}{said}{}", before.strip_suffix(UNWRAP).unwrap_or(before), without_frames(after)))
}

/// A text up to its closing quote as it was before `Debug` escaped it, and what follows the quote.
fn unescaped(text: &str) -> (String, &str) {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => break,
            '\\' => match chars.next() {
                Some('n') => out.push('\n'),
                Some('t') => out.push('\t'),
                Some('r') => out.push('\r'),
                Some('0') => out.push('\0'),
                Some('u') => {
                    let code: String = chars.by_ref().take_while(|&c| c != '}').filter(|&c| c != '{').collect();
                    out.extend(u32::from_str_radix(&code, 16).ok().and_then(char::from_u32));
                }
                Some(c) => out.push(c),
                None => {}
            },
            c => out.push(c),
        }
    }
    (out, chars.as_str())
}

/// What libtorch says in a text; `None` if the text is not one of its.
fn message(text: &str) -> Option<String> {
    let mut said = text.replace(PREFIX, "");
    let mut its = said.len() != text.len();
    for frames in ["\nException raised from", "\nframe #"] {
        if let Some(at) = said.find(frames) {
            said.truncate(at);
            its = true;
        }
    }
    // TorchScript's error stands below the two places in the script that it points at.
    if let Some((_, below)) = said.rsplit_once("<--- HERE").filter(|_| said.contains("TorchScript")) {
        let is_type = |name: &str| name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '.');
        said = below
            .split_once('\n')
            .map_or("", |(_, lines)| lines.split_once(": ").filter(|(name, _)| is_type(name)).map_or(lines, |(_, s)| s))
            .to_owned();
        its = true;
    }
    if let Some(at) = said.find(" GPU ").filter(|_| said.contains("CUDA out of memory. Tried to allocate")) {
        said.truncate(at);
        its = true;
    }
    if !its {
        return None;
    }
    // A failed check of its own stands first, as the line of its source.
    if let Some((check, rest)) = said.split_once("[enforce fail at ").and_then(|(_, check)| check.split_once(". ")) {
        if check.contains(']') {
            said = rest.to_owned();
        }
    }
    let line = said.trim().lines().next().unwrap_or_default().trim_end();
    let long = line.chars().count() > LONG;
    let line = match line.match_indices(". ").find(|(at, _)| long && line[at + 2..].starts_with(char::is_uppercase)) {
        Some((at, _)) => &line[..=at],
        None => line,
    };
    Some(line.to_owned())
}

#[cfg(test)]
mod tests {
    use tch::{Device, IndexOp, Kind, TchError, Tensor};

    use super::*;

    fn zeros(shape: &[i64]) -> Tensor {
        Tensor::zeros(shape, (Kind::Float, Device::Cpu))
    }

    fn of<T>(result: Result<T, TchError>) -> TchError {
        result.map(|_| ()).unwrap_err()
    }

    #[test]
    fn errors_of_libtorch_are_one_sentence() {
        let double = Tensor::zeros([2, 2], (Kind::Double, Device::Cpu));
        let none = None::<Tensor>;
        let target = Tensor::from_slice(&[0.0_f32, 1.0]);
        let turned = zeros(&[2, 3]).transpose(0, 1);
        let cases = [
            (
                of(zeros(&[2, 3]).f_add(&zeros(&[2, 4]))),
                "The size of tensor a (3) must match the size of tensor b (4) at non-singleton dimension 1",
            ),
            (of(zeros(&[3]).f_get(7)), "select(): index 7 out of range for tensor of size [3] at dimension 0"),
            (of(zeros(&[3]).f_index_select(0, &Tensor::from_slice(&[7_i64]))), "index out of range in self"),
            (
                of(zeros(&[2, 2]).f_matmul(&double)),
                "expected m1 and m2 to have the same dtype, but got: float != double",
            ),
            (
                of(zeros(&[2, 3]).f_nll_loss(&target, none, tch::Reduction::Mean, -100)),
                "expected scalar type Long but found Float",
            ),
            (
                of(Tensor::load("/no/such.pt")),
                "open file failed because of errno 2 on fopen: No such file or directory, file path: /no/such.pt",
            ),
            (
                of(turned.f_view([6])),
                "view size is not compatible with input tensor's size and stride (at least one dimension spans across \
                 two contiguous subspaces). Use .reshape(...) instead.",
            ),
            (
                of(Tensor::f_zeros([1 << 50], (Kind::Float, Device::Cpu))),
                "DefaultCPUAllocator: can't allocate memory: you tried to allocate 4503599627370496 bytes. Error code \
                 12 (Cannot allocate memory)",
            ),
        ];
        for (error, expected) in cases {
            assert_eq!(without_frames(&error.to_string()), expected);
            // As a panic of `unwrap` and of `expect` has it, and as this crate reports it.
            assert_eq!(without_frames(&format!("{UNWRAP}{error:?}")), expected);
            assert_eq!(without_frames(&format!("loading: {error:?}")), format!("loading: {expected}"));
            let ours = crate::error::During::during(Err::<(), _>(error), "a test").unwrap_err();
            assert_eq!(ours.to_string(), format!("libtorch failed in a test: {expected}"));
            assert_eq!(without_frames(&format!("{UNWRAP}{ours:?}")), ours.to_string());
        }
    }

    #[test]
    fn a_panic_of_tch_is_one_sentence() {
        let panic = std::panic::catch_unwind(|| zeros(&[3]).i(9)).unwrap_err();
        let text = panic.downcast_ref::<String>().unwrap();
        assert!(text.contains("frame #0"), "{text}");
        assert_eq!(without_frames(text), "select(): index 9 out of range for tensor of size [3] at dimension 0");
    }

    #[test]
    fn long_texts_keep_what_failed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.pt");
        std::fs::write(&path, "no weights").unwrap();
        assert_eq!(
            without_frames(&of(Tensor::load(&path)).to_string()),
            "PytorchStreamReader failed reading zip archive: not a ZIP archive."
        );
        let memory =
            "CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has a total capacity of 79.19 GiB of which \
                      1.20 GiB is free. Including non-PyTorch memory, this process has 77.98 GiB memory in use. Of the \
                      allocated memory 77.00 GiB is allocated by PyTorch, and 12.00 MiB is reserved by PyTorch but \
                      unallocated.\nException raised from malloc at /pytorch/c10/cuda/CUDACachingAllocator.cpp:1 (most \
                      recent call first):\nframe #0: c10::Error::Error";
        assert_eq!(without_frames(memory), "CUDA out of memory. Tried to allocate 20.00 GiB.");
        let backend = "Could not run 'aten::empty' with arguments from the 'CUDA' backend. This could be because the \
                       operator doesn't exist for this backend, or was omitted during the selective/custom build \
                       process (if using custom build).\n\nCPU: registered at RegisterCPU.cpp:1 [kernel]\n\nException \
                       raised from reportError";
        let backend = backend.replace("(if", &format!("{} (if", "x".repeat(LONG)));
        assert_eq!(without_frames(&backend), "Could not run 'aten::empty' with arguments from the 'CUDA' backend.");
        let asserted =
            "CUDA error: device-side assert triggered\nCUDA kernel errors might be asynchronously reported at \
                        some other API call.\nException raised from c10_cuda_check_implementation";
        assert_eq!(without_frames(asserted), "CUDA error: device-side assert triggered");
    }

    /// Texts as libtorch 2.11 gave them for a script's `x + y`, and for its `raise ValueError`.
    #[test]
    fn of_torchscript_the_error_below_the_places_is_kept() {
        let script = |error: &str| {
            format!(
                "{PREFIX}The following operation failed in the TorchScript interpreter.\n\
                 Traceback of TorchScript, serialized code (most recent call last):\n  \
                 File \"code/__torch__.py\", line 9, in forward\n    \
                 return torch.add(x, y)\n           ~~~~~~~~~ <--- HERE\n\n\
                 Traceback of TorchScript, original code (most recent call last):\n  \
                 File \"ts.py\", line 4, in forward\n        \
                 return x + y\n               ~~~~~ <--- HERE\n{error}\n"
            )
        };
        let sizes = "The size of tensor a (3) must match the size of tensor b (4) at non-singleton dimension 0";
        assert_eq!(without_frames(&script(&format!("RuntimeError: {sizes}"))), sizes);
        assert_eq!(without_frames(&script("builtins.ValueError: bad: x")), "bad: x");
    }

    #[test]
    fn frames_are_kept_where_they_are_wanted() {
        let wants = |value: &str| wants_frames(Some(OsStr::new(value)));
        assert_eq!((wants_frames(None), wants(""), wants("0"), wants("1")), (false, false, false, true));
    }

    #[test]
    fn other_texts_are_left_alone() {
        for text in [
            "",
            "cannot open x: No such file or directory",
            "two\nlines",
            "called `Result::unwrap()` on an `Err` value: ParseIntError { kind: Empty }",
            "MyTorch(\"x\\nException raised from\")",
            "my Torch(\"x\") burns",
        ] {
            assert_eq!(without_frames(text), text);
        }
    }
}
