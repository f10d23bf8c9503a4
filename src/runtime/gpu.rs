//! The part of libtorch that runs on a GPU.
//!
//! libtorch finds its code for GPUs by what `libtorch_cuda.so` registers as it is loaded. Nothing here uses a symbol of
//! that library by name, so that a linker leaves it out, and libtorch would see no GPU. It is loaded here instead, on
//! machines that have a GPU only: it is more than a gigabyte, and takes a second.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

const LIBRARY: &str = "libtorch_cuda.so";

/// What the driver of NVIDIA's cards makes: on Linux, and on Linux below Windows.
const DEVICES: [&str; 2] = ["/dev/nvidiactl", "/dev/dxg"];

/// Loads libtorch's code for GPUs where this machine has a GPU. `None` where that went well, or where there is no GPU;
/// else why it could not be loaded.
///
/// To be called before libtorch is first asked for GPUs: it asks once and remembers the answer.
pub fn load() -> Option<&'static str> {
    static LOADED: OnceLock<Option<String>> = OnceLock::new();
    LOADED.get_or_init(|| DEVICES.iter().any(|path| Path::new(path).exists()).then(open).flatten()).as_deref()
}

/// Opens the library, for good.
fn open() -> Option<String> {
    use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};
    let path = beside_libtorch().unwrap_or_else(|| LIBRARY.into());
    // SAFETY: a part of the libtorch that this process uses already; what runs as it is loaded registers its functions.
    match unsafe { Library::open(Some(&path), RTLD_NOW | RTLD_GLOBAL) } {
        Ok(library) => {
            std::mem::forget(library);
            None
        }
        Err(e) => Some(e.to_string()),
    }
}

/// The library in the folder of the libtorch that this process has loaded, if it is there.
fn beside_libtorch() -> Option<PathBuf> {
    let maps = std::fs::read_to_string("/proc/self/maps").ok()?;
    let libtorch = maps.lines().filter_map(|line| line.find('/').map(|at| &line[at..]));
    let libtorch = libtorch.map(Path::new).find(|path| path.ends_with("libtorch_cpu.so"))?;
    Some(libtorch.with_file_name(LIBRARY)).filter(|path| path.exists())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_is_looked_for_where_libtorch_was_loaded_from() {
        // libtorch is a library that this test is linked with; with it, so that the linker keeps it, one call.
        assert!(tch::get_num_threads() > 0);
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        assert!(maps.contains("/libtorch_cpu.so"), "{maps}");
        let folder =
            PathBuf::from(maps.lines().find(|l| l.ends_with("/libtorch_cpu.so")).unwrap().split_once('/').unwrap().1);
        let expected = Path::new("/").join(folder).with_file_name(LIBRARY);
        assert_eq!(beside_libtorch(), expected.exists().then_some(expected));
    }
}
