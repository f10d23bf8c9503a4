//! Fetching data sets: mirrors with a fall-back each, resumed where they broke off, checked before use, and moved
//! into place when complete.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

use md5::{Digest, Md5};

use super::locate::Found;
use super::{cifar, idx, DatasetName};
use crate::error::{Error, Result};
use crate::runtime::background::in_background;
use crate::runtime::cancel::Stop;
use crate::runtime::progress::{Progress, Unit};
use crate::util::files::create_dir;
use crate::util::hex::hex;

/// The environment variable that names a mirror of one's own, tried before the official ones: `URL/<NAME>/<file>`.
pub const MIRROR_ENV: &str = "CUTPOINT_MIRROR";

/// A server that sends nothing for this long has broken off.
const STALLED: Duration = Duration::from_secs(20);
/// How often a mirror that breaks off is asked to go on.
const ATTEMPTS: usize = 3;

/// Why a data set could not be fetched.
#[derive(Debug)]
pub enum Failure {
    /// No source had it: what each one said.
    Nowhere(Vec<String>),
    /// Trying another source would not help: an interrupt, a full disk, a folder that cannot be written.
    Stop(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::Stop(error)
    }
}

/// The part of a file that its checksum is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sum {
    /// The uncompressed contents: the same however the file was packed.
    Contents(&'static str),
    /// The file as it is.
    File(&'static str),
}

/// One file of a data set, by its name on the mirrors.
#[derive(Clone, Copy, Debug)]
struct Remote {
    file: &'static str,
    md5: Sum,
}

const fn contents(file: &'static str, md5: &'static str) -> Remote {
    Remote { file, md5: Sum::Contents(md5) }
}

const MNIST_FILES: [Remote; 4] = [
    contents("train-images-idx3-ubyte.gz", "6bbc9ace898e44ae57da46a324031adb"),
    contents("train-labels-idx1-ubyte.gz", "a25bea736e30d166cdddb491f175f624"),
    contents("t10k-images-idx3-ubyte.gz", "2646ac647ad5339dbf082846283269ea"),
    contents("t10k-labels-idx1-ubyte.gz", "27ae3e4e09519cfbb04c329615203637"),
];
const FASHION_MNIST_FILES: [Remote; 4] = [
    contents("train-images-idx3-ubyte.gz", "f4a8712d7a061bf5bd6d2ca38dc4d50a"),
    contents("train-labels-idx1-ubyte.gz", "9018921c3c673c538a1fc5bad174d6f9"),
    contents("t10k-images-idx3-ubyte.gz", "8181f5470baa50b63fa0f6fddb340f0a"),
    contents("t10k-labels-idx1-ubyte.gz", "15d484375f8d13e6eb1aabb0c3f46965"),
];
const CIFAR10_FILES: [Remote; 1] =
    [Remote { file: cifar::ARCHIVE, md5: Sum::File("c32a1d4ab5d03f1284b67883e8d87530") }];

/// What is fetched for a data set, and from where: (mirrors, files). Sources: the data sets' own pages; the second
/// one of CIFAR-10 is MindSpore's copy of the archive.
fn remotes(name: DatasetName) -> (&'static [&'static str], &'static [Remote]) {
    match name {
        DatasetName::Mnist => (
            &["https://ossci-datasets.s3.amazonaws.com/mnist", "https://storage.googleapis.com/cvdf-datasets/mnist"],
            &MNIST_FILES,
        ),
        DatasetName::FashionMnist => (
            &[
                "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
                "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion",
            ],
            &FASHION_MNIST_FILES,
        ),
        DatasetName::Cifar10 => (
            &[
                "https://www.cs.toronto.edu/~kriz",
                "https://mindspore-website.obs.cn-north-4.myhuaweicloud.com/notebook/datasets",
            ],
            &CIFAR10_FILES,
        ),
        DatasetName::Glyphs => (&[], &[]),
    }
}

/// Where a data set's files go below the folder of data sets.
fn destination(folder: &Path, name: DatasetName) -> PathBuf {
    match name {
        DatasetName::Cifar10 => folder.to_owned(),
        _ => folder.join(name.to_string()).join("raw"),
    }
}

