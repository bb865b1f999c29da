//! For which servers a token is, however they are spelled, and when they are not named.

use super::{Protected, left, narrow, of_one_server, requested};
use crate::{
    base::limits::authorization_server::RESOURCES_ASKED_MAX,
    decide::authorization_server::{
        error::Code,
        form::{Form, encode},
        people::read_scope,
    },
};

const A: &str = "https://gw.example/a";
const B: &str = "https://gw.example/b";
const ROOT: &str = "https://gw.example";

/// A server of its own name.
fn protected(resource: &str, scopes: &str) -> Protected {
    Protected {
        resource: resource.into(),
        name: resource.into(),
        scopes: read_scope(scopes).unwrap(),
        default_scopes: Vec::new(),
        is_root: false,
        passes_token: false,
    }
}

fn root(of: Protected) -> Protected {
    Protected { is_root: true, ..of }
}

fn passing(of: Protected) -> Protected {
    Protected { passes_token: true, ..of }
}

fn form(resources: &[&str], scope: &str) -> Form {
    let resources = resources.iter().map(|resource| ("resource", *resource));
    Form::read(encode(&resources.chain([("scope", scope)]).collect::<Vec<_>>()).as_bytes()).unwrap()
}

fn found(resources: &[Protected], asked: &[&str], scope: &str) -> Result<Vec<String>, Code> {
    let found = requested(&form(asked, scope), resources).map_err(|error| error.code)?;
    Ok(found.into_iter().map(|one| one.resource.to_string()).collect())
}

fn texts(of: &[&str]) -> Vec<String> {
    of.iter().map(|one| (*one).to_owned()).collect()
}

#[test]
fn e12_attack_161_resources_are_ours() {
    let all = [protected(A, ""), protected(B, ""), protected(ROOT, "")];
    let one = &all[..1];
    let many = vec![A; RESOURCES_ASKED_MAX];
    let too_many = vec![A; RESOURCES_ASKED_MAX + 1];
    for (resources, asked, wanted) in [
        (one, &[][..], Some(&[A][..])),
        (&all[..0], &[], None),
        (&all, &[A], Some(&[A])),
        (&all, &[B, A, B], Some(&[B, A])),
        (&all, &[ROOT], Some(&[ROOT])),
        (&all, &["https://gw.example/"], Some(&[ROOT])),
        (&all, &["HTTPS://GW.example:443/a"], Some(&[A])),
        (&all, &many[..], Some(&[A])),
        (&all, &too_many[..], None),
        // Equivalent spellings.
        (one, &["https://gw.example/a/"], Some(&[A])),
        (one, &["https://GW.Example:443/a/", A], Some(&[A])),
        // The query of a client's URL is for the upstream.
        (one, &["https://gw.example/a?x"], Some(&[A])),
        (one, &["https://gw.example/a/?toolsets=repos&x=1?y"], Some(&[A])),
        (one, &["https://gw.example/a?/", A, "https://gw.example/a?z"], Some(&[A])),
        (&all, &["https://gw.example/b?https://gw.example/a"], Some(&[B])),
        (&all, &["https://gw.example?/a"], Some(&[ROOT])),
        // Others are not: no part of a URL is decoded, and nothing is resolved.
        (one, &["https://gw.example/a//"], None),
        (one, &["https://gw.example//a"], None),
        (one, &["https://other.example/a"], None),
        (one, &["https://gw.example/a#f"], None),
        (one, &["https://gw.example/a#/"], None),
        (one, &["https://gw.example/a?x#f"], None),
        (one, &["https://gw.example/a#?x"], None),
        (one, &["https://gw.example/?/a"], None),
        (one, &["https://gw.example/b?/a"], None),
        (one, &["https://gw.example/a%3Fx"], None),
        (one, &["https://gw.example/A"], None),
        (one, &["https://gw.example/%61"], None),
        (one, &["https://gw.example/x/../a"], None),
        (one, &["https://gw.example/ab"], None),
        (one, &["https://gw.example"], None),
        (one, &["https://gw.example:8443/a"], None),
        (one, &["https://u@gw.example/a"], None),
        (one, &["http://gw.example/a"], None),
        (one, &["https://gw.example.evil/a"], None),
        (one, &["/a"], None),
        (one, &["/"], None),
        (one, &["urn:a"], None),
        // An unknown one is ignored beside a known one, and refused alone.
        (&all, &[A, "https://other.example/a"], Some(&[A])),
        (&all, &["https://other.example/a", B, "urn:x", A], Some(&[B, A])),
        (one, &[A, "https://gw.example"], Some(&[A])),
        (&all, &["https://other.example/a", "urn:x"], None),
    ] {
        assert_eq!(found(resources, asked, ""), wanted.map(texts).ok_or(Code::InvalidTarget), "{asked:?}");
    }
}

