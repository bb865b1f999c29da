//! Describes the configuration file as a JSON Schema, for editors. The readers remain the judges.

use serde_json::{Value, json};

use crate::config::{
    issuer,
    schema::shapes::{
        DURATION, address, any_key, by_name, duration, exactly_one, filled_list, flag, list, object, path, pattern,
        scope, secret, text, with_default, words,
    },
};

mod embedded;
mod shapes;

/// JSON Schema (2020-12) of `gateway.yaml`.
#[must_use]
pub fn json_schema() -> Value {
    let mut schema = object(
        "Configuration of Portcullis. A secret is a reference (env:NAME or file:PATH), never a literal. Relative paths are relative to the file.",
        &["public_url", "listen", "authorization_servers", "servers"],
        json!({
            "public_url": text("What clients type: scheme, host, port. Every URL that the gateway publishes starts with it.", "^https?://[^/?#@A-Z]+$"),
            "listen": filled_list("Addresses on which clients are served.", listener()),
            "admin": object("Where /healthz, /readyz and /metrics are; never on the public listener.", &["address"], json!({
                "address": with_default(address(), json!("127.0.0.1:9901")),
            })),
            "authorization_servers": by_name("By name; a token's `iss` picks one, before any key is looked at.", authorization_server()),
            "servers": by_name("MCP servers behind the gateway, by name, which labels logs and metrics.", server()),
            "limits": object("Bounds of what all callers together may hold; what is not written follows the memory limit and the limit on open files.", &[], json!({
                "requests": {"type": "integer", "minimum": 1, "maximum": 65536, "description": "Requests under way; streams do not count once they have begun. Default: one for each 256KiB of the memory limit, from 64 to 1024, or fewer where the limit on open files is low."},
                "body_bytes": {"type": "string", "pattern": SIZE, "description": "Bytes of request bodies that are held. Default: a quarter of the memory limit, at most 256MiB."},
            })),
            "session_keys": list("The first seals session ids, all open them; without one, sessions end with the process.", secret("At least 32 random bytes.")),
            "log": object("How to log.", &[], json!({
                "format": words("JSON lines, or text for people.", &["json", "text"], "json"),
                "level": words("The least level that is written.", &["error", "warn", "info", "debug", "trace"], "info"),
            })),
            "drain": object("How the gateway stops.", &[], json!({
                "timeout": duration("How long open requests and streams may take to end.", "30s"),
            })),
        }),
    );
    if let Some(root) = schema.as_object_mut() {
        root.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
        root.insert("title".to_owned(), json!("gateway.yaml"));
    }
    schema
}

fn listener() -> Value {
    object(
        "One listener.",
        &["address"],
        json!({
            "address": address(),
            "tls": object("PEM files, read again when they change.", &["certificate", "key"], json!({
                "certificate": text("The certificate chain, leaf first.", "."),
                "key": text("The private key.", "."),
            })),
            "plaintext": flag("Needed on an address that is not loopback and has no `tls`: TLS ends in front of the gateway."),
        }),
    )
}

fn authorization_server() -> Value {
    let algorithms: Vec<&str> = issuer::ALL_ALGORITHMS.iter().map(|(name, _)| *name).collect();
    let profiles = issuer::profiles();
    let mut jwks = object(
        "Where its keys are: exactly one of the three.",
        &[],
        json!({
            "discover": {"const": true, "description": "From `jwks_uri` of the issuer's metadata."},
            "url": text("From this URL.", "^https?://"),
            "file": text("From this file, read again when it changes.", "."),
        }),
    );
    exactly_one(&mut jwks, &["discover", "url", "file"]);
    let mut server = object(
        "An authorization server whose tokens are believed: one elsewhere, or one of our own.",
        &[],
        json!({
            "embedded": embedded::embedded(),
            "issuer": text("Compared byte by byte with `iss`, trailing slash and all.", "^https?://[^?#]+$"),
            "profile": {"enum": profiles, "description": "A vendor's known departures; what is written beside it wins."},
            "jwks": with_default(jwks, json!({"discover": true})),
            "algorithms": with_default(
                filled_list("Signature algorithms, asymmetric only.", json!({"enum": algorithms})),
                json!(["RS256", "PS256", "ES256", "EdDSA"]),
            ),
            "token_types": with_default(
                filled_list("Accepted `typ` of the token's header; ID tokens and other JWTs are told apart and refused all the same.", text("A JWT type.", "^[A-Za-z0-9+._/-]+$")),
                json!(["at+jwt", "JWT"]),
            ),
            "clock_skew": duration("How far clocks may be apart; at most 5m.", "30s"),
            "scope_claims": with_default(
                filled_list("Claims that hold scopes, as a string or a list.", text("A claim's name.", ".")),
                json!(issuer::SCOPE_CLAIMS),
            ),
            "refetch_floor": duration("Unknown keys cause one fetch in this time, and at most five more, spread evenly.", "30s"),
            "allow_http": flag("Dangerous: permits an http:// issuer that is not loopback."),
        }),
    );
    exactly_one(&mut server, &["issuer", "embedded"]);
    server
}

