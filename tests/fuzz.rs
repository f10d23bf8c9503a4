//! Every parser of what comes from outside, on inputs that are nearly right: no panic, no hang, and no memory beyond ten
//! times the input and 64 MiB.
//!
//! One target a parser. Inputs are made of sound files, and of those that once did harm (`tests/fuzz/failures`), by a few
//! changes each, drawn from a seed. Two seconds a target; CUTPOINT_FUZZ_SECONDS takes as long as one likes, CUTPOINT_FUZZ_SEED
//! draws others (`make fuzz`). An input that does harm is written to the folder of temporary files and named.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fs;
use std::io::Write;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use cutpoint::cluster::ClusterFile;
use cutpoint::config::Params;
use cutpoint::data::{cifar, idx, Dataset, Files, FolderOptions};
use cutpoint::model::Checkpoint;
use cutpoint::results::{Journal, Record, ResultFile};
use cutpoint::runtime::progress::Silent;
use cutpoint::train::Epoch;
use cutpoint::transfer::TransferFile;

/// What this thread holds and has held at most, in bytes.
struct Counting;

thread_local! {
    static NOW: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

fn count(bytes: isize) {
    // A thread that is ending has no such variables any more.
    let _ = NOW.try_with(|now| {
        now.set(now.get() + bytes);
        let _ = PEAK.try_with(|peak| peak.set(peak.get().max(now.get())));
    });
}

// SAFETY: hands everything on to the system's allocator, and only counts.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: as the caller has promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: as the caller has promised.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: as the caller has promised.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size as isize - layout.size() as isize);
        // SAFETY: as the caller has promised.
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Numbers from a seed (xorshift64).
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }
}

/// Words that headers are made of, and that arithmetic stumbles over.
const WORDS: [u32; 8] = [0, 1, 0x7fff_ffff, 0xffff_ffff, 0xffff, 0x1_0000, 0x8000, 255];

/// One of the corpus with up to six changes: bytes, bits, words, cuts, insertions, and pieces of others.
fn changed(draw: &mut Draw, corpus: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = corpus[draw.below(corpus.len())].clone();
    for _ in 0..1 + draw.below(6) {
        if bytes.is_empty() {
            bytes.push(0);
        }
        let length = bytes.len();
        let at = draw.below(length);
        match draw.below(8) {
            0 => bytes[at] = draw.next() as u8,
            1 => bytes[at] ^= 1 << draw.below(8),
            2 => bytes.truncate(at + 1),
            3 => drop(bytes.drain(at..(at + draw.below(16)).min(length))),
            4 => {
                let new: Vec<u8> = (0..1 + draw.below(8)).map(|_| draw.next() as u8).collect();
                drop(bytes.splice(at..at, new));
            }
            5 => {
                let other = &corpus[draw.below(corpus.len())];
                let from = draw.below(other.len());
                let piece = other[from..(from + draw.below(64)).min(other.len())].to_vec();
                drop(bytes.splice(at..(at + piece.len()).min(length), piece));
            }
            6 => {
                let at = draw.below(length.min(64));
                bytes[at] = draw.next() as u8;
            }
            _ => {
                let word = WORDS[draw.below(WORDS.len())];
                let word = if draw.below(2) == 0 { word.to_le_bytes() } else { word.to_be_bytes() };
                bytes.iter_mut().skip(at).zip(word).for_each(|(byte, new)| *byte = new);
            }
        }
    }
    bytes
}

