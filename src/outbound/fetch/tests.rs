//! Good documents, and every reason to refuse a document.

use http::{HeaderMap, HeaderValue, header::CACHE_CONTROL};

use super::{
    testing::{ScriptedAnswer, Site, fetch_trusting},
    *,
};
use crate::outbound::reach::PrivateCa;

const LIMIT: usize = 1_000;

fn wanted(url: &str) -> Wanted<'_> {
    Wanted { url, rule: AddressRule::Configured, plaintext: Plaintext::Loopback, bytes_max: LIMIT }
}

async fn get(answer: ScriptedAnswer) -> (Result<Fetched, Fault>, Vec<String>) {
    let site = Site::plain().await;
    site.answer("/keys?v=1", answer);
    let result = fetch_trusting(&[]).get(&wanted(&site.url("/keys?v=1"))).await;
    (result, site.all_hits())
}

#[tokio::test]
async fn b41_a_json_document_is_taken() {
    let full = "x".repeat(LIMIT);
    for (case, answer, body) in [
        ("json", ScriptedAnswer::json("{}"), "{}"),
        ("parameters", ScriptedAnswer::typed("Content-Type: Application/JSON; charset=utf-8", "{}"), "{}"),
        ("key set", ScriptedAnswer::typed("Content-Type: application/jwk-set+json", "{}"), "{}"),
        ("plain file server", ScriptedAnswer::typed("Content-Type: text/plain", "{}"), "{}"),
        ("at the limit", ScriptedAnswer::json(&full), &full),
        (
            "chunked",
            ScriptedAnswer::raw(
                "HTTP/1.1 200 OK\r\nContent-Type: text/json\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n",
            ),
            "{}",
        ),
        ("to the end", ScriptedAnswer::raw("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{}"), "{}"),
        (
            "a length too short",
            ScriptedAnswer::raw("HTTP/1.1 200 OK\r\nContent-Type: text/json\r\nContent-Length: 1\r\n\r\n{}"),
            "{",
        ),
    ] {
        let (result, hits) = get(answer).await;
        assert_eq!(result.map(|fetched| fetched.body).ok(), Some(Bytes::copy_from_slice(body.as_bytes())), "{case}");
        assert_eq!(hits, ["/keys?v=1"], "{case}");
    }
}

#[tokio::test]
async fn d32_what_is_not_a_small_json_document_is_refused_by_name() {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
    let chunked = format!("{head}Transfer-Encoding: chunked\r\n\r\n");
    for (case, answer, what, cause) in [
        ("a login page", ScriptedAnswer::typed("Content-Type: text/html", "<html>"), "media_type", "text/html"),
        (
            "no type",
            ScriptedAnswer::raw("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"),
            "media_type",
            "no Content-Type",
        ),
        (
            "not readable as text",
            ScriptedAnswer::typed("Content-Type: application/json; charset=\u{fc}", "{}"),
            "media_type",
            "not JSON",
        ),
        ("xml+json look-alike", ScriptedAnswer::typed("Content-Type: text/x+json", "{}"), "media_type", "not JSON"),
        (
            "compressed",
            ScriptedAnswer::typed("Content-Type: text/json\r\nContent-Encoding: gzip", "{}"),
            "media_type",
            "gzip",
        ),
        ("absent", ScriptedAnswer::raw("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"), "status", "404"),
        ("no content", ScriptedAnswer::raw("HTTP/1.1 204 No Content\r\n\r\n"), "status", "204"),
        (
            "down",
            ScriptedAnswer::raw("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"),
            "status_5xx",
            "503",
        ),
        ("one byte too many", ScriptedAnswer::json("x".repeat(LIMIT + 1)), "too_large", "longer than 1000"),
        (
            "announced too long",
            ScriptedAnswer::raw(format!("{head}Content-Length: 999999999\r\n\r\n{{")),
            "too_large",
            "longer",
        ),
        ("without end", ScriptedAnswer::Endless(chunked.clone().into_bytes()), "too_large", "longer"),
        ("a head without end", ScriptedAnswer::Endless(b"HTTP/1.1 200 OK\r\nX: ".to_vec()), "http", ""),
        ("a length too long", ScriptedAnswer::raw(format!("{head}Content-Length: 9\r\n\r\n{{}}")), "body", ""),
        ("a chunk cut off", ScriptedAnswer::raw(format!("{chunked}9\r\n{{}}")), "body", ""),
        ("no last chunk", ScriptedAnswer::raw(format!("{chunked}2\r\n{{}}\r\n")), "body", ""),
        ("no answer", ScriptedAnswer::raw(""), "http", ""),
        ("not HTTP", ScriptedAnswer::raw("SSH-2.0-OpenSSH\r\n"), "http", ""),
    ] {
        let (result, _) = get(answer).await;
        let fault = result.expect_err(case);
        assert_eq!(fault.kind.label(), what, "{case}: {fault}");
        assert!(fault.cause.contains(cause), "{case}: {fault}");
        // The query may hold a key.
        assert!(fault.cause.contains("/keys: ") && !fault.cause.contains("v=1"), "{case}: {fault}");
    }
}

