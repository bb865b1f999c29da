//! Does TLS serve only the site it was opened for, take nothing early, and never begin anew (SPEC F-18, F-19, attack 127)?

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    sync::Arc,
};

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use rustls::{
    ClientConfig, ClientConnection, ConnectionTrafficSecrets, NamedGroup, Stream,
    client::{
        ClientSessionMemoryCache, ClientSessionStore, Resumption, Tls12ClientSessionValue, Tls13ClientSessionValue,
    },
    crypto::{self, CryptoProvider},
    pki_types::ServerName,
    version::{TLS12, TLS13},
};

use super::{
    wire_h2::{HEADERS, block, frame, greet, outcome},
    world::{Ask, Plan, World, call, certificate, process::PATIENCE},
};

const PRM: &str = "/.well-known/oauth-protected-resource/mcp";

fn localhost() -> ServerName<'static> {
    ServerName::try_from("localhost").unwrap()
}

fn dial(address: SocketAddr) -> TcpStream {
    let tcp = TcpStream::connect(address).unwrap();
    tcp.set_read_timeout(Some(PATIENCE)).unwrap();
    tcp.set_write_timeout(Some(PATIENCE)).unwrap();
    tcp
}

fn port(world: &World) -> &str {
    world.authority.rsplit(':').next().unwrap()
}

#[tokio::test]
async fn f19_attack_127_the_host_must_be_the_name_that_tls_was_opened_for() {
    let world = Plan::standard().tls().start().await;
    let own = world.authority.clone();
    let by_address = format!("127.0.0.1:{}", port(&world));
    let cases = [
        ("localhost", own.as_str(), "200"),
        ("localhost", "LOCALHOST:1", "200"),
        // The certificate names both sites, so nothing but this check keeps one connection from asking for the other.
        ("other.example", own.as_str(), "421"),
        ("localhost", "other.example", "421"),
        ("other.example", "other.example", "421"),
        // Both are names of this gateway, and a proxy that encrypts anew passes on another name than it asks for.
        ("localhost", by_address.as_str(), "200"),
        // An address has no name in TLS: there is nothing to compare with.
        ("127.0.0.1", by_address.as_str(), "200"),
        ("127.0.0.1", own.as_str(), "200"),
        ("127.0.0.1", "other.example", "421"),
    ];
    let bearer = format!("Bearer {}", world.token());
    for (name, host, wanted) in cases {
        for path in [PRM, "/mcp"] {
            let wanted = if (path, wanted) == ("/mcp", "200") { "405" } else { wanted };
            let ask = Ask::get(path).with("Host", host).with("Authorization", &bearer);
            let mut live = world.connect_as(name, b"http/1.1").await;
            live.write(&ask.bytes("")).await;
            assert_eq!(live.head(false).await.to_string(), wanted, "HTTP/1.1: {path} for {name}, Host {host}");
            drop(live);
            let fields = [
                (":method", "GET"),
                (":scheme", "https"),
                (":path", path),
                (":authority", host),
                ("authorization", &bearer),
            ];
            let mut live = greet(world.connect_as(name, b"h2").await).await;
            live.write(&frame(HEADERS, 5, 1, &block(&fields))).await;
            assert_eq!(outcome(&mut live).await, wanted, "HTTP/2: {path} for {name}, :authority {host}");
        }
    }
    let seen = world.upstream.take();
    assert_eq!(seen.len(), 2 * cases.iter().filter(|(_, _, wanted)| *wanted == "200").count(), "and 421 is ours");
    world.close().await;
}

/// Remembers tickets, and takes each for one that allows early data, whatever the server said.
#[derive(Debug)]
struct Eager(ClientSessionMemoryCache);

impl ClientSessionStore for Eager {
    fn set_kx_hint(&self, name: ServerName<'static>, group: NamedGroup) {
        self.0.set_kx_hint(name, group);
    }

    fn kx_hint(&self, name: &ServerName<'_>) -> Option<NamedGroup> {
        self.0.kx_hint(name)
    }

    fn set_tls12_session(&self, name: ServerName<'static>, value: Tls12ClientSessionValue) {
        self.0.set_tls12_session(name, value);
    }

