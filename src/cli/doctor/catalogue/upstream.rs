//! Faults of an MCP server behind the gateway.

use super::{
    client::{LOG, PYTHON_SDK},
    known_fault::{FaultGroup, KnownFault, YamlPart},
};

pub(super) const GROUP: FaultGroup = FaultGroup {
    title: "The MCP server behind the gateway",
    about: "The gateway runs, and the server that it protects does not answer as it should.",
    faults: FAULTS,
};

const FAULTS: &[KnownFault] = &[
    KnownFault {
        id: "upstream-refused",
        title: "The upstream refuses connections",
        seen: &[(LOG, "upstream_unreachable")],
        cause: "The MCP server does not run, or listens on another port or address. Inside a container, 127.0.0.1 \
                is the container itself.",
        fix: "Start the MCP server, or correct the address.",
        yaml: Some(YamlPart::Upstream("url: http://127.0.0.1:8000/mcp")),
    },
    KnownFault {
        id: "upstream-unresolvable",
        title: "The name of the upstream has no address",
        seen: &[(LOG, "upstream_unreachable")],
        cause: "The host in `upstream.url` is mistyped, or known in another network alone.",
        fix: "Correct the host; in Compose and Kubernetes it is the name of the service.",
        yaml: Some(YamlPart::Upstream("url: http://weather:8000/mcp")),
    },
    KnownFault {
        id: "upstream-timeout",
        title: "The upstream does not answer in time",
        seen: &[(LOG, "upstream_timeout")],
        cause: "A firewall drops the packets, or the server takes the connection and says nothing.",
        fix: "See why it is slow, or allow more time.",
        yaml: Some(YamlPart::Upstream("url: http://127.0.0.1:8000/mcp\nresponse_timeout: 5m")),
    },
    KnownFault {
        id: "upstream-unreachable",
        title: "The upstream cannot be reached",
        seen: &[(LOG, "upstream_unreachable")],
        cause: "There is no route to the upstream, or it closes connections at once.",
        fix: "Compare the address with the server's own log, and the network of the gateway with that of the \
                server.",
        yaml: None,
    },
    KnownFault {
        id: "upstream-tls-unknown-issuer",
        title: "The authority of the upstream's certificate is not trusted",
        seen: &[(LOG, "upstream_unreachable")],
        cause: "The certificate is self-signed, or of a private authority.",
        fix: "Name the authority.",
        yaml: Some(YamlPart::Upstream("url: https://weather.internal:8443/mcp\nca: ca.pem")),
    },
    KnownFault {
        id: "upstream-tls-name",
        title: "The upstream's certificate is for another name",
        seen: &[(LOG, "upstream_unreachable")],
        cause: "The host in `upstream.url` is not among the names in the certificate, or another server answers at its \
                address.",
        fix: "Ask the operator of the MCP server which name its certificate has, and write that name. Do not take it from \
              the certificate that answered: the server of that name gets the requests with their credential.",
        yaml: Some(YamlPart::Upstream("url: https://weather.internal:8443/mcp")),
    },
    KnownFault {
        id: "upstream-tls-expired",
        title: "The upstream's certificate has expired",
        seen: &[(LOG, "upstream_unreachable")],
        cause: "The last day of the certificate is past, or its first day is not reached.",
        fix: "Renew the certificate of the upstream.",
        yaml: None,
    },
    KnownFault {
        id: "upstream-tls",
        title: "The TLS handshake with the upstream fails",
        seen: &[(LOG, "upstream_unreachable")],
        cause: "The upstream wants a certificate of the gateway, or agrees on no version of TLS.",
        fix: "Give the gateway a certificate that the upstream accepts.",
        yaml: Some(YamlPart::Upstream(
            "url: https://weather.internal:8443/mcp\ntls: {certificate: gateway.crt, key: gateway.key}",
        )),
    },
    KnownFault {
        id: "upstream-https-on-http-port",
        title: "The upstream is written with https, and its port speaks plain HTTP",
        seen: &[(LOG, "upstream_unreachable")],
        cause: "The port answers without TLS.",
        fix: "Write http, if the connection stays on this machine or in a protected network.",
        yaml: Some(YamlPart::Upstream("url: http://127.0.0.1:8000/mcp")),
    },
    KnownFault {
        id: "upstream-http-on-https-port",
        title: "The upstream is written with http, and its port speaks TLS",
        seen: &[(LOG, "upstream_answer")],
        cause: "The port expects a TLS handshake.",
        fix: "Write https.",
        yaml: Some(YamlPart::Upstream("url: https://weather.internal:8443/mcp")),
    },
    KnownFault {
        id: "upstream-redirects",
        title: "The upstream redirects",
        seen: &[(LOG, "upstream_answer")],
        cause: "The server moves the endpoint, mostly to the same path with or without a slash. The gateway \
                follows to the same server alone.",
        fix: "Write the address to which it redirects, if it is one of the same server.",
        yaml: Some(YamlPart::Upstream("url: http://127.0.0.1:8000/mcp/")),
    },
    KnownFault {
        id: "upstream-not-found",
        title: "The upstream has nothing at this path",
        seen: &[(PYTHON_SDK, "Session terminated"), (LOG, "error_4xx")],
        cause: "The path in `upstream.url` is not the one of the MCP endpoint.",
        fix: "Write the path of the MCP endpoint, which is often `/mcp`.",
        yaml: Some(YamlPart::Upstream("url: http://127.0.0.1:8000/mcp")),
    },
    KnownFault {
        id: "upstream-html",
        title: "The upstream answers with a web page",
        seen: &[(LOG, "upstream_answer")],
        cause: "The port belongs to a web application, or a login page stands before the MCP server.",
        fix: "Write the address of the MCP endpoint itself.",
        yaml: Some(YamlPart::Upstream("url: http://127.0.0.1:8000/mcp")),
    },
    KnownFault {
        id: "upstream-unauthorized",
        title: "The upstream wants a credential of its own",
        seen: &[(LOG, "error_4xx")],
        cause: "The upstream answers 401 to the gateway, which does not pass the caller's token on.",
        fix: "Give the gateway a credential for the upstream, or let the upstream serve the gateway without one: it \
                must then be reached by the gateway alone.",
        yaml: Some(YamlPart::Server(
            "credential: {header: {name: Authorization, value: \"env:UPSTREAM_AUTHORIZATION\"}}",
        )),
    },
    KnownFault {
        id: "upstream-forbidden",
        title: "The upstream refuses the gateway",
        seen: &[(LOG, "error_4xx")],
        cause: "The upstream answers 403: its check of `Host`, of the network, or of a credential refuses the \
                gateway.",
        fix: "Look at the log of the upstream.",
        yaml: None,
    },
    KnownFault {
        id: "upstream-host-refused",
        title: "The upstream refuses the `Host` that it gets",
        seen: &[(PYTHON_SDK, "Invalid Host header"), (LOG, "error_4xx")],
        cause: "The upstream has a guard against DNS rebinding, and the host of `upstream.url` is not on its list.",
        fix: "Allow the host of `upstream.url` there: `allowed_hosts` of the Python SDK, \
                `FASTMCP_HTTP_ALLOWED_HOSTS`, `--allowed-hosts` of Playwright MCP.",
        yaml: None,
    },
    KnownFault {
        id: "upstream-is-gateway",
        title: "The upstream is the gateway itself",
        seen: &[(LOG, "loop")],
        cause: "`upstream.url` leads back to a listener of this gateway, often because both have the same port, \
                or by the public name.",
        fix: "Write the address of the MCP server.",
        yaml: Some(YamlPart::Upstream("url: http://127.0.0.1:8000/mcp")),
    },
    KnownFault {
        id: "upstream-error",
        title: "The upstream answers with a server error",
        seen: &[(LOG, "error_5xx")],
        cause: "The MCP server fails at `initialize`.",
        fix: "Look at the log of the MCP server.",
        yaml: None,
    },
    KnownFault {
        id: "upstream-not-mcp",
        title: "The upstream does not speak MCP",
        seen: &[(LOG, "upstream_answer")],
        cause: "Its answer to `initialize` is neither a JSON-RPC message nor an event stream with one.",
        fix: "Write the address of the MCP endpoint; for a server that speaks HTTP+SSE alone, use `legacy_sse`.",
        yaml: Some(YamlPart::Upstream("url: http://127.0.0.1:8000/mcp")),
    },
];
