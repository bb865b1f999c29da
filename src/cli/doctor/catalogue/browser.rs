//! Faults of proxies and of CORS, between a client and the server.

use super::{
    client::{BROWSER, CLAUDE, INSPECTOR, LOG, PYTHON_SDK, TYPESCRIPT_SDK, VS_CODE},
    known_fault::{FaultGroup, KnownFault, YamlPart},
};

pub(super) const GROUP: FaultGroup = FaultGroup {
    title: "Browsers and proxies",
    about: "Something between the client and the server changes requests or answers.",
    faults: FAULTS,
};

const FAULTS: &[KnownFault] = &[
    KnownFault {
        id: "cors-preflight-refused",
        title: "The preflight is refused",
        seen: &[
            (
                BROWSER,
                "Response to preflight request doesn't pass access control check: It does not have HTTP ok status.",
            ),
            (INSPECTOR, "Failed to fetch"),
        ],
        cause: "`OPTIONS` carries no token. The check of tokens refuses it (401, 403), or no handler takes it (404, 405).",
        fix: "Answer `OPTIONS` with CORS headers, before the check of tokens. Portcullis does so: if a proxy stands in front of it, see what the proxy does.",
        yaml: None,
    },
    KnownFault {
        id: "cors-origin-not-allowed",
        title: "The preflight allows no origin",
        seen: &[
            (BROWSER, "No 'Access-Control-Allow-Origin' header is present on the requested resource."),
            (INSPECTOR, "Failed to fetch"),
        ],
        cause: "The answer, or that of the preflight, has no `Access-Control-Allow-Origin` for the page's origin.",
        fix: "Add the origin of the page.",
        yaml: Some(YamlPart::Server("allowed_origins: [\"http://localhost:6274\"]")),
    },
    KnownFault {
        id: "cors-headers-not-allowed",
        title: "The preflight does not allow headers of MCP",
        seen: &[(BROWSER, "has been blocked by CORS policy")],
        cause: "`Access-Control-Allow-Headers` lacks `Authorization`, `Content-Type`, `MCP-Protocol-Version` or \
                `Mcp-Session-Id`. A star does not cover `Authorization`.",
        fix: "Name each of them. A proxy that adds CORS headers of its own must leave them to the server.",
        yaml: None,
    },
    KnownFault {
        id: "cors-challenge-not-exposed",
        title: "WWW-Authenticate is hidden from pages",
        seen: &[(INSPECTOR, "Failed to fetch")],
        cause: "`Access-Control-Expose-Headers` lacks them, so that a page sees a 401 without a challenge, or \
                loses its session.",
        fix: "Expose both. A proxy that adds CORS headers of its own must leave them to the server.",
        yaml: None,
    },
    KnownFault {
        id: "cors-missing-on-metadata",
        title: "The metadata cannot be read by a page",
        seen: &[(INSPECTOR, "Failed to discover OAuth metadata"), (BROWSER, "has been blocked by CORS policy")],
        cause: "A document under `/.well-known/` has no `Access-Control-Allow-Origin`.",
        fix: "Send it on these documents; they are public, so that `*` is right.",
        yaml: None,
    },
    KnownFault {
        id: "proxy-strips-authorization",
        title: "A proxy removes the token",
        seen: &[(TYPESCRIPT_SDK, "Server returned 401 after successful authentication"), (LOG, "no_credential")],
        cause: "The client sends `Authorization`, and the server sees none: a proxy uses the header for itself, \
                or Apache does not pass it on.",
        fix: "Pass the header: `proxy_set_header Authorization $http_authorization` in nginx, `CGIPassAuth On` \
                in Apache; and no `auth_basic` on these paths.",
        yaml: None,
    },
    KnownFault {
        id: "stream-buffered",
        title: "Something in front holds back the event stream",
        seen: &[(VS_CODE, "Waiting for server to respond to `initialize` request...")],
        cause: "The proxy collects an answer before it passes it on, so that progress and notifications arrive \
                late or never.",
        fix: "`proxy_buffering off;` and a long `proxy_read_timeout` in nginx; `flushpackets=on` in Apache. \
                Idle streams need a sign of life.",
        yaml: Some(YamlPart::Server("stream_keep_alive: 15s")),
    },
    KnownFault {
        id: "proxy-body-limit",
        title: "A proxy refuses large bodies",
        seen: &[],
        cause: "nginx takes 1 MiB by default (`client_max_body_size`), and the gateway 4 MiB.",
        fix: "Raise the limit of the proxy to that of the server.",
        yaml: Some(YamlPart::Server("limits: {request_body: 4MiB}")),
    },
    KnownFault {
        id: "proxy-answers",
        title: "A proxy answers in place of the server",
        seen: &[(CLAUDE, "Couldn't reach the MCP server")],
        cause: "The answer has the marks of a proxy or a web firewall: its error page, its challenge, or its \
                login.",
        fix: "Look at the log of the proxy, and exclude the paths of MCP and `/.well-known/` from what it checks.",
        yaml: None,
    },
    KnownFault {
        id: "cors-authorization-not-allowed",
        title: "The preflight does not allow Authorization by name",
        seen: &[(BROWSER, "has been blocked by CORS policy")],
        cause: "`Access-Control-Allow-Headers: *` does not cover `Authorization`.",
        fix: "Name `Authorization`. A proxy that adds CORS headers of its own must leave them to the server.",
        yaml: None,
    },
    KnownFault {
        id: "cors-missing-on-401",
        title: "The 401 cannot be read by a page",
        seen: &[
            (INSPECTOR, "Failed to fetch"),
            (BROWSER, "No 'Access-Control-Allow-Origin' header is present on the requested resource."),
        ],
        cause: "The preflight succeeds, and the 401 has no `Access-Control-Allow-Origin`, so that the page sees a \
                network error in place of the challenge.",
        fix: "Send the CORS headers with errors as well (`always` of `add_header` in nginx).",
        yaml: None,
    },
    KnownFault {
        id: "cors-session-not-exposed",
        title: "Mcp-Session-Id is hidden from pages",
        seen: &[(INSPECTOR, "Failed to fetch")],
        cause: "`Access-Control-Expose-Headers` lacks it, so that a page loses its session after `initialize`.",
        fix: "Expose `Mcp-Session-Id` and `WWW-Authenticate`.",
        yaml: None,
    },
    KnownFault {
        id: "slash-differs",
        title: "The URL with the other ending is answered otherwise",
        seen: &[(PYTHON_SDK, "Session terminated")],
        cause: "With a slash at its end, or without, the URL leads elsewhere. Users type both.",
        fix: "Serve both forms, as Portcullis does.",
        yaml: None,
    },
];
