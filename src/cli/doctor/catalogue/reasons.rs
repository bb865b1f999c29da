//! What to do about each `reason` of an audit line.

/// Reasons of refusals: the word in the audit line, what to do, and the faults behind it.
pub(super) const REASONS: &[(&str, &str, &[&str])] = &[
    (
        "no_credential",
        "Usual as the first line of a client: the next ones show its sign-in. If none follows, the client found no way to sign in: run `portcullis doctor` with the URL that the client has.",
        &["metadata-missing", "proxy-strips-authorization"],
    ),
    ("sign_in_needed", "The tool needs a sign-in, and the client came without one. It now begins to sign in.", &[]),
    ("large_without_token", "A request of more than 64 KiB came without a token: the client must sign in first.", &[]),
    (
        "no_room_without_token",
        "Other clients use all the room for requests without a token. If all clients come through a proxy, list it in `trusted_proxies`.",
        &[],
    ),
    (
        "two_credentials",
        "The client sends two credentials. Remove one of them from its settings, or from what a proxy adds.",
        &[],
    ),
    ("token_in_query", "The client sends the token in the URL. Have it send `Authorization: Bearer`.", &[]),
    ("token_in_form", "The client sends the token in a form. Have it send `Authorization: Bearer`.", &[]),
    (
        "malformed_authorization",
        "The header is not `Bearer` and one token: look for a second `Bearer`, quotes or a line break in the client's settings.",
        &["token-empty"],
    ),
    ("token_audience", "The token is for another resource.", &["token-audience", "public-url-elsewhere"]),
    (
        "token_no_audience",
        "The token has no `aud`. Have the issuer write it, or list its clients under `client_ids`.",
        &["token-audience"],
    ),
    ("token_issuer", "The token is of an issuer that this server does not have.", &["token-issuer"]),
    (
        "token_expired",
        "The token has expired: the client must refresh it or sign in again.",
        &["token-expired", "clock-skew"],
    ),
    ("token_not_yet_valid", "The token is not valid yet: compare the clocks.", &["token-not-yet-valid", "clock-skew"]),
    ("token_malformed", "The token is not a JWT of three parts.", &["token-opaque"]),
    (
        "token_oversize",
        "The token is longer than `limits.token` of the server. Raise the limit, or have the issuer write fewer groups.",
        &[],
    ),
    (
        "token_algorithm",
        "The token is signed with an algorithm that `algorithms` of the issuer does not have, or with none.",
        &["jwks-empty"],
    ),
    ("token_type", "The token is not an access token, or does not show that it is one.", &["token-is-id-token"]),
    ("token_header", "The header of the token brings keys or URLs of its own. Have the issuer leave them out.", &[]),
    (
        "token_key_id",
        "`kid` of the token is not a short text, or is missing where the key set needs it.",
        &["token-signature"],
    ),
    ("token_unknown_key", "No key of the issuer has the `kid` of the token.", &["token-signature", "jwks-empty"]),
    (
        "token_signature",
        "The signature is not of the issuer's key: the token is of another environment, or was changed.",
        &["token-signature"],
    ),
    (
        "token_revoked",
        "The login was ended: by its user, by an operator, or because a refresh token was used twice. The client must sign in again.",
        &[],
    ),
    (
        "token_inactive",
        "The issuer says that the opaque token is not active: the client must sign in again.",
        &["token-expired"],
    ),
    (
        "token_time",
        "`exp`, `nbf` or `iat` is absent or not a number. Look into the settings of the client at the issuer.",
        &[],
    ),
    ("token_client", "The token names a client that `client_ids` does not have. Add it if it may use the server.", &[]),
    (
        "token_subject",
        "The token does not name its user. Have the issuer write `sub`, or list another claim in `subject_claims`.",
        &[],
    ),
    ("token_scope_shape", "A claim in `scope_claims` holds no scopes. Name only claims with scopes.", &[]),
    (
        "token_required_claim",
        "`required_claims` asks for a value that the token does not have: it is of another tenant or organization.",
        &[],
    ),
    (
        "token_sender_constraint",
        "The token is bound to a key (DPoP or a certificate). Have the client ask for bearer tokens.",
        &[],
    ),
    (
        "token_claims",
        "A claim has a value that the standards do not allow. Look into the settings of the client at the issuer.",
        &[],
    ),
    ("api_key_form", "The API key is incomplete or mistyped: copy it again.", &[]),
    (
        "api_key_unknown",
        "No entry of `keys` has this API key, or it has ended (`not_after`). Make one with `portcullis key new`.",
        &[],
    ),
    ("api_key_server", "The entry of the API key does not name this server under `servers`.", &[]),
    (
        "keys_unavailable",
        "The gateway has no keys of the issuer: its log and `/readyz` say why.",
        &["issuer-unreachable", "issuer-tls", "jwks-unreachable"],
    ),
    (
        "introspection_unavailable",
        "The issuer does not say whether opaque tokens are active.",
        &["introspection-refused", "introspection-unreachable", "introspection-missing"],
    ),
    (
        "other_issuer",
        "The metadata of the issuer names another issuer. The message has the line to write.",
        &["issuer-differs", "issuer-slash"],
    ),
    ("insufficient_scope", "The user lacks a scope, or the client cannot ask for it later.", &["token-scope"]),
    ("forbidden", "A rule refuses this caller: the line has its index. `portcullis explain` shows each step.", &[]),
    ("no_rule", "No rule of the server permits the request, and no rule means no. Add one, if it is wanted.", &[]),
    ("unsafe_uri", "Servers read this resource URI in more than one way, so that no rule can judge it.", &[]),
    ("unsafe_path", "Servers read this path in more than one way. Have the client send it in its plain form.", &[]),
    ("unknown_task", "The task is of another caller, or was not created through this gateway.", &[]),
    (
        "unknown_session",
        "The session is of another caller, has ended, or was begun at another replica. A client begins a new one by itself.",
        &["session-keys-missing", "session-lost"],
    ),
    ("sessions_unavailable", "The store of sessions cannot be reached.", &["redis-refused", "redis-auth"]),
    (
        "bad_session_header",
        "`Mcp-Session-Id` or `Last-Event-ID` comes twice, is too long, or is not ASCII: look at proxies that add headers.",
        &[],
    ),
    (
        "not_found",
        "No server has this path: compare the URL in the client with `public_url` and `path`.",
        &["mcp-not-found"],
    ),
    (
        "misdirected",
        "The client asks for a host that is not the gateway's.",
        &["mcp-host-refused", "public-url-elsewhere"],
    ),
    (
        "misdirected_tls",
        "A client or a proxy asks in TLS (SNI) for a name that is not the gateway's. Add it to `hosts`, or set another name in the proxy.",
        &["mcp-host-refused"],
    ),
    (
        "foreign_origin",
        "A web page from elsewhere: add its origin to `allowed_origins` if it may call the server.",
        &["origin-refused"],
    ),
    (
        "null_origin",
        "A page without an origin of its own, such as a local file: serve it from a web server, and allow that origin.",
        &["origin-refused"],
    ),
    (
        "service_worker",
        "A browser asks for a script of a service worker at a path of the gateway. Serve such scripts elsewhere.",
        &[],
    ),
    ("method_not_allowed", "The path takes other methods, which the answer names in `Allow`.", &[]),
    ("loop", "The request has been through this gateway before.", &["upstream-is-gateway"]),
    (
        "pinned_query",
        "The client sends a parameter of the query that `upstream.url` sets. Remove it from the URL in the client.",
        &[],
    ),
    ("media_type", "The body is not `application/json` in UTF-8: what sends it is not an MCP client.", &[]),
    (
        "content_coding",
        "The body is compressed. Switch compression of requests off in the client or in the proxy.",
        &[],
    ),
    (
        "body_too_large",
        "The body is larger than `limits.request_body` of the server. Raise it if such bodies are wanted.",
        &["proxy-body-limit"],
    ),
    (
        "body_timeout",
        "The body came too slowly: look at the network of the client, and at proxies that hold bodies back.",
        &[],
    ),
    ("body_broken", "The connection broke within the body: the client left, or a proxy cut it.", &[]),
    (
        "head_timeout",
        "The header of the request came too slowly. Health checks that only connect cause it: use `health` of a listener.",
        &[],
    ),
    (
        "headers_too_large",
        "The header is too large: cookies of another application at the same host, or a long token (`limits.token`).",
        &[],
    ),
    ("uri_too_long", "The URI is too long: the client has the wrong URL.", &[]),
    ("expectation_failed", "The client expects something else than `100-continue`.", &[]),
    ("bad_request", "The request breaks HTTP. The message says how; look at the proxy in front.", &[]),
    (
        "unreadable",
        "The body is not JSON with one meaning: a member comes twice, or a character is not UTF-8. It is a fault of the client.",
        &[],
    ),
    ("not_a_message", "The body is not one JSON-RPC message. Batches need `batches` of the server.", &[]),
    ("bad_params", "The parameters of the request do not say what it touches. It is a fault of the client.", &[]),
    (
        "header_mismatch",
        "`Mcp-Method` or another header contradicts the body. A proxy may have changed one of them.",
        &[],
    ),
    (
        "too_many_streams",
        "One caller has more open streams than `limits.streams_per_caller`: close some, or raise it.",
        &[],
    ),
    (
        "too_many_sessions",
        "One caller has more sessions than `limits.sessions_per_caller`: its client does not end them.",
        &[],
    ),
    ("too_many_tasks", "One caller has too many tasks. It can go on when some have ended.", &[]),
    ("too_many_requests", "One caller has more requests under way than `limits.requests_per_caller`.", &[]),
    ("too_many_body_bytes", "One caller sends more at once than `limits.body_bytes_per_caller`.", &[]),
    (
        "overloaded_requests",
        "All callers together have more requests under way than `limits.requests`. Run another replica, or raise it.",
        &[],
    ),
    (
        "overloaded_body_bytes",
        "The bodies of all callers are larger than `limits.body_bytes`. Run another replica, or raise it.",
        &[],
    ),
    ("overloaded_descriptors", "The process has no file descriptor left.", &["descriptors-low"]),
    (
        "upstream_unreachable",
        "The MCP server cannot be reached: the log has the cause.",
        &[
            "upstream-refused",
            "upstream-unresolvable",
            "upstream-unreachable",
            "upstream-tls-unknown-issuer",
            "upstream-https-on-http-port",
        ],
    ),
    (
        "upstream_busy",
        "All connections to the MCP server are full: raise `limits.upstream_connections`, or the streams that it allows.",
        &[],
    ),
    (
        "upstream_answer",
        "The answer of the MCP server cannot be relayed: the log has the cause.",
        &["upstream-html", "upstream-redirects", "upstream-not-mcp", "upstream-http-on-https-port"],
    ),
    ("upstream_timeout", "The MCP server did not answer in time.", &["upstream-timeout"]),
    ("internal", "A fault of the gateway. Its log has the cause: please report it.", &[]),
];

/// What the upstream did, where a request was allowed: the word in the audit line, what to do, and
/// the faults behind it.
pub(super) const OUTCOMES: &[(&str, &str, &[&str])] = &[
    (
        "error_4xx",
        "The request was allowed, and the MCP server itself refused it.",
        &["upstream-not-found", "upstream-unauthorized", "upstream-host-refused", "upstream-forbidden"],
    ),
    ("error_5xx", "The request was allowed, and the MCP server failed.", &["upstream-error"]),
    ("broke_off", "The MCP server closed the connection before its answer was whole: look at its log.", &[]),
];