#[test]
fn e12_b6_without_a_resource_it_is_the_root_server_or_those_whose_scopes_fit() {
    let [a, b, open] = [protected(A, "a both"), protected(B, "b both"), protected("https://gw.example/o", "")];
    let o = "https://gw.example/o";
    let top = root(protected(ROOT, "top both"));
    let plain = [a.clone(), b.clone(), open.clone()];
    let named = [a.clone(), protected(B, "b openid"), open.clone()];
    let rooted = [a.clone(), b.clone(), open.clone(), top];
    let bare = [a.clone(), root(open.clone())];
    let passes = [a.clone(), passing(b.clone()), open];
    let all_pass = [passing(a.clone()), passing(b)];
    let twice = [a.clone(), Protected { resource: "https://gw.example/a/sse".into(), ..a }];
    for (case, resources, scope, wanted) in [
        ("those that name it", &plain[..], "a", Ok(&[A][..])),
        ("those that name it", &plain, "both", Ok(&[A, B])),
        ("those that name any of them", &plain, "a b", Ok(&[A, B])),
        ("others are ignored", &plain, "a openid profile", Ok(&[A])),
        ("no scopes", &plain, "", Ok(&[A, B, o])),
        ("offline_access says nothing", &plain, "offline_access", Ok(&[A, B, o])),
        ("OpenID's own say nothing", &plain, "openid profile email offline_access", Ok(&[A, B, o])),
        ("of no server: those without scopes", &plain, "admin openid", Ok(&[o])),
        ("of no server", &plain[..2], "admin", Err(Code::InvalidScope)),
        ("the root server", &rooted, "", Ok(&[ROOT])),
        ("the root server", &rooted, "top", Ok(&[ROOT])),
        ("the root server alone", &rooted, "both", Ok(&[ROOT])),
        ("not of the root server", &rooted, "a", Ok(&[A])),
        ("of no server", &rooted, "admin", Ok(&[ROOT])),
        ("OpenID's own say nothing", &rooted, "openid", Ok(&[ROOT])),
        ("one that a server names", &named, "openid", Ok(&[B])),
        ("one that a server names", &named, "openid a", Ok(&[A, B])),
        ("a root server without scopes", &bare, "", Ok(&[o])),
        ("a root server without scopes", &bare, "a", Ok(&[A])),
        // Attack 218: a server that passes the token on is never one of several.
        ("passes the token on", &passes, "both", Ok(&[A])),
        ("passes the token on", &passes, "", Ok(&[A, o])),
        ("passes the token on, and no other fits", &passes, "b", Err(Code::InvalidTarget)),
        ("all pass the token on", &all_pass, "both", Err(Code::InvalidTarget)),
        ("the only server passes it on", &all_pass[..1], "both", Ok(&[A])),
        ("one server with two paths", &twice, "a", Ok(&[A, "https://gw.example/a/sse"])),
    ] {
        assert_eq!(found(resources, &[], scope), wanted.map(texts), "{case}: {scope:?}");
    }
    let many = |count: usize| (0..count).map(|n| protected(&format!("{A}/{n}"), "a")).collect::<Vec<_>>();
    assert_eq!(found(&many(RESOURCES_ASKED_MAX), &[], "a").map(|found| found.len()), Ok(RESOURCES_ASKED_MAX));
    assert_eq!(found(&many(RESOURCES_ASKED_MAX + 1), &[], "a"), Err(Code::InvalidTarget));
    assert_eq!(found(&plain, &[], " a  openid "), Ok(texts(&[A])));
    assert_eq!(found(&plain, &[], "a\tb"), Err(Code::InvalidScope));
    // A client that acts for itself gets one server, or none.
    let own = |resources: &[Protected]| of_one_server(resources).map(|of| of.len()).map_err(|error| error.code);
    assert_eq!((own(&plain), own(&[])), (Err(Code::InvalidTarget), Err(Code::InvalidTarget)));
    assert_eq!((own(&rooted), own(&twice), own(&plain[..1])), (Ok(1), Ok(2), Ok(1)));
}

