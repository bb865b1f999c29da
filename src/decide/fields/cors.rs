//! Writes CORS fields: preflight answers, and what a page of another origin may read (Fetch §3.2).

use std::fmt::Write;

use http::{HeaderMap, HeaderValue, Method, header};

use crate::decide::pass_through::methods::PathMethods;

/// What a page calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CorsKind {
    /// A server's endpoint: allowed origins only, each by name.
    Mcp,
    /// A path that passes through to a server, with these methods: allowed origins only.
    Path(PathMethods),
    /// A discovery document: public, and the same for every caller.
    Discovery,
}

const ALLOWED_HEADERS: &str = "authorization, content-type, accept, mcp-protocol-version, mcp-session-id, last-event-id, \
                               mcp-method, mcp-name, dpop";
/// A challenge that a page cannot read starts no login.
const EXPOSED_HEADERS: HeaderValue =
    HeaderValue::from_static("WWW-Authenticate, Mcp-Session-Id, MCP-Protocol-Version, DPoP-Nonce, Retry-After");
/// Of a request to a path beside the MCP endpoint.
const ALLOWED_BESIDE: HeaderValue = HeaderValue::from_static(
    "authorization, content-type, accept, range, if-range, if-match, if-none-match, if-modified-since, if-unmodified-since",
);
/// Of its answer.
const EXPOSED_BESIDE: HeaderValue = HeaderValue::from_static(
    "WWW-Authenticate, Retry-After, ETag, Accept-Ranges, Content-Range, Content-Disposition, Content-Length",
);
/// In seconds. Browsers shorten longer times, and a changed allow-list should take effect soon.
const MAX_AGE_SECS: HeaderValue = HeaderValue::from_static("600");
/// The most header fields for tool parameters.
const PARAM_HEADERS_MAX: usize = 64;
const PARAM_PREFIX: &str = "mcp-param-";

/// Adds the fields to `answer` that allow the request of a preflight. `origin` is the allowed
/// origin.
///
/// An unsupported method is not allowed. Requests from a public to a private network are not
/// allowed either (SPEC A-68), and neither are cookies: there is no `Allow-Credentials`.
pub fn preflight(request: &HeaderMap, origin: Option<&HeaderValue>, kind: CorsKind, answer: &mut HeaderMap) {
    let (methods, allowed): (&[Method], _) = match kind {
        CorsKind::Mcp => (
            &[Method::POST, Method::GET, Method::DELETE, Method::OPTIONS],
            HeaderValue::from_static("POST, GET, DELETE, OPTIONS"),
        ),
        CorsKind::Path(methods) => (&[Method::OPTIONS], HeaderValue::from_static(methods.allow())),
        CorsKind::Discovery => {
            (&[Method::GET, Method::HEAD, Method::OPTIONS], HeaderValue::from_static("GET, HEAD, OPTIONS"))
        }
    };
    vary(kind, answer);
    let of_path = |method: &str| match kind {
        CorsKind::Path(methods) => Method::from_bytes(method.as_bytes()).is_ok_and(|method| methods.contain(&method)),
        _ => false,
    };
    let asked = request.get(header::ACCESS_CONTROL_REQUEST_METHOD);
    if asked.is_some_and(|asked| {
        !methods.iter().any(|method| asked == method.as_str()) && !asked.to_str().is_ok_and(of_path)
    }) {
        return;
    }
    let Some(origin) = allow_origin(origin, kind) else {
        return;
    };
    answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    answer.insert(header::ACCESS_CONTROL_ALLOW_METHODS, allowed);
    let allowed = match kind {
        CorsKind::Path(_) => ALLOWED_BESIDE,
        CorsKind::Mcp | CorsKind::Discovery => allowed_headers(request),
    };
    answer.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, allowed);
    answer.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE_SECS);
}

/// Adds the fields to an answer, or to a refusal, that let the page read it. The upstream's CORS
/// fields must be removed before (SPEC A-66).
pub fn expose(origin: Option<&HeaderValue>, kind: CorsKind, answer: &mut HeaderMap) {
    vary(kind, answer);
    let Some(origin) = allow_origin(origin, kind) else {
        return;
    };
    answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    match kind {
        CorsKind::Mcp => drop(answer.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED_HEADERS)),
        CorsKind::Path(_) => drop(answer.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED_BESIDE)),
        CorsKind::Discovery => {}
    }
}

/// Added even without an `Origin`: a cache must not mix answers for different origins.
fn vary(kind: CorsKind, answer: &mut HeaderMap) {
    if kind != CorsKind::Discovery {
        answer.append(header::VARY, HeaderValue::from_static("Origin"));
    }
}

fn allow_origin(origin: Option<&HeaderValue>, kind: CorsKind) -> Option<HeaderValue> {
    match kind {
        CorsKind::Mcp | CorsKind::Path(_) => origin.cloned(),
        CorsKind::Discovery => Some(HeaderValue::from_static("*")),
    }
}

