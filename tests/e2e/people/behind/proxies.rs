//! Requests to issuers go through the forward proxy of the environment, and requests to upstreams do not (A8).

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

use crate::e2e::world::{
    Plan, Upstream, World, call, certificate::leaf_but, issuer::house_key_set, server::json as answer,
};

const CREDENTIALS: &str = "Proxy-Authorization: Basic dXNlcjpoaWRkZW4td29yZA==";

/// A forward proxy that leads every name to one address, and notes what it is asked.
struct Proxy {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    async fn start(to: SocketAddr, needs_credentials: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let heads = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, to, needs_credentials, Arc::clone(&heads)));
            }
        });
        Self { address, asked }
    }

    fn lines(&self) -> Vec<String> {
        self.asked.lock().unwrap().iter().map(|head| head.lines().next().unwrap().to_owned()).collect()
    }
}

async fn serve(mut client: TcpStream, to: SocketAddr, needs_credentials: bool, heads: Arc<Mutex<Vec<String>>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match client.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let head = String::from_utf8(head).unwrap();
    heads.lock().unwrap().push(head.clone());
    let is_known = head.to_lowercase().contains(&CREDENTIALS.to_lowercase());
    if needs_credentials && !is_known {
        let _ = client.write_all(b"HTTP/1.1 407 Who\r\nContent-Length: 0\r\n\r\n").await;
        return;
    }
    let mut server = TcpStream::connect(to).await.unwrap();
    if head.starts_with("CONNECT ") {
        client.write_all(b"HTTP/1.1 200 Connected\r\n\r\n").await.unwrap();
    } else {
        let (_, rest) = head.split_once("http://idp.example").unwrap();
        server.write_all(format!("GET {rest}").as_bytes()).await.unwrap();
    }
    let _ = copy_bidirectional(&mut client, &mut server).await;
}

/// An issuer `idp.example` that has no address.
async fn issuer(scheme: &'static str) -> Upstream {
    let leaf =
        leaf_but(|params| params.subject_alt_names = vec![rcgen::SanType::DnsName("idp.example".try_into().unwrap())]);
    let server = Upstream::start((scheme == "https").then(|| TlsAcceptor::from(leaf.server_config()))).await;
    server.answer_with(move |seen| match seen.target.as_str() {
        "/keys" => answer(200, house_key_set().to_string()),
        target if target.starts_with("/.well-known/") => {
            let issuer = format!("{scheme}://idp.example");
            answer(200, json!({"issuer": issuer, "jwks_uri": format!("{issuer}/keys")}).to_string())
        }
        _ => answer(404, "{}"),
    });
    server
}

fn plan(issuer: &str) -> Plan {
    Plan::standard().issuers(&format!(
        "  house: {{issuer: \"{issuer}\", token_types: [at+jwt, JWT], {}}}\n",
        match issuer {
            "https://idp.example" => "ca: ca.pem",
            _ => "allow_http: true",
        }
    ))
}

async fn status(world: &World, issuer: &str) -> u16 {
    let token = world.mint().claim("iss", issuer.into()).token();
    world.send(&crate::e2e::world::Ask::post("/mcp", call("safe")).token(&token)).await.status
}

#[tokio::test]
async fn d59_people_a8_attack_277_an_issuer_is_reached_through_the_proxy_with_its_credentials() {
    const ISSUER: &str = "https://idp.example";
    let idp = issuer("https").await;
    let proxy = Proxy::start(idp.address(), true).await;
    let url = format!("http://user:hidden-word@{}", proxy.address);
    let plan = plan(ISSUER).environment("HTTPS_PROXY", &url).environment("HTTP_PROXY", &url);
    let world = plan.environment("NO_PROXY", "other.example, .corp.example").start().await;
    world.secret("hidden-word");
    world.secret("dXNlcjpoaWRkZW4td29yZA");
    assert_eq!(status(&world, ISSUER).await, 200);
    assert_eq!(world.upstream.take().len(), 1, "the upstream is reached directly");
    let lines = proxy.lines();
    assert!(!lines.is_empty() && lines.iter().all(|line| line == "CONNECT idp.example:443 HTTP/1.1"), "{lines:?}");
    let told = world.gateway.line(|line| line.contains("forward proxy of the environment")).await;
    for part in [&format!("http://{}", proxy.address), "other.example, .corp.example"] {
        assert!(told.contains(part), "{told}");
    }
    world.close().await;
}