/// The files below a folder of this one, if they end in `ending`, and the files that once did harm to this target.
fn corpus(target: &str, folder: &str, ending: &[&str]) -> Vec<Vec<u8>> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let mut files: Vec<PathBuf> = [tests.join(folder), tests.join("fuzz/failures").join(target)]
        .iter()
        .filter_map(|folder| fs::read_dir(folder).ok())
        .flatten()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| ending.iter().any(|ending| e == *ending)))
        .collect();
    files.sort();
    files.iter().map(|path| fs::read(path).unwrap()).collect()
}

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Runs `parse` on changed inputs until the time is up.
fn fuzz(target: &str, corpus: Vec<Vec<u8>>, mut parse: impl FnMut(&[u8])) {
    assert!(!corpus.is_empty(), "{target}: no corpus");
    let seconds = number("CUTPOINT_FUZZ_SECONDS", 2);
    let seed = number("CUTPOINT_FUZZ_SEED", 1);
    let mut draw = Draw(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let started = Instant::now();
    let mut inputs = 0u64;
    let harmful = |bytes: &[u8], what: &str| -> ! {
        let path = std::env::temp_dir().join(format!("cutpoint-fuzz-{target}-{}", std::process::id()));
        fs::write(&path, bytes).unwrap();
        panic!("{target}: {what}: {}", path.display());
    };
    for bytes in &corpus {
        parse(bytes);
    }
    while started.elapsed() < Duration::from_secs(seconds) {
        let bytes = changed(&mut draw, &corpus);
        let (before, at) = (NOW.get(), Instant::now());
        PEAK.set(before);
        if catch_unwind(AssertUnwindSafe(|| parse(&bytes))).is_err() {
            harmful(&bytes, "a panic");
        }
        let most = 10 * bytes.len() as isize + (64 << 20);
        if PEAK.get() - before > most {
            harmful(&bytes, &format!("{} bytes of memory for {}", PEAK.get() - before, bytes.len()));
        }
        if at.elapsed() > Duration::from_secs(20) {
            harmful(&bytes, "twenty seconds for one input");
        }
        inputs += 1;
    }
    println!("{target}: {inputs} inputs");
    assert!(inputs > 0);
}

/// A parser of files: the bytes are written to one first.
fn fuzz_file(target: &str, name: &str, corpus: Vec<Vec<u8>>, mut parse: impl FnMut(&Path)) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    fuzz(target, corpus, |bytes| {
        fs::write(&path, bytes).unwrap();
        parse(&path);
    });
}

const ROW: &str =
    r#"{"lr":0.001,"sampled_percentage":0.01,"sampled_cut_point":2,"repeat":1,"train_acc":1.0,"test_acc":0.5}"#;
const CLUSTERING: &str = r#"[{"Percentage":0.1,"Repeat":0,"Layer":"conv1","Precision":0.5,"Recall":0.5,"Accuracy":0.5,"ARI":0.5,"Dataset":"Finetune","Split":"Train"}]"#;

#[test]
fn results() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("r.json");
    let row: Record = serde_json::from_str(ROW).unwrap();
    ResultFile::new(Params::default(), vec![row.clone(), row]).save(&path).unwrap();
    fuzz_file("results", "r.json", vec![fs::read(&path).unwrap()], |path| drop(ResultFile::load(path)));
}

#[test]
fn clusterings() {
    fuzz_file("clusterings", "c.json", vec![CLUSTERING.into()], |path| drop(ClusterFile::load(path)));
}

#[test]
fn scores_of_layers() {
    let row =
        r#"[{"percentage":0.1,"repeat":0,"layer":"conv1","cut":2,"features":"channels","scores":{"log_me":0.5}}]"#;
    fuzz_file("scores", "t.json", vec![row.into()], |path| drop(TransferFile::load(path)));
}

#[test]
fn journals() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("j.jsonl");
    let mut journal = Journal::<Record>::open(&path).unwrap();
    for key in ["a", "b"] {
        journal.add(key.to_owned(), serde_json::from_str(ROW).unwrap()).unwrap();
    }
    fuzz_file("journals", "j.jsonl", vec![fs::read(&path).unwrap()], |path| drop(Journal::<Record>::open(path)));
}

#[test]
fn parameters_and_traces() {
    let params = serde_json::to_vec(&Params::default()).unwrap();
    let trace = br#"[{"epoch":0,"loss":[0.5,1e300],"train_acc":null,"val_acc":0.5}]"#.to_vec();
    fuzz("parameters", vec![params, trace], |bytes| {
        if let Ok(params) = serde_json::from_slice::<Params>(bytes) {
            let _ = params.check();
        }
        let _ = serde_json::from_slice::<Vec<Epoch>>(bytes);
    });
}

#[test]
fn safetensors() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("w.safetensors");
    let tensors = vec![("conv0.weight".to_owned(), tch::Tensor::ones([2, 3], (tch::Kind::Float, tch::Device::Cpu)))];
    Checkpoint { tensors, text: "{\"network\":\"x\"}".to_owned() }.save(&path).unwrap();
    fuzz_file("safetensors", "w.safetensors", vec![fs::read(&path).unwrap()], |path| drop(Checkpoint::load(path)));
}

