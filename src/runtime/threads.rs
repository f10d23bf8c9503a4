//! Settings of the process and of its threads that change speed and no numbers.

use std::sync::Once;

static PREPARED: Once = Once::new();

/// The environment variable that NVIDIA's libraries read when they are loaded; 0: float32 products are float32 ones, not the
/// shorter TF32. Libtorch's bindings have no other way to say so.
const TF32: &str = "NVIDIA_TF32_OVERRIDE";

/// Prepares the process. It belongs at the start of `main`: it turns TF32 off on GPUs, unless the environment says
/// otherwise, and the environment must not be changed once there are other threads. Called later it leaves it alone.
pub fn prepare_process() {
    if std::env::var_os(TF32).is_none() && is_single_threaded() {
        std::env::set_var(TF32, "0");
    }
    prepare_allocator();
}

/// Whether float32 products on a GPU may be the shorter TF32, as far as the environment says.
pub(crate) fn may_use_tf32() -> bool {
    std::env::var_os(TF32).is_none_or(|value| value != "0")
}

/// Whether the calling thread is known to be the only one.
fn is_single_threaded() -> bool {
    std::fs::read_dir("/proc/self/task").is_ok_and(|tasks| tasks.count() == 1)
}

/// Tells the allocator, once, to keep what it has: by default every large tensor is fresh memory from the system, zeroed
/// page by page, which costs up to half of a training step.
pub(crate) fn prepare_allocator() {
    PREPARED.call_once(|| {
        // SAFETY: mallopt only sets parameters of the allocator, and refuses those it does not know.
        #[cfg(all(target_os = "linux", target_env = "gnu"))]
        unsafe {
            libc::mallopt(libc::M_MMAP_MAX, 0);
            libc::mallopt(libc::M_TRIM_THRESHOLD, i32::MAX);
            libc::mallopt(libc::M_TOP_PAD, 64 << 20);
            // Arenas of single threads are too small for large tensors and would fetch them from the system after all.
            libc::mallopt(libc::M_ARENA_MAX, 1);
        }
    });
}

/// Prepares the calling thread: libtorch's operations use `threads` threads, but no more than there are cores, and numbers too small for float32's
/// normal range count as zero. Dead units and Adam produce such numbers, and they slow convolutions many times; Adam
/// adds 1e-8 to what it divides by, so that they change no weight.
pub fn prepare_thread(threads: usize) {
    prepare_allocator();
    tch::set_num_threads(threads.clamp(1, cores()) as i32);
    flush_denormals();
}

#[cfg(target_arch = "x86_64")]
fn flush_denormals() {
    const FLUSH_TO_ZERO: u32 = 1 << 15;
    const DENORMALS_ARE_ZERO: u32 = 1 << 6;
    let mut mxcsr = 0u32;
    // SAFETY: reads and writes the thread's floating-point control register; the two bits only change how tiny
    // numbers are treated.
    unsafe {
        std::arch::asm!("stmxcsr [{}]", in(reg) &mut mxcsr, options(nostack));
        mxcsr |= FLUSH_TO_ZERO | DENORMALS_ARE_ZERO;
        std::arch::asm!("ldmxcsr [{}]", in(reg) &mxcsr, options(nostack));
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn flush_denormals() {}

/// Processor cores that this process may use.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The harness runs each test in a thread of its own, beside which there is at least the main one.
    #[test]
    fn the_environment_is_left_alone_once_there_are_other_threads() {
        assert!(!is_single_threaded());
        let before = std::env::var_os(TF32);
        prepare_process();
        assert_eq!(std::env::var_os(TF32), before);
        assert_eq!(may_use_tf32(), before.is_none_or(|value| value != "0"));
    }
}
