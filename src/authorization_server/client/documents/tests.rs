//! Valid and invalid documents from a scripted host (SPEC E-33, attack 158).

use serde_json::json;

use super::*;
use crate::{
    decide::token::testing::{P256, at},
    outbound::fetch::testing::{ScriptedAnswer, Site, fetch_trusting},
};

const NOW_SECS: u64 = 1_800_000_000;
const PEER: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)));

struct Host {
    site: Site,
    fetch: Fetch,
    documents: ClientDocuments,
}

impl Host {
    async fn new() -> Self {
        let (site, certificate) = Site::tls().await;
        Self { site, fetch: fetch_trusting(&[certificate]), documents: ClientDocuments::default() }
    }

    fn url(&self, path: &str) -> DocumentUrl {
        // By name, because an IP address as host is refused before any fetch.
        DocumentUrl::parse(&self.text(path), true).unwrap()
    }

    fn text(&self, path: &str) -> String {
        self.site.url(path).replace("127.0.0.1", "localhost")
    }

    fn document(&self, path: &str) -> String {
        json!({
            "client_id": self.text(path), "client_name": "Inspector", "redirect_uris": ["http://127.0.0.1/cb"],
            "token_endpoint_auth_method": "none",
        })
        .to_string()
    }

    async fn get(&self, path: &str, now: Now) -> Result<Client, OAuthError> {
        Ok(self.documents.client(&self.fetch, &self.url(path), (Reach::Loopback, PEER), now).await?)
    }
}

fn later(secs: u64) -> Now {
    Now { mono: Duration::from_secs(1 + secs), ..at(NOW_SECS + secs) }
}

#[tokio::test]
async fn e33_a_document_is_held_for_as_long_as_it_says_within_our_bounds() {
    for (lines, still, gone) in [
        ("Content-Type: application/json", 299, 300),
        ("Content-Type: application/json\r\nCache-Control: no-store", 59, 60),
        ("Content-Type: application/json\r\nCache-Control: max-age=1000", 999, 1_000),
        ("Content-Type: application/json\r\nCache-Control: max-age=99999999", 86_399, 86_400),
    ] {
        let host = Host::new().await;
        host.site.answer("/c.json", ScriptedAnswer::typed(lines, host.document("/c.json")));
        let client = host.get("/c.json", later(0)).await.unwrap();
        assert_eq!(*client.id, *host.text("/c.json"));
        host.get("/c.json", later(still)).await.unwrap();
        assert_eq!(host.site.hits("/c.json"), 1, "{lines}");
        assert!(host.documents.held(&host.url("/c.json"), later(still)).is_some());
        host.get("/c.json", later(gone)).await.unwrap();
        assert_eq!(host.site.hits("/c.json"), 2, "{lines}");
    }
}

#[tokio::test]
async fn d34_attack_158_what_is_no_document_is_refused_and_not_remembered() {
    let host = Host::new().await;
    let good = host.document("/c.json");
    let json = "Content-Type: application/json";
    let mut now = 0;
    for (case, answer, said) in [
        ("another's id", ScriptedAnswer::json(host.document("/other.json")), "client_id is not the document's URL"),
        ("no id", ScriptedAnswer::json("{}"), "client_id is not"),
        ("too long", ScriptedAnswer::json(format!("{good}{}", " ".repeat(CLIENT_DOCUMENT_BYTES_MAX))), "too long"),
        (
            "without end",
            ScriptedAnswer::Endless(format!("HTTP/1.1 200 OK\r\n{json}\r\nTransfer-Encoding: chunked\r\n\r\n").into()),
            "too long",
        ),
        ("HTML", ScriptedAnswer::typed("Content-Type: text/html", &good), "Content-Type"),
        ("404", ScriptedAnswer::raw("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"), "404 or 410"),
        (
            "a shared secret",
            ScriptedAnswer::json(good.replace("\"none\"", "\"client_secret_post\"")),
            "token_endpoint_auth_method must be",
        ),
        (
            "a redirect that runs",
            ScriptedAnswer::json(good.replace("http://127.0.0.1/cb", "javascript:alert(1)")),
            "redirect_uris has no usable URL",
        ),
        ("no JSON", ScriptedAnswer::json("nothing"), "not a JSON object"),
    ] {
        now += 60;
        host.site.answer("/c.json", answer);
        let refused = host.get("/c.json", later(now)).await.unwrap_err();
        assert_eq!(refused.code, Code::InvalidClient, "{case}");
        assert!(!refused.description.contains("localhost"), "{case}: says nothing of what was found");
        assert!(refused.description.contains(said), "{case}: {}", refused.description);
        host.site.answer("/c.json", ScriptedAnswer::json(&good));
        let url = host.url("/c.json");
        assert_eq!(host.documents.held(&url, later(now)), None, "{case}");
    }
    host.get("/c.json", later(now + 60)).await.unwrap();
}

