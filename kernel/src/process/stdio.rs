//! The C library's functions for output, input and sleep, as the runtime's cells find them.
//!
//! The program exports functions of these names, which the loader finds before the C library's: Rust's standard
//! library, which cells are linked with dynamically, calls them. In the runtime, writing to descriptors 1 and 2, reading
//! from 0 and sleeping are the runtime's business ([`super::runtime`]); everything else goes to the system as ever. What
//! is written through C's own streams goes the same way.

use std::ffi::c_void;

use super::runtime::{stopping, take_input, take_output};

/// Between two looks at whether a sleeping thread shall stop, in nanoseconds.
const SLICE: i64 = 50_000_000;

/// # Safety
/// As the system's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn write(fd: libc::c_int, bytes: *const c_void, count: libc::size_t) -> libc::ssize_t {
    if (fd == 1 || fd == 2) && count > 0 && !bytes.is_null() {
        // SAFETY: the caller's promise.
        let text = unsafe { std::slice::from_raw_parts(bytes.cast::<u8>(), count) };
        if take_output(fd, text) {
            return count as libc::ssize_t;
        }
    }
    // SAFETY: the caller's promise.
    unsafe { libc::syscall(libc::SYS_write, fd, bytes, count) as libc::ssize_t }
}

/// # Safety
/// As the system's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn writev(fd: libc::c_int, parts: *const libc::iovec, count: libc::c_int) -> libc::ssize_t {
    if (fd == 1 || fd == 2) && count > 0 {
        // SAFETY: the caller's promise.
        let text: Vec<u8> = unsafe {
            let parts = std::slice::from_raw_parts(parts, count as usize);
            let bytes = |part: &libc::iovec| std::slice::from_raw_parts(part.iov_base.cast::<u8>(), part.iov_len);
            parts.iter().filter(|part| part.iov_len > 0).flat_map(bytes).copied().collect()
        };
        if !text.is_empty() && take_output(fd, &text) {
            return text.len() as libc::ssize_t;
        }
    }
    // SAFETY: the caller's promise.
    unsafe { libc::syscall(libc::SYS_writev, fd, parts, count) as libc::ssize_t }
}

/// # Safety
/// As the system's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn read(fd: libc::c_int, bytes: *mut c_void, count: libc::size_t) -> libc::ssize_t {
    if fd == 0 && count > 0 {
        // SAFETY: the caller's promise.
        let buffer = unsafe { std::slice::from_raw_parts_mut(bytes.cast::<u8>(), count) };
        if let Some(read) = take_input(buffer) {
            return read as libc::ssize_t;
        }
    }
    // SAFETY: the caller's promise.
    unsafe { libc::syscall(libc::SYS_read, fd, bytes, count) as libc::ssize_t }
}

/// # Safety
/// As the system's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nanosleep(time: *const libc::timespec, left: *mut libc::timespec) -> libc::c_int {
    // SAFETY: the caller's promise.
    match unsafe { sleep(libc::CLOCK_MONOTONIC, 0, time, left) } {
        0 => 0,
        error => {
            // SAFETY: the thread's own error number.
            unsafe { *libc::__errno_location() = error };
            -1
        }
    }
}

/// # Safety
/// As the system's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn clock_nanosleep(
    clock: libc::clockid_t,
    flags: libc::c_int,
    time: *const libc::timespec,
    left: *mut libc::timespec,
) -> libc::c_int {
    // SAFETY: the caller's promise.
    unsafe { sleep(clock, flags, time, left) }
}

