//! Says which limit left no room for a request, and what it is set to.

use crate::{
    base::limits::held::TASKS_PER_CALLER_MAX,
    decide::refusal::Refusal,
    inbound::state::{
        server::{ServerLimits, TotalLimits},
        usage::share,
    },
};

/// The limit in force, with its key; `None` for a refusal that is not for lack of room.
pub(super) fn in_force(refusal: &Refusal, here: ServerLimits, all: TotalLimits) -> Option<String> {
    Some(match refusal {
        Refusal::TooManyStreams if all.streams_of_caller < here.streams_per_caller => {
            format!("at most {}, a quarter of the file descriptors for upstreams", all.streams_of_caller)
        }
        Refusal::TooManyStreams => format!("at most {} (limits.streams_per_caller)", here.streams_per_caller),
        Refusal::TooManySessions => format!("at most {} (limits.sessions_per_caller)", here.sessions_per_caller),
        Refusal::TooManyTasks => format!("at most {TASKS_PER_CALLER_MAX}"),
        Refusal::TooManyRequests => format!(
            "at most {} at this server (limits.requests_per_caller), and {} at all (a quarter of limits.requests)",
            here.requests_per_caller,
            share(all.requests.into())
        ),
        Refusal::TooManyBodyBytes => format!(
            "at most {} bytes at this server (limits.body_bytes_per_caller), and {} at all (a quarter of \
             limits.body_bytes)",
            here.body_bytes_per_caller,
            share(all.body_bytes)
        ),
        Refusal::OverloadedRequests => format!("at most {} of all callers (limits.requests)", all.requests),
        Refusal::OverloadedBodyBytes => format!("at most {} bytes of all callers (limits.body_bytes)", all.body_bytes),
        _ => return None,
    })
}
