//! One example of each refusal for tests. A list that misses one does not compile.

use crate::{
    base::names::Scope,
    decide::refusal::{BodyLimit, NotAccess, PresentationFault, Refusal, TokenFault},
};

/// An array with each variant of an enum once; each must be named.
macro_rules! each {
    ($kind:ident: $($variant:ident $(($inner:expr))? $({ $($field:ident: $value:expr),+ })?),+ $(,)?) => {{
        let _does_not_compile_if_one_is_missing = |one: &$kind| match one {
            $($kind::$variant { .. } => ()),+
        };
        [$($kind::$variant $(($inner))? $({ $($field: $value),+ })?),+]
    }};
}

/// Each refusal once.
pub(crate) fn every_refusal() -> Vec<Refusal> {
    Vec::from(each![Refusal:
        BadRequest("a"),
        NotFound,
        Misdirected("gw.example".into()),
        MisdirectedTls { asked: "gw.svc".into(), own: "gw.example".into() },
        Method("POST"),
        UriTooLong,
        HeadersTooLarge,
        HeadTimeout,
        Expectation,
        ForeignOrigin("https://a.example".into()),
        NullOrigin,
        ServiceWorker,
        UnsafePath("a dot segment"),
        Loop,
        NoCredential,
        LargeWithoutToken(65536),
        SignIn { needed: vec![Scope::from("a")] },
        NoRoomWithoutToken,
        Presentation(PresentationFault::TwoCredentials),
        Token(TokenFault::Expired),
        KeysUnavailable { retry_after_secs: 3 },
        OtherIssuer { lines: "issuer: https://other.example".into(), retry_after_secs: 3 },
        IntrospectionUnavailable { retry_after_secs: 3 },
        MediaType,
        ContentCoding,
        BodyTooLarge(BodyLimit::OfServer(4096)),
        BodyTimeout,
        BodyBroken,
        BodyAborted,
        Unreadable("a"),
        NotAMessage("a"),
        BadParams("a"),
        HeaderMismatch("a"),
        BadSessionHeader,
        PinnedQuery("key".into()),
        SessionsUnavailable,
        UnknownSession,
        Scope { needed: vec![Scope::from("a")] },
        Forbidden { rule: 7 },
        EmailUnverified { rule: 7 },
        NoRule,
        UnsafeUri("a"),
        UnknownTask,
        TooManyStreams,
        TooManySessions,
        TooManyTasks,
        TooManyRequests,
        TooManyBodyBytes,
        OverloadedRequests,
        OverloadedBodyBytes,
        OverloadedDescriptors,
        UpstreamUnreachable("cannot be reached"),
        UpstreamBusy,
        UpstreamAnswer("a"),
        UpstreamTimeout("did not answer in time"),
        Internal("the secret of 10.0.0.7"),
    ])
}

/// Each way to present a credential wrongly.
pub(crate) fn every_presentation_fault() -> [PresentationFault; 4] {
    each![PresentationFault: TwoCredentials, InQuery, InForm, Malformed]
}

/// Each fault of a token.
pub(crate) fn every_token_fault() -> [TokenFault; 25] {
    each![TokenFault:
        Oversize,
        Malformed,
        Algorithm,
        Type(NotAccess::Has("nonce")),
        Header,
        KeyId,
        Issuer,
        UnknownKey,
        Signature,
        Expired,
        Revoked,
        Time("exp"),
        NotYetValid,
        Audience,
        NoAudience,
        Client("azp"),
        Subject("sub, client_id".into()),
        ScopeShape("scp".into()),
        Required("org_id".into()),
        SenderConstraint,
        Claims("jti"),
        ApiKeyForm,
        ApiKeyUnknown,
        ApiKeyServer,
        Inactive,
    ]
}

/// Each row of the table, those of the faults among them.
pub(crate) fn every_row() -> Vec<Refusal> {
    let is_of_a_fault = |refusal: &Refusal| matches!(refusal, Refusal::Presentation(_) | Refusal::Token(_));
    let mut all = every_refusal();
    all.retain(|refusal| !is_of_a_fault(refusal));
    all.extend(every_presentation_fault().map(Refusal::Presentation));
    all.extend(every_token_fault().map(Refusal::Token));
    all
}
