//! A name with a silent address and one that answers: the second is tried after a moment (C7).

use std::net::Ipv4Addr;

use tokio::net::{TcpSocket, TcpStream};

use crate::e2e::world::{Plan, Upstream, call, dns::Dns, plan::STANDARD};

/// The most that a call may take to reach the second address: the first alone would take the whole `connect_timeout`.
const CONNECT_TIMEOUT: &str = "60s";

#[tokio::test]
async fn people_c7_a_silent_address_does_not_use_up_the_time_of_the_next() {
    let (silent, alive) = (Ipv4Addr::new(127, 77, 0, 1), Ipv4Addr::new(127, 77, 0, 2));
    let dns = Dns::start_with(&[silent, alive]).await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((silent, 0).into()).unwrap();
    let listener = socket.listen(1).unwrap();
    let at = listener.local_addr().unwrap();
    // Its queue is full, and the system drops what comes then.
    let mut fillers: Vec<tokio::task::JoinHandle<std::io::Result<TcpStream>>> = Vec::new();
    while fillers.iter().filter(|filler| !filler.is_finished()).count() < 2 {
        fillers.push(tokio::spawn(TcpStream::connect(at)));
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let upstream = Upstream::start_at((alive, at.port()).into()).await;
    let with = format!("url: \"http://mcp.example:{}/inner/mcp\"", at.port());
    let servers = STANDARD.replace("url: \"@UPSTREAM@/inner/mcp\"", &with);
    let servers = servers.replace("connect_timeout: 2s", &format!("connect_timeout: {CONNECT_TIMEOUT}"));
    let world = Plan::standard().servers(&servers).name_server(dns.address()).start().await;
    assert_eq!(world.send(&world.post(call("safe"))).await.status, 200);
    assert_eq!(upstream.take_one().header("host"), Some(&*format!("mcp.example:{}", at.port())));
    world.close().await;
}
