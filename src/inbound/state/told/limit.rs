//! Says which limit left no room for a request, and what it is set to.

use crate::{
    base::limits::held::{PEER_SHARE, TASKS_PER_CALLER_MAX},
    decide::refusal::{Refusal, told::Told},
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
            "at most {} at this server (limits.requests_per_caller), and {} in all (a quarter of limits.requests)",
            here.requests_per_caller,
            share(all.requests.into())
        ),
        Refusal::TooManyBodyBytes => format!(
            "at most {} bytes at this server (limits.body_bytes_per_caller), and {} in all (a quarter of \
             limits.body_bytes)",
            here.body_bytes_per_caller,
            share(all.body_bytes)
        ),
        Refusal::OverloadedRequests => format!("at most {} of all callers (limits.requests)", all.requests),
        Refusal::OverloadedBodyBytes => format!("at most {} bytes of all callers (limits.body_bytes)", all.body_bytes),
        _ => return None,
    })
}

/// What is told of a request without a token that found no room: such requests together have a
/// share of the places and of the bytes, and one address a part of it. A line of its own: these are
/// not all requests, and more replicas would not help one address.
pub(super) fn without_token(refusal: &Refusal, all: TotalLimits) -> Option<Told> {
    let (kind, what, expected, advice) = match refusal {
        Refusal::OverloadedRequests => {
            let most = u64::from(all.unverified);
            // It may also be that of the connections.
            let is_of_key = most == share(all.requests.into());
            let (key, advice) = match is_of_key {
                true => ("a quarter of limits.requests", "raise `limits.requests`"),
                false => ("a quarter of the connections", "raise the limit on open files (ulimit -n, LimitNOFILE=)"),
            };
            let requests = all.requests;
            let expected = format!(
                "at most {} of one address and {most} of all without a token ({key}), and {requests} of all callers \
                 (limits.requests)",
                most.div_ceil(PEER_SHARE)
            );
            ("overloaded_requests_without_token", "too many requests without a token are under way", expected, advice)
        }
        Refusal::OverloadedBodyBytes => {
            let most = share(all.body_bytes);
            let expected = format!(
                "at most {} bytes of one address and {most} of all without a token (a quarter of limits.body_bytes), \
                 and {} of all callers (limits.body_bytes)",
                most.div_ceil(PEER_SHARE),
                all.body_bytes
            );
            let what = "too many bytes of request bodies without a token are held";
            ("overloaded_body_bytes_without_token", what, expected, "raise `limits.body_bytes`")
        }
        _ => return None,
    };
    let advice = format!(
        "if these requests are right, {advice}; if they come through a proxy, name it in trusted_proxies, so that each \
         client has its own address"
    );
    Some(Told { kind, what: what.into(), advice: advice.into(), ..Told::of(refusal).with("", expected) })
}
