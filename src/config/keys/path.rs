//! The keys of one entry of a server's `paths`.

use serde_json::json;

use crate::{
    config::keys::{
        row::{KeyRow, KeySection, ValueShape, list, matching},
        typed::WordKey,
    },
    decide::pass_through::PathAccess,
};

/// `access`.
pub(in crate::config) const PATH_ACCESS: WordKey<PathAccess> = WordKey {
    name: "access",
    words: &[("authenticated", PathAccess::Authenticated), ("public", PathAccess::Public)],
    default: PathAccess::Authenticated,
    about: "Who may use these paths: a client with a valid token that has the server's `scopes`, or every client without a \
            token. Either way the server gets the `credential` of the gateway. Where `public` paths have `methods` that \
            write, clients without a token can hold as many slow uploads as a quarter of the top `limits.requests`: an \
            upstream over HTTP/2 needs more streams than that, or they keep calls waiting.",
};

/// Words of `methods`.
const METHODS: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];

/// `servers.*.paths[]`.
fn section() -> KeySection {
    KeySection {
        about: "Paths beside the MCP endpoint. A request goes to the same path at the origin of `upstream.url`, with its \
                query, body, range and conditions, and with the credential and identity headers of MCP requests. Rules are \
                about MCP and do not apply. A path that servers could read in more than one way is refused. Answers have \
                `Content-Security-Policy: sandbox` and lose cookies, because users sign in on the same origin; a redirect \
                must lead to a path that is listed here, so a redirect to a file store (a signed URL) is 502. Clients that \
                register themselves may have no redirect URI at these paths.",
        one_of: &[],
        keys: vec![
            KeyRow::required(
                "path",
                matching("a pattern of paths", "^/[A-Za-z0-9/._~!$&'()*+,=:@-]*$"),
                "A path such as `/icon.png` or `/files/**`: `*` is any text within a segment, and `**`, a whole segment, \
                 any number of them. The first entry that matches path and method decides. It may not cover a path of the \
                 gateway, a path of another server, or the upstream's own MCP endpoint.",
            ),
            PATH_ACCESS.row(),
            KeyRow::optional(
                "methods",
                list("methods", ValueShape::Words(METHODS.to_vec())),
                "The methods that are passed on. `GET` brings `HEAD`; `OPTIONS` is answered by the gateway.",
            )
            .or(json!(["GET", "HEAD"])),
        ],
    }
}

/// `paths`.
pub(super) fn row() -> KeyRow {
    KeyRow::optional(
        "paths",
        list("paths", ValueShape::Section(section())),
        "Paths of the upstream beside its MCP endpoint, such as files that its answers link to. No client has its redirect \
         URI or its document at such a path, unless it is in `clients`.",
    )
}
