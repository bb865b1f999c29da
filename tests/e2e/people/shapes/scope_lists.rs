//! The scopes of a 403 are never the published list as text, in the shape of docs/policy.md and of the demo (A12).

use crate::e2e::world::{Ask, Plan, World, call};

/// The scopes of a 403 for `tool`, and those that the metadata lists.
async fn asked_and_published(world: &World, tool: &str, granted: &str) -> (String, String) {
    let ask = || Ask::post("/mcp", call(tool)).token(&world.token_with(granted));
    let (first, second) = (world.send(&ask()).await, world.send(&ask()).await);
    assert_eq!(first.status, 403, "{first:?}");
    let asked = first.challenge_parameter("scope").unwrap();
    assert_eq!(first.challenge(), second.challenge(), "A-53: the same bytes each time");
    let document = world.send(&Ask::get("/.well-known/oauth-protected-resource/mcp")).await.json();
    let published: Vec<&str> =
        document["scopes_supported"].as_array().unwrap().iter().map(|scope| scope.as_str().unwrap()).collect();
    (asked, published.join(" "))
}

fn sorted(list: &str) -> Vec<&str> {
    let mut words: Vec<&str> = list.split(' ').collect();
    words.sort_unstable();
    words
}

#[tokio::test]
async fn people_a12_the_scopes_of_a_403_are_never_the_published_list_as_text() {
    for (rules, base, tool, granted) in [
        // The example of docs/policy.md, and the demo's.
        ("- {tools: [\"get_*\", forecast], scopes: [\"mcp:tools:weather\"]}", "mcp:connect", "forecast", "mcp:connect"),
        (
            "- {tools: [read_notes]}\n      - {tools: [write_note], scopes: [\"notes:write\"]}",
            "notes:read",
            "write_note",
            "notes:read",
        ),
        ("- {tools: [pay], scopes: [b, c]}", "a", "pay", "a"),
        ("- {tools: [pay], scopes: [b, c]}", "a", "pay", "a c"),
        ("- {tools: [other], scopes: [b]}\n      - {tools: [pay], scopes: [c]}", "a", "pay", "a b"),
    ] {
        let servers = format!(
            "\n  main:\n    path: /mcp\n    upstream: {{url: \"@UPSTREAM@/mcp\"}}\n    scopes: [\"{base}\"]\n    rules:\n      {rules}\n"
        );
        let world = Plan::standard().servers(&servers).start().await;
        let (asked, published) = asked_and_published(&world, tool, granted).await;
        assert_ne!(asked, published, "{rules}");
        // mcp-remote 0.15 asks for what it has, and then for what is new in the challenge.
        let new = asked.split(' ').filter(|scope| !granted.split(' ').any(|held| held == *scope));
        let union: Vec<&str> = granted.split(' ').chain(new).collect();
        assert_ne!(union.join(" "), published, "{rules}");
        assert_eq!(sorted(&asked), sorted(&published), "{rules}: all the same");
        // The step-up succeeds with what was asked.
        let reply = world.send(&Ask::post("/mcp", call(tool)).token(&world.token_with(&asked))).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        world.close().await;
    }
}

#[tokio::test]
async fn people_a12_a_configured_list_and_one_scope_stay_as_they_are() {
    let servers = "\n  main:\n    path: /mcp\n    upstream: {url: \"@UPSTREAM@/mcp\"}\n    scopes: [a]\n    scopes_supported: [b, a]\n    rules:\n      - {tools: [pay], scopes: [b]}\n";
    let world = Plan::standard().servers(servers).start().await;
    let (asked, published) = asked_and_published(&world, "pay", "a").await;
    assert_eq!((asked.as_str(), published.as_str()), ("a b", "b a"));
    world.close().await;
    let servers = "\n  main:\n    path: /mcp\n    upstream: {url: \"@UPSTREAM@/mcp\"}\n    rules:\n      - {tools: [pay], scopes: [b]}\n";
    let world = Plan::standard().servers(servers).start().await;
    let (asked, published) = asked_and_published(&world, "pay", "x").await;
    assert_eq!((asked.as_str(), published.as_str()), ("b", "b"), "one scope has one order");
    world.close().await;
}
