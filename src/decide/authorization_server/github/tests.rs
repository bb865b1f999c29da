//! What GitHub says, and what it means.

use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::{Value, json};

use super::{answers::*, names::*, person::*, place::*, token::*};
use crate::decide::authorization_server::idp_refusal::IdpRefusal;

fn names(organizations: &[&str], teams: &[&str]) -> GitHubNames {
    let boxed = |names: &[&str]| names.iter().map(|name| Box::from(*name)).collect();
    GitHubNames { organizations: boxed(organizations), teams: boxed(teams) }
}

fn members(organizations: &[(&str, u64)], teams: &[(&str, u64)]) -> GitHubMemberships {
    let of =
        |all: &[(&str, u64)]| all.iter().map(|(name, id)| GitHubMembership { name: (*name).into(), id: *id }).collect();
    GitHubMemberships { organizations: of(organizations), teams: of(teams) }
}

#[test]
fn c3_every_spelling_of_github_is_github_and_other_hosts_have_their_api_below_them() {
    for (https, host, port, web, api, verifies) in [
        (true, "github.com", 443, "https://github.com", "https://api.github.com", true),
        (true, "GitHub.com", 443, "https://github.com", "https://api.github.com", true),
        (true, "www.github.com", 443, "https://github.com", "https://api.github.com", true),
        (true, "api.github.com", 443, "https://github.com", "https://api.github.com", true),
        (true, "github.com.", 443, "https://github.com", "https://api.github.com", true),
        (true, "acme.ghe.com", 443, "https://acme.ghe.com", "https://api.acme.ghe.com", true),
        (true, "api.acme.ghe.com", 443, "https://acme.ghe.com", "https://api.acme.ghe.com", true),
        (true, "git.corp.example", 443, "https://git.corp.example", "https://git.corp.example/api/v3", false),
        (
            true,
            "git.corp.example",
            8443,
            "https://git.corp.example:8443",
            "https://git.corp.example:8443/api/v3",
            false,
        ),
        (false, "127.0.0.1", 3000, "http://127.0.0.1:3000", "http://127.0.0.1:3000/api/v3", false),
        (false, "localhost", 80, "http://localhost", "http://localhost/api/v3", false),
        (true, "::1", 443, "https://[::1]", "https://[::1]/api/v3", false),
        // Not GitHub itself.
        (true, "github.com", 8443, "https://github.com:8443", "https://github.com:8443/api/v3", false),
        (true, "notgithub.com", 443, "https://notgithub.com", "https://notgithub.com/api/v3", false),
        (true, "notghe.com", 443, "https://notghe.com", "https://notghe.com/api/v3", false),
    ] {
        let place = GitHubPlace::of(https, host, port);
        assert_eq!((&*place.web, &*place.api, place.verifies_email), (web, api, verifies), "{host}");
    }
    let github = GitHubPlace::of(true, "github.com", 443);
    assert_eq!((github.issuer(), github.subject(42)), ("https://github.com/login/oauth".to_owned(), "42".to_owned()));
    // The same number is another user at another place.
    assert_eq!(GitHubPlace::of(true, "git.corp.example", 443).subject(42), "42@git.corp.example");
    assert_eq!(GitHubPlace::of(false, "127.0.0.1", 3000).subject(42), "42@127.0.0.1:3000");
}

#[test]
fn c3_a_team_is_named_with_its_organization() {
    for (name, is_one) in [
        ("acme", true),
        ("Acme-2", true),
        ("acme_emu", true),
        ("", false),
        ("a/b", false),
        ("a b", false),
        ("ü", false),
    ] {
        assert_eq!(is_organization(name), is_one, "{name}");
    }
    for (name, is_one) in [
        ("acme/platform", true),
        ("acme/a.b_c-d", true),
        ("acme", false),
        ("acme/", false),
        ("/platform", false),
        ("a/b/c", false),
        ("acme/a b", false),
        ("acme/a\n", false),
        ("acme/platform#9", true),
        ("acme#7/platform", false),
        ("acme/\u{212A}", false),
    ] {
        assert_eq!(is_team(name), is_one, "{name}");
    }
}

