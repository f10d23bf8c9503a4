//! How much memory may be used, and giving back what is not.

/// Gives memory that is kept for reuse back to the system.
pub fn release_memory() {
    // SAFETY: malloc_trim only returns unused pages.
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    unsafe {
        libc::malloc_trim(0);
    }
}

/// What a container may still use, in bytes, where one sets a limit.
fn container_memory() -> Option<u64> {
    let number = |path: &str| std::fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
    let left = |limit: &str, used: &str| Some(number(limit)?.saturating_sub(number(used)?));
    left("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current")
        .or_else(|| left("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"))
}

/// Memory that is free for use, in bytes; 4 GiB where the system does not say.
pub fn available_memory() -> u64 {
    let read = || {
        let text = std::fs::read_to_string("/proc/meminfo").ok()?;
        let line = text.lines().find(|l| l.starts_with("MemAvailable:"))?;
        line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kib| kib * 1024)
    };
    read().unwrap_or(4 << 30).min(container_memory().unwrap_or(u64::MAX))
}
