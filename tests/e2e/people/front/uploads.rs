//! A body that is too large: the client reads the 413, which names the limit and its key (B5).

use std::process::Stdio;

use tokio::process::Command;

use crate::e2e::world::{Plan, World, call};

const MIB: usize = 1024 * 1024;

#[tokio::test]
async fn people_b5_a_413_names_the_limit_and_the_key() {
    let world = Plan::standard_but("limits: {request_body: 64KiB}", "limits: {}").start().await;
    let reply = world.send(&world.post(" ".repeat(5 * MIB) + &call("safe"))).await;
    assert_eq!((reply.status, reply.reason().as_str()), (413, "body_too_large"));
    let message = reply.json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(message.contains("at most 4194304 bytes (`limits.request_body`)"), "{message}");
    world.close().await;
    let small = World::standard().await;
    let reply = small.send(&small.post(" ".repeat(65 * 1024))).await;
    assert!(reply.text().contains("at most 65536 bytes"), "{reply:?}");
    small.close().await;
}

/// A body of 5 MiB by `fetch`; prints what the program sees.
const NODE: &str = r#"
const [url, token] = process.argv.slice(1);
const headers = {"authorization": `Bearer ${token}`, "content-type": "application/json", "accept": "application/json, text/event-stream"};
fetch(url, {method: "POST", headers, body: Buffer.alloc(5 * 1024 * 1024, 32)})
    .then(async (answer) => console.log(answer.status, (await answer.json()).error.message))
    .catch((cause) => console.log(cause.cause?.code ?? cause.code ?? String(cause)));
"#;

#[tokio::test]
async fn people_b5_node_reads_the_413_for_5_mib() {
    let world = Plan::standard_but("limits: {request_body: 64KiB}", "limits: {}").start().await;
    for _ in 0..5 {
        let mut node = Command::new("node");
        node.args(["-e", NODE, "--", &world.resource(), &world.token()]).stdin(Stdio::null()).kill_on_drop(true);
        match node.output().await {
            Ok(output) => {
                let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
                let wanted =
                    "413 the body is larger than this server takes: at most 4194304 bytes (`limits.request_body`)";
                assert_eq!(said, wanted, "{}", String::from_utf8_lossy(&output.stderr));
            }
            Err(cause) => println!("not run: there is no Node.js here ({cause})"),
        }
    }
    world.close().await;
}
