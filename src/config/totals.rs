//! Reads the top-level `limits`; defaults follow the memory limit of the process.

use std::{
    fs,
    path::{Component, Path, PathBuf},
};

use crate::{
    base::limits::{
        authorization_server::EMBEDDED_BODY_BYTES_MAX,
        held::{
            BODY_BYTES, BODY_BYTES_MAX, MEMORY_BYTES_PER_REQUEST, MEMORY_SHARE_OF_BODIES, REQUESTS, REQUESTS_LEAST,
            REQUESTS_MAX,
        },
    },
    config::{Totals, reader::Field, server::WrittenServer, value},
};

/// `limits`, with room for the largest body that a server accepts.
pub(super) fn totals(field: Option<&Field<'_>>, servers: &[WrittenServer]) -> Option<Totals> {
    let bodies = servers.iter().filter_map(|server| server.settings.as_ref()).map(|server| server.limits.request_body);
    let largest = bodies.max().unwrap_or(0).max(EMBEDDED_BODY_BYTES_MAX);
    let defaults = defaults(memory_limit(Path::new("/")), largest);
    let Some(field) = field else { return Some(defaults) };
    field.section("limits", |fields| {
        let requests = fields.get("requests").and_then(|field| field.integer(1, REQUESTS_MAX));
        let bounds = (largest, BODY_BYTES_MAX, ", which is room for the largest `limits.request_body`");
        Some(Totals {
            requests: requests.unwrap_or(defaults.requests),
            is_requests_written: requests.is_some(),
            body_bytes: value::size_between(fields, "body_bytes", defaults.body_bytes, bounds),
        })
    })
}

/// The defaults of `limits`.
fn defaults(memory: Option<u64>, largest_body: u64) -> Totals {
    let memory = memory.unwrap_or(u64::MAX);
    let requests = (memory / MEMORY_BYTES_PER_REQUEST).clamp(REQUESTS_LEAST.into(), REQUESTS.into());
    Totals {
        is_requests_written: false,
        requests: u32::try_from(requests).unwrap_or(REQUESTS),
        body_bytes: (memory / MEMORY_SHARE_OF_BODIES).min(BODY_BYTES).max(largest_body),
    }
}

/// How much memory this process may use: the smallest limit of its control groups (version 2 or 1)
/// and their parents, and the memory of the machine. `root` is `/`.
fn memory_limit(root: &Path) -> Option<u64> {
    let groups = fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
    let groups = groups.lines().flat_map(|line| {
        let mut parts = line.splitn(3, ':');
        let (controllers, path) = (parts.nth(1).unwrap_or_default(), parts.next().unwrap_or_default());
        let place = match controllers {
            "" => Some(("sys/fs/cgroup", "memory.max")),
            named if named.split(',').any(|name| name == "memory") => {
                Some(("sys/fs/cgroup/memory", "memory.limit_in_bytes"))
            }
            _ => None,
        };
        // Inside a container, the host's paths do not exist; the group itself is mounted at the
        // top.
        let path: PathBuf = Path::new(path).components().filter(|part| matches!(part, Component::Normal(_))).collect();
        let ancestors: Vec<PathBuf> = path.ancestors().map(Path::to_owned).collect();
        place.into_iter().flat_map(move |(mount, file)| {
            let files: Vec<_> = ancestors.iter().map(|group| root.join(mount).join(group).join(file)).collect();
            files
        })
    });
    let limits = groups.filter_map(|file| fs::read_to_string(file).ok()?.trim().parse::<u64>().ok());
    limits.chain(memory_of_machine(root)).min()
}

fn memory_of_machine(root: &Path) -> Option<u64> {
    let table = fs::read_to_string(root.join("proc/meminfo")).ok()?;
    let line = table.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn attack_173_defaults_follow_the_memory_limit() {
        for (memory, largest, requests, body_bytes) in [
            (None, 4 * MIB, 1_024, 256 * MIB),
            (Some(64 << 30), 4 * MIB, 1_024, 256 * MIB),
            (Some(1 << 30), 4 * MIB, 1_024, 256 * MIB),
            (Some(256 * MIB), 4 * MIB, 1_024, 64 * MIB),
            (Some(64 * MIB), 4 * MIB, 256, 16 * MIB),
            (Some(8 * MIB), 4 * MIB, 64, 4 * MIB),
            (Some(256 * MIB), 500 * MIB, 1_024, 500 * MIB),
        ] {
            let expected = Totals { requests, is_requests_written: false, body_bytes };
            assert_eq!(defaults(memory, largest), expected, "{memory:?}, bodies of {largest}");
        }
    }

    /// A file system with these files.
    fn limit(files: &[(&str, &str)]) -> Option<u64> {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        memory_limit(root.path())
    }

    #[test]
    fn attack_173_the_memory_limit_is_the_least_that_holds() {
        const MACHINE: (&str, &str) = ("proc/meminfo", "MemTotal:       16000000 kB\nMemFree: 1 kB\n");
        const MACHINE_BYTES: u64 = 16_000_000 * 1024;
        let v2 = |group: &'static str| ("proc/self/cgroup", group);
        assert_eq!(limit(&[]), None);
        assert_eq!(limit(&[MACHINE]), Some(MACHINE_BYTES));
        assert_eq!(limit(&[MACHINE, v2("0::/\n"), ("sys/fs/cgroup/memory.max", "268435456\n")]), Some(256 * MIB));
        assert_eq!(limit(&[MACHINE, v2("0::/\n"), ("sys/fs/cgroup/memory.max", "max\n")]), Some(MACHINE_BYTES));
        let above = [
            MACHINE,
            v2("0::/pod/container\n"),
            ("sys/fs/cgroup/pod/memory.max", "134217728\n"),
            ("sys/fs/cgroup/pod/container/memory.max", "268435456\n"),
        ];
        assert_eq!(limit(&above), Some(128 * MIB), "a pod bounds its containers");
        let outside = [MACHINE, v2("0::/../../other\n"), ("sys/fs/cgroup/memory.max", "134217728\n")];
        assert_eq!(limit(&outside), Some(128 * MIB));
        let v1 = "5:cpu,cpuacct:/docker/1\n4:memory:/docker/1\n0::/\n";
        let mounted = [MACHINE, v2(v1), ("sys/fs/cgroup/memory/memory.limit_in_bytes", "134217728\n")];
        assert_eq!(limit(&mounted), Some(128 * MIB));
        let none = [MACHINE, v2(v1), ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n")];
        assert_eq!(limit(&none), Some(MACHINE_BYTES));
    }
}