#[tokio::test]
async fn d31_a_redirect_is_not_followed() {
    for status in
        ["301 Moved Permanently", "302 Found", "303 See Other", "307 Temporary Redirect", "308 Permanent Redirect"]
    {
        let site = Site::plain().await;
        for target in ["http://169.254.169.254/latest/meta-data/", &site.url("/elsewhere")] {
            let head = format!("HTTP/1.1 {status}\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n");
            site.answer("/keys", ScriptedAnswer::raw(head));
            let fault = fetch_trusting(&[]).get(&wanted(&site.url("/keys"))).await.unwrap_err();
            assert_eq!(fault.kind.label(), "redirect");
            // Where it leads may be looked at.
            let said = fetch_trusting(&[]).look_without_following(&wanted(&site.url("/keys"))).await.unwrap();
            assert_eq!(said.fields["location"], target);
            assert_eq!(site.hits("/elsewhere"), 0);
        }
    }
}

#[tokio::test]
async fn d30_an_url_that_may_not_be_asked_is_not_dialled() {
    let fetch = fetch_trusting(&[]);
    let public = |url: &'static str| Wanted { rule: AddressRule::PublicOnly, ..wanted(url) };
    let anyhow = |url: &'static str| Wanted { plaintext: Plaintext::Permitted, ..public(url) };
    for (wanted, whats) in [
        (wanted("http://login.example/keys"), ["url", "url"]),
        (Wanted { plaintext: Plaintext::Refused, ..wanted("http://127.0.0.1/keys") }, ["url", "url"]),
        (wanted("ftp://127.0.0.1/keys"), ["url", "url"]),
        (wanted("127.0.0.1/keys"), ["url", "url"]),
        (wanted("/keys"), ["url", "url"]),
        (wanted("https:///keys"), ["url", "url"]),
        (wanted("https://user:secret@127.0.0.1/keys"), ["url", "url"]),
        (wanted("https://127.0.0.1/keys#a"), ["url", "url"]),
        (wanted("https://127.0.0.1/a b"), ["url", "url"]),
        (public("http://127.0.0.1/keys"), ["address", "address"]),
        (public("https://localhost/keys"), ["address", "resolve"]),
        (public("https://[::ffff:169.254.169.254]/keys"), ["address", "address"]),
        (public("https://[::1]/keys"), ["address", "address"]),
        (anyhow("http://10.0.0.1/keys"), ["address", "address"]),
        // Resolvers differ in which numbers they read as addresses; no reading leads into the
        // network.
        (anyhow("http://2130706433/keys"), ["address", "resolve"]),
        (anyhow("http://0x7f.1/keys"), ["address", "resolve"]),
        (
            Wanted { plaintext: Plaintext::Permitted, ..wanted("http://169.254.169.254/latest/") },
            ["address", "address"],
        ),
        (Wanted { plaintext: Plaintext::Permitted, ..wanted("http://0.0.0.0/keys") }, ["address", "address"]),
    ] {
        let fault = fetch.get(&wanted).await.expect_err(wanted.url);
        assert!(whats.contains(&fault.kind.label()), "{}: {fault:?}", wanted.url);
        assert!(!fault.cause.contains("secret"), "{fault}");
    }
}

#[tokio::test]
async fn b41_keys_come_over_tls_from_whom_we_trust() {
    let (site, certificate) = Site::tls().await;
    site.answer("/keys", ScriptedAnswer::json("{}"));
    let url = site.url("/keys");
    let trusting = fetch_trusting(&[certificate]);
    assert_eq!(trusting.get(&wanted(&url)).await.unwrap().body, "{}");
    // A name that is not in the certificate.
    assert_eq!(
        trusting.get(&wanted(&url.replace("127.0.0.1", "127.0.0.2"))).await.unwrap_err().kind.label(),
        "refused"
    );
    // An authority that is not trusted.
    let public = Fetch::new(Dialler::new(client_tls(tls_roots(&[]).unwrap(), false)));
    assert_eq!(public.get(&wanted(&url)).await.unwrap_err().kind.label(), "tls_unknown_issuer");
    assert_eq!(site.hits("/keys"), 1);
}