    fn tls12_session(&self, name: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        self.0.tls12_session(name)
    }

    fn remove_tls12_session(&self, name: &ServerName<'static>) {
        self.0.remove_tls12_session(name);
    }

    fn insert_tls13_ticket(&self, name: ServerName<'static>, mut value: Tls13ClientSessionValue) {
        assert_eq!(value.max_early_data_size(), 0, "the ticket offers early data");
        value._private_set_max_early_data_size(16 * 1024);
        self.0.insert_tls13_ticket(name, value);
    }

    fn take_tls13_ticket(&self, name: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        self.0.take_tls13_ticket(name)
    }
}

#[tokio::test]
async fn f18_attack_127_a_post_in_early_data_is_not_read() {
    let world = Plan::standard().tls().start().await;
    let address = world.gateway.listening_address();
    let mut config = certificate::client_config_of(Arc::new(crypto::aws_lc_rs::default_provider()), &[&TLS13]);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.enable_early_data = true;
    config.resumption = Resumption::store(Arc::new(Eager(ClientSessionMemoryCache::new(8))));
    let config = Arc::new(config);
    let first = Ask::get(PRM).bytes(&world.authority);
    let post = world.post(call("safe")).bytes(&world.authority);

    let for_client = (Arc::clone(&config), post.clone());
    let (early_sent, accepted, live) = tokio::task::spawn_blocking(move || {
        let (config, post) = for_client;
        // A whole request, so that the tickets have come.
        let (mut tcp, mut tls) = (dial(address), ClientConnection::new(Arc::clone(&config), localhost()).unwrap());
        let mut stream = Stream::new(&mut tls, &mut tcp);
        stream.write_all(&first).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));

        let (mut tcp, mut tls) = (dial(address), ClientConnection::new(config, localhost()).unwrap());
        let early_sent = tls.early_data().expect("the client tries").write(&post).unwrap();
        while tls.is_handshaking() {
            tls.complete_io(&mut tcp).unwrap();
        }
        (early_sent, tls.is_early_data_accepted(), (tcp, tls))
    })
    .await
    .unwrap();
    assert_eq!((early_sent, accepted), (post.len(), false), "the whole request went early and was not taken");

    // The connection goes on as one that has said nothing yet.
    let answer = tokio::task::spawn_blocking(move || {
        let (mut tcp, mut tls) = live;
        let mut stream = Stream::new(&mut tls, &mut tcp);
        stream.write_all(&post).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        answer
    })
    .await
    .unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
    assert_eq!(world.upstream.take_one().body, call("safe").as_bytes(), "what went early reached nobody");
    world.close().await;
}

/// One direction of a connection of TLS 1.2 with AES-GCM, whose records are made and read by hand (RFC 5288 §3).
struct Half {
    key: LessSafeKey,
    iv: Vec<u8>,
    sequence: u64,
}

impl Half {
    fn new((sequence, secrets): (u64, ConnectionTrafficSecrets)) -> Self {
        let ConnectionTrafficSecrets::Aes128Gcm { key, iv } = secrets else { panic!("another suite") };
        let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, key.as_ref()).unwrap());
        Self { key, iv: iv.as_ref().to_vec(), sequence }
    }

    fn nonce(&self, explicit: [u8; 8]) -> Nonce {
        Nonce::try_assume_unique_for_key(&[&self.iv[..4], &explicit].concat()).unwrap()
    }

    fn aad(&mut self, kind: u8, length: usize) -> Aad<Vec<u8>> {
        let length = u16::try_from(length).unwrap().to_be_bytes();
        let aad = [&self.sequence.to_be_bytes()[..], &[kind, 3, 3], &length].concat();
        self.sequence += 1;
        Aad::from(aad)
    }

    fn seal(&mut self, kind: u8, plain: &[u8]) -> Vec<u8> {
        let base = u64::from_be_bytes(self.iv[4..].try_into().unwrap());
        let explicit = (base ^ self.sequence).to_be_bytes();
        let (nonce, aad, mut body) = (self.nonce(explicit), self.aad(kind, plain.len()), plain.to_vec());
        self.key.seal_in_place_append_tag(nonce, aad, &mut body).unwrap();
        let length = u16::try_from(8 + body.len()).unwrap().to_be_bytes();
        [&[kind, 3, 3], &length[..], &explicit, &body].concat()
    }

    /// The kind of the next record and what it says; `None` where the peer has hung up.
    fn next(&mut self, tcp: &mut TcpStream) -> Option<(u8, Vec<u8>)> {
        let mut head = [0; 5];
        tcp.read_exact(&mut head).ok()?;
        let mut body = vec![0; usize::from(u16::from_be_bytes([head[3], head[4]]))];
        tcp.read_exact(&mut body).ok()?;
        let nonce = self.nonce(body[..8].try_into().unwrap());
        let aad = self.aad(head[0], body.len() - 8 - 16);
        let mut sealed = body.split_off(8);
        Some((head[0], self.key.open_in_place(nonce, aad, &mut sealed).unwrap().to_vec()))
    }
}

