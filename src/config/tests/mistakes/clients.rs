//! Mistakes in `client_ids`, `required_claims` and `accepted_issuers`, and the warning about Entra.

use super::{super::warnings, Case, ISSUER, changed, problems};

pub(super) const CASES: &[Case] = &[
    (
        ISSUER,
        "    issuer: https://login.example.com\n    client_ids: []\n",
        &[
            "7:17 authorization_servers.corporate.client_ids: found an empty list; expected a non-empty list of client ids",
        ],
    ),
    (
        ISSUER,
        "    issuer: https://login.example.com\n    client_ids: all\n",
        &["7:17 authorization_servers.corporate.client_ids: found \"all\"; expected a list of client ids, or `any`"],
    ),
    (
        ISSUER,
        "    issuer: https://login.example.com\n    client_ids: [web, any]\n",
        &[
            "7:23 authorization_servers.corporate.client_ids[1]: found \"any\"; expected a client id; `client_ids: any`, without brackets, accepts every client",
        ],
    ),
    (
        ISSUER,
        "    issuer: https://login.example.com\n    client_ids: any\n    required_claims: {aud: [x], scope: [a]}\n",
        &[
            "7:17 authorization_servers.corporate.client_ids: found \"any\"; expected `required_claims` beside `any`, with a claim that only your organization's tokens have, such as `required_claims: {org_id: [YOUR_ORGANIZATION]}`; or a list of client ids",
        ],
    ),
    (
        ISSUER,
        "    issuer: https://login.example.com\n    accepted_issuers: [https://accounts.google.com.]\n    client_ids: any\n    required_claims: {hd: [a.example]}\n",
        &[
            "8:17 authorization_servers.corporate.client_ids: found \"any\"; expected a list of client ids: anyone can have a client and an account at https://accounts.google.com.",
        ],
    ),
    (
        ISSUER,
        "    issuer: https://login.microsoftonline.com/organizations/v2.0\n    client_ids: any\n    required_claims: {tid: [t]}\n",
        &[
            "7:17 authorization_servers.corporate.client_ids: found \"any\"; expected a list of client ids: anyone can have a client and an account at https://login.microsoftonline.com/organizations/v2.0",
        ],
    ),
    (
        ISSUER,
        "    issuer: https://accounts.google.com\n    profile: google\n    client_ids: [web]\n",
        &[
            "8:17 authorization_servers.corporate.client_ids: found a list; expected no client_ids with `profile: google`: nothing tells its access tokens from ID tokens, which have the same aud",
        ],
    ),
    (
        ISSUER,
        "    issuer: https://login.example.com\n    required_claims: {}\n",
        &["7:22 authorization_servers.corporate.required_claims: found an empty map; expected at least one claim"],
    ),
    (
        ISSUER,
        "    issuer: https://login.example.com\n    required_claims: {org_id: []}\n",
        &[
            "7:31 authorization_servers.corporate.required_claims.org_id: found an empty list; expected a non-empty list of values of a claim: text, numbers, true or false, or {glob: …}",
        ],
    ),
    (
        ISSUER,
        "    issuer: https://login.example.com\n    accepted_issuers: [https://env.example.com]\n  partner:\n    issuer: https://env.example.com\n",
        &[
            "9:13 authorization_servers.partner.issuer: found the issuer of authorization_servers.corporate.accepted_issuers[0]; expected each issuer once; see gateway.yaml:7:24 authorization_servers.corporate.accepted_issuers[0]",
        ],
    ),
    (
        ISSUER,
        "    issuer: https://login.example.com\n    accepted_issuers: [https://login.example.com]\n",
        &[
            "7:24 authorization_servers.corporate.accepted_issuers[0]: found the issuer of authorization_servers.corporate; expected each issuer once; see gateway.yaml:6:13 authorization_servers.corporate.issuer",
        ],
    ),
    (
        ISSUER,
        "    issuer: https://login.example.com\n    accepted_issuers: [\"http://login.example.com\", \"https://*.example.com\"]\n",
        &[
            "7:24 authorization_servers.corporate.accepted_issuers[0]: found \"http://login.example.com\"; expected an https:// URL; http:// is for a loopback host, or needs `allow_http: true` (dangerous)",
            "7:52 authorization_servers.corporate.accepted_issuers[1]: found \"https://*.example.com\"; expected a URL with a host name or an address",
        ],
    ),
];

#[test]
fn people_a6_entra_as_a_direct_issuer_is_warned_of_with_the_embedded_form() {
    let told = warnings(&changed(ISSUER, &format!("{ISSUER}    profile: entra\n"))).concat();
    for part in
        ["authorization_servers.corporate.profile", "AADSTS9010010", "embedded: {path: /oauth", "profile: entra"]
    {
        assert!(told.contains(part), "{told}");
    }
    for quiet in ["okta", "auth0", "scalekit", "wso2"] {
        assert_eq!(warnings(&changed(ISSUER, &format!("{ISSUER}    profile: {quiet}\n"))), [""; 0], "{quiet}");
    }
}

