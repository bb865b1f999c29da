//! Faults of an access token, and of who may do what.

use super::{
    client::{CLAUDE, CLAUDE_CODE, LANGCHAIN, LOG, TYPESCRIPT_SDK, VS_CODE},
    known_fault::{FaultGroup, KnownFault, YamlPart},
};

pub(super) const GROUP: FaultGroup =
    FaultGroup { title: "The token", about: "The client signs in, and its token is refused.", faults: FAULTS };

const FAULTS: &[KnownFault] = &[
    KnownFault {
        id: "token-refused",
        title: "The server refuses the token",
        seen: &[
            (TYPESCRIPT_SDK, "Server returned 401 after successful authentication"),
            (LANGCHAIN, "Client error '401 Unauthorized'"),
            (VS_CODE, "401 status sending message to"),
        ],
        cause: "The token is sound as far as it can be read from outside, and the server answers 401. \
                `error_description` of the challenge says why, and the audit line of the gateway more.",
        fix: "Look up the `reason` of the audit line below.",
        yaml: None,
    },
    KnownFault {
        id: "token-audience",
        title: "The token is for another resource",
        seen: &[
            (TYPESCRIPT_SDK, "Server returned 401 after successful authentication"),
            (LOG, "token_audience"),
            (LOG, "token_no_audience"),
        ],
        cause: "`aud` of the token is not the URL of the MCP server. The client asked for no `resource`, or the \
                authorization server does not heed it.",
        fix: "Have the authorization server write the URL of the MCP server into `aud`, or accept the audience \
                that it writes.",
        yaml: Some(YamlPart::Server("audiences: [\"api://weather\"]")),
    },
    KnownFault {
        id: "token-issuer",
        title: "The token is from another issuer",
        seen: &[(TYPESCRIPT_SDK, "Server returned 401 after successful authentication"), (LOG, "token_issuer")],
        cause: "`iss` of the token is not among the issuers that the server trusts; one slash is a difference.",
        fix: "Write the issuer as the token writes it, or add the other spelling.",
        yaml: Some(YamlPart::Issuer("accepted_issuers: [\"https://sts.example.com\"]")),
    },
    KnownFault {
        id: "token-expired",
        title: "The token has expired",
        seen: &[
            (CLAUDE, "Authorization with the MCP server failed"),
            (LANGCHAIN, "Client error '401 Unauthorized'"),
            (CLAUDE_CODE, "Needs authentication"),
            (LOG, "token_expired"),
        ],
        cause: "`exp` is past, and the client has no refresh token, or does not use it.",
        fix: "Sign in again. For refresh tokens, grant `offline_access` at the authorization server.",
        yaml: None,
    },
    KnownFault {
        id: "token-not-yet-valid",
        title: "The token is not valid yet",
        seen: &[(LOG, "token_not_yet_valid")],
        cause: "`nbf` or `iat` is in the future: the clock of the authorization server is ahead, or that of the \
                gateway behind.",
        fix: "Set the clocks. `clock_skew` forgives at most five minutes.",
        yaml: Some(YamlPart::Issuer("clock_skew: 2m")),
    },
    KnownFault {
        id: "token-opaque",
        title: "The token is not a JWT",
        seen: &[(LOG, "token_malformed")],
        cause: "The authorization server gives opaque tokens. Auth0 does so if the client asks for no audience; \
                Google always.",
        fix: "Ask for an audience, or have the gateway introspect tokens.",
        yaml: Some(YamlPart::Issuer(
            "introspection: {client_id: gateway, client_secret: \"env:INTROSPECTION_SECRET\"}",
        )),
    },
    KnownFault {
        id: "token-is-id-token",
        title: "The token is an ID token",
        seen: &[(LOG, "token_type")],
        cause: "The JWT says who signed in; it is for the client, not for a server. Its `aud` is the client.",
        fix: "Have the client send `access_token` of the token response.",
        yaml: None,
    },
    KnownFault {
        id: "token-signature",
        title: "The token was signed by an unknown key",
        seen: &[(LOG, "token_unknown_key"), (LOG, "token_signature")],
        cause: "No key of the issuer's key set verifies the token: it is of another environment, or the keys were \
                changed.",
        fix: "Compare `kid` of the token with the key set of the issuer.",
        yaml: None,
    },
    KnownFault {
        id: "token-scope",
        title: "The token has too few scopes",
        seen: &[
            (TYPESCRIPT_SDK, "Server returned 403 after trying upscoping"),
            (LANGCHAIN, "Client error '403 Forbidden'"),
            (LOG, "insufficient_scope"),
        ],
        cause: "The user did not get the scope, the client did not ask for it, or the client cannot ask for more \
                later.",
        fix: "Grant the scope at the authorization server. For clients that cannot step up, ask for all scopes \
                at once.",
        yaml: Some(YamlPart::Server("challenge_scope: all")),
    },
    KnownFault {
        id: "token-empty",
        title: "The token file is empty, or holds more than a token",
        seen: &[(LOG, "malformed_authorization")],
        cause: "The file is empty, holds several lines, or the word `Bearer` before the token.",
        fix: "Write the token alone into the file.",
        yaml: None,
    },
];
