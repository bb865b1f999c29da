//! A client reads why its upload to a path was refused, or what the upstream answered, even if it sends all of it first.

use std::{net::SocketAddr, process::Stdio, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    process::Command,
    task::JoinHandle,
    time::sleep,
};

use crate::e2e::world::{Ask, Plan, Step, World, server};

const MIB: usize = 1024 * 1024;

/// A server with the default limit, 4 MiB, and two paths that take uploads.
fn plan(upstream: &str) -> Plan {
    let servers = "
  main:
    path: /mcp
    upstream: {url: \"@AT@/mcp\", response_timeout: 2s, connect_timeout: 1s}
    scopes: [\"mcp:connect\"]
    access: authenticated
    paths:
      - {path: \"/pub/**\", access: public, methods: [GET, POST]}
      - {path: \"/files/**\", methods: [GET, POST]}
";
    Plan::standard().servers(&servers.replace("@AT@", upstream))
}

/// An upstream that answers each request as soon as it has its head, and reads no more of it.
async fn early(status: &'static str) -> (SocketAddr, JoinHandle<()>) {
    async fn answer(mut stream: TcpStream, status: &str) {
        let mut head = Vec::new();
        while !head.windows(4).any(|four| four == b"\r\n\r\n") {
            let mut piece = [0; 1024];
            match stream.read(&mut piece).await {
                Ok(length) if length > 0 => head.extend_from_slice(&piece[..length]),
                _ => return,
            }
        }
        let answer = format!("HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nearly");
        let _ = stream.write_all(answer.as_bytes()).await;
        let _ = stream.shutdown().await;
        // A reset by what is unread could lose the answer.
        sleep(Duration::from_secs(20)).await;
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream, status));
        }
    });
    (address, serving)
}

/// An upload of so many bytes, in one piece of known length or in chunks.
fn upload(world: &World, target: &str, bytes: usize, in_chunks: bool) -> Ask {
    let ask = Ask::new("POST", target).token(&world.token()).with("Connection", "keep-alive");
    let body = "x".repeat(bytes);
    match in_chunks {
        true => ask.with("Transfer-Encoding", "chunked").body(format!("{bytes:x}\r\n{body}\r\n0\r\n\r\n")),
        false => ask.body(body),
    }
}

/// Sends all of it, then reads the answer.
async fn answered(world: &World, target: &str, bytes: usize, status: u16) {
    for in_chunks in [false, true] {
        let what = format!("{target}, {bytes} bytes, in chunks: {in_chunks}");
        let sent = upload(world, target, bytes, in_chunks).bytes(&world.authority);
        let mut live = world.connect().await;
        assert_eq!(live.write_while_taken(&sent, 1).await, sent.len(), "{what}: the socket was closed");
        assert_eq!(live.head(false).await, status, "{what}");
        assert!(!live.rest_of().await.cut, "{what}");
    }
}

#[tokio::test]
async fn people_b4_b5_attack_338_an_upload_that_is_refused_or_answered_early_is_drained() {
    let world = plan("@UPSTREAM@").start().await;
    world.upstream.answer_with(|seen| server::full(201, &[], seen.body.len().to_string()));
    for target in ["/pub/x", "/files/x"] {
        answered(&world, target, 6 * MIB, 413).await;
    }
    // Its bounds are those of a refused message.
    let endless = Ask::new("POST", "/files/x").token(&world.token()).set("Content-Length", "1000000000");
    let mut live = world.connect().await;
    live.write(&endless.with("Connection", "keep-alive").bytes(&world.authority)).await;
    assert_eq!((live.head(false).await, live.reply().header("connection")), (413, Some("close")));
    let taken = live.write_while_taken(&[b' '; 64 * 1024], 1_000).await;
    assert!(taken < 60_000_000, "{taken} bytes of a refused body were read");
    world.upstream.stop();
    for target in ["/pub/x", "/files/x"] {
        answered(&world, target, 3 * MIB, 502).await;
    }
    world.close().await;

    for status in ["413 Content Too Large", "200 OK"] {
        let (address, serving) = early(status).await;
        let world = plan(&format!("http://{address}")).start().await;
        for target in ["/pub/x", "/files/x"] {
            answered(&world, target, 3 * MIB, status[..3].parse().unwrap()).await;
        }
        world.close().await;
        serving.abort();
    }
}