/// Fetches a data set into `folder`, in the layout that [`super::locate::below`] looks for. Files that are there and
/// right are kept.
///
/// # Errors
/// [`Failure`].
pub fn fetch(name: DatasetName, folder: &Path, progress: &dyn Progress) -> std::result::Result<(), Failure> {
    let (official, files) = remotes(name);
    let own = std::env::var(MIRROR_ENV).ok().map(|base| format!("{}/{name}", base.trim_end_matches('/')));
    let mirrors: Vec<String> = own.into_iter().chain(official.iter().map(|m| (*m).to_owned())).collect();
    let place = destination(folder, name);
    create_dir(&place)?;
    let mut reasons = Vec::new();
    for remote in files {
        let target = place.join(remote.file);
        if target.is_file() && verify(&target, remote.md5).is_ok() {
            continue;
        }
        let mut said = Vec::new();
        if !from_mirrors(&mirrors, remote, &target, progress, &mut said)? {
            // Without one file the others are of no use: ask the mirrors no more.
            reasons = said;
            break;
        }
    }
    if !reasons.is_empty() && name == DatasetName::FashionMnist {
        progress.line("The mirrors of FashionMNIST cannot be used; trying Debian's package dataset-fashion-mnist");
        match from_debian(&place, files) {
            Ok(()) => reasons.clear(),
            Err(error @ Error::Interrupted(_)) => return Err(Failure::Stop(error)),
            Err(error) => reasons.push(format!("Debian's package dataset-fashion-mnist: {error}")),
        }
    }
    if !reasons.is_empty() {
        // Only folders of this data set that stayed empty go; what was fetched before waits for the next try.
        if place != folder {
            let _ = fs::remove_dir(&place).and_then(|()| fs::remove_dir(folder.join(name.to_string())));
        }
        return Err(Failure::Nowhere(reasons));
    }
    if name == DatasetName::Cifar10 {
        unpack_cifar(&place)?;
    }
    Ok(())
}

/// Gets one file from the first mirror that has it right; `false`, with the reasons, when none does.
fn from_mirrors(
    mirrors: &[String],
    remote: &Remote,
    target: &Path,
    progress: &dyn Progress,
    reasons: &mut Vec<String>,
) -> Result<bool> {
    let part = target.with_file_name(format!("{}.part", remote.file));
    for mirror in mirrors {
        let url = format!("{mirror}/{}", remote.file);
        // What another mirror began may be packed in another way: a wrong sum is worth one more try from the start.
        let tries = if part.exists() { 2 } else { 1 };
        for _ in 0..tries {
            match transfer(&url, &part, progress) {
                Ok(()) => {}
                Err(Error::Download { reason, .. }) => {
                    reasons.push(format!("{url}: {reason}"));
                    break;
                }
                Err(error) => return Err(error),
            }
            match verify(&part, remote.md5) {
                Ok(()) => {
                    fs::rename(&part, target).map_err(Error::io("move into place", target))?;
                    return Ok(true);
                }
                Err(error) => {
                    fs::remove_file(&part).map_err(Error::io("remove", &part))?;
                    reasons.push(format!("{url}: {error}"));
                }
            }
        }
    }
    Ok(false)
}

/// Downloads `url` to `part`, going on where `part` ends, and asking again when the connection breaks off.
/// What has arrived stays in `part` for another try, unless the disk is the trouble.
///
/// # Errors
/// [`Error::Download`] when the server cannot be reached, refuses, or keeps breaking off; [`Error::Io`] when `part`
/// cannot be written; [`Error::Interrupted`].
fn transfer(url: &str, part: &Path, progress: &dyn Progress) -> Result<()> {
    let mut broke_off = String::new();
    for _ in 0..ATTEMPTS {
        match attempt(url, part, progress) {
            Ok(()) => return Ok(()),
            Err(Attempt::BrokeOff(reason)) => broke_off = reason,
            Err(Attempt::Refused(reason)) => return Err(Error::Download { url: url.to_owned(), reason }),
            Err(Attempt::Local(error)) => {
                let _ = fs::remove_file(part);
                return Err(error);
            }
            Err(Attempt::Interrupted(error)) => return Err(error),
        }
    }
    Err(Error::Download { url: url.to_owned(), reason: format!("broke off {ATTEMPTS} times, last with: {broke_off}") })
}

enum Attempt {
    BrokeOff(String),
    Refused(String),
    Local(Error),
    Interrupted(Error),
}

