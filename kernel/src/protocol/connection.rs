//! The connection file, in which Jupyter says where to listen.

use std::path::Path;

use anyhow::{Context, Result};
use jupyter_protocol::ConnectionInfo;

/// No connection file is longer.
const MOST_BYTES: u64 = 1 << 20;

/// Reads a connection file.
///
/// # Errors
/// When it cannot be read, is no connection file, or asks for signatures other than `hmac-sha256`.
pub fn read(path: &Path) -> Result<ConnectionInfo> {
    let size = std::fs::metadata(path).with_context(|| format!("{}", path.display()))?.len();
    anyhow::ensure!(size <= MOST_BYTES, "{}: {size} bytes: no connection file", path.display());
    let text = std::fs::read_to_string(path).with_context(|| format!("{}", path.display()))?;
    let connection: ConnectionInfo =
        serde_json::from_str(&text).with_context(|| format!("{}: no connection file", path.display()))?;
    anyhow::ensure!(
        connection.key.is_empty() || connection.signature_scheme == "hmac-sha256",
        "signature scheme {}: expected hmac-sha256",
        connection.signature_scheme
    );
    Ok(connection)
}

#[cfg(test)]
#[path = "../../../tests/fuzz/inputs.rs"]
mod inputs;

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::inputs::{changed, number, Draw};
    use super::*;

    const SOUND: &str = r#"{"ip": "127.0.0.1", "transport": "tcp", "shell_port": 6767, "iopub_port": 6768,
        "stdin_port": 6769, "control_port": 6770, "hb_port": 6771, "key": "k", "signature_scheme": "hmac-sha256",
        "kernel_name": "cutpoint"}"#;

    #[test]
    fn what_is_no_connection_file_is_refused_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("connection.json");
        let of = |text: &str| {
            std::fs::write(&path, text).unwrap();
            read(&path).map_err(|error| format!("{error:#}"))
        };
        assert_eq!(of(SOUND).unwrap().hb_port, 6771);
        assert!(of("{}").unwrap_err().contains("connection.json: no connection file"));
        assert!(of(&SOUND.replace("hmac-sha256", "md5")).unwrap_err().contains("expected hmac-sha256"));
        assert!(of(&" ".repeat(2 << 20)).unwrap_err().contains("2097152 bytes"));
    }

    /// As `tests/fuzz.rs`: changed files are read or refused; CUTPOINT_FUZZ_SECONDS and CUTPOINT_FUZZ_SEED as there.
    #[test]
    fn changed_connection_files_do_no_harm() {
        let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let path = dir.path().join("connection.json");
        let mut draw = Draw::new(number("CUTPOINT_FUZZ_SEED", 1));
        let until = Instant::now() + Duration::from_secs(number("CUTPOINT_FUZZ_SECONDS", 2));
        let (mut all, mut taken) = (0u64, 0u64);
        while Instant::now() < until {
            std::fs::write(&path, changed(&mut draw, &[SOUND.into()])).unwrap();
            taken += u64::from(read(&path).is_ok());
            all += 1;
        }
        println!("connection: {all} inputs, {taken} of them taken");
        assert!(taken > 0);
    }
}
