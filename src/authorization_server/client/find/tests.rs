//! Clients by their documents while the host fails: who is served, for how long, and who is not.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use serde_json::json;

use super::*;
use crate::{
    authorization_server::{store::kind::EntryKind, testing::World, throttle::Action},
    base::clock::Clock as _,
    decide::{
        authorization_server::redirect_uri::RedirectUri,
        routing::IssuerEndpoint,
        token::testing::{FOREIGN_KEY, P256},
    },
    outbound::fetch::testing::{ScriptedAnswer, Site, fetch_trusting},
};

const WEB: &str = "https://client.example/cb";
const PEER: [u8; 4] = [192, 0, 2, 1];
const LOOPBACK: &str = "http://127.0.0.1/cb";

struct Stand {
    site: Site,
    world: World,
}

impl Stand {
    async fn new() -> Self {
        let (site, certificate) = Site::tls().await;
        let world = World::fetching(fetch_trusting(&[certificate]), |settings| {
            settings.registration.document_hosts = vec!["localhost".into()];
            settings.registration.allow_loopback_documents = true;
        });
        let stand = Self { site, world: world.await };
        stand.site.answer("/c.json", ScriptedAnswer::json(stand.document()));
        stand
    }

    fn id(&self) -> String {
        self.site.url("/c.json").replace("127.0.0.1", "localhost")
    }

    fn document(&self) -> String {
        json!({"client_id": self.id(), "client_name": "Client", "redirect_uris": [WEB, LOOPBACK]}).to_string()
    }