#[test]
fn trust_roots_of_the_operator_come_from_files_and_a_wrong_path_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["idp.corp".to_owned()]).unwrap();
    let (pem, junk) = (folder.path().join("ca.pem"), folder.path().join("junk.pem"));
    std::fs::write(&pem, made.cert.pem()).unwrap();
    std::fs::write(&junk, "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n").unwrap();
    assert_eq!(native_roots(None, &[]).unwrap().len(), 0);
    let found = native_roots(Some(&pem), &[]).unwrap();
    assert_eq!(found, [made.cert.der().clone()]);
    assert_eq!(private_roots(&found).unwrap().len(), 1);
    assert_eq!(tls_roots(&found).unwrap().len(), tls_roots(&[]).unwrap().len() + 1);
    for (file, directories) in [
        (Some(folder.path().join("absent.pem")), vec![]),
        (Some(junk), vec![]),
        (None, vec![folder.path().join("absent")]),
    ] {
        let fault = native_roots(file.as_deref(), &directories).unwrap_err();
        assert_eq!(fault.kind.label(), "trust_roots");
    }
}

#[tokio::test]
async fn a_closed_port_is_a_connect_fault() {
    let site = Site::plain().await;
    site.stop().await;
    assert_eq!(fetch_trusting(&[]).get(&wanted(&site.url("/keys"))).await.unwrap_err().kind.label(), "refused");
}

#[tokio::test(start_paused = true)]
async fn b41_a_site_that_never_answers_is_left_in_time() {
    // Connections wait in the kernel's queue; the test accepts none.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/keys", silent.local_addr().unwrap());
    let begun = tokio::time::Instant::now();
    assert_eq!(fetch_trusting(&[]).get(&wanted(&url)).await.unwrap_err().kind.label(), "timeout");
    assert!(begun.elapsed() <= FETCH_TIMEOUT + Duration::from_millis(10));
}

#[test]
fn b42_cache_control_says_how_long() {
    for (lines, expected) in [
        (&[][..], None),
        (&["public"], None),
        (&["max-age=60"], Some(60)),
        (&["public, Max-Age=\"300\", must-revalidate"], Some(300)),
        (&["max-age=600", "max-age=60"], Some(60)),
        (&["max-age=600, no-store"], Some(0)),
        (&["no-cache"], Some(0)),
        (&["s-maxage=5"], None),
        (&["max-age"], None),
        (&["max-age=-1"], None),
        (&["max-age=99999999999999999999999"], None),
    ] {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(CACHE_CONTROL, HeaderValue::from_static(line));
        }
        assert_eq!(max_age(&headers), expected.map(Duration::from_secs), "{lines:?}");
    }
}

#[test]
fn the_wait_after_failures_grows_to_a_bound() {
    let waits: Vec<u64> = [0, 1, 2, 3, 4, 5, 6, 64, 65, u32::MAX].map(|failures| backoff(failures).as_secs()).to_vec();
    assert_eq!(waits, [1, 1, 2, 4, 8, 16, 30, 30, 30, 30]);
}

#[tokio::test]
async fn c2_an_issuer_is_reached_at_another_place_under_its_public_name() {
    let site = Site::plain().await;
    site.answer("/keys?v=1", ScriptedAnswer::json("{}"));
    let peer = |host: &str, port, tls| Peer { host: host.into(), port, tls };
    let at = ReachAt {
        public: peer("login.example.invalid", 443, true),
        peer: peer("127.0.0.1", site.address.port(), false),
    };
    let reach = IssuerReach { at: Some(at), ..IssuerReach::default() };
    let fetch = fetch_trusting(&[]).reaching(&reach);
    // Whatever the rule for public names is: the configuration names the place.
    let public = |url| Wanted { rule: AddressRule::PublicOnly, plaintext: Plaintext::Refused, ..wanted(url) };
    for url in ["https://login.example.invalid/keys?v=1", "https://LOGIN.example.invalid:443/keys?v=1"] {
        assert_eq!(fetch.get(&public(url)).await.unwrap().body, "{}", "{url}");
    }
    let posted = public("https://login.example.invalid/keys?v=1");
    fetch.post_form(&posted, "a=b".to_owned(), None, FETCH_TIMEOUT).await.unwrap();
    let head = site.posted().pop().unwrap().to_ascii_lowercase();
    assert!(
        head.contains("host: login.example.invalid\r\n") && head.contains("x-forwarded-proto: https\r\n"),
        "{head}"
    );
    // Another scheme, port or host is not the issuer's origin.
    for (url, kind) in [
        ("http://login.example.invalid/keys?v=1", "url"),
        ("https://login.example.invalid:8443/keys?v=1", "resolve"),
        ("https://login.example.invalid.example/keys?v=1", "resolve"),
    ] {
        assert_eq!(fetch.get(&public(url)).await.unwrap_err().kind.label(), kind, "{url}");
    }
    assert_eq!(site.hits("/keys?v=1"), 3);
    site.stop().await;
    let fault = fetch.get(&public("https://login.example.invalid/keys")).await.unwrap_err();
    assert!(fault.cause.contains(&format!("at http://{}", site.address)), "{fault}");
}