#[test]
fn login_b6_attack_218_a_server_that_passes_tokens_on_is_named_alone() {
    const F: &str = "https://gw.example/f";
    const SSE: &str = "https://gw.example/f/sse";
    let f = Protected { name: "f".into(), ..passing(protected(F, "f")) };
    let all = [protected(A, "a"), protected(B, "b"), f.clone(), Protected { resource: SSE.into(), ..f }];
    let granted = |of: &[&str]| of.iter().map(|one| Box::from(*one)).collect::<Vec<Box<str>>>();
    let everything = granted(&[A, B, F, SSE]);
    // At the authorization endpoint, and of everything that there is at the token endpoint.
    for (asked, is_refused) in [
        (&[F][..], false),
        (&["https://GW.example/f/"], false),
        (&[F, F], false),
        (&[F, SSE], false),
        (&[A, B], false),
        (&[F, "https://elsewhere.example"], false),
        (&[A, F], true),
        (&[F, A], true),
        (&[B, SSE], true),
        (&[A, B, F], true),
    ] {
        let form = form(asked, "");
        let refused = requested(&form, &all).err();
        assert_eq!(refused.is_some(), is_refused, "{asked:?}");
        assert_eq!(narrow(&everything, &all, &form).err(), refused, "{asked:?}");
        let Some(refused) = refused else { continue };
        assert_eq!(refused.code, Code::InvalidTarget);
        let passes = asked.iter().find(|one| one.starts_with(F)).unwrap();
        assert!(refused.description.starts_with(&format!("{passes} must be requested alone")), "{refused:?}");
    }
    // What was granted together, before an upgrade or a reload, is told apart.
    let others = [&all[..], &[passing(protected(ROOT, ""))]].concat();
    for (of, wanted) in [
        (&[A, F][..], Some(&[A][..])),
        (&[F, B, A, SSE], Some(&[B, A])),
        (&[F, SSE], Some(&[F, SSE])),
        (&[F], Some(&[F])),
        (&["https://gone.example", F], Some(&["https://gone.example", F])),
        (&[F, ROOT], None),
    ] {
        let found = narrow(&granted(of), &others, &form(&[], "")).map_err(|error| error.code);
        assert_eq!(found, wanted.map(granted).ok_or(Code::InvalidTarget), "{of:?}");
    }
    assert_eq!(narrow(&granted(&[A, F]), &others, &form(&[F], "")).unwrap(), granted(&[F]));
}

#[test]
fn e22_attack_161_a_token_is_for_no_more_than_was_granted() {
    let granted: Vec<Box<str>> = vec![A.into(), ROOT.into()];
    let known = [protected(A, ""), protected(ROOT, ""), protected("https://gw.example/c", "")];
    for (asked, wanted) in [
        (&[][..], Some(&[A, ROOT][..])),
        (&[A], Some(&[A])),
        (&["https://gw.example/", A, ROOT], Some(&[ROOT, A])),
        (&["https://GW.example:443/a/"], Some(&[A])),
        (&["https://gw.example/c"], None),
        (&["https://gw.example/c/"], None),
        (&[A, "https://gw.example/c"], None),
        (&["https://gw.example/c", A], None),
        (&[A, "https://gw.example/c/"], None),
        (&["https://gw.example/a#f"], None),
        (&["https://other.example/a"], None),
        (&[A, "https://other.example/a"], Some(&[A])),
        (&["https://other.example/a", "urn:x"], None),
    ] {
        let found = narrow(&granted, &known, &form(asked, "")).map_err(|error| error.code);
        let wanted = wanted.map(|list| list.iter().map(|one| Box::from(*one)).collect::<Vec<Box<str>>>());
        assert_eq!(found, wanted.ok_or(Code::InvalidTarget), "{asked:?}");
    }
}

#[test]
fn login_b6_attack_219_a_server_stays_only_with_a_scope_of_its_own_or_without_any() {
    let known = [protected(A, "a both"), protected(B, "b both"), protected(ROOT, "")];
    for (resources, granted, needs_none, wanted) in [
        (&[A, B][..], "a b", true, &[A, B][..]),
        (&[A, B], "a", true, &[A]),
        (&[B, A], "b", true, &[B]),
        (&[A, B], "both", true, &[A, B]),
        (&[A, B], "other", true, &[]),
        (&[A, B], "", true, &[]),
        (&[A], "b", true, &[]),
        // A server without scopes.
        (&[A, B, ROOT], "a", true, &[A, ROOT]),
        (&[A, B, ROOT], "a", false, &[A]),
        (&[ROOT], "", true, &[ROOT]),
        (&[ROOT], "", false, &[]),
        (&["https://gone.example"], "a", true, &[]),
    ] {
        let resources: Vec<Box<str>> = resources.iter().map(|one| Box::from(*one)).collect();
        let found = left(&resources, &known, &read_scope(granted).unwrap(), needs_none);
        assert_eq!(found.iter().map(|one| &**one).collect::<Vec<_>>(), wanted, "{granted:?} {needs_none}");
    }
}
