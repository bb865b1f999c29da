//! Mistakes in `client_ids`, `required_claims` and `accepted_issuers`, and the warning about Entra.

use super::{super::warnings, Case, ISSUER, changed};

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
        "    issuer: https://login.microsoftonline.com/organizations/v2.0\n    client_ids: any\n    required_claims: {tid: [t]}\n",
        &[
            "7:17 authorization_servers.corporate.client_ids: found \"any\"; expected a list of client ids: anyone can have a client and a user at https://login.microsoftonline.com/organizations/v2.0",
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
            "9:13 authorization_servers.partner.issuer: found the issuer of authorization_servers.corporate.accepted_issuers[0]; expected each issuer once",
        ],
    ),
    (
        ISSUER,
        "    issuer: https://login.example.com\n    accepted_issuers: [https://login.example.com]\n",
        &[
            "7:24 authorization_servers.corporate.accepted_issuers[0]: found the issuer of authorization_servers.corporate; expected each issuer once",
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
    for quiet in ["okta", "auth0", "keycloak", "scalekit", "wso2"] {
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
