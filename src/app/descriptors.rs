//! How many client connections the limit on open files leaves room for.

use std::fs;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::{
    base::limits::{
        ADMIN_CONNECTIONS_MAX,
        connections::{CONNECTIONS_MAX, DESCRIPTOR_SHARE, DESCRIPTORS_FOR_FILES},
    },
    inbound::room::Bounds,
};

/// What is open at the start, where the system does not tell.
const IN_USE_USUALLY: u64 = 32;

/// Raises the soft limit on open files to the hard limit. The soft limit is low for programs that
/// use `select`, which this one does not.
pub fn raise() {
    let before = getrlimit(Resource::Nofile);
    if before.current == before.maximum {
        return;
    }
    let soft = before.current;
    match setrlimit(Resource::Nofile, Rlimit { current: before.maximum, ..before }) {
        Ok(()) => tracing::info!(before = soft, now = before.maximum, "raised the limit on open files"),
        Err(cause) => tracing::warn!(
            %cause,
            limit = soft,
            "the limit on open files cannot be raised to the hard limit: set it with ulimit -n or LimitNOFILE="
        ),
    }
}

/// The bounds under the limit in force, with `listeners` still to be bound.
#[must_use]
pub fn bounds(listeners: usize) -> Bounds {
    let limit = getrlimit(Resource::Nofile).current;
    let bounds = under(limit.unwrap_or(u64::MAX), in_use(), listeners as u64);
    if bounds.connections < CONNECTIONS_MAX {
        tracing::warn!(
            connections = bounds.connections,
            limit = limit.unwrap_or_default(),
            "the limit on open files allows fewer client connections than usual; raise the hard limit (ulimit -Hn, LimitNOFILE=) for more"
        );
    }
    bounds
}

/// What is open now.
fn in_use() -> u64 {
    // One of the entries is the folder that is read.
    fs::read_dir("/proc/self/fd").map_or(IN_USE_USUALLY, |entries| (entries.count() as u64).saturating_sub(1))
}

/// What a limit leaves for clients and their requests: the limit minus open descriptors, listeners
/// with one accepted connection each, the admin port, files, and a margin between counting and
/// closing. Half of that is for connections to upstreams.
fn under(limit: u64, in_use: u64, listeners: u64) -> Bounds {
    let share = limit / DESCRIPTOR_SHARE;
    let admin = (share / 2).min(ADMIN_CONNECTIONS_MAX as u64) + 1;
    let files = share.min(DESCRIPTORS_FOR_FILES);
    let missed = (share / 4).min(ADMIN_CONNECTIONS_MAX as u64);
    let total = limit.saturating_sub(in_use + 2 * listeners + admin + files + missed).max(2);
    let total = usize::try_from(total).unwrap_or(usize::MAX);
    Bounds { connections: (total / 2).min(CONNECTIONS_MAX), total }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attack_174_the_limit_is_shared_out() {
        for (limit, in_use, listeners, connections, total) in [
            (64, 14, 1, 16, 33),
            (1_024, 14, 1, 447, 895),
            (4_096, 20, 2, 1_963, 3_927),
            (100_000, 20, 2, 32_768, 99_831),
            (u64::MAX, 20, 2, 32_768, usize::MAX - 169),
            // Too low for anything; one connection at a time is served all the same.
            (16, 14, 1, 1, 2),
        ] {
            let bounds = under(limit, in_use, listeners);
            assert_eq!(bounds, Bounds { connections, total }, "{limit}");
        }
    }

    #[test]
    fn what_is_open_is_counted() {
        let before = in_use();
        let _file = fs::File::open("/proc/self/status").unwrap();
        assert!(before > 0 && in_use() > 0);
    }
}
