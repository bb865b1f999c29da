//! Does a client that sends its whole body before it reads learn why it was refused (SPEC F-25, attack 191)?

use std::process::Stdio;

use tokio::process::Command;

use super::world::{Ask, Plan, World, call};

const MIB: usize = 1024 * 1024;

/// The standard server with the bound on bodies that it has by default, 4 MiB.
fn plan() -> Plan {
    Plan::standard_but("limits: {request_body: 64KiB}", "limits: {}")
}

/// A body of this size that is one call.
fn body(bytes: usize) -> String {
    let call = call("safe");
    let blanks = " ".repeat(bytes - call.len());
    blanks + &call
}

#[tokio::test]
async fn f25_attack_191_a_refused_upload_is_drained_and_its_answer_read() {
    let world = plan().start().await;
    let small = World::standard().await;
    let chunked = |bytes: usize| format!("{bytes:x}\r\n{}\r\n0\r\n\r\n", body(bytes));
    let post = |world: &World, bytes: usize| world.post(body(bytes)).with("Connection", "keep-alive");
    let cases = [
        ("too large", &world, post(&world, 6 * MIB), 413, true),
        ("not JSON", &world, post(&world, 6 * MIB).set("Content-Type", "text/plain"), 415, true),
        ("an unknown method", &world, post(&world, 3 * MIB).set("Mcp-Session-Id", "a b"), 400, true),
        (
            "in chunks",
            &world,
            world.post(chunked(6 * MIB)).with("Connection", "keep-alive").with("Transfer-Encoding", "chunked"),
            413,
            false,
        ),
        ("a lower bound", &small, post(&small, 120 * 1024), 413, true),
    ];
    for (what, world, ask, status, stays) in cases {
        let mut live = world.connect().await;
        // All of it, before a byte of the answer is read.
        let bytes = ask.bytes(&world.authority);
        assert_eq!(live.write_while_taken(&bytes, 1).await, bytes.len(), "{what}: the socket was closed");
        assert_eq!(live.head(false).await, status, "{what}");
        let closes = live.reply().header("connection").map(str::to_owned);
        assert_eq!(closes.as_deref(), if stays { None } else { Some("close") }, "{what}");
        assert!(!live.rest_of().await.cut, "{what}");
        if stays {
            live.write(&world.post(call("safe")).bytes(&world.authority)).await;
            assert_eq!(live.head(false).await, 200, "{what}: the next request on the connection is answered");
            assert_eq!(world.upstream.take().len(), 1, "{what}");
        }
    }
    world.close().await;
    small.close().await;
}

#[tokio::test]
async fn f25_attack_191_no_more_than_twice_the_bound_is_drained_and_not_for_long() {
    let world = World::standard().await;
    let endless = world.post("").set("Content-Length", "1000000000").with("Connection", "keep-alive");
    let mut live = world.connect().await;
    live.write(&endless.bytes(&world.authority)).await;
    assert_eq!(live.head(false).await, 413);
    assert_eq!(live.reply().header("connection"), Some("close"));
    let taken = live.write_while_taken(&[b' '; 64 * 1024], 1_000).await;
    assert!(taken < 60_000_000, "{taken} bytes of a refused body were read");
    drop(live);

    // One that never comes holds its connection for a few seconds.
    let stalled = world.post("").set("Content-Length", "100000").with("Connection", "keep-alive");
    let mut live = world.connect().await;
    live.write(&stalled.bytes(&world.authority)).await;
    assert_eq!(live.head(false).await, 413);
    live.rest_of().await;
    assert!(live.bytes().await.is_empty(), "the connection is closed");
    drop(live);
    assert_eq!(world.upstream.count(), 0);
    world.close().await;
}

#[tokio::test]
async fn f25_attack_119_an_upload_with_a_bad_token_is_drained_for_a_moment() {
    let world = plan().start().await;
    let ask = Ask::post("/mcp", "").token("bad").with("Connection", "keep-alive");
    let whole = ask.clone().body(vec![b' '; 6 * MIB]).bytes(&world.authority);
    let mut live = world.connect().await;
    assert_eq!(live.write_while_taken(&whole, 1).await, whole.len());
    assert_eq!(live.head(false).await, 401);
    assert!(!live.rest_of().await.cut);
    live.write(&world.post(call("safe")).bytes(&world.authority)).await;
    assert_eq!(live.head(false).await, 200, "the next request on the connection is answered");
    assert_eq!(world.upstream.take().len(), 1);
    drop(live);

    // One that does not come, and one that is longer than any.
    let mut live = world.connect().await;
    live.write(&ask.clone().with("Content-Length", "6000000").bytes(&world.authority)).await;
    assert_eq!(live.head(false).await, 401);
    live.rest_of().await;
    assert!(live.bytes().await.is_empty(), "the connection is closed");
    drop(live);
    let mut live = world.connect().await;
    live.write(&ask.with("Content-Length", "9000000").bytes(&world.authority)).await;
    assert_eq!(live.head(false).await, 401);
    assert_eq!(live.reply().header("connection"), Some("close"));
    live.rest_of().await;
    assert!(live.bytes().await.is_empty(), "the connection is closed");
    drop(live);
    world.close().await;
}

/// Ten uploads by `fetch` and ten by `http.request`, of which each must report the status that it was answered.
const NODE: &str = r#"
const http = require("node:http");
const [url, token] = process.argv.slice(1);
const headers = {"authorization": `Bearer ${token}`, "content-type": "application/json", "accept": "application/json, text/event-stream"};
const body = Buffer.alloc(6 * 1024 * 1024, 32);
const byFetch = async () => (await fetch(url, {method: "POST", headers, body})).status;
const byRequest = () => new Promise((resolve, reject) => {
    const request = http.request(url, {method: "POST", headers: {...headers, "content-length": body.length}}, (response) => {
        response.resume();
        response.on("end", () => resolve(response.statusCode));
    });
    request.on("error", reject);
    request.end(body);
});
(async () => {
    const seen = {};
    for (const [name, send] of [["fetch", byFetch], ["request", byRequest]]) {
        for (let count = 0; count < 10; count++) {
            const got = await send().catch((cause) => cause.cause?.code ?? cause.code ?? String(cause));
            seen[`${name} ${got}`] = (seen[`${name} ${got}`] ?? 0) + 1;
        }
    }
    console.log(JSON.stringify(seen));
    process.exit(0);
})();
"#;

#[tokio::test]
async fn f25_attack_191_node_reads_the_answer_to_a_refused_upload() {
    let world = plan().start().await;
    let mut node = Command::new("node");
    node.args(["-e", NODE, "--", &world.resource(), &world.token()]).stdin(Stdio::null()).kill_on_drop(true);
    match node.output().await {
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
            assert_eq!(said, r#"{"fetch 413":10,"request 413":10}"#, "{}", String::from_utf8_lossy(&output.stderr));
        }
        Err(cause) => println!("not run: there is no Node.js here ({cause})"),
    }
    world.close().await;
}
