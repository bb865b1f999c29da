//! Lists that say which scopes each tool needs: `advertise_scopes` (D2).

use serde_json::Value;

use super::SHOP;
use crate::e2e::world::{
    Ask, Plan, request,
    server::{chunk, json as answer, last_chunk, sse_head},
};

/// Tools as an upstream may write them, with odd spacing.
const TOOLS: &str = concat!(
    r#"{"jsonrpc":"2.0","id":1,"result":{"tools":["#,
    "{ \"name\" : \"search\" , \"x\":1.0 },\n ",
    r#"{"description":"p\u00e4y","name":"pay","inputSchema":{"type":"object"}},"#,
    r#"{"securitySchemes": [{"type":"noauth"}] , "name":"profile"},"#,
    r#"{"name":"admin","securitySchemes":[]}"#,
    r#"],"nextCursor":"c"}}"#
);
/// The same with the members of the rules, and every other byte as it was.
const TOLD: &str = concat!(
    r#"{"jsonrpc":"2.0","id":1,"result":{"tools":["#,
    "{\"securitySchemes\":[{\"type\":\"noauth\"}], \"name\" : \"search\" , \"x\":1.0 },\n ",
    r#"{"securitySchemes":[{"scopes":["mcp:connect","pay"],"type":"oauth2"}],"#,
    r#""description":"p\u00e4y","name":"pay","inputSchema":{"type":"object"}},"#,
    r#"{"securitySchemes": [{"scopes":["mcp:connect"],"type":"oauth2"}] , "name":"profile"}"#,
    r#"],"nextCursor":"c"}}"#
);

/// A denied tool of which the upstream says that it needs no sign-in.
const ADMIN: &str = r#""admin","securitySchemes":[{"type":"noauth"}]"#;

#[tokio::test]
async fn people_d2_lists_say_which_scopes_each_tool_needs_and_nothing_else_changes() {
    let servers = SHOP.replace("    rules:", "    advertise_scopes: true\n    rules:");
    let world = Plan::standard().servers(&servers).start().await;
    let list = || request("tools/list", "{}");
    for stream in [false, true] {
        world.upstream.answer_with(move |_| match stream {
            false => answer(200, TOOLS),
            true => vec![sse_head(&[]), chunk(format!("data: {}\n\n", TOOLS.replace('\n', ""))), last_chunk()],
        });
        for ask in [Ask::post("/mcp", list()), world.post(list())] {
            let reply = world.send(&ask).await;
            assert_eq!(reply.status, 200, "{reply:?}");
            match stream {
                false => assert_eq!(reply.text(), TOLD),
                true => assert_eq!(reply.text(), format!("data: {}\n\n", TOLD.replace('\n', ""))),
            }
        }
    }
    // Of two members with this name, clients would read different ones.
    world.upstream.answer_with(|_| {
        answer(
            200,
            r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"pay","securitySchemes":[],"securitySchemes":[]}]}}"#,
        )
    });
    assert_eq!(world.send(&Ask::post("/mcp", list())).await.status, 502);
    world.close().await;
}

#[tokio::test]
async fn people_d2_without_the_key_the_upstreams_own_member_passes() {
    let servers = SHOP.replace("    rules:", "    hide: never\n    rules:");
    let world = Plan::standard().servers(&servers).start().await;
    world.upstream.answer_with(|_| answer(200, TOOLS));
    let reply = world.send(&Ask::post("/mcp", request("tools/list", "{}"))).await;
    assert_eq!(reply.text(), TOOLS);
    world.close().await;

    // With it, also where no rule hides anything, and for `access: authenticated`.
    let open = "\n  main:\n    path: /mcp\n    upstream: {url: \"@UPSTREAM@/inner/mcp\"}\n    scopes: [\"mcp:connect\"]\n    \
                access: authenticated\n    hide: never\n    advertise_scopes: true\n";
    let world = Plan::standard().servers(open).start().await;
    world.upstream.answer_with(|_| answer(200, TOOLS));
    let reply = world.send(&world.post(request("tools/list", "{}"))).await;
    let json: Value = reply.json();
    for tool in json["result"]["tools"].as_array().unwrap() {
        assert_eq!(tool["securitySchemes"][0]["scopes"][0], "mcp:connect", "{tool}");
    }
    world.close().await;

    // What no token permits does not keep the upstream's word that it needs none.
    let servers = SHOP.replace("    rules:", "    hide: never\n    advertise_scopes: true\n    rules:");
    let world = Plan::standard().servers(&servers).start().await;
    world.upstream.answer_with(|_| answer(200, TOOLS.replace(r#""admin","securitySchemes":[]"#, ADMIN)));
    let json = world.send(&Ask::post("/mcp", request("tools/list", "{}"))).await.json();
    let admin = json["result"]["tools"].as_array().unwrap().iter().find(|tool| tool["name"] == "admin").unwrap();
    assert_eq!(admin["securitySchemes"], serde_json::json!([]), "{admin}");
    world.close().await;
}
