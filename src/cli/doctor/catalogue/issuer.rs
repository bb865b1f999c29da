//! Faults of an authorization server, as clients find it.

use super::{
    client::{
        BROWSER, CHATGPT, CLAUDE, CLAUDE_CODE, CODEX, CURSOR, INSPECTOR, LOG, PYTHON_SDK, TYPESCRIPT_SDK, VS_CODE,
    },
    known_fault::{FaultGroup, KnownFault, YamlPart},
};

pub(super) const GROUP: FaultGroup = FaultGroup {
    title: "The authorization server",
    about: "The client knows the authorization server and cannot use it.",
    faults: FAULTS,
};

const FAULTS: &[KnownFault] = &[
    KnownFault {
        id: "issuer-metadata-missing",
        title: "An authorization server has no metadata",
        seen: &[
            (INSPECTOR, "Failed to discover OAuth metadata"),
            (CLAUDE_CODE, "SDK auth failed: Failed to parse JSON"),
            (CHATGPT, "Error fetching OAuth configuration"),
        ],
        cause: "None of the addresses of its metadata answers: `/.well-known/oauth-authorization-server` and \
                `/.well-known/openid-configuration`, before and after the path of the issuer.",
        fix: "Write the issuer as its own documents write it, without `/.well-known/…`.",
        yaml: Some(YamlPart::Issuer("issuer: https://login.example.com/realms/main")),
    },
    KnownFault {
        id: "issuer-unreachable",
        title: "An authorization server cannot be reached",
        seen: &[
            (CHATGPT, "Error fetching OAuth configuration"),
            (CLAUDE, "Authorization with the MCP server failed"),
            (LOG, "keys_unavailable"),
        ],
        cause: "The host of the issuer is down, is on a private network, or has a certificate that is not trusted.",
        fix: "Make the issuer reachable for clients, and for the MCP server. If its public name leads nowhere from where Portcullis runs, say where it is.",
        yaml: Some(YamlPart::Issuer(
            "issuer: https://login.example.com/realms/main\nreach_at: https://keycloak.internal:8443",
        )),
    },
    KnownFault {
        id: "issuer-metadata-unreadable",
        title: "An authorization server's metadata cannot be read",
        seen: &[
            (CLAUDE_CODE, "SDK auth failed: Failed to parse JSON"),
            (CURSOR, "Unexpected token '<', \"<!DOCTYPE \"... is not valid JSON"),
        ],
        cause: "A web application or a firewall answers in place of the authorization server.",
        fix: "Exclude `/.well-known/` of the issuer from the application and from bot protection.",
        yaml: None,
    },
    KnownFault {
        id: "issuer-endpoint-missing",
        title: "An endpoint is missing from the issuer's metadata",
        seen: &[(CLAUDE, "Authorization with the MCP server failed")],
        cause: "The document has no `authorization_endpoint`, no `token_endpoint`, or `response_types_supported` \
                without `code`.",
        fix: "Enable the authorization code flow at the authorization server.",
        yaml: None,
    },
    KnownFault {
        id: "issuer-differs",
        title: "The issuer in the metadata is another one",
        seen: &[
            (PYTHON_SDK, "Authorization server metadata issuer mismatch"),
            (CLAUDE, "Authorization with the MCP server failed"),
            (LOG, "other_issuer"),
        ],
        cause: "`issuer` of the document must be the text that led to it, byte for byte, with its slash at the \
                end or without.",
        fix: "Write the issuer as the document writes it.",
        yaml: Some(YamlPart::Issuer("issuer: https://login.example.com/")),
    },
    KnownFault {
        id: "issuer-http",
        title: "An authorization server is http:// on a network",
        seen: &[(CLAUDE, "Authorization with the MCP server failed")],
        cause: "OAuth needs https, except on the own machine. Often an authorization server behind a proxy does \
                not know its public scheme.",
        fix: "Tell the authorization server its public URL (`KC_HOSTNAME` of Keycloak), and have its proxy send \
                `X-Forwarded-Proto`.",
        yaml: None,
    },
    KnownFault {
        id: "issuer-private-address",
        title: "An authorization server is on a private network",
        seen: &[(CHATGPT, "Error fetching OAuth configuration"), (CLAUDE, "Authorization with the MCP server failed")],
        cause: "The metadata of the resource names an issuer that clients outside cannot reach.",
        fix: "Publish the authorization server, or use the embedded one, which is at `public_url`.",
        yaml: None,
    },
    KnownFault {
        id: "pkce-missing",
        title: "The issuer does not announce PKCE",
        seen: &[
            (TYPESCRIPT_SDK, "Incompatible auth server: does not support code challenge method S256"),
            (CHATGPT, "Error fetching OAuth configuration"),
        ],
        cause: "`code_challenge_methods_supported` is absent or lacks `S256`, and MCP clients then refuse the \
                server.",
        fix: "Enable PKCE with S256 at the authorization server; it may do it already and not say so. The \
                embedded server announces it.",
        yaml: None,
    },
    KnownFault {
        id: "registration-missing",
        title: "Clients cannot register at the issuer",
        seen: &[
            (CLAUDE_CODE, "Incompatible auth server: does not support dynamic client registration"),
            (VS_CODE, "Dynamic Client Registration not supported"),
            (CODEX, "Dynamic client registration not supported"),
            (CLAUDE, "Couldn't register with the sign-in service"),
            (CHATGPT, "MCP server does not implement OAuth"),
        ],
        cause: "The metadata has neither `registration_endpoint` nor `client_id_metadata_document_supported`, so \
                that a client needs an id that was made by hand.",
        fix: "Register a client at the authorization server and enter its id in the client, or sign users in \
                with the embedded server, which has registration.",
        yaml: Some(YamlPart::Embedded("registration: {dynamic: open}")),
    },
    KnownFault {
        id: "registration-refused",
        title: "The registration of a client is refused",
        seen: &[
            (CURSOR, "Dynamic client registration failed: HTTP 401"),
            (VS_CODE, "Dynamic registration failed"),
            (PYTHON_SDK, "Registration failed"),
            (CLAUDE, "Couldn't register with the sign-in service"),
        ],
        cause: "The registration endpoint wants a token, is closed, or refuses a redirect URI or a member of the \
                request.",
        fix: "Open the registration, or enter the id of a client that was registered by hand.",
        yaml: Some(YamlPart::Embedded("registration: {dynamic: open}")),
    },
    KnownFault {
        id: "registration-scheme",
        title: "The redirect URI of the client has a scheme that is not accepted",
        seen: &[(CURSOR, "invalid_redirect_uri")],
        cause: "Cursor, VS Code and others come back by a private-use scheme, which the registration refuses.",
        fix: "Accept the schemes of known clients, which is the default.",
        yaml: Some(YamlPart::Embedded("registration: {dynamic: open, redirect_schemes: known}")),
    },
    KnownFault {
        id: "issuer-not-url",
        title: "An authorization server is not a usable URL",
        seen: &[(CLAUDE, "Authorization with the MCP server failed")],
        cause: "`authorization_servers` has a value that is not an https URL, or that has a query or a fragment.",
        fix: "Write the issuer as its own metadata writes it.",
        yaml: Some(YamlPart::Issuer("issuer: https://login.example.com/realms/main")),
    },
    KnownFault {
        id: "issuer-is-document",
        title: "A metadata document is named in place of the issuer",
        seen: &[(INSPECTOR, "Failed to discover OAuth metadata")],
        cause: "The value ends with `/.well-known/openid-configuration` or a like path, so that clients look for \
                metadata of the metadata.",
        fix: "Leave `/.well-known/…` out.",
        yaml: Some(YamlPart::Issuer("issuer: https://login.example.com/realms/main")),
    },
    KnownFault {
        id: "issuer-slash",
        title: "The issuer in the metadata differs in a slash at the end",
        seen: &[(PYTHON_SDK, "Authorization server metadata issuer mismatch"), (LOG, "other_issuer")],
        cause: "`issuer` is compared byte by byte. Auth0 writes it with a slash at its end.",
        fix: "Write it as the document does.",
        yaml: Some(YamlPart::Issuer("issuer: https://example.eu.auth0.com/")),
    },
    KnownFault {
        id: "issuer-endpoint-http",
        title: "An endpoint of the issuer is http://",
        seen: &[(CLAUDE, "Authorization with the MCP server failed")],
        cause: "The authorization server is behind a proxy and does not know its public scheme.",
        fix: "Tell it its public URL, and have its proxy send `X-Forwarded-Proto`.",
        yaml: None,
    },
    KnownFault {
        id: "pkce-without-s256",
        title: "The issuer announces PKCE without S256",
        seen: &[(TYPESCRIPT_SDK, "Incompatible auth server: does not support code challenge method S256")],
        cause: "`code_challenge_methods_supported` has `plain` alone.",
        fix: "Enable S256 at the authorization server.",
        yaml: None,
    },
    KnownFault {
        id: "code-flow-missing",
        title: "The issuer does not announce the authorization code flow",
        seen: &[(TYPESCRIPT_SDK, "Incompatible auth server: does not support response type")],
        cause: "`response_types_supported` lacks `code`, or `grant_types_supported` lacks `authorization_code`.",
        fix: "Enable the authorization code flow at the authorization server.",
        yaml: None,
    },
    KnownFault {
        id: "public-clients-refused",
        title: "The issuer's token endpoint takes no public clients",
        seen: &[(CHATGPT, "Error fetching OAuth configuration")],
        cause: "`token_endpoint_auth_methods_supported` lacks `none`, so that clients without a secret cannot \
                redeem a code.",
        fix: "Allow public clients with PKCE, or give a secret to the client.",
        yaml: None,
    },
    KnownFault {
        id: "issuer-cors",
        title: "A browser may not read the issuer's metadata",
        seen: &[(INSPECTOR, "Failed to discover OAuth metadata"), (BROWSER, "has been blocked by CORS policy")],
        cause: "The metadata of the issuer has no `Access-Control-Allow-Origin`.",
        fix: "Allow it at the authorization server. Clients that are no web pages do not need it.",
        yaml: None,
    },
    KnownFault {
        id: "jwks-missing",
        title: "The issuer's metadata names no keys",
        seen: &[(LOG, "keys_unavailable")],
        cause: "The document has no `jwks_uri`.",
        fix: "Name the key set.",
        yaml: Some(YamlPart::Issuer(
            "issuer: https://login.example.com\njwks: {url: \"https://login.example.com/keys\"}",
        )),
    },
    KnownFault {
        id: "jwks-unreadable",
        title: "The issuer's keys cannot be read",
        seen: &[(LOG, "keys_unavailable")],
        cause: "What `jwks_uri` answers is not a JSON Web Key Set.",
        fix: "Correct `jwks_uri` at the authorization server, or name the key set.",
        yaml: Some(YamlPart::Issuer(
            "issuer: https://login.example.com\njwks: {url: \"https://login.example.com/keys\"}",
        )),
    },
];