    fn fails(&self, status: &str) {
        self.site.answer("/c.json", ScriptedAnswer::raw(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n")));
    }

    async fn find(&self, purpose: Purpose<'_>) -> Result<Client, Code> {
        self.find_in(&self.world, purpose).await
    }

    async fn find_in(&self, world: &World, purpose: Purpose<'_>) -> Result<Client, Code> {
        let (head, body) = Request::builder().uri("/").body(Bytes::new()).unwrap().into_parts();
        let peer = PEER.into();
        let asked =
            Asked { endpoint: IssuerEndpoint::Token, head: &head, body, peer, now: world.clock.now(), places: 256 };
        find(&world.embedded, &self.id(), purpose, &asked).await.map_err(|error| error.code)
    }

    /// A user allows the client something, and the client refreshes.
    async fn is_used(&self, refreshes: bool) {
        let client = self.find(Purpose::Token).await.unwrap();
        let (embedded, now) = (&self.world.embedded, self.world.clock.now());
        last_good::allowed(embedded, &client.id, &RedirectUri::parse(WEB).unwrap(), now).await.unwrap();
        if refreshes {
            last_good::used(embedded, &client, true, now).await;
        }
    }

    fn turn(&self, secs: u64) {
        self.world.clock.turn(Duration::from_secs(secs));
    }
}

#[tokio::test]
async fn e33_a_client_in_use_is_served_by_its_last_good_document() {
    let stand = Stand::new().await;
    stand.is_used(true).await;
    for status in ["503 Unavailable", "500 Error", "502 Bad", "429 Too Many", "599 Strange"] {
        stand.turn(300);
        stand.fails(status);
        assert!(stand.find(Purpose::Token).await.is_ok(), "{status}");
        assert!(stand.find(Purpose::Authorize(Some(WEB))).await.is_ok(), "{status}");
        let other = stand.find(Purpose::Authorize(Some(LOOPBACK))).await;
        assert_eq!(other, Err(Code::TemporarilyUnavailable), "{status}: no user has allowed this origin");
    }
    // No answer at all.
    stand.site.answer("/c.json", ScriptedAnswer::raw(""));
    stand.turn(300);
    assert!(stand.find(Purpose::Token).await.is_ok());
    stand.turn(3_600 - 6 * 300);
    assert!(stand.find(Purpose::Authorize(Some(WEB))).await.is_ok());
    stand.turn(1);
    assert_eq!(stand.find(Purpose::Authorize(Some(WEB))).await, Err(Code::TemporarilyUnavailable));
    stand.turn(23 * 3_600 - 1);
    assert!(stand.find(Purpose::Token).await.is_ok());
    stand.turn(1);
    assert_eq!(stand.find(Purpose::Token).await, Err(Code::TemporarilyUnavailable));
    stand.site.answer("/c.json", ScriptedAnswer::json(stand.document()));
    stand.turn(60);
    assert!(stand.find(Purpose::Authorize(Some(LOOPBACK))).await.is_ok(), "the host is back");
}

#[tokio::test]
async fn e33_a_failing_host_is_left_alone_for_a_moment() {
    let stand = Stand::new().await;
    stand.is_used(false).await;
    stand.turn(300);
    stand.fails("503 Unavailable");
    for _ in 0..20 {
        assert!(stand.find(Purpose::Token).await.is_ok());
    }
    assert_eq!(stand.site.hits("/c.json"), 2);
    stand.turn(10);
    assert!(stand.find(Purpose::Token).await.is_ok());
    assert_eq!(stand.site.hits("/c.json"), 3);
}

#[tokio::test]
async fn e33_a_withdrawn_document_ends_at_once_and_on_every_replica() {
    let stand = Stand::new().await;
    let good = stand.document();
    for (case, answer) in [
        ("404", ScriptedAnswer::raw("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")),
        ("410", ScriptedAnswer::raw("HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n")),
        ("another id", ScriptedAnswer::json(good.replace("/c.json", "/d.json"))),
        ("no JSON", ScriptedAnswer::json("nothing")),
        ("HTML", ScriptedAnswer::typed("Content-Type: text/html", &good)),
    ] {
        stand.site.answer("/c.json", ScriptedAnswer::json(&good));
        stand.turn(300);
        stand.is_used(true).await;
        stand.turn(300);
        stand.site.answer("/c.json", answer);
        assert_eq!(stand.find(Purpose::Token).await, Err(Code::InvalidClient), "{case}");
        stand.fails("503 Unavailable");
        stand.turn(60);
        assert_eq!(stand.find(Purpose::Token).await, Err(Code::TemporarilyUnavailable), "{case}: it ended");
    }
    // A refusal is neither; nor is a redirect, as during maintenance.
    stand.site.answer("/c.json", ScriptedAnswer::json(&good));
    stand.turn(300);
    stand.is_used(true).await;
    stand.turn(300);
    stand.fails("403 Forbidden");
    assert_eq!(stand.find(Purpose::Token).await, Err(Code::TemporarilyUnavailable));
    for status in ["503 Unavailable", "302 Found", "304 Not Modified"] {
        stand.fails(status);
        assert!(stand.find(Purpose::Token).await.is_ok(), "{status}");
        assert!(stand.find(Purpose::Authorize(Some(WEB))).await.is_ok(), "{status}");
        stand.turn(20);
    }
}

#[tokio::test]
async fn login_a3_a_flood_of_its_address_ends_no_client_whose_document_is_known() {
    let stand = Stand::new().await;
    stand.is_used(true).await;
    stand.turn(300);
    let (throttle, flood) = (&stand.world.embedded.state.throttle, Action::Authorize(PEER.into()));
    while throttle.attempt(flood, stand.world.clock.now()).is_ok() {}
    assert!(stand.find(Purpose::Token).await.is_ok());
    stand.turn(300);
    while throttle.attempt(flood, stand.world.clock.now()).is_ok() {}
    assert!(stand.find(Purpose::Authorize(Some(LOOPBACK))).await.is_ok(), "its request is counted already");
    assert_eq!(stand.site.hits("/c.json"), 3);
    // One that no user has allowed anything still needs a share of the address.
    let stand = Stand::new().await;
    let (throttle, now) = (&stand.world.embedded.state.throttle, stand.world.clock.now());
    while throttle.attempt(flood, now).is_ok() {}
    assert_eq!(stand.find(Purpose::Token).await, Err(Code::SlowDown));
    assert_eq!(stand.find(Purpose::Authorize(Some(WEB))).await, Err(Code::SlowDown));
    assert_eq!(stand.site.hits("/c.json"), 0);
}

#[tokio::test]
async fn e33_attack_158_documents_that_no_user_allowed_anything_are_not_stored() {
    let stand = Stand::new().await;
    stand.find(Purpose::Token).await.unwrap();
    assert_eq!(stand.world.embedded.state.store.everything(EntryKind::Document).len(), 0);
    stand.turn(300);
    stand.fails("503 Unavailable");
    for purpose in [Purpose::Token, Purpose::Authorize(Some(WEB))] {
        assert_eq!(stand.find(purpose).await, Err(Code::TemporarilyUnavailable));
    }
}

#[tokio::test]
async fn e33_the_operator_refuses_a_client_whatever_is_stored_of_it() {
    let stand = Stand::new().await;
    stand.is_used(true).await;
    let id = stand.id();
    let refusing = stand.world.reloaded(|settings| settings.registration.refused_clients = vec![id.into()]);
    let elsewhere = stand.world.reloaded(|settings| settings.registration.document_hosts = vec!["other".into()]);
    for secs in [0, 300] {
        stand.turn(secs);
        stand.fails("503 Unavailable");
        for world in [&refusing, &elsewhere] {
            assert_eq!(stand.find_in(world, Purpose::Token).await, Err(Code::InvalidClient), "after {secs} s");
        }
    }
    assert!(stand.find(Purpose::Token).await.is_ok());
}

#[tokio::test]
async fn e24_the_last_good_keys_of_a_client_in_use_serve_for_an_hour() {
    let stand = Stand::new().await;
    let keys = stand.id().replace("/c.json", "/keys");
    let set = json!({"keys": [P256.jwk()]}).to_string();
    stand.site.answer("/keys", ScriptedAnswer::json(&set));
    let (head, _) = Request::builder().uri("/").body(()).unwrap().into_parts();
    let keys_now = async || {
        let (peer, body) = ([192, 0, 2, 1].into(), Bytes::new());
        let asked = Asked {
            endpoint: IssuerEndpoint::Token,
            head: &head,
            body,
            peer,
            now: stand.world.clock.now(),
            places: 256,
        };
        keys_at(&stand.world.embedded, &keys, &asked).await.map_err(|error| error.code)
    };
    let use_it = async || {
        let client = Client {
            auth: crate::decide::authorization_server::client::ClientAuth::KeysAt(keys.as_str().into()),
            ..stand.find(Purpose::Token).await.unwrap()
        };
        last_good::used(&stand.world.embedded, &client, false, stand.world.clock.now()).await;
    };
    keys_now().await.unwrap();
    use_it().await;
    stand.site.answer("/keys", ScriptedAnswer::raw("HTTP/1.1 503 Away\r\nContent-Length: 0\r\n\r\n"));
    stand.turn(3_599);
    assert_eq!(keys_now().await, Ok(set.as_str().into()));
    stand.turn(1);
    assert_eq!(keys_now().await, Err(Code::TemporarilyUnavailable));
    // Keys that were withdrawn do not come back with the next failure.
    stand.site.answer("/keys", ScriptedAnswer::json(&set));
    stand.turn(60);
    keys_now().await.unwrap();
    use_it().await;
    stand.turn(300);
    stand.site.answer("/keys", ScriptedAnswer::raw("HTTP/1.1 404 Gone\r\nContent-Length: 0\r\n\r\n"));
    assert_eq!(keys_now().await, Err(Code::InvalidClient));
    stand.site.answer("/keys", ScriptedAnswer::raw("HTTP/1.1 503 Away\r\nContent-Length: 0\r\n\r\n"));
    stand.turn(60);
    assert_eq!(keys_now().await, Err(Code::TemporarilyUnavailable));
    stand.site.answer("/keys", ScriptedAnswer::json(json!({"keys": [FOREIGN_KEY.jwk()]}).to_string()));
    stand.turn(60);
    keys_now().await.unwrap();
}
