//! Faults of the first answer of an MCP endpoint: its status, its challenge, its checks.

use super::{
    client::{
        CHATGPT, CLAUDE, CLAUDE_CODE, CURSOR, INSPECTOR, LANGCHAIN, LOG, MCP_REMOTE, PYTHON_SDK, TYPESCRIPT_SDK,
        VS_CODE,
    },
    known_fault::{FaultGroup, KnownFault, YamlPart},
};

pub(super) const GROUP: FaultGroup = FaultGroup {
    title: "The first answer",
    about: "The client reaches the server, and its first answer does not begin a sign-in.",
    faults: FAULTS,
};

const FAULTS: &[KnownFault] = &[
    KnownFault {
        id: "mcp-not-found",
        title: "There is no MCP server at this path",
        seen: &[
            (PYTHON_SDK, "Session terminated"),
            (VS_CODE, "404 status sending message to"),
            (CLAUDE, "no MCP server was found at the provided URL"),
            (TYPESCRIPT_SDK, "Error POSTing to endpoint"),
            (LOG, "not_found"),
        ],
        cause: "The server answers 404: the path is not the one of the MCP endpoint, which is often `/mcp`, or a \
                proxy cuts a prefix off.",
        fix: "Compare the URL in the client with `public_url` and `path` of the server. In nginx, a \
                `proxy_pass` with a slash at its end cuts the prefix off.",
        yaml: Some(YamlPart::Server("path: /weather/mcp")),
    },
    KnownFault {
        id: "redirect-from-endpoint",
        title: "The URL of the MCP server is redirected",
        seen: &[(VS_CODE, "TypeError: fetch failed"), (TYPESCRIPT_SDK, "Error POSTing to endpoint")],
        cause: "Clients follow a redirect of a POST rarely, and drop the token at another origin.",
        fix: "Write the URL to which it redirects into the client, or answer at the first one.",
        yaml: None,
    },
    KnownFault {
        id: "slash-redirected",
        title: "The URL with the other ending is redirected",
        seen: &[(TYPESCRIPT_SDK, "Error POSTing to endpoint"), (LANGCHAIN, "307 Temporary Redirect")],
        cause: "The server knows the path in one form alone, with or without a slash at its end, and redirects the other. Clients lose the body or the token on the way.",
        fix: "Serve both forms, as Portcullis does. For a server behind it, write the form that the server has.",
        yaml: Some(YamlPart::Upstream("url: http://127.0.0.1:8000/mcp/")),
    },
    KnownFault {
        id: "mcp-server-error",
        title: "The server fails before it asks for a token",
        seen: &[(VS_CODE, "500 status sending message to"), (PYTHON_SDK, "Server returned an error response")],
        cause: "The server fails before it looks at the request, or a proxy cannot reach it (502, 503, 504).",
        fix: "Look at the log of the server, and at that of the proxy.",
        yaml: None,
    },
    KnownFault {
        id: "mcp-method-refused",
        title: "The path takes no POST",
        seen: &[(VS_CODE, "405 status sending message to")],
        cause: "The server speaks the transport of MCP 2024-11-05 (HTTP+SSE) alone, or the path belongs to \
                something else.",
        fix: "Use the endpoint of Streamable HTTP. For a server that has HTTP+SSE alone, serve it as that.",
        yaml: Some(YamlPart::Server("legacy_sse: {path: /weather/sse, upstream: \"http://127.0.0.1:8000/sse\"}")),
    },
    KnownFault {
        id: "not-mcp",
        title: "The answer is not MCP",
        seen: &[
            (VS_CODE, "Server exited before responding to `initialize` request."),
            (TYPESCRIPT_SDK, "Unexpected content type"),
            (MCP_REMOTE, "Unexpected content type: text/html"),
        ],
        cause: "Another program answers, such as a web application, or the answer to `initialize` is neither a \
                JSON-RPC message nor an event stream with one.",
        fix: "Compare the URL with the server's own documentation; the path is often `/mcp`.",
        yaml: None,
    },
    KnownFault {
        id: "no-authorization",
        title: "The server asks for no token",
        seen: &[],
        cause: "`initialize` and `tools/list` succeed without a credential.",
        fix: "Put a gateway such as Portcullis in front of the server, and let the server listen on the loopback address alone.",
        yaml: Some(YamlPart::Server("access: authenticated")),
    },
    KnownFault {
        id: "challenge-missing",
        title: "A 401 without WWW-Authenticate",
        seen: &[(CHATGPT, "MCP server does not implement OAuth"), (CLAUDE, "Couldn't reach the MCP server")],
        cause: "Clients begin to sign in when a 401 tells them where. Without the header some guess the address \
                of the metadata, and others stop.",
        fix: "Answer 401 with `WWW-Authenticate: Bearer resource_metadata=\"…\"`. Portcullis does so; a proxy \
                in front of it may remove the header or replace the answer (`proxy_intercept_errors` of nginx).",
        yaml: None,
    },
    KnownFault {
        id: "challenge-not-bearer",
        title: "WWW-Authenticate names another scheme than Bearer",
        seen: &[(CHATGPT, "MCP server does not implement OAuth")],
        cause: "The 401 asks for Basic, Negotiate or another scheme, which MCP clients do not have. Often a proxy \
                asks for a password of its own.",
        fix: "Remove the password of the proxy from the paths of MCP and from `/.well-known/`.",
        yaml: None,
    },
    KnownFault {
        id: "challenge-without-metadata",
        title: "The challenge does not say where the metadata is",
        seen: &[(CLAUDE_CODE, "Incompatible auth server: does not support dynamic client registration")],
        cause: "`WWW-Authenticate` has no `resource_metadata` (RFC 9728). Clients try the address that follows \
                from the path, and older ones nothing.",
        fix: "Add `resource_metadata=\"https://…/.well-known/oauth-protected-resource/…\"`, an absolute URL.",
        yaml: None,
    },
    KnownFault {
        id: "challenge-metadata-relative",
        title: "resource_metadata is not an absolute URL",
        seen: &[
            (CLAUDE, "Authorization with the MCP server failed"),
            (VS_CODE, "Invalid discovery URL: expected path to start with /.well-known/oauth-protected-resource"),
        ],
        cause: "The parameter is a path, or a URL that is not at `/.well-known/oauth-protected-resource` of the \
                host.",
        fix: "Write the whole URL, with scheme and host.",
        yaml: None,
    },
    KnownFault {
        id: "challenge-metadata-host",
        title: "resource_metadata is at another host",
        seen: &[(CLAUDE, "Authorization with the MCP server failed")],
        cause: "The server builds the URL from the request that its proxy sends: an internal host, an inner port, \
                or http in place of https.",
        fix: "Publish the public URL. Portcullis takes it from `public_url`, never from `Host`.",
        yaml: Some(YamlPart::Top("public_url: https://mcp.example.com")),
    },
    KnownFault {
        id: "mcp-forbidden",
        title: "The server answers 403 in place of 401",
        seen: &[(VS_CODE, "TypeError: fetch failed"), (TYPESCRIPT_SDK, "Error POSTing to endpoint")],
        cause: "A request without a token gets 403, 400 or 302. Clients begin to sign in at a 401 alone.",
        fix: "Answer 401 to a request without a token. If a firewall or a proxy answers, exclude the path there.",
        yaml: None,
    },
    KnownFault {
        id: "mcp-host-refused",
        title: "The server refuses its own host name",
        seen: &[(PYTHON_SDK, "Invalid Host header"), (LOG, "misdirected")],
        cause: "A guard against DNS rebinding accepts some values of `Host` only (421, or 403). The Python SDK \
                accepts localhost alone by default.",
        fix: "In Portcullis, list the name under `hosts`. In a Python server: \
                `TransportSecuritySettings(allowed_hosts=[\"mcp.example.com\"])`; in FastMCP \
                `FASTMCP_HTTP_ALLOWED_HOSTS`.",
        yaml: Some(YamlPart::Top("hosts: [mcp.internal, \"10.0.0.5:8443\"]")),
    },
    KnownFault {
        id: "origin-refused",
        title: "The server refuses pages of this origin",
        seen: &[(INSPECTOR, "Failed to fetch"), (PYTHON_SDK, "Invalid Origin header"), (LOG, "foreign_origin")],
        cause: "A browser page from another origin calls the server, and the server does not know that origin.",
        fix: "Add the origin of the page.",
        yaml: Some(YamlPart::Server("allowed_origins: [\"http://localhost:6274\"]")),
    },
    KnownFault {
        id: "mcp-bad-gateway",
        title: "A proxy in front cannot reach the server",
        seen: &[],
        cause: "The proxy answers 502, 503 or 504: the server behind it does not run, or the proxy has another \
                address for it.",
        fix: "Start the server, and compare the address in the proxy with the one on which the server listens.",
        yaml: None,
    },
    KnownFault {
        id: "mcp-sign-in-page",
        title: "The server shows a sign-in page in place of 401",
        seen: &[
            (CURSOR, "Unexpected token '<', \"<!DOCTYPE \"... is not valid JSON"),
            (TYPESCRIPT_SDK, "Unexpected content type"),
        ],
        cause: "A sign-in for browsers (oauth2-proxy, Cloudflare Access, an ingress with forward authentication) \
                stands before the MCP server. MCP clients cannot fill it in.",
        fix: "Except the paths of MCP and `/.well-known/` from this sign-in: the MCP server asks for a token itself.",
        yaml: None,
    },
    KnownFault {
        id: "mcp-unexpected-status",
        title: "The server answers neither 401 nor a result",
        seen: &[(TYPESCRIPT_SDK, "Error POSTing to endpoint")],
        cause: "A request without a token gets a status from which no client begins a sign-in.",
        fix: "Answer 401 to a request without a token.",
        yaml: None,
    },
    KnownFault {
        id: "get-not-challenged",
        title: "GET is answered otherwise than POST",
        seen: &[],
        cause: "mcp-remote and others ask with GET first. A check of tokens that covers POST alone, or a router \
                that has no GET, tells them that no sign-in is needed.",
        fix: "Check the token for every method, before anything else.",
        yaml: None,
    },
    KnownFault {
        id: "bad-token-not-401",
        title: "A token that is not valid is not answered with 401",
        seen: &[(CLAUDE_CODE, "Needs authentication")],
        cause: "Clients refresh or sign in again at a 401. With another status they stay with a token that is no \
                longer valid.",
        fix: "Answer 401 with `error=\"invalid_token\"`.",
        yaml: None,
    },
    KnownFault {
        id: "user-agent-required",
        title: "Requests without a User-Agent are refused",
        seen: &[(PYTHON_SDK, "Registration failed")],
        cause: "A web firewall refuses requests without `User-Agent` or `Accept`. The Python SDK sends neither in \
                its discovery.",
        fix: "Except the paths of MCP, of OAuth and `/.well-known/` from this rule.",
        yaml: None,
    },
    KnownFault {
        id: "challenge-unreadable",
        title: "WWW-Authenticate cannot be read",
        seen: &[(CLAUDE, "Authorization with the MCP server failed")],
        cause: "The header breaks its grammar: a quote is missing, or two challenges run together.",
        fix: "Write `Bearer resource_metadata=\"https://…\"`, with quotes around each value.",
        yaml: None,
    },
    KnownFault {
        id: "challenge-metadata-http",
        title: "resource_metadata is http:// although the server is https://",
        seen: &[(CLAUDE, "Authorization with the MCP server failed")],
        cause: "The server builds the URL from the request, which its proxy sends without TLS.",
        fix: "Publish the public URL. Portcullis takes it from `public_url`.",
        yaml: Some(YamlPart::Top("public_url: https://mcp.example.com")),
    },
    KnownFault {
        id: "challenge-html",
        title: "The 401 is an HTML page",
        seen: &[(CLAUDE, "Couldn't reach the MCP server")],
        cause: "A proxy or a web application answers 401 in place of the MCP server, or replaces its answer \
                (`proxy_intercept_errors` of nginx).",
        fix: "Pass the answer of the server through unchanged.",
        yaml: None,
    },
    KnownFault {
        id: "initialize-failed",
        title: "The server answers initialize with an error",
        seen: &[(VS_CODE, "Server exited before responding to `initialize` request.")],
        cause: "The server knows the method and refuses it: another version of the protocol, or a fault of the \
                server.",
        fix: "Look at the log of the server.",
        yaml: None,
    },
    KnownFault {
        id: "session-lost",
        title: "The server does not know the session that it began",
        seen: &[(PYTHON_SDK, "Session terminated")],
        cause: "Sessions live in one process, and the next request reached another; or a proxy removes \
                `Mcp-Session-Id`.",
        fix: "Send a session to the same process each time, or run the server without sessions. Replicas of the \
                gateway need the same `session_keys`.",
        yaml: Some(YamlPart::Top("session_keys: [\"env:SESSION_KEY\"]")),
    },
    KnownFault {
        id: "tools-list-failed",
        title: "The server answers tools/list with an error",
        seen: &[(CHATGPT, "No app actions available")],
        cause: "The session began, and the list of tools is refused or fails.",
        fix: "Look at the log of the server; behind Portcullis, at the audit line of `tools/list`.",
        yaml: None,
    },
    KnownFault {
        id: "origin-not-checked",
        title: "A local server answers pages of any origin",
        seen: &[],
        cause: "The server listens on this machine and answers web pages of any origin: each page that a user \
                opens may call its tools (DNS rebinding).",
        fix: "Check `Origin` and `Host`, as Portcullis does.",
        yaml: None,
    },
];
