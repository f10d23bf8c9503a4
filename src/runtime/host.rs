//! The program that this code runs in, where that is the one in which the cells of a cutpoint kernel run. It exports a
//! table of functions ([`cutpoint_wire::Host`]); elsewhere there is none, and nothing is sent.

use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};
use std::sync::OnceLock;

use cutpoint_wire::{Bundle, Event, Host, HOST, VERSION};

/// The table, of whatever version: a version that this crate does not know is only good for being told so.
pub(crate) fn any() -> Option<&'static Host> {
    static FOUND: OnceLock<Option<usize>> = OnceLock::new();
    let found = FOUND.get_or_init(|| {
        // SAFETY: looks for a symbol by name in what is loaded.
        let symbol = unsafe { libc::dlsym(libc::RTLD_DEFAULT, HOST.as_ptr()) };
        if symbol.is_null() {
            return None;
        }
        // SAFETY: the contract says what stands behind this name in all versions.
        let host = unsafe { std::mem::transmute::<*mut libc::c_void, extern "C" fn() -> *const Host>(symbol) };
        let table = host();
        (!table.is_null()).then_some(table as usize)
    });
    // SAFETY: the table is a static of the program, which outlives all cells.
    found.map(|table| unsafe { &*(table as *const Host) })
}

pub(crate) fn host() -> Option<&'static Host> {
    any().filter(|host| host.version == VERSION)
}

/// Whether this process runs the cells of a cutpoint kernel.
pub fn present() -> bool {
    host().is_some()
}

/// Sends one message. A kernel that has gone away has no use for it.
pub(crate) fn send(event: &Event) {
    if let (Some(host), Ok(json)) = (host(), serde_json::to_vec(event)) {
        // SAFETY: the bytes live until the call returns.
        unsafe { (host.send)(json.as_ptr(), json.len()) };
    }
}

/// Whether the calling thread's cell was asked to stop. Costs a load of memory while nobody asks.
pub(crate) fn stopping() -> bool {
    static NONE: AtomicU32 = AtomicU32::new(0);
    static FLAG: AtomicPtr<AtomicU32> = AtomicPtr::new(std::ptr::null_mut());
    let mut flag = FLAG.load(Ordering::Relaxed).cast_const();
    if flag.is_null() {
        flag = host().map_or(std::ptr::from_ref(&NONE), |host| host.flag);
        FLAG.store(flag.cast_mut(), Ordering::Relaxed);
    }
    // SAFETY: a static of this copy or of the program; neither goes away while cells run.
    if unsafe { (*flag).load(Ordering::Relaxed) } == 0 {
        return false;
    }
    // SAFETY: takes and returns plain values.
    host().is_some_and(|host| unsafe { (host.stopping)() })
}

/// A request to stop has been answered.
pub(crate) fn answered() {
    if let Some(host) = host() {
        // SAFETY: takes and returns nothing.
        unsafe { (host.answered)() };
    }
}

/// Whether the calling thread is the one that runs cells; outside a kernel every thread may do what that one may.
pub(crate) fn is_cell() -> bool {
    // SAFETY: takes and returns plain values.
    host().is_none_or(|host| unsafe { (host.is_cell)() })
}

/// A name that no other figure of this process has, whichever cell's copy of this crate asks.
pub(crate) fn fresh_id() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let place = std::ptr::from_ref(&COUNT) as usize;
    format!("cutpoint-{:x}-{place:x}-{}", now.as_nanos(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// Shows something in several forms, (MIME type, content) each, under a name by which it can be replaced; `update`
/// replaces what was shown under it.
pub(crate) fn display(forms: &[(&str, &str)], id: Option<&str>, update: bool) {
    let data = bundle(forms);
    send(&Event::Display { data, metadata: Bundle::new(), id: id.map(str::to_owned), update });
}

/// Contents by MIME type.
pub(crate) fn bundle(forms: &[(&str, &str)]) -> Bundle {
    forms.iter().map(|(mime, content)| ((*mime).to_owned(), (*content).into())).collect()
}
