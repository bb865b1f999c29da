//! Notices an upstream that says that its port wants TLS: `upstream.url` has http:// for https://.

use std::time::Duration;

use http::{Response, StatusCode, header::CONTENT_TYPE};
use http_body::Body;
use tokio::time::timeout;

use crate::{base::media, outbound::upstream::Answer};

/// A longer answer is not this one.
const BYTES_MAX: u64 = 4096;
/// Such an answer comes in one piece with its head.
const PATIENCE: Duration = Duration::from_secs(1);

/// What servers answer to plain HTTP at a port of TLS: nginx, Go, Apache, Tomcat.
const SENTENCES: [&[u8]; 4] = [
    b"HTTP request was sent to HTTPS port",
    b"HTTP request to an HTTPS server",
    b"plain HTTP to an SSL-enabled server port",
    b"This combination of host and port requires TLS",
];

/// Whether `answer` may be one of those: a small page with status 400, which no MCP server sends.
pub(super) fn may_be(answer: &Response<Answer>) -> bool {
    answer.status() == StatusCode::BAD_REQUEST && is_no_json(answer) && answer.body().size_hint().lower() <= BYTES_MAX
}

/// Whether it says so. What was read of it is read again.
pub(super) async fn is_told(answer: &mut Response<Answer>) -> bool {
    let first = timeout(PATIENCE, answer.body_mut().first_piece()).await.ok().flatten();
    first.is_some_and(|piece| says_so(piece))
}

fn is_no_json(answer: &Response<Answer>) -> bool {
    answer.headers().get(CONTENT_TYPE).is_none_or(|value| {
        let essence = media::essence(value.as_bytes());
        essence.eq_ignore_ascii_case(b"text/html") || essence.eq_ignore_ascii_case(b"text/plain")
    })
}

fn says_so(body: &[u8]) -> bool {
    SENTENCES.iter().any(|sentence| memchr::memmem::find(body, sentence).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attack_390_only_the_words_of_servers_at_a_tls_port_are_taken_for_them() {
        for (body, is) in [
            (&b"<center>The plain HTTP request was sent to HTTPS port</center>"[..], true),
            (b"Client sent an HTTP request to an HTTPS server.\n", true),
            (b"Bad Request\nThis combination of host and port requires TLS.\n", true),
            (b"Reason: You're speaking plain HTTP to an SSL-enabled server port.<br />", true),
            (b"{\"error\":\"Bad Request: No valid session ID provided\"}", false),
            (b"", false),
        ] {
            assert_eq!(says_so(body), is, "{}", String::from_utf8_lossy(body));
        }
    }
}
