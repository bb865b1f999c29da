//! The keys of `servers`.

use std::time::Duration;

use serde_json::json;

use crate::{
    config::{
        keys::{
            limits, path,
            row::{
                FILE, KeyRow, KeySection, PATH, PATTERN, SCOPE, SECRET, TextForm, TextShape, UPSTREAM_URL, ValueShape,
                filled, filled_list, list, map, matching, only_true,
            },
            rule,
            typed::{RangedKey, WordKey},
        },
        units::DURATION_MAX,
    },
    decide::mcp::{answer::lists::Hide, denial::DenyAs, version::ASSUMED},
};

/// `upstream.connect_timeout`.
pub(in crate::config) const CONNECT_TIMEOUT: RangedKey<Duration> = RangedKey {
    name: "connect_timeout",
    default: Duration::from_secs(5),
    least: Duration::from_millis(1),
    most: DURATION_MAX,
    about: "How long name lookup, TCP and TLS may take together.",
};

/// `upstream.response_timeout`.
pub(in crate::config) const RESPONSE_TIMEOUT: RangedKey<Duration> = RangedKey {
    name: "response_timeout",
    default: Duration::from_secs(300),
    least: Duration::from_millis(1),
    most: DURATION_MAX,
    about: "How long the upstream may take to send the head of its response. It does not apply to an open stream.",
};

/// `hide`.
pub(in crate::config) const HIDE: WordKey<Hide> = WordKey {
    name: "hide",
    words: &[("never", Hide::Never), ("forbidden", Hide::Forbidden), ("unauthorized", Hide::Unauthorized)],
    default: Hide::Forbidden,
    about: "What lists of tools, resources and prompts leave out: nothing (`never`), what no scope would permit \
            (`forbidden`), or everything that this token does not permit now (`unauthorized`).",
};

/// `deny_as`.
pub(in crate::config) const DENY_AS: WordKey<DenyAs> = WordKey {
    name: "deny_as",
    words: &[("auto", DenyAs::Auto), ("challenge", DenyAs::Challenge), ("tool_error", DenyAs::ToolError)],
    default: DenyAs::Auto,
    about: "How a refused `tools/call` is answered: with 403 and a challenge that names the missing scopes \
            (`challenge`), or with a tool error that the model can read, for clients that drop the 403 \
            (`tool_error`). `auto` is `tool_error` for tokens that are marked as those of machines, such as those of \
            the client credentials grant, and `challenge` for all others.",
};

/// `batches`; the value is whether they are accepted.
pub(in crate::config) const BATCHES: WordKey<bool> = WordKey {
    name: "batches",
    words: &[("refuse", false), (ASSUMED, true)],
    default: false,
    about: "Whether JSON-RPC batches are refused, or accepted as in MCP 2025-03-26. Then each message of a batch is \
            checked, and one refused message refuses the batch.",
};

/// The scopes that the first 401 asks for.
#[derive(Clone, Copy, PartialEq)]
pub(in crate::config) enum ChallengeScope {
    Baseline,
    All,
    Omit,
}

/// Words of `upstream.query`.
pub(in crate::config) const QUERY: [&str; 2] = ["forward", "drop"];

/// Words of `challenge_scope`.
pub(in crate::config) const CHALLENGE_SCOPE: &[(&str, ChallengeScope)] =
    &[("baseline", ChallengeScope::Baseline), ("all", ChallengeScope::All), ("omit", ChallengeScope::Omit)];

/// Shortest `stream_keep_alive`: each comment is a packet to every idle client.
pub(in crate::config) const KEEP_ALIVE_MIN: Duration = Duration::from_secs(1);
/// Longest `stream_keep_alive`: proxies close a connection that is idle for longer.
pub(in crate::config) const KEEP_ALIVE_MAX: Duration = Duration::from_secs(3_600);

