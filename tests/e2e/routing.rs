//! Does exactly one spelling of a path lead to a server (SPEC F-03, F-20, attacks 93–109)?

use super::world::{Ask, Plan, Want, World, call, row};

fn to(world: &World, target: &str) -> Ask {
    Ask::post(target, call("safe")).token(&world.token())
}

#[tokio::test]
async fn f20_attack_093_to_097_other_spellings_of_the_path_lead_nowhere() {
    let world = World::standard().await;
    let elsewhere = ["/mcp.", "/mcpx", "/mcp/x", "/", "*", "mcp", "/inner/mcp", "//evil.example/mcp", "/mc\u{440}"];
    let dots = ["//mcp", "/./mcp", "/a/../mcp", "/mcp/../mcp", "/mcp/..;/admin", "/mcp;x=1", "/%2e/mcp"];
    let escapes = ["/mcp%2f", "/mcp%00", "/mcp\\", "/mcp%5c", "/mcp%20", "/mcp%23", "/mcp%3f", "/%2fmcp"];
    let ours = [400, 404].as_slice();
    let cases: [(&str, &[&str], &'static [u16]); 7] = [
        ("093 another case", &["/MCP", "/Mcp", "/mcP"], ours),
        ("094 more slashes at the end", &["/mcp//", "/mcp///", "/mcp/./"], ours),
        ("095 an escape", &["/%6dcp", "/mc%70", "/%6D%63%70"], ours),
        ("096 dots and parameters", &dots, ours),
        ("096 what ends it for some", &escapes, ours),
        ("097 a fragment or another site", &["/mcp#f", "http://evil.example/mcp", "http://evil.example"], &[400, 421]),
        ("something else", &elsewhere, ours),
    ];
    let mut rows = Vec::new();
    for (case, targets, wanted) in cases {
        for target in targets {
            rows.push(row(format!("{case}: {target}"), to(&world, target), Want::OneOf(wanted)));
        }
    }
    rows.push(row("the one spelling", to(&world, "/mcp"), Want::Passes));
    rows.push(row("094 one slash at the end", to(&world, "/mcp/"), Want::Passes));
    world.verdicts(rows).await;
    world.close().await;
}

#[tokio::test]
async fn f03_absolute_form_must_name_us() {
    let world = World::standard().await;
    let own = format!("{}/mcp", world.public);
    world
        .verdicts(vec![
            row("ours", to(&world, &own), Want::Passes),
            row("ours, another Host", to(&world, &own).with("Host", "evil.example"), Want::OneOf(&[400, 421])),
            row("theirs, our Host", to(&world, "http://evil.example/mcp"), Want::OneOf(&[400, 421])),
            row("user info", to(&world, &own.replace("http://", "http://u@")), Want::OneOf(&[400, 421])),
            row(
                "a Host list",
                to(&world, "/mcp").with("Host", format!("{0}, {0}", world.authority)),
                Want::Status(400),
            ),
            row("a Host with a space", to(&world, "/mcp").with("Host", "a b"), Want::Status(400)),
            row(
                "a Host with user info",
                to(&world, "/mcp").with("Host", format!("u@{}", world.authority)),
                Want::OneOf(&[400, 421]),
            ),
            row("an empty Host", to(&world, "/mcp").with("Host", ""), Want::OneOf(&[400, 421])),
        ])
        .await;
    world.close().await;
}

#[tokio::test]
async fn f12_c77_attack_121_limits_of_the_head() {
    let world = World::standard().await;
    let long = "x".repeat(9 * 1024);
    let field = "x".repeat(34 * 1024);
    let mut many = to(&world, "/mcp");
    for number in 0..120 {
        many = many.with(&format!("X-N-{number}"), "1");
    }
    let mut params = to(&world, "/mcp");
    for number in 0..500 {
        params = params.with(&format!("Mcp-Param-{number}"), "1");
    }
    let mut block = to(&world, "/mcp");
    for number in 0..60 {
        block = block.with(&format!("X-B-{number}"), "y".repeat(1000));
    }
    let huge = to(&world, "/mcp").with("X-Huge", "x".repeat(80 * 1024));
    world
        .verdicts(vec![
            row("a URI of 9 KiB", to(&world, &format!("/mcp?{long}")), Want::Status(414)),
            row("a field of 34 KiB", to(&world, "/mcp").with("X-Long", &field), Want::Status(431)),
            row("120 fields", many, Want::Status(431)),
            row("c77 500 Mcp-Param fields", params, Want::Status(431)),
            row("a block of 60 KiB", block, Want::Status(431)),
            row("a field of 80 KiB", huge, Want::Status(431)),
            row(
                "a URI of 100 KiB",
                to(&world, &format!("/mcp?{}", "x".repeat(100 * 1024))),
                Want::OneOf(&[414, 431, 0]),
            ),
            row("a field of 33 KiB", to(&world, "/mcp").with("X-Long", "x".repeat(33 * 1024)), Want::Passes),
        ])
        .await;
    world.close().await;
}

#[tokio::test]
async fn f12_c22_the_body_limit_holds_without_a_length_too() {
    let world = World::standard().await;
    let chunk = format!("4000\r\n{}\r\n", " ".repeat(0x4000));
    let ask = to(&world, "/mcp").body(chunk.repeat(8)).with("Transfer-Encoding", "chunked");
    world.verdicts(vec![row("128 KiB in chunks, unfinished", ask, Want::Status(413))]).await;
    let says = to(&world, "/mcp").body("").with("Content-Length", "999999999999");
    world.verdicts(vec![row("says it will be huge", says, Want::Status(413))]).await;
    world.close().await;
}

#[tokio::test]
async fn b15_a19_two_servers_share_nothing() {
    let servers = r#"
  first:
    path: /a/mcp
    upstream: {url: "@UPSTREAM@/a"}
    access: authenticated
  second:
    path: /b/mcp
    upstream: {url: "@UPSTREAM@/b"}
    access: authenticated
"#;
    let world = Plan::standard().servers(servers).start().await;
    let a = world.issuer.mint(&format!("{}/a/mcp", world.public)).token();
    let origin = world.issuer.mint(&world.public).token();
    let ask = |path: &str, token: &str| Ask::post(path, call("anything")).token(token);
    world
        .verdicts(vec![
            row("a's token at a", ask("/a/mcp", &a), Want::Passes),
            row("a's token at b", ask("/b/mcp", &a), Want::Status(401)),
            row("b15 the origin's token at a", ask("/a/mcp", &origin), Want::Status(401)),
            row("b15 the origin's token at b", ask("/b/mcp", &origin), Want::Status(401)),
        ])
        .await;
    world.send(&ask("/a/mcp", &a)).await;
    assert_eq!(world.upstream.take_one().target, "/a");
    world.close().await;
}
