//! The age of connections, and their replacement.

use std::{
    net::Ipv4Addr,
    sync::atomic::{AtomicU8, Ordering},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::{advance, pause, resume},
};

use super::{connect::jitter, h2::Link, *};
use crate::{
    base::{
        limits::upstreams::{UPSTREAM_CONNECTION_AGE, UPSTREAM_CONNECTION_AGE_JITTER, UPSTREAM_H2_PING},
        names::ServerName,
    },
    decide::fields::query::QueryRule,
    outbound::{
        dial::{Peer, Stream},
        fetch::{client_tls, tls_roots},
        resolve::Resolver,
    },
};

/// The time between two requests, shorter than the idle timeout, so that only age ends a
/// connection.
const BUSY_EVERY: Duration = Duration::from_secs(3);

/// An upstream whose name leads to 127.0.0.N, for the N that the test sets.
fn upstream(port: u16) -> (Arc<Upstream>, Arc<AtomicU8>) {
    let last = Arc::new(AtomicU8::new(1));
    let now = Arc::clone(&last);
    let resolver = Resolver::new(Box::new(move |_| {
        let address = Ipv4Addr::new(127, 0, 0, now.load(Ordering::SeqCst));
        Box::pin(async move { Ok(vec![address.into()]) })
    }));
    let settings = UpstreamSettings {
        server: ServerName::from("weather"),
        peer: Peer { host: "mcp.example".into(), port, tls: false },
        authority: "mcp.example".into(),
        path_and_query: "/mcp".into(),
        aliases: Vec::new(),
        query: QueryRule::Forward,
        ca: None,
        client_certificate: None,
        connections: 2,
        connect_timeout: Duration::from_secs(5),
        response_timeout: Duration::from_secs(5),
    };
    let tls = client_tls(tls_roots(&[]).unwrap(), true);
    (Upstream::new(&settings, Dialler { tls, resolver }, None, &Arc::default()).unwrap(), last)
}

async fn later(by: Duration) {
    pause();
    advance(by).await;
    resume();
}

#[tokio::test]
async fn attack_178_a_busy_connection_is_replaced_at_its_age_and_the_new_one_goes_where_the_name_leads() {
    let first = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = first.local_addr().unwrap().port();
    let second = TcpListener::bind(("127.0.0.2", port)).await.unwrap();
    let (upstream, last) = upstream(port);

    let mut own = upstream.in_time(Instant::now()).await.unwrap();
    let (_kept, _) = first.accept().await.unwrap();
    last.store(2, Ordering::SeqCst);
    let mut age = Duration::ZERO;
    loop {
        let Leg::Own(used) = own else { panic!("HTTP/2 over plain TCP") };
        upstream.pools.idle.put_back(used);
        assert_eq!(upstream.figures().streams, 0);
        later(BUSY_EVERY).await;
        age += BUSY_EVERY;
        match upstream.at_once().await {
            Some(again) => own = again,
            None => break,
        }
    }
    assert!(age >= UPSTREAM_CONNECTION_AGE, "replaced too early: {age:?}");
    assert!(age <= UPSTREAM_CONNECTION_AGE + UPSTREAM_CONNECTION_AGE_JITTER + BUSY_EVERY, "too late: {age:?}");
    let _own = upstream.in_time(Instant::now()).await.unwrap();
    second.accept().await.unwrap();
    assert_eq!(upstream.figures(), Figures { connections: 1, streams: 1 });
}

/// A link over plain TCP, to a server that takes streams and answers none.
async fn link(upstream: &Arc<Upstream>, old_at: Instant) -> (Link, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        let (tcp, _) = listener.accept().await.unwrap();
        let mut connection = ::h2::server::handshake(tcp).await.unwrap();
        let mut kept = Vec::new();
        while let Some(Ok(stream)) = connection.accept().await {
            kept.push(stream);
        }
    });
    let tcp = TcpStream::connect(address).await.unwrap();
    let freed = &upstream.pools.connector.freed;
    (Link::over(Stream::Plain(tcp.into()), &upstream.pools.counts, freed, old_at).await.unwrap(), server)
}

#[tokio::test]
async fn attack_178_an_old_h2_connection_takes_no_stream_beside_a_new_one_and_ends_with_its_last() {
    // Nothing listens where the name leads: the replacement is another link, which the test brings.
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let (upstream, _) = upstream(port);
    let now = Instant::now();
    let (old, old_server) = link(&upstream, now + Duration::from_secs(60)).await;
    let first = upstream.pools.links.share(old, &upstream.pools.counts).unwrap();
    later(Duration::from_secs(61)).await;
    // The old connection serves until there is another.
    let second = upstream.pools.shared_at_once().unwrap();
    assert!(!old_server.is_finished());
    let (new, new_server) = link(&upstream, now + Duration::from_secs(600)).await;
    let third = upstream.pools.links.share(new, &upstream.pools.counts).unwrap();
    let fourth = upstream.pools.shared_at_once().unwrap();
    assert_eq!(upstream.figures(), Figures { connections: 2, streams: 4 });

    drop((first, second));
    old_server.await.unwrap();
    assert!(!new_server.is_finished());
    drop((third, fourth));
    assert_eq!(upstream.figures().streams, 0);
}

#[tokio::test]
async fn attack_179_an_h2_peer_that_died_without_a_word_is_given_up() {
    let (upstream, _) = upstream(9);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let tcp = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (mut peer, _) = listener.accept().await.unwrap();
    // SETTINGS, empty, and then nothing more.
    peer.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).await.unwrap();
    let old_at = Instant::now() + Duration::from_secs(600);
    let link = Link::over(Stream::Plain(tcp.into()), &upstream.pools.counts, &upstream.pools.connector.freed, old_at)
        .await
        .unwrap();
    // Without a stream no PING is sent.
    later(UPSTREAM_H2_PING * 3).await;
    sleep(Duration::from_millis(20)).await;
    assert!(!link.is_closed());
    let _slot = upstream.pools.links.share(link, &upstream.pools.counts).unwrap();
    let mut asked = vec![0; 4096];
    let mut read = 0;
    while !asked[..read].windows(9).any(|frame| frame == [0, 0, 8, 6, 0, 0, 0, 0, 0]) {
        later(UPSTREAM_H2_PING).await;
        read += peer.read(&mut asked[read..]).await.unwrap();
    }
    while upstream.figures().connections > 0 {
        later(UPSTREAM_H2_PING).await;
        tokio::task::yield_now().await;
    }
    assert!(upstream.pools.shared_at_once().is_none());
}

#[tokio::test]
async fn attack_178_ages_differ_by_chance() {
    let most = UPSTREAM_CONNECTION_AGE_JITTER;
    let some: Vec<Duration> = (0..100).map(|_| jitter(most)).collect();
    assert!(some.iter().all(|age| *age <= most));
    assert!(some.iter().any(|age| *age > most / 2) && some.iter().any(|age| *age < most / 2));
}
