//! The table of configuration keys, from which schema, readers and reference take their values.
//!
//! A key is described once, here: its name, the form of its value, its bounds, its default and its
//! meaning. Readers take bounds and defaults from the constants below; `schema.rs` and
//! `reference.rs` walk the whole table. Tests compare the table with what the readers ask for.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use tracing::Level;

use crate::{
    base::limits::held::{
        BODY_BYTES, BODY_BYTES_MAX, MEMORY_BYTES_PER_REQUEST, MEMORY_SHARE_OF_BODIES, REQUESTS, REQUESTS_LEAST,
        REQUESTS_MAX,
    },
    config::{
        keys::{
            row::{
                ADDRESS, FILE, HOST, KeyRow, KeySection, NETWORK, PATH, SECRET, ValueShape, filled_list, list, matching,
            },
            typed::{RangedKey, WordKey},
        },
        units::{DURATION_MAX, size_text},
    },
};

pub(super) mod acme;
pub(super) mod document;
pub(super) mod embedded;
pub(super) mod everywhere;
pub(super) mod github;
pub(super) mod introspection;
pub(super) mod issuer;
pub(super) mod limits;
pub(super) mod oidc;
pub(super) mod path;
pub(super) mod reach;
pub(super) mod row;
pub(super) mod rule;
pub(super) mod server;
pub(super) mod typed;

/// Default of `admin.address`.
pub(super) const ADMIN_ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9901);

/// `log.format`; the value is whether it is JSON.
pub(super) const LOG_FORMAT: WordKey<bool> = WordKey {
    name: "format",
    words: &[("json", true), ("text", false)],
    default: true,
    about: "JSON lines for machines, or text for people.",
};

/// `log.level`.
pub(super) const LOG_LEVEL: WordKey<Level> = WordKey {
    name: "level",
    words: &[
        ("error", Level::ERROR),
        ("warn", Level::WARN),
        ("info", Level::INFO),
        ("debug", Level::DEBUG),
        ("trace", Level::TRACE),
    ],
    default: Level::INFO,
    about: "The least severe level that is logged.",
};

/// `drain.timeout`.
pub(super) const DRAIN_TIMEOUT: RangedKey<Duration> = RangedKey {
    name: "timeout",
    default: Duration::from_secs(30),
    least: Duration::from_millis(1),
    most: DURATION_MAX,
    about: "How long open requests and streams may take to end after SIGTERM.",
};

/// The whole file.
pub(super) fn file() -> KeySection {
    KeySection {
        about: "Configuration of Portcullis. A secret is a reference (`env:NAME` or `file:PATH`), never a literal. \
                Relative paths are relative to the file.",
        one_of: &[],
        keys: vec![
            KeyRow::required(
                "public_url",
                matching("a URL", "^https?://[^/?#@A-Z]+$"),
                "The URL that clients type: scheme, host and port. Every URL that the gateway publishes starts with \
                 it.",
            ),
            KeyRow::optional(
                "hosts",
                list("host names", HOST),
                "Names in `Host`, and in a TLS handshake, that are accepted besides the host of `public_url`, such as \
                 `mcp.internal`, `\"10.0.0.5:8443\"` or `\"[fd00::1]\"`; without a port, at any port. They are never \
                 published, and they are not browser origins.",
            ),
            KeyRow::optional(
                "trusted_proxies",
                list("networks", NETWORK),
                "The proxies in front of the gateway, such as `10.0.0.0/8`. What they say about the address of a \
                 client counts for limits and audit lines, and is sent to the upstream: the PROXY header of a \
                 listener with `proxy_protocol`, and the last address in `Forwarded` or `X-Forwarded-For` that is \
                 not in one of these networks. Each proxy must overwrite one of the two fields or add to its end. \
                 If a request has both fields and they name different clients, the address of the proxy counts. \
                 Nothing that other peers send is believed.",
            ),
            KeyRow::required(
                "listen",
                filled_list("listeners", ValueShape::Section(listener())),
                "The addresses on which clients are served.",
            ),
            KeyRow::section("admin", admin()),
            KeyRow::optional(
                "authorization_servers",
                ValueShape::ByName(issuer::section()),
                "The authorization servers whose tokens are accepted, by name. The claim `iss` of a token picks one \
                 of them, and only the keys of that one can verify the token.",
            )
            .or_else("required, unless there are `keys`"),
            KeyRow::section("keys", api_keys()),
            KeyRow::required(
                "servers",
                ValueShape::ByName(server::section()),
                "The MCP servers, by name. The name labels logs and metrics.",
            ),
            KeyRow::section("limits", totals()),
            document::row(),
            KeyRow::optional(
                "session_keys",
                list("secret references", SECRET),
                "Keys of at least 32 random bytes. The first seals session ids, and what the store of an embedded \
                 authorization server keeps secret; all of them open what is sealed. Without one the gateway makes a \
                 random key, and sessions end with the process.",
            ),
            KeyRow::section("log", log()),
            KeyRow::section("drain", drain()),
        ],
    }
}