/// The fixed list, and the requested `mcp-param-*` fields, whose names depend on the tool. `*`
/// would not include `Authorization` (Fetch §3.2.3).
fn allowed_headers(request: &HeaderMap) -> HeaderValue {
    let lines = request.get_all(header::ACCESS_CONTROL_REQUEST_HEADERS).iter().filter_map(|line| line.to_str().ok());
    let mut params: Vec<String> = lines
        .flat_map(|line| line.split(','))
        .map(|name| name.trim_matches([' ', '\t']).to_ascii_lowercase())
        .filter(|name| name.strip_prefix(PARAM_PREFIX).is_some_and(is_token))
        .take(PARAM_HEADERS_MAX)
        .collect();
    if params.is_empty() {
        return HeaderValue::from_static(ALLOWED_HEADERS);
    }
    params.sort();
    params.dedup();
    let mut list = ALLOWED_HEADERS.to_owned();
    for param in params {
        let _ = write!(list, ", {param}");
    }
    HeaderValue::try_from(list).unwrap_or(HeaderValue::from_static(ALLOWED_HEADERS))
}

/// RFC 9110 §5.6.2.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderName, HeaderValue};

    use super::{CorsKind, expose, preflight};

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        lines.iter().map(|&(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    const ORIGIN: HeaderValue = HeaderValue::from_static("https://app.example");
    const LIST: &str = "authorization, content-type, accept, mcp-protocol-version, mcp-session-id, last-event-id, \
                        mcp-method, mcp-name, dpop";

    fn answer(request: &[(&'static str, &'static str)], origin: Option<&HeaderValue>, kind: CorsKind) -> HeaderMap {
        let mut answer = HeaderMap::new();
        preflight(&headers(request), origin, kind, &mut answer);
        answer
    }

    #[test]
    fn a60_a64_a_preflight_of_an_allowed_page_is_answered() {
        assert_eq!(
            answer(&[("access-control-request-method", "POST")], Some(&ORIGIN), CorsKind::Mcp),
            headers(&[
                ("access-control-allow-origin", "https://app.example"),
                ("vary", "Origin"),
                ("access-control-allow-methods", "POST, GET, DELETE, OPTIONS"),
                ("access-control-allow-headers", LIST),
                ("access-control-max-age", "600"),
            ])
        );
    }

    #[test]
    fn a64_a68_what_is_not_allowed_is_not_mentioned() {
        let only_vary = headers(&[("vary", "Origin")]);
        for method in ["PATCH", "PUT", "post", "HEAD", ""] {
            assert_eq!(
                answer(&[("access-control-request-method", method)], Some(&ORIGIN), CorsKind::Mcp),
                only_vary,
                "{method}"
            );
        }
        assert_eq!(answer(&[("access-control-request-method", "POST")], None, CorsKind::Mcp), only_vary);
        let private = answer(
            &[("access-control-request-method", "POST"), ("access-control-request-private-network", "true")],
            Some(&ORIGIN),
            CorsKind::Mcp,
        );
        assert!(!private.contains_key("access-control-allow-private-network"));
        assert!(!private.contains_key("access-control-allow-credentials"));
    }

    #[test]
    fn a62_parameter_headers_are_allowed_as_asked() {
        for (asked, extra) in [
            ("mcp-param-region, authorization", ", mcp-param-region"),
            ("MCP-Param-B,mcp-param-a,mcp-param-a", ", mcp-param-a, mcp-param-b"),
            ("mcp-param-", ""),
            ("mcp-param-a b", ""),
            ("mcp-param-a\"", ""),
            ("x-evil, cookie, *", ""),
            ("xmcp-param-a", ""),
        ] {
            let answer = answer(&[("access-control-request-headers", asked)], Some(&ORIGIN), CorsKind::Mcp);
            assert_eq!(answer["access-control-allow-headers"], format!("{LIST}{extra}"), "{asked}");
        }
        let mut many = HeaderMap::new();
        let names: Vec<String> = (0..1_000).map(|n| format!("mcp-param-{n}")).collect();
        many.insert("access-control-request-headers", names.join(",").try_into().unwrap());
        let mut answer = HeaderMap::new();
        preflight(&many, Some(&ORIGIN), CorsKind::Mcp, &mut answer);
        let allowed = answer["access-control-allow-headers"].to_str().unwrap();
        assert_eq!(allowed.matches("mcp-param-").count(), 64);
    }

    #[test]
    fn a65_discovery_is_for_everybody() {
        for origin in [None, Some(&ORIGIN)] {
            let answer = answer(&[("access-control-request-method", "GET")], origin, CorsKind::Discovery);
            assert_eq!(answer["access-control-allow-origin"], "*");
            assert_eq!(answer["access-control-allow-methods"], "GET, HEAD, OPTIONS");
            assert!(answer["access-control-allow-headers"].to_str().unwrap().contains("mcp-protocol-version"));
        }
        assert_eq!(answer(&[("access-control-request-method", "POST")], None, CorsKind::Discovery), HeaderMap::new());
        let mut document = HeaderMap::new();
        expose(None, CorsKind::Discovery, &mut document);
        assert_eq!(document, headers(&[("access-control-allow-origin", "*")]));
    }

    #[test]
    fn a61_a63_a_page_may_read_the_challenge() {
        let mut refused = headers(&[("www-authenticate", "Bearer"), ("vary", "Accept")]);
        expose(Some(&ORIGIN), CorsKind::Mcp, &mut refused);
        assert_eq!(refused["access-control-allow-origin"], "https://app.example");
        assert_eq!(
            refused["access-control-expose-headers"],
            "WWW-Authenticate, Mcp-Session-Id, MCP-Protocol-Version, DPoP-Nonce, Retry-After"
        );
        assert_eq!(refused.get_all("vary").iter().collect::<Vec<_>>(), ["Accept", "Origin"]);

        let mut without = HeaderMap::new();
        expose(None, CorsKind::Mcp, &mut without);
        assert_eq!(without, headers(&[("vary", "Origin")]));
    }
}
