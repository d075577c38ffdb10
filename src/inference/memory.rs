//! Determines the available memory: the machine's, or the limit of the process's control group.

use std::fs::read_to_string;
use std::path::{Path, PathBuf};

/// Bytes that this process may use; `None` if unknown.
pub(super) fn available() -> Option<u64> {
    let machine = read_to_string("/proc/meminfo").ok().and_then(|text| total(&text));
    let groups = read_to_string("/proc/self/cgroup").unwrap_or_default();
    let limits = groups.lines().flat_map(limit_files).filter_map(|file| limit(&read_to_string(file).ok()?));
    machine.into_iter().chain(limits).min()
}

/// Parses `/proc/meminfo`, which counts in KiB.
fn total(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// Files with the memory limits of a group, as named in `/proc/self/cgroup`, and of its ancestors.
fn limit_files(group: &str) -> Vec<PathBuf> {
    let mut parts = group.splitn(3, ':').skip(1);
    let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else { return Vec::new() };
    let (root, file) = match controllers {
        "" => ("/sys/fs/cgroup", "memory.max"),
        _ if controllers.split(',').any(|name| name == "memory") => {
            ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")
        }
        _ => return Vec::new(),
    };
    // In a container, the group may be named as on the host while its files are at the root.
    let groups = Path::new(path.trim_start_matches('/')).ancestors();
    groups.map(|group| Path::new(root).join(group).join(file)).collect()
}

/// Parses a limit; `max` means none.
fn limit(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_of_the_machine_is_read() {
        assert_eq!(total("MemFree: 3 kB\nMemTotal:       16384 kB\n"), Some(16_777_216));
        assert_eq!(total("nothing of the kind"), None);
    }

    #[test]
    fn limits_of_the_group_and_of_those_around_it_are_looked_for() {
        let files = limit_files("0::/service/faceql");
        let expected = ["service/faceql/memory.max", "service/memory.max", "memory.max"];
        assert_eq!(files, expected.map(|file| Path::new("/sys/fs/cgroup").join(file)));
        let old = limit_files("7:cpu,memory:/");
        assert_eq!(old, [PathBuf::from("/sys/fs/cgroup/memory/memory.limit_in_bytes")]);
        assert!(limit_files("3:cpuset:/x").is_empty() && limit_files("").is_empty());
    }

    #[test]
    fn no_limit_is_none() {
        assert_eq!((limit("536870912\n"), limit("max\n")), (Some(536_870_912), None));
    }
}