/// Sleeps in slices. A thread that shall stop wakes as if its time had come; the next point of its cell ends it.
unsafe fn sleep(
    clock: libc::clockid_t,
    flags: libc::c_int,
    time: *const libc::timespec,
    left: *mut libc::timespec,
) -> libc::c_int {
    let real = |flags: libc::c_int, time: *const libc::timespec, left: *mut libc::timespec| {
        // SAFETY: the caller's promise, or a value of our own.
        let done = unsafe { libc::syscall(libc::SYS_clock_nanosleep, clock, flags, time, left) };
        // SAFETY: the thread's own error number.
        if done == 0 {
            0
        } else {
            unsafe { *libc::__errno_location() }
        }
    };
    if super::threads::RUN.get() == 0 || time.is_null() {
        return real(flags, time, left);
    }
    // SAFETY: the caller's promise.
    let wanted = unsafe { *time };
    let nanoseconds = |time: libc::timespec| i128::from(time.tv_sec) * 1_000_000_000 + i128::from(time.tv_nsec);
    let now = || {
        let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: fills a value of our own.
        unsafe { libc::clock_gettime(clock, &mut now) };
        nanoseconds(now)
    };
    let relative = flags & libc::TIMER_ABSTIME == 0;
    if nanoseconds(wanted) < 0 || !(0..1_000_000_000).contains(&wanted.tv_nsec) {
        return real(flags, time, left);
    }
    let end = nanoseconds(wanted) + if relative { now() } else { 0 };
    loop {
        if stopping() {
            return 0;
        }
        let rest = end - now();
        if rest <= 0 {
            return 0;
        }
        let slice = libc::timespec { tv_sec: 0, tv_nsec: rest.min(i128::from(SLICE)) as libc::c_long };
        let error = real(0, &slice, std::ptr::null_mut());
        if error != 0 {
            if relative && !left.is_null() {
                let rest = (end - now()).max(0);
                // SAFETY: the caller's promise.
                unsafe {
                    (*left).tv_sec = (rest / 1_000_000_000) as libc::time_t;
                    (*left).tv_nsec = (rest % 1_000_000_000) as libc::c_long;
                }
            }
            return error;
        }
    }
}

type WriteStream = unsafe extern "C" fn(*mut c_void, *const libc::c_char, libc::size_t) -> libc::ssize_t;
type ReadStream = unsafe extern "C" fn(*mut c_void, *mut libc::c_char, libc::size_t) -> libc::ssize_t;

#[repr(C)]
struct Functions {
    read: Option<ReadStream>,
    write: Option<WriteStream>,
    seek: Option<unsafe extern "C" fn()>,
    close: Option<unsafe extern "C" fn()>,
}

unsafe extern "C" {
    fn fopencookie(cookie: *mut c_void, mode: *const libc::c_char, functions: Functions) -> *mut libc::FILE;
    static mut stdin: *mut libc::FILE;
    static mut stdout: *mut libc::FILE;
    static mut stderr: *mut libc::FILE;
}

unsafe extern "C" fn write_stream(
    cookie: *mut c_void,
    bytes: *const libc::c_char,
    count: libc::size_t,
) -> libc::ssize_t {
    // SAFETY: C's stream gives what it has.
    unsafe { write(cookie as libc::c_int, bytes.cast(), count) }
}

unsafe extern "C" fn read_stream(_: *mut c_void, bytes: *mut libc::c_char, count: libc::size_t) -> libc::ssize_t {
    // SAFETY: C's stream gives a buffer of its own.
    unsafe { read(0, bytes.cast(), count) }
}

/// Lets C's streams, and those of C++ that are made from them, go the way of everything else. Called before any library
/// of C++ is loaded.
pub fn redirect() {
    let open = |number: usize, mode: &std::ffi::CStr| {
        let functions = Functions { read: Some(read_stream), write: Some(write_stream), seek: None, close: None };
        // SAFETY: the functions fit the stream's mode.
        unsafe { fopencookie(number as *mut c_void, mode.as_ptr(), functions) }
    };
    let (input, output, errors) = (open(0, c"r"), open(1, c"w"), open(2, c"w"));
    if input.is_null() || output.is_null() || errors.is_null() {
        return;
    }
    // SAFETY: nothing has used the streams yet. They are not buffered: what is printed is seen at once, in order.
    unsafe {
        libc::setvbuf(output, std::ptr::null_mut(), libc::_IONBF, 0);
        libc::setvbuf(errors, std::ptr::null_mut(), libc::_IONBF, 0);
        (stdin, stdout, stderr) = (input, output, errors);
    }
}