#[tokio::test]
async fn d59_people_a8_plain_http_goes_to_the_proxy_as_a_whole_url_and_upstreams_do_not() {
    const ISSUER: &str = "http://idp.example";
    let idp = issuer("http").await;
    let proxy = Proxy::start(idp.address(), true).await;
    let url = format!("http://user:hidden-word@{}", proxy.address);
    let servers = crate::e2e::world::plan::STANDARD.to_owned()
        + "  named:\n    path: /named\n    upstream: {url: \"http://mcp.invalid/mcp\", connect_timeout: 1s}\n    access: authenticated\n";
    let world = plan(ISSUER).servers(&servers).environment("http_proxy", &url).start().await;
    world.secret("hidden-word");
    assert_eq!(status(&world, ISSUER).await, 200);
    let token = world.issuer.mint(&format!("{}/named", world.public)).claim("iss", ISSUER.into()).token();
    let reply = world.send(&crate::e2e::world::Ask::post("/named", call("safe")).token(&token)).await;
    assert_eq!(reply.status, 502, "{reply:?}");
    let lines = proxy.lines();
    assert!(!lines.is_empty() && lines.iter().all(|line| line.starts_with("GET http://idp.example/")), "{lines:?}");
    world.close().await;
}

#[tokio::test]
async fn d59_people_a8_no_proxy_is_honoured() {
    const ISSUER: &str = "https://idp.example";
    let idp = issuer("https").await;
    let proxy = Proxy::start(idp.address(), false).await;
    let url = format!("http://{}", proxy.address);
    for (name, value) in [("NO_PROXY", "idp.example"), ("no_proxy", "x, .example"), ("NO_PROXY", "*")] {
        let world = plan(ISSUER).environment("https_proxy", &url).environment(name, value).start().await;
        assert_eq!(status(&world, ISSUER).await, 503, "{value}: without the proxy the name has no address");
        assert_eq!(proxy.lines(), Vec::<String>::new(), "{value}");
        world.close().await;
    }
}

#[tokio::test]
async fn d59_people_a8_a_proxy_that_refuses_or_cannot_be_used_is_named() {
    const ISSUER: &str = "https://idp.example";
    let idp = issuer("https").await;
    let proxy = Proxy::start(idp.address(), true).await;
    let world = plan(ISSUER).environment("HTTPS_PROXY", &format!("http://{}", proxy.address)).start().await;
    assert_eq!(status(&world, ISSUER).await, 503);
    let told = format!("through the forward proxy http://{}: it asks for credentials (407)", proxy.address);
    world.gateway.line(|line| line.contains(&told)).await;
    world.close().await;

    let bad = plan(ISSUER).environment("HTTPS_PROXY", "socks5://user:hidden-word@proxy:1080").try_start().await;
    let Err(ended) = bad else { panic!("it must not start") };
    let told = "HTTPS_PROXY: found a proxy that is not an HTTP proxy; expected http://host:port";
    assert!(ended.output.contains(told) && !ended.output.contains("hidden-word"), "{}", ended.output);
}

#[tokio::test]
async fn d59_people_a8_faults_of_the_proxy_are_told_as_its_own_and_entries_without_a_match_are_named() {
    for issuer in ["http://idp.example", "https://idp.example"] {
        let idp = self::issuer(if issuer.starts_with("https") { "https" } else { "http" }).await;
        let proxy = Proxy::start(idp.address(), true).await;
        for (user, told) in [("", "it asks for credentials"), ("user:wrong-word@", "it refuses the credentials")] {
            let url = format!("http://{user}{}", proxy.address);
            let plan = plan(issuer).environment("HTTPS_PROXY", &url).environment("HTTP_PROXY", &url);
            let world = plan.environment("NO_PROXY", "10.*,other.example").start().await;
            world.secret("wrong-word");
            assert_eq!(status(&world, issuer).await, 503);
            let through = format!("through the forward proxy http://{}", proxy.address);
            world.gateway.line(|line| line.contains(&through) && line.contains(told)).await;
            world
                .gateway
                .line(|line| line.contains("entry of NO_PROXY matches no host") && line.contains("10.*"))
                .await;
            assert!(!world.gateway.output().contains("\"entry\":\"other.example\""));
            world.close().await;
        }
    }
}