fn api_keys() -> KeySection {
    KeySection {
        about: "API keys, for machines that cannot use OAuth. See [API keys](api-keys.md).",
        one_of: &[],
        keys: vec![KeyRow::required(
            "file",
            FILE,
            "A file with a list `keys`, which is read again when it changes. Each key has a `name`, its `sha256`, the \
             `servers` that take it, and perhaps `scopes`, `claims` and `not_after`. `portcullis key new` makes one.",
        )],
    }
}

fn listener() -> KeySection {
    let tls = KeySection {
        about: "The certificate: PEM files, which are read again when they change, or `acme`.",
        one_of: &["certificate", "acme"],
        keys: vec![
            KeyRow::optional("certificate", FILE, "The certificate chain, the server's own certificate first."),
            KeyRow::optional("key", FILE, "The private key.").or_else("required beside `certificate`"),
            KeyRow::section("acme", acme::section()),
        ],
    };
    KeySection {
        about: "One listener.",
        one_of: &[],
        keys: vec![
            KeyRow::required("address", ADDRESS, "The IP address and port, such as `0.0.0.0:8443` or `\"[::]:8443\"`."),
            KeyRow::section("tls", tls),
            KeyRow::flag(
                "plaintext",
                "Permits an address without `tls` that is not a loopback address, where TLS ends at a proxy in front \
                 of the gateway.",
            ),
            KeyRow::flag(
                "proxy_protocol",
                "Each connection must begin with a PROXY header, version 1 or 2, before TLS. A connection without \
                 one, or from outside of `trusted_proxies`, is closed.",
            ),
            KeyRow::optional(
                "health",
                PATH,
                "A path of this listener, such as `/healthz`, for the probes of load balancers: `GET` and `HEAD` get 200 \
                 while the gateway is ready and 503 otherwise, without a body, whatever `Host` says.",
            ),
        ],
    }
}

fn admin() -> KeySection {
    KeySection {
        about: "Where `/healthz`, `/readyz` and `/metrics` are served. This is never a public listener.",
        one_of: &[],
        keys: vec![
            // Required if the section is written; the default is for a file without the section.
            KeyRow::required("address", ADDRESS, "The IP address and port.").or(ADMIN_ADDRESS.to_string().into()),
        ],
    }
}

fn totals() -> KeySection {
    KeySection {
        about: "Limits of all callers together. The defaults follow the memory limit of the process and its limit on open files.",
        one_of: &[],
        keys: vec![
            KeyRow::optional(
                "requests",
                ValueShape::Integer(1, REQUESTS_MAX),
                "How many requests may be in progress. A stream does not count after it has begun.",
            )
            .or_else(format!(
                "one for each {} of the memory limit, from {REQUESTS_LEAST} to {REQUESTS}, or fewer where the limit on \
                 open files is low",
                size_text(MEMORY_BYTES_PER_REQUEST)
            )),
            KeyRow::optional(
                "body_bytes",
                ValueShape::Size(1, BODY_BYTES_MAX),
                "How many bytes are held in memory for all callers: request bodies, lists that are filtered, and the \
                 decoders of compressed answers. One caller gets a quarter. There must be room for the largest \
                 `request_body` of a server.",
            )
            .or_else(format!("1/{MEMORY_SHARE_OF_BODIES} of the memory limit, at most {}", size_text(BODY_BYTES))),
        ],
    }
}

fn log() -> KeySection {
    KeySection { about: "What is logged, and how.", one_of: &[], keys: vec![LOG_FORMAT.row(), LOG_LEVEL.row()] }
}

fn drain() -> KeySection {
    KeySection { about: "How the gateway stops.", one_of: &[], keys: vec![DRAIN_TIMEOUT.row()] }
}
