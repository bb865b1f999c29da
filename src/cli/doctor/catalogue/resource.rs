//! Faults of the metadata of a protected resource (RFC 9728).

use super::{
    client::{CHATGPT, CLAUDE, CLAUDE_CODE, CURSOR, MCP_REMOTE, PYTHON_SDK, TYPESCRIPT_SDK, VS_CODE},
    known_fault::{FaultGroup, KnownFault, YamlPart},
};

pub(super) const GROUP: FaultGroup = FaultGroup {
    title: "Metadata of the resource",
    about: "The client reads `/.well-known/oauth-protected-resource` and cannot use what it finds.",
    faults: FAULTS,
};

const FAULTS: &[KnownFault] = &[
    KnownFault {
        id: "metadata-missing",
        title: "There is no protected resource metadata",
        seen: &[
            (VS_CODE, "Failed to fetch resource metadata: 404"),
            (TYPESCRIPT_SDK, "Resource server does not implement OAuth 2.0 Protected Resource Metadata."),
            (CLAUDE_CODE, "HTTP 404: Invalid OAuth error response"),
            (CHATGPT, "MCP server does not implement OAuth"),
        ],
        cause: "Neither form answers: `/.well-known/oauth-protected-resource` with the path of the server after \
                it, nor the one without. Often the proxy in front sends only the MCP path to the server.",
        fix: "Serve it at one of these URLs. A proxy in front must pass `/.well-known/` to the server as well.",
        yaml: None,
    },
    KnownFault {
        id: "metadata-path-form-missing",
        title: "The metadata is not at the form with the path",
        seen: &[(CHATGPT, "Error fetching OAuth configuration"), (VS_CODE, "Failed to fetch resource metadata: 404")],
        cause: "Several clients ask for `/.well-known/oauth-protected-resource/PATH` first, and some for nothing \
                else.",
        fix: "Serve the same document at this URL as well.",
        yaml: None,
    },
    KnownFault {
        id: "metadata-root-form-missing",
        title: "The metadata is not at the root form",
        seen: &[(CLAUDE, "Authorization with the MCP server failed")],
        cause: "Older clients ask for `/.well-known/oauth-protected-resource` alone. With several servers the \
                gateway serves it for one of them.",
        fix: "Choose the server for which the root form answers.",
        yaml: Some(YamlPart::Server("root: true")),
    },
    KnownFault {
        id: "metadata-content-type",
        title: "The metadata is not labelled as JSON",
        seen: &[
            (CLAUDE_CODE, "SDK auth failed: Failed to parse JSON"),
            (CURSOR, "Unexpected token '<', \"<!DOCTYPE \"... is not valid JSON"),
            (CLAUDE, "Authorization with the MCP server failed"),
        ],
        cause: "A web application answers every unknown path with its start page, or a web firewall with its \
                challenge.",
        fix: "Send `/.well-known/` to the server, and exclude it from bot protection.",
        yaml: None,
    },
    KnownFault {
        id: "metadata-unreadable",
        title: "The metadata is not a JSON object",
        seen: &[
            (CLAUDE_CODE, "SDK auth failed: Failed to parse JSON"),
            (CLAUDE, "Authorization with the MCP server failed"),
        ],
        cause: "The document is empty, is cut off, or has another type than application/json.",
        fix: "Serve one JSON object with `Content-Type: application/json`.",
        yaml: None,
    },
    KnownFault {
        id: "metadata-needs-token",
        title: "The metadata needs a token",
        seen: &[
            (CLAUDE, "Authorization with the MCP server failed"),
            (PYTHON_SDK, "Protected resource metadata request failed: HTTP"),
        ],
        cause: "The check of tokens covers `/.well-known/` as well: the client needs a token to learn where to \
                get one.",
        fix: "Except `/.well-known/` from the check.",
        yaml: None,
    },
    KnownFault {
        id: "metadata-redirected",
        title: "The metadata is redirected",
        seen: &[(CLAUDE, "Authorization with the MCP server failed")],
        cause: "A redirect to another host is not the metadata of this resource, and many clients do not follow \
                it.",
        fix: "Serve the document at the first address.",
        yaml: None,
    },
    KnownFault {
        id: "metadata-server-error",
        title: "The metadata fails with an error of the server",
        seen: &[
            (PYTHON_SDK, "Protected resource metadata request failed: HTTP"),
            (TYPESCRIPT_SDK, "trying to load well-known OAuth protected resource metadata."),
        ],
        cause: "The server or a proxy fails at this address.",
        fix: "Look at its log. A document that does not exist must be 404, not 500.",
        yaml: None,
    },
    KnownFault {
        id: "resource-differs",
        title: "The resource is another URL",
        seen: &[
            (TYPESCRIPT_SDK, "does not match expected"),
            (PYTHON_SDK, "does not match expected"),
            (MCP_REMOTE, "does not match expected"),
            (VS_CODE, "does not match MCP server resolved resource"),
        ],
        cause: "`resource` must be the URL that the user typed (RFC 9728 §3.3).",
        fix: "Correct the URL in the client, or let the server publish the URL that users enter. Portcullis makes `resource` of `public_url` and `path`.",
        yaml: Some(YamlPart::Server("path: /weather/mcp")),
    },
    KnownFault {
        id: "resource-above",
        title: "The resource is a URL above the one that users enter",
        seen: &[],
        cause: "`resource` is the origin alone, or a path above the URL. Clients take it, and ask for a token for \
                all that is below it; RFC 9728 §3.3 wants the URL itself.",
        fix: "Let the server publish the URL that users enter, for example by `resource_server_url` of the Python SDK.",
        yaml: None,
    },
    KnownFault {
        id: "resource-slash",
        title: "The resource differs from the URL in a slash at the end",
        seen: &[(VS_CODE, "does not match MCP server resolved resource"), (TYPESCRIPT_SDK, "does not match expected")],
        cause: "Clients compare the two texts. One of them ends with a slash.",
        fix: "Type the URL as `resource` writes it.",
        yaml: None,
    },
    KnownFault {
        id: "resource-http",
        title: "The resource is http:// although the server is https://",
        seen: &[(TYPESCRIPT_SDK, "does not match expected"), (CLAUDE, "Authorization with the MCP server failed")],
        cause: "The server builds `resource` from the request, which its proxy sends without TLS.",
        fix: "Publish the public URL.",
        yaml: Some(YamlPart::Top("public_url: https://mcp.example.com")),
    },
    KnownFault {
        id: "resource-host",
        title: "The resource names another host",
        seen: &[(TYPESCRIPT_SDK, "does not match expected"), (CLAUDE, "Authorization with the MCP server failed")],
        cause: "The server builds `resource` from `Host`, and its proxy sends an internal name or an inner port.",
        fix: "Publish the public URL.",
        yaml: Some(YamlPart::Top("public_url: https://mcp.example.com")),
    },
    KnownFault {
        id: "issuers-missing",
        title: "The metadata names no authorization server",
        seen: &[
            (CLAUDE_CODE, "Incompatible auth server: does not support dynamic client registration"),
            (VS_CODE, "Error getting token from server metadata"),
        ],
        cause: "`authorization_servers` is absent or empty, so that clients take the MCP server itself for the \
                authorization server.",
        fix: "Name the authorization server.",
        yaml: Some(YamlPart::Server("authorization_servers: [corporate]")),
    },
    KnownFault {
        id: "metadata-not-found",
        title: "The metadata that the challenge names is not there",
        seen: &[
            (VS_CODE, "Failed to fetch resource metadata: 404"),
            (TYPESCRIPT_SDK, "Resource server does not implement OAuth 2.0 Protected Resource Metadata."),
        ],
        cause: "`resource_metadata` of the challenge leads to 404: a proxy does not pass `/.well-known/` on, or \
                the server has another path in mind.",
        fix: "Send `/.well-known/` to the server.",
        yaml: None,
    },
    KnownFault {
        id: "metadata-forms-differ",
        title: "Two forms of the metadata say different things",
        seen: &[(CLAUDE, "Authorization with the MCP server failed")],
        cause: "`/.well-known/oauth-protected-resource` with and without the path are of different servers, or \
                one of them is stale. Clients take either.",
        fix: "Serve the same document at both, or only the one that is meant.",
        yaml: None,
    },
    KnownFault {
        id: "resource-missing",
        title: "The metadata names no resource",
        seen: &[(TYPESCRIPT_SDK, "does not match expected")],
        cause: "`resource` is required (RFC 9728 §2).",
        fix: "Write the URL of the MCP server into `resource`.",
        yaml: None,
    },
];