fn attempt(url: &str, part: &Path, progress: &dyn Progress) -> std::result::Result<(), Attempt> {
    let arrived = Arc::new(AtomicU64::new(0));
    let total = Arc::new(AtomicU64::new(0));
    let task = {
        let (url, part) = (url.to_owned(), part.to_owned());
        let (arrived, total) = (Arc::clone(&arrived), Arc::clone(&total));
        move |stop: &Stop| Ok(stream(&url, &part, &arrived, &total, stop))
    };
    let (mut begun, mut shown, mut last_news) = (false, 0, Instant::now());
    let name = url.rsplit('/').next().unwrap_or(url).to_owned();
    let result = in_background(&format!("download of {url}"), task, || {
        let now = arrived.load(Ordering::Relaxed);
        if !begun && total.load(Ordering::Relaxed) > 0 {
            begun = true;
            progress.begin(&format!("download {name}"), total.load(Ordering::Relaxed), Unit::Bytes);
        }
        if now > shown {
            if begun {
                progress.advance(now - shown);
            }
            (shown, last_news) = (now, Instant::now());
        }
        if last_news.elapsed() > STALLED {
            let reason = format!("nothing arrived for {} s", STALLED.as_secs());
            return Err(Error::Download { url: url.to_owned(), reason });
        }
        Ok(())
    });
    if begun {
        progress.end();
    }
    match result {
        Ok(outcome) => outcome,
        Err(Error::Download { reason, .. }) => Err(Attempt::BrokeOff(reason)),
        Err(error) => Err(Attempt::Interrupted(error)),
    }
}

/// One request, appended to `part`.
fn stream(
    url: &str,
    part: &Path,
    arrived: &AtomicU64,
    total: &AtomicU64,
    stop: &Stop,
) -> std::result::Result<(), Attempt> {
    let local = |action| move |e| Attempt::Local(Error::io(action, part)(e));
    let have = fs::metadata(part).map_or(0, |m| m.len());
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_connect(Some(Duration::from_secs(10)))
        .timeout_recv_response(Some(STALLED))
        .http_status_as_error(false)
        .build()
        .into();
    let mut request = agent.get(url);
    if have > 0 {
        request = request.header("Range", format!("bytes={have}-"));
    }
    // Where some of the file has arrived, the server was there a moment ago: worth asking again.
    let response = request.call().map_err(|e| match e {
        ureq::Error::Io(_) | ureq::Error::Timeout(_) if have > 0 => Attempt::BrokeOff(e.to_string()),
        e => Attempt::Refused(format!("it cannot be reached ({e})")),
    })?;
    let status = response.status().as_u16();
    let length = response.headers().get("content-length").and_then(|v| v.to_str().ok()?.parse::<u64>().ok());
    let resumed = match status {
        206 => true,
        200 => false,
        // The whole file is here already, or what is here is longer than the file: start anew, the checksum decides.
        416 => {
            fs::remove_file(part).map_err(local("remove"))?;
            return Err(Attempt::BrokeOff("the server has no more than what is here".to_owned()));
        }
        _ => return Err(Attempt::Refused(format!("the server answered {}", response.status()))),
    };
    let mut file: File = OpenOptions::new()
        .create(true)
        .append(resumed)
        .write(true)
        .truncate(!resumed)
        .open(part)
        .map_err(local("write"))?;
    let expected = length.map(|l| l + if resumed { have } else { 0 });
    arrived.store(if resumed { have } else { 0 }, Ordering::Relaxed);
    total.store(expected.unwrap_or(0), Ordering::Relaxed);
    let mut body = response.into_body().into_reader();
    let mut buffer = vec![0u8; 1 << 16];
    loop {
        let n = body.read(&mut buffer).map_err(|e| Attempt::BrokeOff(e.to_string()))?;
        // After the wait, not before it: a thread left behind must not write to what another attempt goes on with.
        stop.check().map_err(Attempt::Interrupted)?;
        if n == 0 {
            break;
        }
        file.write_all(&buffer[..n]).map_err(local("write"))?;
        arrived.fetch_add(n as u64, Ordering::Relaxed);
    }
    file.sync_all().map_err(local("write"))?;
    let got = fs::metadata(part).map_or(0, |m| m.len());
    match expected {
        Some(expected) if got < expected => Err(Attempt::BrokeOff(format!("{got} of {expected} bytes arrived"))),
        _ => Ok(()),
    }
}