/// A client that waits for `100 Continue` is not made to send what is refused.
#[tokio::test]
async fn people_b4_a_client_that_waits_with_its_body_is_answered_at_once() {
    let world = plan("@UPSTREAM@").start().await;
    let ask = Ask::new("POST", "/files/x").token(&world.token()).with("Expect", "100-continue");
    let mut live = world.connect().await;
    live.write(&ask.set("Content-Length", "6000000").bytes(&world.authority)).await;
    assert_eq!((live.head(false).await, live.reply().interim.len()), (413, 0));
    world.close().await;
}

#[tokio::test]
async fn people_b4_the_time_of_the_upstream_does_not_run_while_the_client_uploads() {
    let world = plan("@UPSTREAM@").start().await;
    world.upstream.answer_with(|seen| match seen.target.as_str() {
        "/pub/slow" => vec![Step::Hang],
        _ => server::full(201, &[], seen.body.len().to_string()),
    });
    let ask = Ask::new("POST", "/pub/x").set("Content-Length", "10").bytes(&world.authority);
    let mut live = world.connect().await;
    live.write(&ask).await;
    for pause in [3, 0] {
        live.write(b"01234").await;
        sleep(Duration::from_secs(pause)).await;
    }
    assert_eq!(live.head(false).await, 201, "{}", world.gateway.tail());
    assert_eq!(live.rest().await.text(), "10");
    let late = world.send(&Ask::new("POST", "/pub/slow").body("0123456789")).await;
    assert_eq!((late.status, late.reason().as_str()), (504, "upstream_timeout"));
    world.close().await;
}

/// Uploads by `fetch`, buffered or streamed; prints what the program sees of each.
const NODE: &str = r#"
const [token, ...cases] = process.argv.slice(1);
const headers = {"authorization": `Bearer ${token}`, "content-type": "application/octet-stream"};
async function* pieces(mib) { for (let i = 0; i < mib * 16; i++) yield Buffer.alloc(64 * 1024, 32); }
for (const one of cases) {
    const [url, mib, way] = one.split(",");
    const body = way === "stream" ? pieces(+mib) : Buffer.alloc(+mib * 1024 * 1024, 32);
    const said = await fetch(url, {method: "POST", headers, body, duplex: "half"})
        .then(async (answer) => (await answer.text(), answer.status), (cause) => cause.cause?.code ?? cause.code ?? String(cause));
    console.log(`${way} ${mib} ${said}`);
}
"#;

async fn node_sees(world: &World, mib: usize, status: u16) {
    let paths = ["/pub/x", "/files/x"].into_iter().flat_map(|path| ["buf", "stream"].map(|way| (path, way)));
    let cases = paths.map(|(path, way)| format!("{}{path},{mib},{way}", world.public));
    let mut node = Command::new("node");
    node.args(["--input-type=module", "-e", NODE, "--", &world.token()]).args(cases.collect::<Vec<_>>());
    match node.stdin(Stdio::null()).kill_on_drop(true).output().await {
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            let wanted = format!("buf {mib} {status}\nstream {mib} {status}\n").repeat(2);
            assert_eq!(said, wanted, "{}", String::from_utf8_lossy(&output.stderr));
        }
        Err(cause) => println!("not run: there is no Node.js here ({cause})"),
    }
}

#[tokio::test]
async fn people_b4_b5_node_reads_the_answer_to_a_large_upload() {
    let world = plan("@UPSTREAM@").start().await;
    node_sees(&world, 5, 413).await;
    world.upstream.stop();
    node_sees(&world, 3, 502).await;
    world.close().await;
    let (address, serving) = early("413 Content Too Large").await;
    let world = plan(&format!("http://{address}")).start().await;
    node_sees(&world, 3, 413).await;
    world.close().await;
    serving.abort();
}