#[test]
fn pth() {
    fuzz_file("pth", "w.pth", corpus("pth", "weights", &["pth"]), |path| {
        // What had to be done to find weights is said on standard error, which would be most of the work.
        if let Err(error) = Checkpoint::load(path) {
            assert!(error.to_string().len() < 10_000, "{error}");
        }
    });
}

fn idx_file(dimensions: &[u32], data: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, dimensions.len() as u8];
    dimensions.iter().for_each(|d| bytes.extend(d.to_be_bytes()));
    bytes.extend(data);
    bytes
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gz.write_all(bytes).unwrap();
    gz.finish().unwrap()
}

#[test]
fn idx_files_and_their_gzipped_form() {
    for (name, pack) in [("train-images-idx3-ubyte", false), ("train-images-idx3-ubyte.gz", true)] {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("train-labels-idx1-ubyte"), idx_file(&[2], &[3, 4])).unwrap();
        let images = [idx_file(&[2, 4, 4], &[7; 32]), idx_file(&[2, 30, 30], &[0; 1800])];
        let images = images.iter().map(|b| if pack { gzipped(b) } else { b.clone() }).collect();
        let path = dir.path().join(name);
        fuzz(if pack { "gz" } else { "idx" }, images, |bytes| {
            fs::write(&path, bytes).unwrap();
            drop(idx::load(dir.path(), Files::Train));
        });
    }
}

#[test]
fn cifar_batches() {
    let batch: Vec<u8> = (0..2 * 3073).map(|i| (i % 10) as u8).collect();
    let dir = tempfile::tempdir().unwrap();
    fuzz("cifar", vec![batch], |bytes| {
        fs::write(dir.path().join("test_batch.bin"), bytes).unwrap();
        drop(cifar::load_folder(dir.path(), Files::Test));
    });
}

#[test]
fn tar_archives() {
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(3073);
    tar.append_data(&mut header, "cifar-10-batches-bin/test_batch.bin", [1u8; 3073].as_slice()).unwrap();
    let plain = tar.into_inner().unwrap();
    let mut packed = corpus("tar", "fuzz/failures/tar", &["gz"]);
    packed.push(gzipped(&plain));
    fuzz_file("tar.gz", "a.tar.gz", packed, |path| drop(cifar::load_archive(path, Files::Test)));
    // The checksum of gzip hides most changes from what is inside: that is changed, and packed again.
    fuzz_file("tar", "a.tar.gz", vec![plain], |path| {
        let bytes = fs::read(path).unwrap();
        fs::write(path, gzipped(&bytes)).unwrap();
        drop(cifar::load_archive(path, Files::Test));
    });
}

#[test]
fn folders_of_images() {
    let dir = tempfile::tempdir().unwrap();
    for class in ["a", "b"] {
        fs::create_dir(dir.path().join(class)).unwrap();
        for i in 0..3 {
            let path = dir.path().join(class).join(format!("{i}.png"));
            image::RgbImage::from_pixel(2, 2, image::Rgb([i, 7, 9])).save(path).unwrap();
        }
    }
    let formats = ["png", "jpg", "webp", "bmp", "gif", "tif", "ppm", "pgm"];
    let options = FolderOptions { side: [4, 4], skip_broken: true, ..FolderOptions::default() };
    let path = dir.path().join("a/changed.png");
    fuzz("images", corpus("images", "images", &formats), |bytes| {
        fs::write(&path, bytes).unwrap();
        Dataset::from_folder("fuzz", dir.path(), &options, &Silent).unwrap();
    });
}

#[test]
fn frames_of_the_kernel() {
    let mut sound = Vec::new();
    cutpoint_wire::write_output(&mut sound, 7, true, b"text\n").unwrap();
    cutpoint_wire::write_event(&mut sound, 8, br#"{"clear":{"wait":true}}"#).unwrap();
    fuzz("wire", vec![sound], |bytes| {
        let mut input = bytes;
        while let Ok(Some(_)) = cutpoint_wire::read_frame(&mut input) {}
    });
}
