//! Every parser of what comes from outside, on inputs that are nearly right: no panic, no hang, and no memory beyond ten
//! times the input and 64 MiB.
//!
//! One target a parser. Inputs are made of sound files, and of those that once did harm (`tests/fuzz/failures`), by a few
//! changes each, drawn from a seed. Two seconds a target; CUTPOINT_FUZZ_SECONDS takes as long as one likes, CUTPOINT_FUZZ_SEED
//! draws others (`make fuzz`). An input that does harm is written to the folder of temporary files and named.

#[path = "fuzz/inputs.rs"]
mod inputs;
#[path = "fuzz/memory.rs"]
mod memory;

use std::fs;
use std::io::Write;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use cutpoint::cluster::ClusterFile;
use cutpoint::config::Params;
use cutpoint::data::{cifar, cifar_python, idx, Dataset, Files, FolderOptions};
use cutpoint::error::Result;
use cutpoint::model::Checkpoint;
use cutpoint::results::{Journal, Record, ResultFile};
use cutpoint::runtime::progress::Silent;
use cutpoint::train::Epoch;
use cutpoint::transfer::TransferFile;
use inputs::{changed, number, Draw};

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

/// The time in which each input must be done.
const PATIENCE: Duration = Duration::from_secs(20);

/// Memory is counted for the whole process: one target at a time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Writes an input that does harm, and says where it is.
fn kept(target: &str, bytes: &[u8], what: &str) -> String {
    let path = std::env::temp_dir().join(format!("cutpoint-fuzz-{target}-{}", std::process::id()));
    fs::write(&path, bytes).unwrap();
    format!("{target}: {what}: {}", path.display())
}

/// Runs `parse` on the corpus and then on changed inputs until the time is up. `parse` says whether it took the input: if
/// not even one of the corpus is taken, changes of it never get beyond the parser's door.
fn fuzz(target: &'static str, corpus: Vec<Vec<u8>>, mut parse: impl FnMut(&[u8]) -> bool) {
    let _alone = held(&ONE_AT_A_TIME);
    let seconds = number("CUTPOINT_FUZZ_SECONDS", 2);
    let mut draw = Draw::new(number("CUTPOINT_FUZZ_SEED", 1));
    let under_way: Arc<Mutex<Option<(Instant, Vec<u8>)>>> = Arc::default();
    // A parser that hangs can only be noticed from beside it. It ends with the last of its targets.
    let watched = Arc::downgrade(&under_way);
    std::thread::spawn(move || {
        while let Some(under_way) = watched.upgrade() {
            if let Some((_, bytes)) = held(&under_way).as_ref().filter(|(since, _)| since.elapsed() > PATIENCE) {
                eprintln!("{}", kept(target, bytes, "no end"));
                std::process::abort();
            }
            drop(under_way);
            std::thread::sleep(Duration::from_millis(200));
        }
    });
    let mut run = |bytes: Vec<u8>| -> bool {
        *held(&under_way) = Some((Instant::now(), bytes.clone()));
        let (done, most) = memory::most_of(|| catch_unwind(AssertUnwindSafe(|| parse(&bytes))));
        *held(&under_way) = None;
        assert!(done.is_ok(), "{}", kept(target, &bytes, "a panic"));
        let allowed = 10 * bytes.len() as isize + (64 << 20);
        assert!(most <= allowed, "{}", kept(target, &bytes, &format!("{most} bytes of memory for {}", bytes.len())));
        done.unwrap_or_default()
    };
    let sound = corpus.iter().filter(|bytes| run((*bytes).clone())).count();
    assert!(sound > 0, "{target}: none of the corpus ({}) is taken", corpus.len());
    let (mut all, mut taken) = (0u64, 0u64);
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(seconds) {
        taken += u64::from(run(changed(&mut draw, &corpus)));
        all += 1;
    }
    println!("{target}: {all} inputs, {taken} of them taken");
    assert!(all > 0);
}

/// A folder in memory where there is one: files are written anew for every input.
fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// A parser of files: the bytes are written to one first.
fn fuzz_file<T>(target: &'static str, name: &str, corpus: Vec<Vec<u8>>, mut parse: impl FnMut(&Path) -> Result<T>) {
    let dir = folder();
    let path = dir.path().join(name);
    fuzz(target, corpus, |bytes| {
        fs::write(&path, bytes).unwrap();
        // A message may show a part of what was found, and not all of it.
        parse(&path).map_err(|error| assert!(error.to_string().len() < 10_000, "{error}")).is_ok()
    });
}

const ROW: &str =
    r#"{"lr":0.001,"sampled_percentage":0.01,"sampled_cut_point":2,"repeat":1,"train_acc":1.0,"test_acc":0.5}"#;
const CLUSTERING: &str = r#"[{"Percentage":0.1,"Repeat":0,"Layer":"conv1","Precision":0.5,"Recall":0.5,"Accuracy":0.5,"ARI":0.5,"Dataset":"Finetune","Split":"Train"}]"#;

#[test]
fn results() {
    let dir = folder();
    let path = dir.path().join("r.json");
    let row: Record = serde_json::from_str(ROW).unwrap();
    ResultFile::new(Params::default(), vec![row.clone(), row]).save(&path).unwrap();
    fuzz_file("results", "r.json", vec![fs::read(&path).unwrap()], |path| ResultFile::load(path));
}

#[test]
fn clusterings() {
    fuzz_file("clusterings", "c.json", vec![CLUSTERING.into()], |path| ClusterFile::load(path));
}

#[test]
fn scores_of_layers() {
    let row = r#"[{"Percentage":0.1,"Repeat":0,"Layer":"conv1","Cut":2,"Features":"channels","Scores":{"log-me":0.5},
        "LeftOut":{"ari":"why"},"Images":9,"Classes":3,"SourceWeights":"a","TargetImages":"b","Seconds":0.5}]"#;
    fuzz_file("scores", "t.json", vec![row.into()], |path| TransferFile::load(path));
}

