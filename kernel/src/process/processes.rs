//! Processes: ending with a parent, and finding descendants.

use std::path::Path;

/// Asks for this process to be killed when its parent dies, however that happens. For the kernel itself nothing is
/// asked: Jupyter may live shorter than its kernels.
pub fn die_with_parent() {
    if std::env::var_os("EVCXR_IS_RUNTIME").is_none() {
        return;
    }
    // SAFETY: changes only this process.
    unsafe {
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
        // The parent may be gone already; then the signal never comes.
        if libc::getppid() == 1 && std::env::var("CUTPOINT_PARENT").is_ok_and(|parent| parent != "1") {
            libc::_exit(1);
        }
    }
}

/// Returns when the program that started this kernel is gone, as ipykernel does. Jupyter sets JPY_PARENT_PID unless the
/// kernel is meant to live on.
pub async fn orphaned() {
    // SAFETY: only returns a number.
    let parent = || unsafe { libc::getppid() };
    let first = parent();
    if std::env::var_os("JPY_PARENT_PID").is_none() || first == 1 {
        std::future::pending::<()>().await;
    }
    while parent() == first {
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    }
}

/// The processes that `parent` started, and those that they started, deepest last.
pub fn descendants(parent: u32) -> Vec<u32> {
    let mut found = vec![];
    let mut next = vec![parent];
    while let Some(process) = next.pop() {
        let tasks = std::fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
        for task in tasks {
            let children = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
            let children = children.split_whitespace().filter_map(|id| id.parse::<u32>().ok());
            for child in children {
                found.push(child);
                next.push(child);
            }
        }
    }
    found
}

/// Sends a signal; a process that is gone needs none.
pub fn signal(process: u32, signal: libc::c_int) {
    if let Ok(process) = libc::pid_t::try_from(process) {
        // SAFETY: a system call on a number.
        unsafe { libc::kill(process, signal) };
    }
}

/// Kills the group that a process leads.
pub fn kill_group(leader: u32) {
    if let Ok(leader) = libc::pid_t::try_from(leader) {
        // SAFETY: system calls on numbers. The leader by itself: it may not have made its group yet.
        unsafe {
            libc::kill(-leader, libc::SIGKILL);
            libc::kill(leader, libc::SIGKILL);
        }
    }
}

/// Whether a process is there.
pub fn is_alive(process: u32) -> bool {
    Path::new(&format!("/proc/{process}")).exists()
}

/// A process's start and its parent, from /proc; none when it is gone or only its name is left.
fn start_of(process: u32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let fields: Vec<&str> = text.rsplit_once(") ")?.1.split(' ').collect();
    if fields.first() == Some(&"Z") {
        return None;
    }
    fields.get(19)?.parse().ok()
}

/// Now, in the ticks of /proc.
pub fn ticks() -> u64 {
    let text = std::fs::read_to_string("/proc/uptime").unwrap_or_default();
    let seconds = text.split(' ').next().and_then(|seconds| seconds.parse::<f64>().ok()).unwrap_or(0.0);
    // SAFETY: only returns a number.
    let per_second = unsafe { libc::sysconf(libc::_SC_CLK_TCK) }.max(1);
    (seconds * per_second as f64) as u64
}

/// The processes below this one that were started at `since`, in ticks, or later.
pub fn children_since(since: u64) -> Vec<u32> {
    // The clocks of the two files differ by a tick or two.
    let is_new = |process: &u32| start_of(*process).is_some_and(|start| start + 2 >= since);
    descendants(std::process::id()).into_iter().filter(is_new).collect()
}
