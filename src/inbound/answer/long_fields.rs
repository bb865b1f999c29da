//! Logs that an upstream refused a request, perhaps because its identity headers are too long.

use http::StatusCode;

use crate::{
    decide::token::caller::Caller,
    inbound::{request::arrival::Arrival, state::server::Server},
};

/// MCP servers take 8 KiB in one field or more, and most 16 KiB in all: shorter identity headers
/// are hardly the reason for a 431.
const NOTED_BYTES: usize = 4 * 1024;
/// A 400 has many reasons.
const NOTED_BYTES_OF_400: usize = 7 * 1024;

/// Logs that the upstream answered `status` to a request with long identity headers. Without this
/// line, the reason would be looked for in the client's request: the client gets the answer as it
/// is.
pub(in crate::inbound) fn tell(arrival: &Arrival<'_>, server: &Server, caller: Option<&Caller>, status: StatusCode) {
    let least = match status {
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => NOTED_BYTES,
        StatusCode::BAD_REQUEST => NOTED_BYTES_OF_400,
        _ => return,
    };
    let Some(caller) = caller else { return };
    let sizes = server.identity_headers.iter().filter_map(|one| Some((one, one.value(caller)?.len())));
    let mut longest = None;
    let mut all: usize = 0;
    for (one, bytes) in sizes {
        all = all.saturating_add(bytes);
        if longest.is_none_or(|(_, most)| bytes > most) {
            longest = Some((one, bytes));
        }
    }
    let Some((one, bytes)) = longest.filter(|_| all >= least) else { return };
    arrival.connection.gateway.observe.long_fields(&server.series.name, status, (&one.name, &one.claim), (bytes, all));
}
