//! Derives the bounds on connections and requests from the limit on open files.

use std::fs;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::{
    base::limits::{
        connections::{CONNECTIONS_MAX, DESCRIPTOR_SHARE, DESCRIPTORS_FOR_FILES},
        held::STREAMS_PER_CALLER,
        operating::{ADMIN_CONNECTIONS_LEAST, ADMIN_CONNECTIONS_MAX},
    },
    config::{Settings, Totals},
    inbound::{
        accept::room::ConnectionBounds,
        state::{server::TotalLimits, usage::share},
    },
};

/// Descriptors that are open at the start, if the system does not report them.
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
pub fn bounds(listeners: usize) -> ConnectionBounds {
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

/// The number of open descriptors.
fn in_use() -> u64 {
    // One of the entries is the open folder itself.
    fs::read_dir("/proc/self/fd").map_or(IN_USE_USUALLY, |entries| (entries.count() as u64).saturating_sub(1))
}

/// The descriptors for clients and their requests: the limit minus open descriptors, listeners
/// with one accepted connection each, the admin port, files, and a margin between counting and
/// closing. Half of that is for connections to upstreams.
fn under(limit: u64, in_use: u64, listeners: u64) -> ConnectionBounds {
    let share = limit / DESCRIPTOR_SHARE;
    let admin = (share / 2).clamp(ADMIN_CONNECTIONS_LEAST as u64, ADMIN_CONNECTIONS_MAX as u64);
    let files = share.min(DESCRIPTORS_FOR_FILES);
    let missed = (share / 4).min(ADMIN_CONNECTIONS_MAX as u64);
    // The admin port accepts a new connection before it closes an old one.
    let total = limit.saturating_sub(in_use + 2 * listeners + admin + 1 + files + missed).max(2);
    let total = usize::try_from(total).unwrap_or(usize::MAX);
    let admin = usize::try_from(admin).unwrap_or(ADMIN_CONNECTIONS_LEAST);
    ConnectionBounds { connections: (total / 2).min(CONNECTIONS_MAX), total, admin }
}

/// The limits of all callers together under `bounds`: a request or a stream may need a descriptor
/// for its upstream.
#[must_use]
pub fn totals(limits: Totals, bounds: ConnectionBounds) -> TotalLimits {
    let part = |all: usize| u32::try_from(share(all as u64)).unwrap_or(u32::MAX);
    let Totals { requests, is_requests_written, body_bytes } = limits;
    let requests = if is_requests_written { requests } else { requests.min(upstreams(bounds)) };
    let unverified = part(requests as usize).min(part(bounds.connections));
    TotalLimits { requests, body_bytes, unverified, streams_of_caller: part(bounds.upstreams()) }
}

/// Logs the limits of all callers together, and warns of configured limits that are too high.
pub fn tell(settings: &Settings, bounds: ConnectionBounds) {
    let TotalLimits { requests, body_bytes, streams_of_caller, .. } = totals(settings.limits, bounds);
    tracing::info!(requests, body_bytes, "limits of all callers together");
    let descriptors = upstreams(bounds);
    if requests > descriptors {
        tracing::warn!(
            requests,
            descriptors,
            "limits.requests exceeds the number of file descriptors for upstreams, so callers together may use up all of them: \
             raise the limit on open files (ulimit -Hn, LimitNOFILE=), or lower limits.requests"
        );
    }
    for server in &settings.servers {
        let written = server.limits.streams_per_caller;
        if written > streams_of_caller && written != STREAMS_PER_CALLER {
            tracing::warn!(
                server = %server.name,
                streams_per_caller = written,
                bound = streams_of_caller,
                "one caller may open fewer streams than limits.streams_per_caller: a quarter of the file descriptors for upstreams; \
                 raise the limit on open files (ulimit -Hn, LimitNOFILE=)"
            );
        }
    }
}

fn upstreams(bounds: ConnectionBounds) -> u32 {
    u32::try_from(bounds.upstreams()).unwrap_or(u32::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attack_174_the_limit_is_shared_out() {
        for (limit, in_use, listeners, connections, total, admin) in [
            (64, 14, 1, 16, 33, 4),
            (256, 14, 1, 99, 199, 16),
            (1_024, 14, 1, 447, 895, 64),
            (4_096, 20, 2, 1_963, 3_927, 64),
            (100_000, 20, 2, 32_768, 99_831, 64),
            (u64::MAX, 20, 2, 32_768, usize::MAX - 169, 64),
            // Too low for anything; one connection at a time is served all the same.
            (16, 14, 1, 1, 2, 4),
        ] {
            let bounds = under(limit, in_use, listeners);
            assert_eq!(bounds, ConnectionBounds { connections, total, admin }, "{limit}");
        }
    }

    #[test]
    fn attack_174_totals_follow_the_descriptors_unless_they_are_written() {
        let limits = |requests, is_requests_written| Totals { requests, is_requests_written, body_bytes: 9 };
        let (few, many) = (under(64, 14, 1), under(65_536, 14, 1));
        for (limits, bounds, requests, unverified, streams_of_caller) in [
            (limits(1_024, false), few, 17, 4, 4),
            (limits(8, false), few, 8, 2, 4),
            (limits(1_024, true), few, 1_024, 4, 4),
            (limits(1_024, false), many, 1_024, 256, 8_172),
            (limits(1, true), under(16, 14, 1), 1, 1, 1),
        ] {
            let expected = TotalLimits { requests, body_bytes: 9, unverified, streams_of_caller };
            assert_eq!(totals(limits, bounds), expected, "{limits:?} {bounds:?}");
        }
    }

    #[test]
    fn what_is_open_is_counted() {
        let before = in_use();
        let _file = fs::File::open("/proc/self/status").unwrap();
        assert!(before > 0 && in_use() > 0);
    }
}
