//! The answer to each refusal, word for word.

use http::header::{ACCEPT_ENCODING, RETRY_AFTER};
use serde_json::Value;

use super::*;
use crate::decide::refusal::testing::every_row;

/// Status, code, reason, the field besides the challenge, and sentence, in the order of
/// [`every_row`].
const ANSWERS: [(u16, i32, &str, &str, &str); 83] = [
    (400, 40001, "bad_request", "", "the HTTP request is not acceptable: a"),
    (404, 40401, "not_found", "", "there is no MCP server at this path"),
    (421, 42101, "misdirected", "", "this gateway does not serve that host name; it is reached as gw.example"),
    (
        421,
        42102,
        "misdirected_tls",
        "",
        "the TLS handshake asked for gw.svc, which is not a name of this gateway: a client or a proxy must ask for a name (SNI) that the gateway has, such as gw.example",
    ),
    (405, 40501, "method_not_allowed", "allow: POST", "this path takes only POST"),
    (414, 41401, "uri_too_long", "", "the request's URI is too long"),
    (
        431,
        43101,
        "headers_too_large",
        "",
        "the request's header fields are too many or too large; a longer access token needs a larger `limits.token` in the gateway",
    ),
    (408, 40802, "head_timeout", "", "the request's header came too slowly"),
    (417, 41701, "expectation_failed", "", "the only expectation that can be met is 100-continue"),
    (
        403,
        40303,
        "foreign_origin",
        "",
        "browser pages from https://a.example may not call this server; to allow them, add the origin to the server in the gateway's configuration: allowed_origins: [\"https://a.example\"]",
    ),
    (
        403,
        40309,
        "null_origin",
        "",
        "browser pages without an origin of their own (local files, sandboxed frames) may not call this server: serve the page from a web server, such as http://localhost, and have its origin allowed",
    ),
    (
        403,
        40308,
        "service_worker",
        "",
        "nothing at this path may be the script of a service worker: it would act for the whole origin",
    ),
    (400, 40010, "unsafe_path", "", "servers read this path in more than one way: a dot segment"),
    (508, 50801, "loop", "", "the request has been through this gateway before: its upstream leads back to it"),
    (401, 40101, "no_credential", "", "this server needs an access token: send it as Authorization: Bearer"),
    (
        401,
        40104,
        "large_without_token",
        "",
        "without an access token a request may have at most 65536 bytes: send less, or sign in and send the token as Authorization: Bearer",
    ),
    (
        401,
        40103,
        "sign_in_needed",
        "",
        "this request needs an access token with scope a: send it as Authorization: Bearer",
    ),
    (
        401,
        40105,
        "no_room_without_token",
        "",
        "too many clients use this server without a credential now: try again later, or send one as \
         Authorization: Bearer",
    ),
    (
        503,
        -32603,
        "keys_unavailable",
        "retry-after: 3",
        "the token cannot be checked now: its issuer's keys are out of reach, or its key is not among them yet; try again in 3 s",
    ),
    (
        503,
        -32603,
        "other_issuer",
        "retry-after: 3",
        "the authorization server cannot be used: its metadata names another issuer; if it is the right one, the \
         operator of this gateway must write: issuer: https://other.example",
    ),
    (
        503,
        -32603,
        "introspection_unavailable",
        "retry-after: 3",
        "the token cannot be checked now: the authorization server does not say whether it is active; try again in 3 s",
    ),
    (415, 41501, "media_type", "", "the body must be application/json in UTF-8"),
    (415, 41502, "content_coding", "accept-encoding: identity", "the body must not be compressed"),
    (
        413,
        41301,
        "body_too_large",
        "",
        "the body is larger than this server takes: at most 4096 bytes (`limits.request_body`)",
    ),
    (408, 40801, "body_timeout", "", "the body came too slowly"),
    (400, 40003, "body_broken", "", "the body broke off before its end"),
    (400, 40003, "body_broken", "", "the body broke off before its end"),
    (400, -32700, "unreadable", "", "the body cannot be read with one meaning: a"),
    (400, -32600, "not_a_message", "", "the body is not one JSON-RPC message with one meaning: a"),
    (400, -32602, "bad_params", "", "the parameters of this request are not acceptable: a"),
    (400, -32020, "header_mismatch", "", "headers and body disagree: a"),
    (
        400,
        40004,
        "bad_session_header",
        "",
        "Mcp-Session-Id and Last-Event-ID must each come once, in plain ASCII, with at most 6144 and 1024 bytes",
    ),
    (
        400,
        40005,
        "pinned_query",
        "",
        "a parameter in the query of this URL is set by the gateway's configuration; remove it from the URL",
    ),
    (
        503,
        -32603,
        "sessions_unavailable",
        "retry-after: 5",
        "the store that says whose session this is cannot be reached; try again later",
    ),
    (404, 40402, "unknown_session", "", "there is no such session; start a new one with initialize"),
    (403, 40301, "insufficient_scope", "", "this request needs scope a"),
    (403, 40302, "forbidden", "", "this request is not allowed for this caller, and no scope would change that"),
    (403, 40302, "forbidden", "", "this request is not allowed for this caller, and no scope would change that"),
    (403, 40304, "no_rule", "", "this request is not allowed: no rule of this server permits it"),
    (403, 40305, "unsafe_uri", "", "this request is not allowed: a"),
    (
        403,
        40306,
        "unknown_task",
        "",
        "this request is not allowed: this caller created no such task through this gateway",
    ),
    (
        429,
        42901,
        "too_many_streams",
        "retry-after: 1",
        "this caller has too many open streams; close one and try again",
    ),
    (
        429,
        42902,
        "too_many_sessions",
        "retry-after: 60",
        "this caller has too many sessions; end those that are done with DELETE and try again later",
    ),
    (429, 42903, "too_many_tasks", "retry-after: 60", "this caller has too many tasks; try again when some have ended"),
    (
        429,
        42904,
        "too_many_requests",
        "retry-after: 1",
        "this caller has too many requests under way; wait for some of the answers and try again",
    ),
    (
        429,
        42905,
        "too_many_body_bytes",
        "retry-after: 1",
        "this caller sends too many large bodies at once; send them one after the other",
    ),
    (
        503,
        -32603,
        "overloaded_requests",
        "retry-after: 5",
        "the gateway has too many requests under way; try again later",
    ),
    (
        503,
        -32603,
        "overloaded_body_bytes",
        "retry-after: 5",
        "the gateway holds too many large bodies; try again later",
    ),
    (
        503,
        -32603,
        "overloaded_descriptors",
        "retry-after: 5",
        "the gateway has no file descriptor left for this request; try again later",
    ),
    (502, -32603, "upstream_unreachable", "", "the MCP server behind this gateway cannot be reached"),
    (
        503,
        -32603,
        "upstream_busy",
        "retry-after: 1",
        "the MCP server behind this gateway has no room for another call now; try again",
    ),
    (502, -32603, "upstream_answer", "", "the MCP server behind this gateway gave no usable answer: a"),
    (504, -32603, "upstream_timeout", "", "the MCP server behind this gateway did not answer in time"),
    (500, -32603, "internal", "", "the gateway failed; the request was not carried out"),
    (400, 40002, "two_credentials", "", "more than one credential: send one Authorization header with one token"),
    (400, 40002, "token_in_query", "", "a token may not be sent in the URI: send it as Authorization: Bearer"),
    (400, 40002, "token_in_form", "", "a token may not be sent in a form: send it as Authorization: Bearer"),
    (400, 40002, "malformed_authorization", "", "the Authorization header is not Bearer with one token"),
    (401, 40102, "token_oversize", "", "the access token was refused: the token is too large"),
    (401, 40102, "token_malformed", "", "the access token was refused: the token is not valid"),
    (401, 40102, "token_algorithm", "", "the access token was refused: the token is not valid"),
    (401, 40102, "token_type", "", "the access token was refused: not an access token: it has nonce"),
    (401, 40102, "token_header", "", "the access token was refused: the token is not valid"),
    (401, 40102, "token_key_id", "", "the access token was refused: the token is not valid"),
    (
        401,
        40102,
        "token_issuer",
        "",
        "the access token was refused: the token is not from an issuer that this resource accepts: its iss is absent or names another issuer",
    ),
    (401, 40102, "token_unknown_key", "", "the access token was refused: the token is not valid"),
    (401, 40102, "token_signature", "", "the access token was refused: the token is not valid"),
    (401, 40102, "token_expired", "", "the access token was refused: the token has expired"),
    (401, 40102, "token_revoked", "", "the access token was refused: the token has been revoked"),
    (
        401,
        40102,
        "token_time",
        "",
        "the access token was refused: the token is not valid: its exp is absent or not a time",
    ),
    (401, 40102, "token_not_yet_valid", "", "the access token was refused: the token is not valid yet"),
    (
        401,
        40102,
        "token_audience",
        "",
        "the access token was refused: the token is not for this resource: its aud is another",
    ),
    (
        401,
        40102,
        "token_no_audience",
        "",
        "the access token was refused: the token is not for this resource: it has no aud",
    ),
    (
        401,
        40102,
        "token_client",
        "",
        "the access token was refused: the token is not for this resource: it is for the client in its azp, and this client is not accepted",
    ),
    (
        401,
        40102,
        "token_subject",
        "",
        "the access token was refused: the token does not name its user: it has no text in sub, client_id",
    ),
    (
        401,
        40102,
        "token_scope_shape",
        "",
        "the access token was refused: the token is not valid: its scp is neither text nor a list of texts",
    ),
    (
        401,
        40102,
        "token_required_claim",
        "",
        "the access token was refused: the token is not accepted here: its org_id is absent or has another value",
    ),
    (
        401,
        40102,
        "token_sender_constraint",
        "",
        "the access token was refused: the token is bound to a key that this resource cannot check: it has cnf",
    ),
    (
        401,
        40102,
        "token_claims",
        "",
        "the access token was refused: the token is not valid: its jti has a value that the standards do not allow",
    ),
    (401, 40102, "api_key_form", "", "the access token was refused: the API key is incomplete or mistyped"),
    (401, 40102, "api_key_unknown", "", "the access token was refused: the API key is not known here"),
    (401, 40102, "api_key_server", "", "the access token was refused: the API key does not name this server"),
    (
        401,
        40102,
        "token_inactive",
        "",
        "the access token was refused: the token is not active: it has ended or was revoked",
    ),
];

#[test]
fn p08_each_refusal_is_answered_as_its_row_says() {
    let all = every_row();
    assert_eq!(all.len(), ANSWERS.len());
    for (refusal, expected) in all.iter().zip(ANSWERS) {
        let response = refuse(refusal, &RequestContext::default(), None);
        let headers = response.headers();
        let field = [RETRY_AFTER, ALLOW, ACCEPT_ENCODING].iter().filter_map(|name| {
            let value = headers.get(name)?.to_str().unwrap();
            Some(format!("{name}: {value}"))
        });
        let field = field.collect::<Vec<_>>().join(", ");
        let ReplyBody::Whole(Some(body)) = response.body() else { panic!("{refusal:?} has a body") };
        let body: Value = serde_json::from_slice(body).unwrap();
        let error = &body["error"];
        let code = i32::try_from(error["code"].as_i64().unwrap()).unwrap();
        let (reason, sentence) = (error["data"]["reason"].as_str().unwrap(), error["message"].as_str().unwrap());
        assert_eq!((response.status().as_u16(), code, reason, field.as_str(), sentence), expected, "{refusal:?}");
    }
}
