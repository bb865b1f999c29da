//! Logs errors that an upstream answers with: the URL that was asked, the status, what to look at.

use std::{
    fmt::Display,
    time::{Duration, Instant},
};

use http::{Method, StatusCode};

use crate::{
    base::{
        names::ServerName,
        shown::{path_shown, shown},
    },
    observe::{request_id::RequestId, sampled::Sampled},
};

/// Each kind of status is logged once in this time.
const EVERY: Duration = Duration::from_secs(60);

/// What is shown of a path.
const PATH_CHARS_MAX: usize = 256;

/// What is shown of `Accept`.
const ACCEPT_CHARS_MAX: usize = 100;

/// The errors that the upstream of one server answers with.
#[derive(Debug)]
pub(super) struct UpstreamErrors(Sampled<&'static str>);

impl UpstreamErrors {
    pub(super) const fn new() -> Self {
        Self(Sampled::new(EVERY, 1))
    }

    /// The upstream at this URL with this path answered `status`; or at `path`, if there is one.
    pub(super) fn warn(
        &self,
        server: &ServerName,
        status: StatusCode,
        (url, own_path): (&dyn Display, &str),
        path: Option<&str>,
        request: RequestId,
    ) {
        let Some(others) = self.0.admit(kind(status), Instant::now()) else { return };
        let (status, url) = (status.as_u16(), url.to_string());
        let path = path.map(|path| path_shown(path, PATH_CHARS_MAX));
        let advice = match &path {
            Some(_) => "look into the log of the MCP server",
            None => advice(status, own_path),
        };
        // Any client can cause the others.
        if matches!(status, 404 | 405 | 406 | 410 | 415 | 500..) {
            tracing::warn!(%server, url, path, status, advice, others, %request, "the MCP server answered {status}: {advice}");
        } else {
            tracing::info!(%server, url, path, status, advice, others, %request, "the MCP server answered {status}: {advice}");
        }
    }

    /// The upstream at this URL answered 406, and `accept` of the client lacks what MCP prescribes.
    pub(super) fn accept_lacks(
        &self,
        server: &ServerName,
        url: &dyn Display,
        (accept, method): (&str, &Method),
        request: RequestId,
    ) {
        let Some(others) = self.0.admit("406 accept", Instant::now()) else { return };
        let url = url.to_string();
        let found = match accept {
            "" => "no Accept".to_owned(),
            accept => format!("Accept: {}", shown(accept, ACCEPT_CHARS_MAX)),
        };
        let advice = match *method {
            Method::POST => "have the client send Accept: application/json, text/event-stream",
            _ => "have the client send Accept: text/event-stream",
        };
        tracing::info!(
            %server, url, status = 406, found, advice, others, %request,
            "the MCP server answered 406, because the client does not accept what MCP servers answer with: {advice}"
        );
    }
}

fn kind(status: StatusCode) -> &'static str {
    match status.as_u16() {
        400 => "400",
        403 => "403",
        404 => "404",
        405 => "405",
        406 => "406",
        410 => "410",
        415 => "415",
        429 => "429",
        500 => "500",
        502 => "502",
        503 => "503",
        504 => "504",
        501 | 505.. => "5xx",
        _ => "4xx",
    }
}

/// What to look at, for an answer to a request to the MCP endpoint at this path.
fn advice(status: u16, path: &str) -> &'static str {
    match status {
        404 | 410 if path == "/" => "does upstream.url have the right path? Many servers serve MCP at /mcp (FastMCP)",
        404 | 410 => {
            "does upstream.url have the right path? Some servers answer only with a slash at its end, some only without"
        }
        405 => {
            "the path of upstream.url takes no POST: if it is the event stream of an older server (/sse), configure it \
             under legacy_sse"
        }
        406 | 415 => {
            "the path of upstream.url does not take the messages of MCP: does upstream.url have the right path?"
        }
        429 => "the MCP server, or a proxy before it, limits requests",
        502..=504 => "if a proxy stands before the MCP server, the proxy does not reach it; look into its log",
        500.. => "look into the log of the MCP server",
        _ => "look into the log of the MCP server if this is not the client's mistake",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_9_a_status_has_one_kind_and_advice_that_fits_the_path() {
        for (status, path, is_in) in [
            (404, "/", "/mcp (FastMCP)"),
            (404, "/mcp", "slash at its end"),
            (405, "/sse", "legacy_sse"),
            (406, "/", "right path"),
            (500, "/mcp", "log of the MCP server"),
            (503, "/mcp", "proxy"),
            (422, "/mcp", "client's mistake"),
        ] {
            assert!(advice(status, path).contains(is_in), "{status} {path}");
        }
        let kinds: Vec<&str> = [404, 418, 505, 599].map(|status| kind(StatusCode::from_u16(status).unwrap())).into();
        assert_eq!(kinds, ["404", "4xx", "5xx", "5xx"]);
    }
}
