//! Whether the system lets this process have as many connections as it may come to need.

use crate::base::limits::CONNECTIONS_MAX;

/// Each client connection may hold one to its upstream; the rest is listeners, files and fetches.
const NEEDED: u64 = 2 * CONNECTIONS_MAX as u64 + 256;

/// Says so in the log where the soft limit on open files is too low: connections would be refused long before our own limit.
pub fn check() {
    let Ok(limits) = std::fs::read_to_string("/proc/self/limits") else { return };
    if let Some(allowed) = soft_limit(&limits).filter(|allowed| *allowed < NEEDED) {
        tracing::warn!(
            allowed,
            needed = NEEDED,
            "the limit on open files is low: raise it (ulimit -n, LimitNOFILE=), or connections will wait"
        );
    }
}

/// The soft limit on open files; `None` where there is none.
fn soft_limit(limits: &str) -> Option<u64> {
    limits.lines().find_map(|line| line.strip_prefix("Max open files"))?.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_is_the_first_of_the_two() {
        let table = |soft: &str| {
            format!(
                "Limit                     Soft Limit           Hard Limit           Units     \n\
                 Max processes             7                    8                    processes \n\
                 Max open files            {soft:<21}524288               files     \n"
            )
        };
        assert_eq!(soft_limit(&table("1024")), Some(1024));
        assert_eq!(soft_limit(&table("unlimited")), None);
        assert_eq!(soft_limit(""), None);
    }
}