/// A ClientHello of TLS 1.2 that any server could answer.
fn client_hello() -> Vec<u8> {
    let extensions: [&[u8]; 3] = [&[0, 10, 0, 4, 0, 2, 0, 23], &[0, 13, 0, 4, 0, 2, 4, 3], &[0, 11, 0, 2, 1, 0]];
    let extensions = extensions.concat();
    let length = u16::try_from(extensions.len()).unwrap().to_be_bytes();
    let body = [&[3, 3][..], &[7; 32], &[0, 0, 2, 0xc0, 0x2b, 1, 0], &length, &extensions].concat();
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    [&[1], &length[1..], &body].concat()
}

#[tokio::test]
async fn f18_attack_127_renegotiation_is_refused() {
    const HANDSHAKE: u8 = 22;
    const ALERT: u8 = 21;
    const DATA: u8 = 23;
    let world = Plan::standard().tls().start().await;
    let address = world.gateway.listening_address();
    let suite = crypto::aws_lc_rs::cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256;
    let provider = CryptoProvider { cipher_suites: vec![suite], ..crypto::aws_lc_rs::default_provider() };
    let mut config: ClientConfig = certificate::client_config_of(Arc::new(provider), &[&TLS12]);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.enable_secret_extraction = true;
    let ask = Ask::get(PRM).with("Connection", "keep-alive").bytes(&world.authority);

    tokio::task::spawn_blocking(move || {
        let (mut tcp, mut tls) = (dial(address), ClientConnection::new(Arc::new(config), localhost()).unwrap());
        while tls.is_handshaking() {
            tls.complete_io(&mut tcp).unwrap();
        }
        let secrets = tls.dangerous_extract_secrets().unwrap();
        let (mut out, mut back) = (Half::new(secrets.tx), Half::new(secrets.rx));

        let hello = out.seal(HANDSHAKE, &client_hello());
        tcp.write_all(&hello).unwrap();
        // RFC 5246 §7.2.2: a warning, no_renegotiation.
        assert_eq!(back.next(&mut tcp), Some((ALERT, vec![1, 100])));
        let request = out.seal(DATA, &ask);
        tcp.write_all(&request).unwrap();
        let (kind, answer) = back.next(&mut tcp).unwrap();
        assert!(kind == DATA && answer.starts_with(b"HTTP/1.1 200"), "the keys are still the first ones: {kind}");

        // Whoever insists is hung up on.
        for _ in 0..4 {
            let hello = out.seal(HANDSHAKE, &client_hello());
            let _ = tcp.write_all(&hello);
        }
        let mut last = None;
        while let Some((kind, said)) = back.next(&mut tcp) {
            assert_ne!(kind, HANDSHAKE, "it began anew");
            last = (kind == ALERT).then_some(said).or(last);
        }
        assert!(last.is_none_or(|alert| alert == [2, 10]), "unexpected_message, or nothing at all");
    })
    .await
    .unwrap();
    assert_eq!(world.send(&world.post(call("safe"))).await.status, 200, "others are served");
    world.close().await;
}
