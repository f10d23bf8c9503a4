//! Settings of the process and of its threads that change speed and no numbers.

use std::sync::Once;

static PREPARED: Once = Once::new();

/// Prepares the process, once, before libtorch computes anything.
///
/// The allocator is told to keep what it has: by default every large tensor is fresh memory from the system, zeroed
/// page by page, which costs up to half of a training step. Float32 products on a GPU are to be float32 ones, not
/// the shorter TF32.
pub fn prepare_process() {
    PREPARED.call_once(|| {
        if std::env::var_os("NVIDIA_TF32_OVERRIDE").is_none() {
            std::env::set_var("NVIDIA_TF32_OVERRIDE", "0");
        }
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
    prepare_process();
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