#[test]
fn c3_only_401_and_a_suspension_of_the_user_end_a_session() {
    use ApiVerdict as V;
    let fields = |pairs: &[(&'static str, &str)]| -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_str(value).unwrap())).collect()
    };
    let none: &[(&str, &str)] = &[];
    let suspended = r#"{"message":"Sorry. Your account was suspended."}"#;
    for (status, pairs, body, of_user, of_others) in [
        (200, none, "{}", V::Good, V::Good),
        (401, none, r#"{"message":"Bad credentials"}"#, V::Over, V::Moment),
        (403, none, suspended, V::Suspended, V::Forbidden),
        (403, none, r#"{"message":"This installation has been suspended"}"#, V::Moment, V::Forbidden),
        (403, none, r#"{"message":"You have exceeded a secondary rate limit."}"#, V::Limited, V::Limited),
        (403, none, r#"{"message":"You have triggered an abuse detection mechanism."}"#, V::Limited, V::Limited),
        (403, none, r#"{"message":"Resource not accessible by integration"}"#, V::Moment, V::Forbidden),
        (403, &[("x-ratelimit-remaining", "0")], suspended, V::Limited, V::Limited),
        (403, &[("x-ratelimit-remaining", "12")], "", V::Moment, V::Forbidden),
        (403, &[("retry-after", "60")], "secondary rate limit", V::Limited, V::Limited),
        (429, none, "", V::Limited, V::Limited),
        (404, none, "<html>", V::Moment, V::Forbidden),
        (500, none, "", V::Moment, V::Moment),
        (502, none, suspended, V::Moment, V::Moment),
        (204, none, "", V::Moment, V::Moment),
    ] {
        let status = StatusCode::from_u16(status).unwrap();
        let judged = |is_user| judge(status, &fields(pairs), body.as_bytes(), is_user);
        assert_eq!((judged(true), judged(false)), (of_user, of_others), "{status} {pairs:?} {body}");
    }
}

#[test]
fn c3_the_address_is_the_primary_one_if_it_is_verified() {
    let email = |body: &Value| verified_email(body.to_string().as_bytes());
    let one =
        |email: &str, primary: bool, verified: bool| json!({"email": email, "primary": primary, "verified": verified});
    assert_eq!(email(&json!([one("a@x", false, true), one("b@x", true, true)])), Some(Some("b@x".into())));
    assert_eq!(email(&json!([one("a@x", false, true), one("b@x", true, false)])), Some(None));
    assert_eq!(email(&json!([{"email": "a@x", "primary": true}])), Some(None));
    // Of two primary addresses the first counts.
    assert_eq!(email(&json!([one("a@x", true, false), one("b@x", true, true)])), Some(None));
    assert_eq!(email(&json!([{"email": 5}, one("b@x", true, true)])), Some(Some("b@x".into())));
    assert_eq!(email(&json!([one(&"x".repeat(255), true, true)])), Some(None));
    assert_eq!(email(&json!([])), Some(None));
    assert_eq!(email(&json!({"message": "no"})), None);
    assert_eq!(email(&json!([one("", true, true)])), Some(None));
}

#[test]
fn c3_members_are_active_and_no_billing_managers() {
    let one = |login: &str, state: &str, role: &str| json!({"organization": {"login": login, "id": 7}, "state": state, "role": role});
    let found = |page: Option<MembershipPage>| {
        let page = page.unwrap();
        let names: Vec<String> = page.memberships.iter().map(|one| format!("{}#{}", one.name, one.id)).collect();
        (names.join(" "), page.is_full)
    };
    let body = json!([
        one("acme", "active", "member"),
        one("owned", "active", "admin"),
        one("invited", "pending", "member"),
        one("paying", "active", "billing_manager"),
        one("odd name", "active", "member"),
        {"state": "active", "role": "member"},
        {"state": 5},
        null,
    ]);
    assert_eq!(found(organizations(body.to_string().as_bytes())), ("acme#7 owned#7".to_owned(), false));
    assert!(organizations(b"{}").is_none());
    let body = json!([
        {"id": 9, "slug": "platform", "organization": {"login": "acme", "id": 7}, "name": "Platform", "parent": null},
        {"id": 9, "slug": "a/b", "organization": {"login": "acme", "id": 7}},
        {"id": 9, "slug": 5, "organization": {"login": "acme", "id": 7}},
        {"slug": "orphan"},
    ]);
    assert_eq!(found(teams(body.to_string().as_bytes())), ("acme/platform#9".to_owned(), false));
    let many = |count: usize| json!(vec![one("acme", "active", "member"); count]).to_string();
    assert!(organizations(many(PAGE).as_bytes()).unwrap().is_full);
    assert!(organizations(many(PAGE + 1).as_bytes()).is_none());
    let fields = |link: &str| HeaderMap::from_iter([(http::header::LINK, HeaderValue::from_str(link).unwrap())]);
    assert!(has_next(&fields("<https://api/x?page=1>; rel=\"prev\", <https://api/x?page=3>; rel=\"next\"")));
    assert!(!has_next(&fields("<https://api/x?page=1>; rel=\"prev\", <https://api/next>; rel=\"last\"")));
    assert!(!has_next(&HeaderMap::new()));
}

#[test]
fn c3_claims_are_what_the_configuration_names_in_its_spelling() {
    let ada = user(br#"{"id": 42, "login": "Ada", "name": "Ada \u202eL.", "email": "told@anyone.example"}"#).unwrap();
    let member_of = members(&[("Acme", 7), ("other", 8)], &[("Acme/Platform", 9), ("acme/more", 10)]);
    let named =
        names(&["acme", "absent", "acme#7", "acme#8"], &["acme/platform", "ACME/platform#9", "acme/platform#10"]);
    let (cloud, server) = (GitHubPlace::of(true, "github.com", 443), GitHubPlace::of(true, "git.corp.example", 443));
    let said = GitHubSaid { user: &ada, email: Some("ada@corp.example"), member_of: &member_of };
    let known = person(&said, &named, &cloud, false);
    assert_eq!((&*known.subject, &*known.name), ("42", "Ada"));
    assert_eq!(
        Value::Object(known.claims),
        json!({
            "id": 42, "login": "Ada", "name": "Ada L.", "email": "ada@corp.example", "email_verified": true,
            "organizations": ["acme", "acme#7"], "teams": ["acme/platform", "ACME/platform#9"],
        })
    );
    assert_eq!(named.numbered(&member_of), "Acme#7, Acme/Platform#9");
    assert!(!names(&[], &["ACME/Platform"]).among(&member_of).is_empty());
    assert!(names(&["absent", "acme#8"], &["acme/absent"]).among(&member_of).is_empty());
    assert!(GitHubNames::default().among(&member_of).is_empty());
    // A server of one's own verifies no address, whatever it says.
    let verified = |place, trusts| person(&said, &named, place, trusts).claims["email_verified"].clone();
    assert_eq!((verified(&server, false), verified(&server, true)), (json!(false), json!(true)));
    // The address of the profile may be anyone's.
    let known = person(&GitHubSaid { email: None, ..said }, &named, &cloud, true);
    assert_eq!((known.claims.get("email"), known.claims.get("email_verified")), (None, None));
    for body in [
        r#"{"id": 0, "login": "x"}"#,
        r#"{"id": "42", "login": "x"}"#,
        r#"{"id": 42}"#,
        r#"{"id": 42, "login": ""}"#,
        r#"{"id": 42, "login": "a\u0000b"}"#,
        "[]",
    ] {
        assert_eq!(user(body.as_bytes()), None, "{body}");
    }
}

#[test]
fn c3_a_token_response_is_a_token_or_an_error_also_with_status_200() {
    let read = |body: &Value| token_answer(body.to_string().as_bytes());
    let Some(TokenAnswer::Granted(tokens)) =
        read(&json!({"access_token": "gho_1", "token_type": "bearer", "scope": "read:org,user:email"}))
    else {
        panic!("granted")
    };
    assert!(tokens.may("read:org") && tokens.may("user:email") && !tokens.is_of_app && tokens.refresh_token.is_none());
    for (scope, organizations, email) in
        [("", false, false), ("admin:org", true, false), ("user,repo", false, true), ("read:organ", false, false)]
    {
        let Some(TokenAnswer::Granted(tokens)) = read(&json!({"access_token": "gho_1", "scope": scope})) else {
            panic!("granted")
        };
        assert_eq!((tokens.may("read:org"), tokens.may("user:email")), (organizations, email), "{scope}");
    }
    let Some(TokenAnswer::Granted(tokens)) =
        read(&json!({"access_token": "ghu_1", "refresh_token": "ghr_1", "expires_in": 28800, "scope": ""}))
    else {
        panic!("granted")
    };
    assert!(tokens.is_of_app && tokens.may("read:org"));
    assert_eq!(tokens.refresh_token.as_deref(), Some("ghr_1"));
    let error = json!({"error": "bad_verification_code", "error_description": "x", "access_token": "gho_1"});
    assert_eq!(read(&error), Some(TokenAnswer::Refused("bad_verification_code".to_owned())));
    assert_eq!(read(&json!({"error": "Not\nFound<"})), Some(TokenAnswer::Refused("NotFound".to_owned())));
    assert_eq!((read(&json!({})), read(&json!({"access_token": ""})), read(&json!([]))), (None, None, None));
}

#[test]
fn c3_a_refusal_is_about_the_session_the_app_or_the_moment() {
    use IdpRefusal as R;
    for (status, error, expected) in [
        (200, "bad_verification_code", R::Session),
        (200, "bad_refresh_token", R::Session),
        (200, "unverified_user_email", R::Session),
        (200, "incorrect_client_credentials", R::Gateway),
        (200, "redirect_uri_mismatch", R::Gateway),
        (404, "Not Found", R::Gateway),
        (200, "", R::Moment),
        (200, "something_new", R::Moment),
        (503, "bad_refresh_token", R::Moment),
        (429, "bad_refresh_token", R::Moment),
    ] {
        assert_eq!(classify(StatusCode::from_u16(status).unwrap(), error), expected, "{status} {error}");
    }
}