#[test]
fn people_a2_a7_what_is_written_is_explained_and_read_again() {
    let more = "    accepted_issuers: [\"https://env.example.com\"]\n    client_ids: [web, \"https://app.example\"]\n    required_claims: {org_id: [\"org_42\", 7]}\n";
    let first = super::super::read(&changed(ISSUER, &format!("{ISSUER}{more}"))).unwrap().settings;
    let printed = crate::config::explain::print(&first);
    for line in ["accepted_issuers: [", "client_ids: [", "required_claims: {"] {
        assert!(printed.contains(line), "{printed}");
    }
    let again = super::super::read(&printed).unwrap_or_else(|problems| panic!("{problems}\n{printed}")).settings;
    assert_eq!(again.authorization_servers, first.authorization_servers);
}

/// The issuer of an embedded server is `public_url` and its path: with two entries, the first one's
/// keys would verify its tokens.
#[test]
fn people_a7_attack_235_an_embedded_issuer_is_in_one_entry_only_in_either_order() {
    const EMBEDDED: &str = "  own:\n    embedded: {path: /oauth, login: {oidc: {issuer: \"https://idp.example.net\", client_id: a, client_secret: \"env:SESSION_KEY\"}}, grants: [{scopes: [\"a\"]}], store: {memory: true}}\n";
    let twice = "found the issuer of authorization_servers.";
    for (entry, place) in [
        ("    issuer: https://mcp.example.com/oauth\n", "corporate; expected each issuer once"),
        (
            "    issuer: https://login.example.com\n    accepted_issuers: [https://mcp.example.com/oauth]\n",
            "corporate.accepted_issuers[0]; expected each issuer once",
        ),
    ] {
        for (text, place) in [
            (format!("  corporate:\n{entry}{EMBEDDED}"), place),
            (format!("{EMBEDDED}  corporate:\n{entry}"), "own; expected each issuer once"),
        ] {
            let told = problems(&changed(&format!("  corporate:\n{ISSUER}"), &text));
            let expected = format!("{twice}{place}; see gateway.yaml:");
            assert!(told.iter().any(|line| line.contains(&expected)), "{text}: {told:?}");
        }
    }
}

/// A claim that each user or client of the issuer has, or can get, keeps no user out.
#[test]
fn people_a2_attack_234_what_is_no_claim_of_an_organization() {
    let of = |profile: &str, required: &str| {
        let more = format!("    profile: {profile}\n    client_ids: any\n    required_claims: {{{required}}}\n");
        changed(ISSUER, &format!("{ISSUER}{more}"))
    };
    for (profile, required) in [
        ("generic", "email_verified: [true]"),
        ("wso2", "aut: [APPLICATION_USER]"),
        ("generic", "scopes: [a]"),
        ("scalekit", "scopes: [a]"),
        ("generic", "permissions: [a]"),
        ("entra", "roles: [a]"),
        ("generic", "token_type: [Bearer]"),
        ("generic", "tokenType: access-token"),
        ("generic", "ver: [\"2.0\"]"),
        ("generic", "acr: [\"1\"]"),
        ("generic", "amr: [pwd]"),
        ("auth0", "gty: [password]"),
        ("generic", "idtyp: [user]"),
        ("generic", "auth_time: [1]"),
        ("generic", "tid: [\"\"]"),
        ("generic", "tid: [\" \"]"),
        ("generic", "org_id: [true]"),
        ("generic", "org_id: [org-1, false]"),
        ("generic", "org_id: {glob: \"org-*\"}"),
        ("keycloak", "clientHost: [a]"),
        ("entra", "appid: [a]"),
        ("generic", "/aud/0: [a]"),
    ] {
        let told = problems(&of(profile, required));
        assert!(told.concat().contains("expected `required_claims` beside `any`"), "{profile} {required}: {told:?}");
    }
    for (profile, required) in [
        ("wso2", "org_id: [org-1]"),
        ("generic", "tid: [t]"),
        ("generic", "hd: [a.example]"),
        ("generic", "tenant: [42]"),
        ("generic", "\"https://acme.example/org_id\": [a]"),
        ("generic", "/realm_access/roles: [mcp]"),
        ("generic", "color: [red], org_id: [a]"),
    ] {
        let told: Vec<String> = warnings(&of(profile, required));
        assert!(!told.concat().contains("client_ids"), "{profile} {required}: {told:?}");
    }
    let told = warnings(&of("generic", "color: [red]")).concat();
    assert!(told.contains("7:17") || told.contains("client_ids"), "{told}");
    assert!(
        told.contains(
            "if users or clients of other organizations can get this value in color, the gateway accepts them"
        ),
        "{told}"
    );
}

#[test]
fn people_a3_a_claim_of_the_client_before_those_of_users_is_warned_of() {
    let of = |names: &str| warnings(&changed(ISSUER, &format!("{ISSUER}    subject_claims: {names}\n"))).concat();
    for names in ["[client_id]", "[client_id, sub]", "[/azp, uid]", "[appid]"] {
        let told = of(names);
        assert!(told.contains("subject_claims") && told.contains("names machines alone"), "{names}: {told}");
    }
    for names in ["[sub, client_id]", "[uid]", "[email, sub]", "[sub]"] {
        assert_eq!(of(names), "", "{names}");
    }
}
