//! How much memory may be used, and giving back what is not.
//!
//! What is free is what the system says, but no more than any of the control groups around this process allows: a
//! container's, a job's of Slurm, a user's. Pages that hold copies of files count as free, as the system gives them up when
//! memory is asked for. Source: the Linux kernel's `cgroup-v2.rst` and `cgroup-v1/memory.rst`.

use std::path::{Path, PathBuf};

/// Gives memory that is kept for reuse back to the system.
pub fn release_memory() {
    // SAFETY: malloc_trim only returns unused pages.
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Memory that is free for use, in bytes; 4 GiB where the system does not say.
pub fn available_memory() -> u64 {
    let read = || {
        let text = std::fs::read_to_string("/proc/meminfo").ok()?;
        let line = text.lines().find(|l| l.starts_with("MemAvailable:"))?;
        line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kib| kib * 1024)
    };
    let groups = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let allowed = left_in_groups(Path::new("/sys/fs/cgroup"), &groups).unwrap_or(u64::MAX);
    read().unwrap_or(4 << 30).min(allowed)
}

/// The names of a version's files, and of what a group's statistics call its pages of files.
struct Names {
    limits: &'static [&'static str],
    used: &'static str,
    reclaimable: &'static [&'static str],
}

const VERSION_2: Names = Names {
    limits: &["memory.max", "memory.high"],
    used: "memory.current",
    reclaimable: &["inactive_file", "active_file", "slab_reclaimable"],
};
const VERSION_1: Names = Names {
    limits: &["memory.limit_in_bytes"],
    used: "memory.usage_in_bytes",
    reclaimable: &["total_inactive_file", "total_active_file"],
};

/// What the tightest of the groups of `groups` (the contents of `/proc/self/cgroup`) leaves, in bytes; `None` where none
/// sets a limit. `root` is where groups are mounted.
fn left_in_groups(root: &Path, groups: &str) -> Option<u64> {
    let mut least: Option<u64> = None;
    for line in groups.lines() {
        let mut fields = line.splitn(3, ':');
        let (Some(number), Some(kinds), Some(path)) = (fields.next(), fields.next(), fields.next()) else { continue };
        let (mounts, names) = match kinds {
            // Where both versions are in use, the second is mounted below.
            "" if number == "0" => (vec![root.to_owned(), root.join("unified")], VERSION_2),
            kinds if kinds.split(',').any(|kind| kind == "memory") => (vec![root.join("memory")], VERSION_1),
            _ => continue,
        };
        for mount in mounts {
            for group in with_those_above(&mount, path) {
                if let Some(left) = left(&group, &names) {
                    least = Some(least.map_or(left, |least| least.min(left)));
                }
            }
        }
    }
    least
}

/// A group's folder and those of the groups that it is in. In a container the path may be one that only the host knows;
/// what is there then is the container's own group, at the mount.
fn with_those_above(mount: &Path, path: &str) -> Vec<PathBuf> {
    let below = Path::new(path.trim_start_matches('/'));
    below.ancestors().map(|part| mount.join(part)).filter(|folder| folder.is_dir()).collect()
}

fn left(group: &Path, names: &Names) -> Option<u64> {
    let number = |file: &str| std::fs::read_to_string(group.join(file)).ok()?.trim().parse::<u64>().ok();
    // "max" is no number; the first version has a number near the largest instead.
    let limit = names.limits.iter().filter_map(|file| number(file)).filter(|&limit| limit < 1 << 60).min()?;
    let used = number(names.used).unwrap_or(0);
    let statistics = std::fs::read_to_string(group.join("memory.stat")).unwrap_or_default();
    let reclaimable: u64 = (statistics.lines())
        .filter_map(|line| line.split_once(' '))
        .filter(|(name, _)| names.reclaimable.contains(name))
        .filter_map(|(_, value)| value.trim().parse::<u64>().ok())
        .sum();
    Some(limit.saturating_sub(used.saturating_sub(reclaimable)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(folder: PathBuf, files: &[(&str, &str)]) {
        std::fs::create_dir_all(&folder).unwrap();
        for (name, content) in files {
            std::fs::write(folder.join(name), content).unwrap();
        }
    }

    #[test]
    fn the_tightest_group_counts_and_pages_of_files_are_free() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        let limits = |max, current, stat| [("memory.max", max), ("memory.current", current), ("memory.stat", stat)];
        group(root.join("slurm/job_7/step_0"), &limits("max\n", "100\n", ""));
        group(
            root.join("slurm/job_7"),
            &limits("5000\n", "4500\n", "anon 100\ninactive_file 3000\nactive_file 1000\n"),
        );
        group(root.join("slurm"), &limits("100000\n", "4500\n", ""));
        assert_eq!(left_in_groups(root, "0::/slurm/job_7/step_0\n"), Some(4500));
        group(root.join("slurm/job_7/step_0"), &limits("900\n", "100\n", "slab_reclaimable 50\n"));
        assert_eq!(left_in_groups(root, "0::/slurm/job_7/step_0\n"), Some(850));
        // In a container, the host's path is not there: what counts is the group at the mount.
        group(root.to_owned(), &limits("2000\n", "1500\n", "inactive_file 700\n"));
        assert_eq!(left_in_groups(root, "0::/kubepods/pod1/abc\n"), Some(1200));
        assert_eq!(left_in_groups(&root.join("none"), "0::/a\n"), None);
    }

    #[test]
    fn groups_of_the_first_version_are_nested_too() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        let unlimited = "9223372036854771712\n";
        let used = ("memory.usage_in_bytes", "600\n");
        group(root.join("memory/slurm/uid_1/job_2"), &[("memory.limit_in_bytes", unlimited), used]);
        group(
            root.join("memory/slurm/uid_1"),
            &[("memory.limit_in_bytes", "1000\n"), used, ("memory.stat", "total_inactive_file 200\ncache 9\n")],
        );
        let groups = "12:cpu,cpuacct:/slurm\n9:memory:/slurm/uid_1/job_2\n0::/init.scope\n";
        assert_eq!(left_in_groups(root, groups), Some(600));
    }
}