#[tokio::test]
async fn c2_a_private_ca_is_trusted_for_its_issuer_alone() {
    let (site, certificate) = Site::tls().await;
    site.answer("/keys", ScriptedAnswer::json("{}"));
    let shared = fetch_trusting(&[]);
    let ca = PrivateCa { path: "ca.pem".into(), certificates: vec![certificate] };
    let own = shared.reaching(&IssuerReach { ca: Some(ca), ..IssuerReach::default() });
    assert_eq!(own.get(&wanted(&site.url("/keys"))).await.unwrap().body, "{}");
    assert_eq!(shared.get(&wanted(&site.url("/keys"))).await.unwrap_err().kind.label(), "tls_unknown_issuer");
}

#[tokio::test]
async fn people_a9_what_an_issuer_publishes_may_be_unlabelled_and_moved_once_on_its_origin() {
    let site = Site::plain().await;
    let here = site.url("");
    let moved = |status: u16, to: &str| {
        ScriptedAnswer::raw(format!("HTTP/1.1 {status} Moved\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n"))
    };
    let other = Site::plain().await;
    let port = site.address.port();
    site.answer("/moved", ScriptedAnswer::typed("Content-Type: binary/octet-stream", "{}"));
    site.answer("/moved/", ScriptedAnswer::raw("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"));
    site.answer("/moved?v=2", ScriptedAnswer::typed("Content-Type: Application/Octet-Stream; x=y", "{}"));
    site.answer("/twice", moved(302, "/moved"));
    site.answer("/page", ScriptedAnswer::typed("Content-Type: text/html", "<html>"));
    for target in ["/moved", "moved", "moved/", "/a/../moved", "?v=2", "/moved#part", &format!("{here}/moved")] {
        for status in [301, 302, 303, 307, 308] {
            site.answer("/keys", moved(status, if target == "?v=2" { "/moved?v=2" } else { target }));
            let result = fetch_trusting(&[]).get_published(&wanted(&site.url("/keys"))).await;
            assert_eq!(result.map(|fetched| fetched.body).ok().as_deref(), Some(b"{}".as_slice()), "{status} {target}");
        }
    }
    for (target, kind, cause) in [
        (other.url("/keys?secret=1").as_str(), "redirect", "/keys; redirects are followed only to the same scheme"),
        (&format!("//{}/keys", other.address), "redirect", "same scheme, host and port"),
        (&format!("/\\{}/keys", other.address), "redirect", "same scheme, host and port"),
        (&format!("http:\\\\{}/keys", other.address), "redirect", "same scheme, host and port"),
        (&format!("http://127.0.0.1:{port}@{}/", other.address), "redirect", "same scheme, host and port"),
        (&format!("http://user:pw@127.0.0.1:{port}/moved"), "redirect", "same scheme, host and port"),
        (&format!("https://127.0.0.1:{port}/moved"), "redirect", "it redirects to https://127.0.0.1"),
        (&format!("http://localhost:{port}/moved"), "redirect", "it redirects to http://localhost"),
        ("http://169.254.169.254/latest/meta-data/", "redirect", "same scheme, host and port"),
        ("file:///etc/passwd", "redirect", "same scheme, host and port"),
        ("data:application/json,{}", "redirect", "same scheme, host and port"),
        ("http://[", "redirect", "its Location is not a URL"),
        ("/a\r\nLocation: /moved", "redirect", "not exactly one Location"),
        ("/twice", "redirect", "a second redirect is not followed"),
        ("/keys", "redirect", "a second redirect is not followed"),
        ("/page", "media_type", "text/html"),
        ("/none", "status", "404"),
    ] {
        site.answer("/keys", moved(302, target));
        let fault = fetch_trusting(&[]).get_published(&wanted(&site.url("/keys"))).await.unwrap_err();
        assert_eq!(fault.kind.label(), kind, "{target}: {fault}");
        assert!(fault.cause.contains(cause), "{target}: {fault}");
        assert!(!fault.cause.contains("secret=1") && !fault.cause.contains("user:pw"), "{target}: {fault}");
    }
    assert!(other.all_hits().is_empty());
    for (answer, kind) in [
        (ScriptedAnswer::raw("HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n"), "redirect"),
        (moved(304, "/moved"), "redirect"),
        (moved(300, "/moved"), "redirect"),
        (ScriptedAnswer::typed("Content-Type: application/octet-stream\r\nContent-Encoding: gzip", "{}"), "media_type"),
        (ScriptedAnswer::typed("Content-Type: text/html", "{}"), "media_type"),
    ] {
        site.answer("/keys", answer);
        let fault = fetch_trusting(&[]).get_published(&wanted(&site.url("/keys"))).await.unwrap_err();
        assert_eq!(fault.kind.label(), kind, "{fault}");
    }
}