/// The MD5 sum of a stream, in hex.
fn md5_of(mut stream: impl Read) -> std::io::Result<String> {
    let mut hash = Md5::new();
    let mut buffer = vec![0u8; 1 << 16];
    loop {
        match stream.read(&mut buffer)? {
            0 => break,
            n => hash.update(&buffer[..n]),
        }
    }
    Ok(hex(hash.finalize()))
}

fn verify(path: &Path, sum: Sum) -> Result<()> {
    let file = || File::open(path).map_err(Error::io("open", path));
    let (expected, found) = match sum {
        Sum::File(md5) => (md5, md5_of(file()?)),
        // The name may still end in .part: what it is packed with shows in its first bytes.
        Sum::Contents(md5) => {
            let mut start = [0u8; 2];
            let zipped = file()?.read_exact(&mut start).is_ok() && start == [0x1f, 0x8b];
            (md5, if zipped { md5_of(flate2::read::MultiGzDecoder::new(file()?)) } else { md5_of(file()?) })
        }
    };
    let found = found.unwrap_or_else(|e| format!("none ({e})"));
    if found == expected {
        return Ok(());
    }
    Err(Error::Checksum { path: path.to_owned(), expected: expected.to_owned(), found })
}

/// Whether a data set's files are the official ones: each file with its verdict. The one sum known of CIFAR-10 is its
/// archive's, so of an unpacked folder nothing can be said unless the archive is beside it.
pub fn check_official(name: DatasetName, found: &Found) -> Vec<(PathBuf, Result<()>)> {
    let (_, files) = remotes(name);
    let judged = |remote: &Remote, path: PathBuf| {
        let verdict = verify(&path, remote.md5);
        (path, verdict)
    };
    match found {
        Found::Idx(folder) => files
            .iter()
            .map(|remote| {
                let plain = remote.file.trim_end_matches(".gz");
                judged(remote, idx::existing(folder, plain).unwrap_or_else(|| folder.join(plain)))
            })
            .collect(),
        Found::CifarArchive(archive) => files.iter().map(|remote| judged(remote, archive.clone())).collect(),
        Found::CifarFolder(folder) => {
            let archive = folder.with_file_name(cifar::ARCHIVE);
            let beside = files.iter().filter(|_| archive.is_file());
            beside.map(|remote| judged(remote, archive.clone())).collect()
        }
        Found::BuiltIn => Vec::new(),
    }
}

/// Gets FashionMNIST out of Debian's package, without root and without installing anything.
fn from_debian(place: &Path, files: &'static [Remote]) -> Result<()> {
    const PACKAGE: &str = "dataset-fashion-mnist";
    let scratch =
        tempfile::Builder::new().prefix(".debian-").tempdir_in(place).map_err(Error::io("write in", place))?;
    let (place, root) = (place.to_owned(), scratch.path().to_owned());
    in_background(
        "download of Debian's package",
        move |_| {
            let said_no = |program: &str, reason: String| Error::Download {
                url: PACKAGE.into(),
                reason: format!("{program}: {reason}"),
            };
            let run = |program: &str, args: &[&str]| -> Result<()> {
                let output = Command::new(program)
                    .args(args)
                    .current_dir(&root)
                    .output()
                    .map_err(|e| said_no(program, e.to_string()))?;
                if output.status.success() {
                    return Ok(());
                }
                let said = String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ");
                Err(said_no(program, said))
            };
            if run("apt-get", &["download", PACKAGE]).is_err() {
                // A fresh machine has no package lists yet; lists of our own need no root.
                let lists = root.join("lists");
                create_dir(&lists.join("partial"))?;
                let state = format!("Dir::State::lists={}", lists.display());
                let cache = format!("Dir::Cache={}", root.join("cache").display());
                run("apt-get", &["-o", &state, "-o", &cache, "update"])?;
                run("apt-get", &["-o", &state, "-o", &cache, "download", PACKAGE])?;
            }
            let package = fs::read_dir(&root)
                .map_err(Error::io("list", &root))?
                .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
                .find(|name| name.ends_with(".deb"))
                .ok_or_else(|| said_no("apt-get", "it left no package".to_owned()))?;
            run("dpkg-deb", &["-x", &package, "unpacked"])?;
            let unpacked = root.join("unpacked/usr/share/datasets/fashion-mnist");
            for remote in files {
                verify(&unpacked.join(remote.file), remote.md5)?;
            }
            for remote in files {
                let target = place.join(remote.file);
                fs::rename(unpacked.join(remote.file), &target).map_err(Error::io("move into place", &target))?;
            }
            Ok(())
        },
        || Ok(()),
    )
}

