//! Fetching one file from mirrors with a fall-back each, resumed where it broke off, and checked before use.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::official::{verify, Remote};
use crate::error::{Error, Result};
use crate::runtime::background::in_background;
use crate::runtime::cancel::Stop;
use crate::runtime::progress::{Progress, Unit};

/// A server that sends nothing for this long has broken off.
const STALLED: Duration = Duration::from_secs(20);
/// How often a mirror that breaks off is asked to go on.
const ATTEMPTS: usize = 3;

/// Gets one file from the first mirror that has it right; `false`, with the reasons, when none does.
pub(super) fn from_mirrors(
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

#[cfg(test)]
mod tests {
    use super::super::official::{md5_of, Sum};
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
}