fn server() -> Value {
    let scopes = |about| list(about, scope());
    let mut server = object(
        "One MCP server, and how it is guarded.",
        &["path", "upstream"],
        json!({
            "path": path("Public path; the resource is public_url + path."),
            "root": flag("Whether its documents are also at the root forms; for one server at most."),
            "upstream": object("Where requests go.", &["url"], json!({
                "url": text("The MCP server's own URL.", "^https?://[^#@]+$"),
                "ca": text("PEM file of a private CA.", "."),
                "pass_headers": list("Headers that are removed because only a proxy could say them (`explain` lists them), given back as clients write them.", text("A header.", "^[A-Za-z0-9-]+$")),
                "connect_timeout": duration("For name look-up, TCP and TLS together.", "5s"),
                "response_timeout": duration("To the response head; never applied to an open stream.", "5m"),
            })),
            "authorization_servers": filled_list("Names of those whose tokens are accepted; default: all.", json!({"type": "string"})),
            "audiences": list("Accepted in `aud` besides the resource itself, byte by byte.", json!({"type": "string", "minLength": 1})),
            "scopes": scopes("Every request needs these."),
            "scopes_supported": scopes("What the metadata names; default: every scope that this server names."),
            "challenge_scope": {
                "enum": ["baseline", "all", "omit"],
                "description": "What the first 401 asks for: `baseline` = `scopes` (default where there are some), `all` (default otherwise), `omit`.",
            },
            "scope_implies": any_key("A broader scope stands for narrower ones.", filled_list("Scopes or patterns of scopes.", pattern())),
            "access": {"const": "authenticated", "description": "Any valid token may use everything."},
            "rules": filled_list("The first match decides; no match refuses.", rule()),
            "hide": words("What lists leave out: nothing; what no scope could unlock; all that this token may not use now.", &["never", "forbidden", "unauthorized"], "forbidden"),
            "deny_as": words("How a refused tools/call looks: 403 with a challenge, or a result that the model can read.", &["challenge", "tool_error"], "challenge"),
            "credential": with_default(credential(), json!({"strip": true})),
            "identity_headers": any_key("Claims as headers, by header; removed from what comes in, always.", json!({"type": "string", "minLength": 1})),
            "allowed_origins": list("Browser origins besides public_url's own.", json!({
                "type": ["string", "null"], "pattern": "^(null|[a-z][a-z0-9+.-]*://[^/?#@A-Z*]+)$",
            })),
            "limits": object("Bounds.", &[], json!({
                "request_body": {"type": "string", "pattern": SIZE, "default": "4MiB", "description": "Of a request body."},
                "json_depth": {"type": "integer", "minimum": 1, "maximum": 512, "default": 64, "description": "JSON nesting."},
                "streams_per_caller": {"type": "integer", "minimum": 1, "maximum": 65536, "default": 64, "description": "Open answer streams of one caller."},
                "sessions_per_caller": {"type": "integer", "minimum": 1, "maximum": 1_000_000, "default": 1024, "description": "Sessions that one caller may have begun and not ended; they are forgotten evenly over 30 minutes."},
                "upstream_connections": {"type": "integer", "minimum": 1, "maximum": 64, "default": 8, "description": "HTTP/2 connections to the upstream; a call that finds no free stream within `connect_timeout` is 503."},
                "requests_per_caller": {"type": "integer", "minimum": 1, "maximum": 65536, "default": 64, "description": "Requests of one caller under way."},
                "body_bytes_per_caller": {"type": "string", "pattern": SIZE, "default": "32MiB", "description": "Bytes of request bodies of one caller that are held; one body always fits."},
            })),
            "batches": words("JSON-RPC batches: refused, or each message judged, all or nothing.", &["refuse", "2025-03-26"], "refuse"),
            "stream_keep_alive": {"anyOf": [{"enum": ["off", false]}, {"type": "string", "pattern": DURATION}], "default": "off", "description": "After this time of silence an open event stream gets a comment, so that nobody on the way closes it."},
            "legacy_sse": {"default": "off", "description": "The transport of 2024-11-05 beside the other, under the same rules.", "anyOf": [
                {"type": ["string", "boolean"], "enum": ["off", false]},
                object("Where it is served, and by whom.", &["path", "upstream"], json!({
                    "path": path("Public path of the event stream; messages go to /messages below it."),
                    "upstream": text("The URL of the upstream's own event stream.", "^https?://[^#@]+$"),
                })),
            ]},
        }),
    );
    exactly_one(&mut server, &["access", "rules"]);
    server
}

fn credential() -> Value {
    let mut credential = object(
        "What the upstream gets in place of the caller's token: exactly one of the three.",
        &[],
        json!({
            "strip": {"const": true, "description": "Nothing."},
            "header": object("A credential of its own.", &["name", "value"], json!({
                "name": text("The header.", "^[A-Za-z0-9_-]+$"),
                "value": secret("The header's value."),
            })),
            "forward": object("The caller's token itself.", &["dangerous"], json!({
                "dangerous": {"const": true, "description": "Only where gateway and upstream are one resource."},
            })),
        }),
    );
    exactly_one(&mut credential, &["strip", "header", "forward"]);
    credential
}

fn rule() -> Value {
    let patterns = |about| filled_list(about, pattern());
    let scalar = json!({"type": ["string", "number", "boolean"]});
    let mut rule = object(
        "One rule: one kind of thing, and what it takes.",
        &[],
        json!({
            "tools": patterns("Tool names."),
            "resources": patterns("Resource URIs, judged in every reading that servers give them. `*` and `?` stop at `/` unless the rule denies, `**` does not; `*` alone is every resource."),
            "prompts": patterns("Prompt names."),
            "methods": patterns("Methods that touch no tool, resource or prompt; unknown ones are refused without such a rule."),
            "scopes": list("Scopes that are all needed.", scope()),
            "any_scope": filled_list("Scopes of which one is needed.", scope()),
            "claims": any_key("Claims that must have one of these values.", json!({
                "anyOf": [scalar, {"type": "array", "minItems": 1, "items": scalar}],
            })),
            "deny": flag("Refuse, whatever the scope."),
            "report_only": flag("Log what would be refused, and let it pass."),
        }),
    );
    exactly_one(&mut rule, &["tools", "resources", "prompts", "methods"]);
    rule
}

const SIZE: &str = "^(0|[1-9][0-9]*)(B|KiB|MiB|GiB)$";