/// `servers.*`.
pub(super) fn section() -> KeySection {
    let mut keys = vec![
        KeyRow::required(
            "path",
            PATH,
            "Its public path, such as `/weather/mcp`. The resource is `public_url` followed by this path. The server is also \
             at this path with a slash at its end, or without it.",
        ),
        KeyRow::flag(
            "root",
            "Whether its metadata documents are also served at the root of `/.well-known/`, and whether it is meant by an \
             authorization request without `resource`. One server may set it.",
        ),
        KeyRow::section("upstream", upstream()).must(),
        path::row(),
    ];
    keys.extend(tokens());
    keys.extend([
        KeyRow::optional("access", ValueShape::Only("authenticated".into()), "Every valid token may use everything."),
        KeyRow::optional(
            "rules",
            filled_list("rules", ValueShape::Section(rule::section())),
            "The rules of access. The first rule that matches decides; a target that no rule matches is refused.",
        ),
        HIDE.row(),
        KeyRow::flag(
            "advertise_scopes",
            "Whether each tool in a list gets the member `securitySchemes`, which says that it is public, or which scopes \
             it needs: ChatGPT reads it to offer a sign-in. It is an empty list for a tool that no token permits. A member \
             of the upstream is replaced; nothing else changes.",
        ),
        DENY_AS.row(),
        KeyRow::section("credential", credential()).or(json!({"strip": true})),
        KeyRow::optional(
            "identity_headers",
            map("claim names by header name", filled("a claim name")),
            "Headers that the upstream receives, each with the value of a claim; a name that starts with `/` is a \
             JSON Pointer. Headers of these names are removed from every request of a client. A claim may be long, such as \
             the groups of a user: many MCP servers refuse a header beyond 8 KiB, or 16 KiB in all, with 431 or 400, and \
             then the log says so. An `email` that the token calls \
             unverified is not sent.",
        ),
        KeyRow::optional(
            "allowed_origins",
            list(
                "origins",
                TextShape {
                    what: "an origin, such as `https://app.example.com`",
                    form: TextForm::MatchingOrNull("^(null|[a-z][a-z0-9+.-]*://([^/?#@A-Z*]+(:\\*)?|\\*))$"),
                },
            ),
            "Browser origins that are allowed besides the origin of `public_url`. Pages of other origins get 403. \
             `http://localhost:*` stands for every port of a host, and `chrome-extension://*` for every page of a \
             scheme that web sites do not have. `null` is what sandboxed frames and local files send: with it, every \
             web page may call.",
        ),
        KeyRow::section("limits", limits::section()),
        BATCHES.row(),
        KeyRow::optional(
            "stream_keep_alive",
            ValueShape::OffOr(Box::new(ValueShape::Duration(KEEP_ALIVE_MIN, KEEP_ALIVE_MAX))),
            "After this time without an event, an open event stream gets a comment, so that no proxy closes it as \
             idle.",
        )
        .or("off".into()),
        KeyRow::optional(
            "legacy_sse",
            ValueShape::OffOr(Box::new(ValueShape::Section(legacy_sse()))),
            "Also serves the HTTP+SSE transport of MCP 2024-11-05, under the same rules.",
        )
        .or("off".into()),
    ]);
    KeySection {
        about: "One MCP server: its path, its upstream, and the rules of access.",
        one_of: &["access", "rules"],
        keys,
    }
}

/// Which tokens are accepted, and which scopes they need.
fn tokens() -> Vec<KeyRow> {
    let challenges = CHALLENGE_SCOPE.iter().map(|(word, _)| *word).collect();
    vec![
        KeyRow::optional(
            "authorization_servers",
            list(
                "names of authorization servers",
                TextShape { what: "the name of an authorization server", form: TextForm::Any },
            ),
            "The authorization servers whose tokens are accepted. The metadata lists them in this order; the first is preferred. \
             With `[]` the server takes API keys alone (`keys` at the top level), and has no metadata.",
        )
        .or_else("all of them"),
        KeyRow::optional(
            "audiences",
            list("audiences", filled("an audience")),
            "Values of the claim `aud` that are accepted besides the resource itself, compared byte by byte.",
        ),
        KeyRow::optional("scopes", list("scopes", SCOPE), "Scopes that every request needs."),
        KeyRow::optional(
                "scopes_supported",
                list("scopes", SCOPE),
                "The scopes that the metadata names; those of the first challenge come last in it.",
            )
            .or_else("every scope that this server's configuration names"),
        KeyRow::optional(
            "challenge_scope",
            ValueShape::Words(challenges),
            "The scopes that the first 401 asks for: those of `scopes` (`baseline`), every scope that this server's \
             configuration names (`all`), or none (`omit`).",
        )
        .or_else("`baseline` where `scopes` has entries, else `all`"),
        KeyRow::optional(
            "scope_implies",
            map("lists of scopes by scope", filled_list("scopes or patterns of scopes", PATTERN)),
            "Broader scopes: a token with such a scope also has the scopes in its list.",
        ),
    ]
}

