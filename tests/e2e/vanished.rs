//! Does the kernel watch for a peer that is gone without a word (attack 197)?

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{sleep, timeout},
};

use super::world::{
    Ask, Step, World,
    process::PATIENCE,
    server::{chunk, sse_head},
};

/// The kernel's number for the keep-alive timer.
const KEEP_ALIVE: u8 = 2;
/// The kernel counts in hundredths of a second.
const TICKS_A_SECOND: u64 = 100;

/// An address as the kernel's table of connections spells it.
fn spelled(address: SocketAddr) -> String {
    let SocketAddr::V4(address) = address else { panic!("{address}") };
    format!("{:08X}:{:04X}", u32::from_le_bytes(address.ip().octets()), address.port())
}

/// The timer of the connection from one end to the other: its kind, and what is left of it. An end
/// that is not known may be any.
fn timer(local: Option<SocketAddr>, remote: Option<SocketAddr>) -> Option<(u8, Duration)> {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let is = |word: &str, wanted: Option<SocketAddr>| wanted.is_none_or(|wanted| word == spelled(wanted));
    let line = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).find(|words| {
        // 01: established.
        words.len() > 5 && words[3] == "01" && is(words[1], local) && is(words[2], remote)
    })?;
    let (kind, left) = line[5].split_once(':').unwrap();
    let left = u64::from_str_radix(left, 16).unwrap() * 1_000 / TICKS_A_SECOND;
    Some((u8::from_str_radix(kind, 16).unwrap(), Duration::from_millis(left)))
}

/// What is left until the connection is probed. What is just on its way has another timer first.
async fn until_probed(local: Option<SocketAddr>, remote: Option<SocketAddr>) -> Duration {
    let look = async {
        loop {
            if let Some((KEEP_ALIVE, left)) = timer(local, remote) {
                return left;
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, look).await.unwrap_or_else(|_| panic!("no keep-alive: {:?}", timer(local, remote)))
}

#[tokio::test]
async fn attack_197_a_quiet_stream_is_probed_at_both_ends() {
    let world = World::standard().await;
    world.until_ready().await;
    world.upstream.answer_with(|_| vec![sse_head(&[]), chunk("data: one\n\n"), Step::Hang]);
    let mut client = TcpStream::connect(world.gateway.listening_address()).await.unwrap();
    let ask = Ask::get("/mcp").token(&world.token()).with("Accept", "text/event-stream");
    client.write_all(&ask.bytes(&world.authority)).await.unwrap();
    let mut said = Vec::new();
    while !String::from_utf8_lossy(&said).contains("data: one") {
        assert!(timeout(PATIENCE, client.read_buf(&mut said)).await.unwrap().unwrap() > 0, "it ended");
    }

    let near = Duration::from_secs(31);
    let left = until_probed(client.peer_addr().ok(), client.local_addr().ok()).await;
    assert!(left < near, "the client is probed in {left:?}");
    let left = until_probed(None, Some(world.upstream.address())).await;
    assert!(left < near, "the upstream is probed in {left:?}");
    drop(client);
    world.close().await;
}