#[tokio::test]
async fn login_a3_attack_158_a_redirect_is_not_followed_and_is_a_matter_of_the_moment() {
    let host = Host::new().await;
    let (mut now, elsewhere) = (0, host.text("/d.json"));
    for status in ["301 Moved", "302 Found", "303 See Other", "304 Not Modified", "307 Temporary", "308 Permanent"] {
        now += 60;
        let raw = format!("HTTP/1.1 {status}\r\nLocation: {elsewhere}\r\nContent-Length: 0\r\n\r\n");
        host.site.answer("/c.json", ScriptedAnswer::raw(raw));
        let refused = host.get("/c.json", later(now)).await.unwrap_err();
        assert_eq!(refused.code, Code::TemporarilyUnavailable, "{status}");
        assert!(refused.description.contains("redirect, which is not followed"), "{}", refused.description);
    }
    assert_eq!(host.site.hits("/d.json"), 0);
}

#[tokio::test]
async fn d30_attack_158_a_private_address_is_not_asked_unless_a_test_of_the_machine_says_so() {
    let host = Host::new().await;
    host.site.answer("/c.json", ScriptedAnswer::json(host.document("/c.json")));
    host.site.answer("/keys", ScriptedAnswer::json(json!({"keys": [P256.jwk()]}).to_string()));
    let (url, keys) = (host.url("/c.json"), host.text("/keys"));
    assert!(host.documents.client(&host.fetch, &url, (Reach::Public, PEER), later(0)).await.is_err());
    assert!(host.documents.keys(&host.fetch, &keys, (Reach::Public, PEER), later(0)).await.is_err());
    for metadata in ["http://169.254.169.254/latest", "https://169.254.169.254/latest", "https://[::ffff:10.0.0.1]/"] {
        for reach in [Reach::Public, Reach::Loopback] {
            assert!(host.documents.keys(&host.fetch, metadata, (reach, PEER), later(0)).await.is_err(), "{metadata}");
        }
    }
    assert_eq!(host.site.all_hits().len(), 0);
    host.get("/c.json", later(0)).await.unwrap();
}

#[tokio::test]
async fn e24_key_sets_of_clients_are_held_for_minutes_and_no_longer() {
    let host = Host::new().await;
    let set = json!({"keys": [P256.jwk()]}).to_string();
    host.site
        .answer("/keys", ScriptedAnswer::typed("Content-Type: application/json\r\nCache-Control: max-age=86400", &set));
    let url = host.text("/keys");
    let get = async |secs| host.documents.keys(&host.fetch, &url, (Reach::Loopback, PEER), later(secs)).await;
    assert_eq!(*get(0).await.unwrap(), *set);
    get(299).await.unwrap();
    assert_eq!(host.site.hits("/keys"), 1);
    for (secs, bad) in [(300, "{\"keys\":[]}".to_owned()), (400, " ".repeat(CLIENT_KEYS_BYTES_MAX + 1))] {
        host.site.answer("/keys", ScriptedAnswer::json(bad));
        assert!(matches!(get(secs).await, Err(DocumentFault::Ended(_))), "a withdrawn key is gone");
    }
    host.site.answer("/keys", ScriptedAnswer::json(&set));
    get(500).await.unwrap();
}

