//! Patterns that cover a path of the gateway, another server or an MCP endpoint stop the start.

use crate::e2e::world::Plan;

async fn refused(servers: &str, why: &str) {
    let Err(refused) = Plan::standard().servers(servers).try_start().await else { panic!("taken: {servers}") };
    assert!(refused.output.contains(why), "{why}: {servers}\n{}", refused.output);
}

fn one(paths: &str) -> String {
    format!(
        "
  main:
    path: /a/mcp
    upstream: {{url: \"@UPSTREAM@/inner/mcp\"}}
    access: authenticated
    paths: [{paths}]
"
    )
}

#[tokio::test]
async fn people_b4_attack_265_a_pattern_covers_no_path_of_the_gateway() {
    for path in ["/a/*", "/a/mcp", "/a/mcp/", "/*/mcp", "/a/mcp/**", "/a/m*"] {
        refused(&one(&format!("{{path: \"{path}\"}}")), "which covers /a/mcp").await;
    }
    for path in ["/**", "/.well-known/**", "/.well-known/oauth-protected-resource/x", "/.well-known/o*/**"] {
        refused(&one(&format!("{{path: \"{path}\"}}")), "which covers /.well-known/").await;
    }
}

#[tokio::test]
async fn people_b4_attack_268_a_pattern_reaches_no_mcp_endpoint_of_an_upstream() {
    for path in ["/inner/mcp", "/inner/**", "/inner/m*", "/*/mcp", "/INNER/**", "/inner/MCP/"] {
        refused(&one(&format!("{{path: \"{path}\"}}")), "would be judged by no rule").await;
    }
    // Some servers answer at every path below their endpoint.
    refused(&one("{path: \"/inner/mcp/files/**\", methods: [POST]}"), "would be judged by no rule").await;
    // Others take a suffix for the wanted format.
    for path in ["/inner/*.json", "/inner/mcp.xml", "/INNER/m*.json"] {
        refused(&one(&format!("{{path: \"{path}\", methods: [GET, POST]}}")), "would be judged by no rule").await;
    }
    // Another server's endpoint at the same upstream.
    let two = format!(
        "{}  other: {{path: /b/mcp, upstream: {{url: \"@UPSTREAM@/second\"}}, access: authenticated}}\n",
        one("{path: /second}")
    );
    refused(&two, "the MCP endpoint of servers.other").await;
    // The same, by another name of this machine, and where the server's path has another spelling.
    refused(&two.replacen("@UPSTREAM@", "http://localhost:@UPSTREAM_PORT@", 1), "the MCP endpoint of servers.other")
        .await;
    for written in ["inner/m%63p", "/inner/mcp", "x/../inner/mcp"] {
        let servers = one("{path: \"/inner/mcp\"}").replacen("inner/mcp", written, 1);
        refused(&servers, "would be judged by no rule").await;
    }
    // Message endpoints of 2024-11-05 are known only when the server runs.
    let legacy = "legacy_sse: {path: /a/sse, upstream: \"@UPSTREAM@/inner/sse\"}\n    paths: ";
    let servers = one("{path: \"/messages/**\", methods: [POST]}").replacen("paths: ", legacy, 1);
    refused(&servers, "names its message endpoint only when it runs").await;
}

#[tokio::test]
async fn people_b4_attack_265_patterns_of_two_servers_do_not_overlap() {
    let two = format!(
        "{}  other: {{path: /b/mcp, upstream: {{url: \"@UPSTREAM@/second\"}}, access: authenticated, paths: [{{path: \"/files/*.png\"}}]}}\n",
        one("{path: \"/files/**\"}")
    );
    refused(&two, "paths of one server alone").await;
    refused(&one("{path: \"/files/private/**\"}, {path: \"/files/**\", access: public}"), "the public paths first")
        .await;
}

#[tokio::test]
async fn people_b4_writes_of_anyone_with_the_gateways_credential_are_a_warning() {
    let open = one("{path: \"/in/**\", access: public, methods: [POST]}");
    let credential = "access: authenticated\n    credential: {header: {name: x-api-key, value: env:KEY}}";
    for (servers, says) in [
        (open.clone(), "unless the server itself checks who writes"),
        (open.replace("access: authenticated\n", &format!("{credential}\n")), "so anyone can write with its rights"),
    ] {
        let world = Plan::standard().servers(&servers).environment("KEY", "hunter2-hunter2").start().await;
        world.gateway.line(|line| line.contains("/in/** open to anyone for POST") && line.contains(says)).await;
        world.close().await;
    }
}