/// Unpacks CIFAR-10's archive beside itself, so that loading takes a fraction of a second from then on. Files that are
/// there stay; each other one is moved into place whole.
fn unpack_cifar(folder: &Path) -> Result<()> {
    let archive = folder.join(cifar::ARCHIVE);
    let target = folder.join(cifar::FOLDER);
    if target.is_dir() && Found::CifarFolder(target.clone()).missing().is_none() {
        return Ok(());
    }
    let scratch =
        tempfile::Builder::new().prefix(".cifar-").tempdir_in(folder).map_err(Error::io("write in", folder))?;
    let file = File::open(&archive).map_err(Error::io("open", &archive))?;
    let mut tar = tar::Archive::new(flate2::read::GzDecoder::new(file));
    tar.unpack(scratch.path()).map_err(Error::io("unpack", &archive))?;
    create_dir(&target)?;
    let unpacked = scratch.path().join(cifar::FOLDER);
    for entry in fs::read_dir(&unpacked).map_err(Error::io("list", &unpacked))? {
        let entry = entry.map_err(Error::io("list", &unpacked))?;
        let place = target.join(entry.file_name());
        if !place.exists() {
            fs::rename(entry.path(), &place).map_err(Error::io("move into place", &place))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::Files;
    use super::*;
    use crate::runtime::progress::Silent;
    use std::io::{BufRead, BufReader};
    use std::net::TcpListener;
    use std::sync::Mutex;

    /// A file server on loopback. It answers ranges, and breaks off after as many bytes as the next entry of `cuts`
    /// says. Returns its address and the requests' ranges as they come in.
    fn serve(content: Vec<u8>, cuts: Vec<usize>) -> (String, Arc<Mutex<Vec<String>>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&seen);
        std::thread::spawn(move || {
            let mut cuts = cuts.into_iter();
            for connection in listener.incoming() {
                let mut connection = connection.unwrap();
                let mut range = String::new();
                for line in BufReader::new(connection.try_clone().unwrap()).lines() {
                    let line = line.unwrap();
                    if line.is_empty() {
                        break;
                    }
                    if let Some(value) = line.to_ascii_lowercase().strip_prefix("range: bytes=") {
                        range = value.to_owned();
                    }
                }
                let from: usize = range.trim_end_matches('-').parse().unwrap_or(0);
                log.lock().unwrap().push(range.clone());
                let status = if from > 0 { "206 Partial Content" } else { "200 OK" };
                let body = &content[from.min(content.len())..];
                let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
                let sent = cuts.next().unwrap_or(body.len()).min(body.len());
                let _ = connection.write_all(head.as_bytes()).and_then(|()| connection.write_all(&body[..sent]));
            }
        });
        (address, seen)
    }

    fn md5_static(bytes: &[u8]) -> &'static str {
        Box::leak(md5_of(bytes).unwrap().into_boxed_str())
    }

    fn content() -> Vec<u8> {
        (0..200_000u32).map(|i| (i * 2_654_435_761) as u8).collect()
    }

    fn get(mirrors: &[String], md5: Sum, dir: &Path) -> (Result<bool>, Vec<String>) {
        let remote = Remote { file: "set.bin", md5 };
        let mut reasons = Vec::new();
        (from_mirrors(mirrors, &remote, &dir.join("set.bin"), &Silent, &mut reasons), reasons)
    }

    fn names(dir: &Path) -> Vec<String> {
        fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn a_broken_download_goes_on_where_it_stopped() {
        let dir = tempfile::tempdir().unwrap();
        let bytes = content();
        let (url, seen) = serve(bytes.clone(), vec![50_000, 70_000]);
        let (result, reasons) = get(&[url], Sum::File(md5_static(&bytes)), dir.path());
        assert!(result.unwrap(), "{reasons:?}");
        assert_eq!(fs::read(dir.path().join("set.bin")).unwrap(), bytes);
        assert_eq!(names(dir.path()), ["set.bin"]);
        assert_eq!(*seen.lock().unwrap(), ["", "50000-", "120000-"]);
    }

    #[test]
    fn a_wrong_file_is_refused_and_the_next_mirror_serves() {
        let dir = tempfile::tempdir().unwrap();
        let bytes = content();
        let (bad, _) = serve(vec![7; 1000], vec![]);
        let (good, _) = serve(bytes.clone(), vec![]);
        let (result, reasons) = get(&[bad.clone(), good], Sum::File(md5_static(&bytes)), dir.path());
        assert!(result.unwrap());
        assert!(reasons[0].contains("expected MD5") && reasons[0].contains("set.bin"), "{reasons:?}");
        fs::remove_file(dir.path().join("set.bin")).unwrap();
        let (result, _) = get(&[bad], Sum::File(md5_static(&bytes)), dir.path());
        assert!(!result.unwrap());
        assert!(names(dir.path()).is_empty(), "nothing half-written stays: {:?}", names(dir.path()));
    }

    #[test]
    fn what_another_mirror_began_is_not_trusted() {
        let dir = tempfile::tempdir().unwrap();
        let bytes = content();
        fs::write(dir.path().join("set.bin.part"), [1; 500]).unwrap();
        let (good, seen) = serve(bytes.clone(), vec![]);
        let (result, reasons) = get(&[good], Sum::File(md5_static(&bytes)), dir.path());
        assert!(result.unwrap(), "{reasons:?}");
        assert_eq!(*seen.lock().unwrap(), ["500-", ""]);
        assert_eq!(fs::read(dir.path().join("set.bin")).unwrap(), bytes);
    }

    #[test]
    fn contents_count_not_how_they_were_packed() {
        let dir = tempfile::tempdir().unwrap();
        let bytes = content();
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gz.write_all(&bytes).unwrap();
        let (url, _) = serve(gz.finish().unwrap(), vec![]);
        let (result, reasons) = get(&[url], Sum::Contents(md5_static(&bytes)), dir.path());
        assert!(result.unwrap(), "{reasons:?}");
    }

    #[test]
    fn mirrors_that_refuse_or_are_not_there_say_so() {
        let dir = tempfile::tempdir().unwrap();
        let closed = {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            format!("http://{}", listener.local_addr().unwrap())
        };
        let (result, reasons) = get(std::slice::from_ref(&closed), Sum::File("0"), dir.path());
        assert!(!result.unwrap());
        assert!(reasons[0].starts_with(&format!("{closed}/set.bin: ")), "{reasons:?}");
        let (result, _) = get(&[closed], Sum::File("0"), &dir.path().join("missing"));
        assert!(!result.unwrap_or(false));
    }

    #[test]
    fn an_unpacked_folder_that_lacks_a_file_is_completed() {
        let dir = tempfile::tempdir().unwrap();
        let archive = File::create(dir.path().join(cifar::ARCHIVE)).unwrap();
        let mut tar = tar::Builder::new(flate2::write::GzEncoder::new(archive, flate2::Compression::fast()));
        let names = || [Files::Train, Files::Test].into_iter().flat_map(cifar::file_names);
        for name in names() {
            let mut header = tar::Header::new_gnu();
            header.set_size(3);
            header.set_mode(0o644);
            tar.append_data(&mut header, format!("{}/{name}", cifar::FOLDER), &b"new"[..]).unwrap();
        }
        tar.into_inner().unwrap().finish().unwrap();
        let target = dir.path().join(cifar::FOLDER);
        create_dir(&target).unwrap();
        fs::write(target.join("test_batch.bin"), "old").unwrap();
        unpack_cifar(dir.path()).unwrap();
        assert_eq!(Found::CifarFolder(target.clone()).missing(), None);
        assert_eq!(fs::read(target.join("test_batch.bin")).unwrap(), b"old");
        assert_eq!(fs::read(target.join("data_batch_3.bin")).unwrap(), b"new");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2, "nothing half-unpacked stays");
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_an_error_that_names_it() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("plain-file");
        fs::write(&file, "x").unwrap();
        let Err(Failure::Stop(error)) = fetch(DatasetName::Mnist, &file, &Silent) else { panic!("it should fail") };
        assert!(error.to_string().contains("plain-file"), "{error}");
    }
}