#[tokio::test]
async fn e33_fetches_of_documents_cannot_flood_a_host() {
    let host = Host::new().await;
    for path in 0..50 {
        let _ = host.get(&format!("/{path}"), later(0)).await;
    }
    assert_eq!(host.site.all_hits().len(), CLIENT_DOCUMENTS_OF_PEER_AT_ONCE as usize);
    let _ = host.get("/later", later(4)).await;
    assert_eq!(host.site.hits("/later"), 1, "one more after a while");
    let _ = host.get("/again", later(4)).await;
    assert_eq!(host.site.hits("/again"), 0);
    let _ = host.get("/again", later(60)).await;
    assert_eq!(host.site.hits("/again"), 1);

    let host = Host::new().await;
    for path in 0..400_u16 {
        let peer = IpAddr::from([192, 0, 2, (path % 100) as u8]);
        let url = host.url(&format!("/{path}"));
        let _ = host.documents.client(&host.fetch, &url, (Reach::Loopback, Some(peer)), later(0)).await;
    }
    assert_eq!(host.site.all_hits().len(), CLIENT_DOCUMENTS_OF_HOST_AT_ONCE as usize, "from all addresses together");
    for _ in 0..50 {
        let _ = host.get("/same", later(100)).await;
    }
    assert_eq!(host.site.hits("/same"), CLIENT_DOCUMENTS_OF_PEER_AT_ONCE as usize);
}

#[tokio::test]
async fn login_d2_attack_208_invented_documents_keep_no_client_of_their_host_out() {
    let host = Host::new().await;
    let attacker = |path: u64, secs: u64| {
        let (url, documents, fetch) = (host.url(&format!("/invented/{path}")), &host.documents, &host.fetch);
        async move {
            documents.client(fetch, &url, (Reach::Loopback, Some(IpAddr::from([203, 0, 113, 66]))), later(secs)).await
        }
    };
    let mut refused = 0;
    for secs in 0..60 {
        for twice in 0..2 {
            refused += u64::from(attacker(secs * 2 + twice, secs).await == Err(DocumentFault::Away));
        }
        if secs % 5 == 4 {
            // A client of the same host, which no user of this server has used before.
            let path = format!("/client-{secs}.json");
            host.site.answer(&path, ScriptedAnswer::json(host.document(&path)));
            host.get(&path, later(secs)).await.unwrap();
        }
    }
    assert!(refused >= 90, "{refused} of 120");
}

#[tokio::test]
async fn login_d2_attack_208_one_ipv6_site_does_not_take_the_share_of_all() {
    let host = Host::new().await;
    let ask = |peer: String, path: String, secs: u64| {
        let (url, documents, fetch) = (host.url(&path), &host.documents, &host.fetch);
        let peer = Some(peer.parse().unwrap());
        async move { documents.client(fetch, &url, (Reach::Loopback, peer), later(secs)).await }
    };
    let mut refused = 0;
    for secs in 0..60 {
        for count in 0..3 {
            let number = secs * 3 + count;
            let answer = ask(format!("2001:db8:1:{number:x}::1"), format!("/invented/{number}"), secs).await;
            refused += u64::from(answer == Err(DocumentFault::Away));
        }
        if secs % 5 == 4 {
            let path = format!("/client-{secs}.json");
            host.site.answer(&path, ScriptedAnswer::json(host.document(&path)));
            ask("2001:db8:2::1".into(), path.clone(), secs).await.unwrap();
            host.get(&path, later(secs)).await.unwrap();
        }
    }
    assert!(refused >= 120, "{refused} of 180");
}

#[tokio::test]
async fn e33_questions_about_what_is_not_there_keep_no_known_client_out() {
    let host = Host::new().await;
    host.site.answer("/c.json", ScriptedAnswer::json(host.document("/c.json")));
    host.get("/c.json", later(0)).await.unwrap();
    for path in 0..50 {
        let _ = host.get(&format!("/{path}"), later(300)).await;
    }
    host.get("/c.json", later(300)).await.unwrap();
    assert_eq!(host.site.hits("/c.json"), 2);
}