#[test]
fn journals() {
    let dir = folder();
    let path = dir.path().join("j.jsonl");
    let mut journal = Journal::<Record>::open(&path).unwrap();
    for key in ["a", "b"] {
        journal.add(key.to_owned(), serde_json::from_str(ROW).unwrap()).unwrap();
    }
    fuzz_file("journals", "j.jsonl", vec![fs::read(&path).unwrap()], |path| Journal::<Record>::open(path));
}

#[test]
fn parameters_and_traces() {
    let params = serde_json::to_vec(&Params::default()).unwrap();
    let trace = br#"[{"epoch":0,"loss":[0.5,1e300],"train_acc":null,"val_acc":0.5}]"#.to_vec();
    fuzz("parameters", vec![params, trace], |bytes| {
        let params = serde_json::from_slice::<Params>(bytes).map(|params| params.check());
        params.is_ok_and(|checked| checked.is_ok()) || serde_json::from_slice::<Vec<Epoch>>(bytes).is_ok()
    });
}

#[test]
fn safetensors() {
    let dir = folder();
    let path = dir.path().join("w.safetensors");
    let tensors = vec![("conv0.weight".to_owned(), tch::Tensor::ones([2, 3], (tch::Kind::Float, tch::Device::Cpu)))];
    Checkpoint { tensors, text: "{\"network\":\"x\"}".to_owned() }.save(&path).unwrap();
    fuzz_file("safetensors", "w.safetensors", vec![fs::read(&path).unwrap()], |path| Checkpoint::load(path));
}

#[test]
fn pth() {
    fuzz_file("pth", "w.pth", corpus("pth", "weights", &["pth"]), |path| Checkpoint::load(path));
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
        let dir = folder();
        fs::write(dir.path().join("train-labels-idx1-ubyte"), idx_file(&[2], &[3, 4])).unwrap();
        let images = [idx_file(&[2, 4, 4], &[7; 32]), idx_file(&[2, 30, 30], &[0; 1800])];
        let images = images.iter().map(|b| if pack { gzipped(b) } else { b.clone() }).collect();
        let path = dir.path().join(name);
        fuzz(if pack { "gz" } else { "idx" }, images, |bytes| {
            fs::write(&path, bytes).unwrap();
            idx::load(dir.path(), Files::Train).is_ok()
        });
    }
}

#[test]
fn cifar_batches() {
    let batch: Vec<u8> = (0..2 * 3073).map(|i| (i % 10) as u8).collect();
    let dir = folder();
    fuzz("cifar", vec![batch], |bytes| {
        fs::write(dir.path().join("test_batch.bin"), bytes).unwrap();
        cifar::load_folder(dir.path(), Files::Test).is_ok()
    });
}

#[test]
fn cifar_batches_for_python() {
    // As Python 2 wrote them, two images.
    let batch = [
        &b"\x80\x02}q\x01(U\x06labelsq\x04]q\x05(K\x03K\x09eU\x04dataq\x06cnumpy.core.multiarray\n_reconstruct\nq\x07"
            [..],
        b"cnumpy\nndarray\nq\x08K\x00\x85U\x01b\x87Rq\x09(K\x01M\x02\x00M\x00\x0c\x86cnumpy\ndtype\nq\x0a",
        b"U\x02u1K\x00K\x01\x87Rq\x0b(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89T\x00\x18\x00\x00",
        &[7; 2 * 3072],
        b"tbU\x09filenamesq\x0c]q\x0d(U\x05a.pngq\x0eh\x0eeu.",
    ]
    .concat();
    // The pixels, which no change harms, are most of it: the same without them, which is refused in the end.
    let short = [&batch[..batch.len() - 2 * 3072 - 30], &batch[batch.len() - 60..]].concat();
    let dir = folder();
    fuzz("cifar for Python", vec![batch, short], |bytes| {
        fs::write(dir.path().join("test_batch"), bytes).unwrap();
        cifar_python::load_folder(dir.path(), Files::Test).is_ok()
    });
}

#[test]
fn tar_archives() {
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(3073);
    tar.append_data(&mut header, "cifar-10-batches-bin/test_batch.bin", [1u8; 3073].as_slice()).unwrap();
    let plain = tar.into_inner().unwrap();
    let mut packed = corpus("tar", "no other", &["gz"]);
    packed.push(gzipped(&plain));
    fuzz_file("tar.gz", "a.tar.gz", packed, |path| cifar::load_archive(path, Files::Test));
    // The checksum of gzip hides most changes from what is inside: that is changed, and packed again.
    fuzz_file("tar", "a.tar.gz", vec![plain], |path| {
        let bytes = fs::read(path).unwrap();
        fs::write(path, gzipped(&bytes)).unwrap();
        cifar::load_archive(path, Files::Test)
    });
}

#[test]
fn folders_of_images() {
    let dir = folder();
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
        // What is broken is passed over; the five beside it never are.
        let images = Dataset::from_folder("fuzz", dir.path(), &options, &Silent).unwrap();
        images.train.len() + images.test.len() == 6
    });
}

#[test]
fn frames_of_the_kernel() {
    let mut sound = Vec::new();
    cutpoint_wire::write_output(&mut sound, 7, true, b"text\n").unwrap();
    cutpoint_wire::write_event(&mut sound, 8, br#"{"clear":{"wait":true}}"#).unwrap();
    fuzz("wire", vec![sound], |bytes| {
        let mut input = bytes;
        loop {
            match cutpoint_wire::read_frame(&mut input) {
                Ok(Some(_)) => {}
                end => break end.is_ok(),
            }
        }
    });
}