fn upstream() -> KeySection {
    KeySection {
        about: "Where requests are sent.",
        one_of: &[],
        keys: vec![
            KeyRow::required("url", UPSTREAM_URL, "The URL of the MCP server itself."),
            KeyRow::optional(
                "ca",
                FILE,
                "A PEM file with the certificates of a private CA, or the upstream's own certificate. With it, the \
                 public CAs are not trusted for this upstream. At most 1 MiB. Read again when it changes.",
            ),
            KeyRow::section("tls", tls()),
            KeyRow::optional(
                "pass_headers",
                list("header names", matching("a header name", "^[A-Za-z0-9-]+$")),
                "Headers that only a proxy can set truthfully are removed from every request (`portcullis explain` lists \
                 them). The headers named here pass as clients write them.",
            ),
            KeyRow::optional(
                "aliases",
                list("origins", matching("a scheme, a host and a port", "^https?://[^/?#@]+$")),
                "Other names of the same server, such as `http://mcp.internal:8000`: the server may use them in its \
                 redirects and in the endpoint that the transport of 2024-11-05 names. Only the path and the query are \
                 used. The gateway never connects to an alias.",
            ),
            KeyRow::optional(
                "query",
                ValueShape::WordsOr(
                    QUERY.into(),
                    Box::new(filled_list("names of parameters", filled("the name of a parameter")).into()),
                ),
                "What happens to the query of a client's URL, such as `?toolsets=repos`: it is appended to `url` as it \
                 came (`forward`), dropped (`drop`), or only the parameters of these names are appended. A parameter \
                 that `url` has already is 400, in any spelling, and so is `access_token`.",
            )
            .or("forward".into()),
            CONNECT_TIMEOUT.row(),
            RESPONSE_TIMEOUT.row(),
        ],
    }
}

fn tls() -> KeySection {
    KeySection {
        about: "TLS towards the upstream. The files are read again when they change.",
        one_of: &[],
        keys: vec![
            KeyRow::optional("ca", FILE, "The same as `upstream.ca`."),
            KeyRow::optional(
                "certificate",
                FILE,
                "A PEM file with the certificate that the gateway presents to the upstream, and what it was issued by.",
            ),
            KeyRow::optional("key", FILE, "A PEM file with its private key."),
        ],
    }
}

fn credential() -> KeySection {
    let header = KeySection {
        about: "The upstream receives a credential of the gateway in this header.",
        one_of: &[],
        keys: vec![
            KeyRow::required("name", matching("a header name", "^[A-Za-z0-9_-]+$"), "The name of the header."),
            KeyRow::required("value", SECRET, "The value of the header."),
        ],
    };
    let forward = KeySection {
        about: "The upstream receives the caller's token itself.",
        one_of: &[],
        keys: vec![KeyRow::required(
            "dangerous",
            only_true(),
            "Confirms that the gateway and the upstream are one resource: the upstream checks the very same audience.",
        )],
    };
    KeySection {
        about: "What the upstream receives in place of the caller's token.",
        one_of: &["strip", "header", "forward"],
        keys: vec![
            KeyRow::optional("strip", only_true(), "The upstream receives no credential."),
            KeyRow::section("header", header),
            KeyRow::section("forward", forward),
        ],
    }
}

fn legacy_sse() -> KeySection {
    KeySection {
        about: "The HTTP+SSE transport of MCP 2024-11-05.",
        one_of: &[],
        keys: vec![
            KeyRow::required(
                "path",
                PATH,
                "The public path of the event stream, such as `/weather/sse`. Messages go to `/messages` below it.",
            ),
            KeyRow::required("upstream", UPSTREAM_URL, "The URL of the upstream's own event stream."),
        ],
    }
}
