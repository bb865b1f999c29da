//! Is a body that two parsers could read differently refused before the upstream sees a byte (SPEC C-23…C-29, attacks 1–24, 32–36)?

use aws_lc_rs::digest::{SHA256, digest};

use super::world::{Ask, Row, Want, World, row};

const PARSE: Want = Want::Error(400, -32700);
const MESSAGE: Want = Want::Error(400, -32600);
const EITHER: Want = Want::OneOf(&[400]);
const DENIED: Want = Want::Error(403, 40301);

fn rows(world: &World, table: &[(&str, &[u8], Want)]) -> Vec<Row> {
    table.iter().map(|(name, body, want)| row(*name, world.post(*body), *want)).collect()
}

/// `params` of a call, whole.
fn params(params: &str) -> Vec<u8> {
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{params}}}"#).into_bytes()
}

#[tokio::test]
async fn c24_c25_attack_001_to_008_035_double_and_lookalike_members() {
    let world = World::standard().await;
    let table: Vec<(&str, Vec<u8>, Want)> = vec![
        ("001 safe, danger", params(r#"{"name":"safe","name":"danger"}"#), MESSAGE),
        ("002 danger, safe", params(r#"{"name":"danger","name":"safe"}"#), MESSAGE),
        ("001 the same twice", params(r#"{"name":"safe","name":"safe"}"#), MESSAGE),
        ("001 one of them escaped", params(r#"{"name":"safe","n\u0061me":"danger"}"#), MESSAGE),
        (
            "003 two params",
            br#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"safe"},"params":{"name":"danger"}}"#
                .into(),
            MESSAGE,
        ),
        (
            "004 two methods",
            br#"{"jsonrpc":"2.0","id":1,"method":"tools/list","method":"tools/call","params":{"name":"danger"}}"#
                .into(),
            MESSAGE,
        ),
        ("two ids", br#"{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}"#.into(), MESSAGE),
        ("005 name and Name", params(r#"{"name":"safe","Name":"danger"}"#), MESSAGE),
        ("006 only Name", params(r#"{"Name":"danger"}"#), EITHER),
        ("006 METHOD", br#"{"jsonrpc":"2.0","id":1,"METHOD":"tools/call","params":{"name":"danger"}}"#.into(), MESSAGE),
        ("007 trailing NUL", params(r#"{"name":"safe","name\u0000":"danger"}"#), MESSAGE),
        ("007 trailing space", params(r#"{"name":"safe","name ":"danger"}"#), MESSAGE),
        (
            "008 a long s",
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"safe"},"paramſ":{"name":"danger"}}"#
                .into(),
            MESSAGE,
        ),
        ("008 a Kelvin sign in _meta", params("{\"name\":\"safe\",\"tas\u{212a}\":{}}"), MESSAGE),
        ("035 inside arguments", params(r#"{"name":"safe","arguments":{"a":1,"a":2}}"#), MESSAGE),
        ("035 deep inside arguments", params(r#"{"name":"safe","arguments":{"a":[{"b":1,"b":2}]}}"#), MESSAGE),
        (
            "case is free inside arguments",
            params(r#"{"name":"safe","arguments":{"a":1,"A":2,"Name":3}}"#),
            Want::Passes,
        ),
    ];
    let table = table.iter().map(|(name, body, want)| row(*name, world.post(body.as_slice()), *want)).collect();
    world.verdicts(table).await;
    world.close().await;
}

#[tokio::test]
async fn c02_c78_attack_009_010_011_031_036_names_after_unescaping() {
    let world = World::standard().await;
    let no_rule = Want::Error(403, 40304);
    let mut table: Vec<(String, Vec<u8>, Want)> = vec![
        ("009 an escaped key".into(), params(r#"{"n\u0061me":"danger"}"#), DENIED),
        ("010 an escaped value".into(), params(r#"{"name":"d\u0061nger"}"#), DENIED),
        (
            "011 an escaped method".into(),
            br#"{"jsonrpc":"2.0","id":1,"method":"tools\/call","params":{"name":"danger"}}"#.into(),
            DENIED,
        ),
        ("036 _meta.name".into(), params(r#"{"name":"danger","_meta":{"name":"safe"}}"#), DENIED),
        ("036 arguments.name".into(), params(r#"{"name":"danger","arguments":{"name":"safe"}}"#), DENIED),
        ("036 arguments first".into(), params(r#"{"arguments":{"name":"safe"},"name":"danger"}"#), DENIED),
        ("036 clientInfo".into(), params(r#"{"name":"danger","clientInfo":{"name":"admin"}}"#), DENIED),
        ("an escaped good name".into(), params(r#"{"name":"s\u0061fe"}"#), Want::Passes),
    ];
    for other in ["danger ", " danger", "Danger", "SAFE", "safe\\u0000", "sаfe", "ｓａｆｅ", "sa\u{200d}fe", "safe\\n"]
    {
        table.push((format!("031 {other:?}"), params(&format!(r#"{{"name":"{other}"}}"#)), no_rule));
    }
    let table = table.into_iter().map(|(name, body, want)| row(name, world.post(body), want)).collect();
    world.verdicts(table).await;
    world.close().await;
}

#[tokio::test]
async fn c23_c28_c29_attack_012_to_021_034_grammar_and_encoding() {
    let world = World::standard().await;
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"safe"}}"#;
    let wide = |little: bool| -> Vec<u8> {
        body.encode_utf16().flat_map(|unit| if little { unit.to_le_bytes() } else { unit.to_be_bytes() }).collect()
    };
    let bom = [b"\xef\xbb\xbf", body.as_bytes()].concat();
    let twice = body.repeat(2);
    let lines = format!("{body}\n{body}");
    let garbage = format!("{body}x");
    let nul = format!("{body}\0");
    let (utf16, utf16_be) = (wide(true), wide(false));
    let table: &[(&str, &[u8], Want)] = &[
        ("012 a byte order mark", &bom, PARSE),
        ("014 UTF-16", &utf16, PARSE),
        ("014 UTF-16BE", &utf16_be, PARSE),
        (
            "016 invalid UTF-8",
            b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"safe\",\"a\":\"\xff\"}}",
            PARSE,
        ),
        (
            "016 overlong",
            b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"\xc1\xb3afe\"}}",
            PARSE,
        ),
        (
            "016 a surrogate in UTF-8",
            b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"a\":\"\xed\xa0\x80\"}",
            PARSE,
        ),
        (
            "017 a lone surrogate",
            br#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"danger\ud800"}}"#,
            PARSE,
        ),
        ("018 NaN", br#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"safe","a":NaN}}"#, PARSE),
        (
            "018 Infinity",
            br#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"safe","a":-Infinity}}"#,
            PARSE,
        ),
        ("019 a comment", br#"{"jsonrpc":"2.0",/**/"id":1,"method":"ping"}"#, PARSE),
        ("019 a trailing comma", br#"{"jsonrpc":"2.0","id":1,"method":"ping",}"#, PARSE),
        ("019 single quotes", b"{'jsonrpc':'2.0','id':1,'method':'ping'}", PARSE),
        ("020 a raw control character", b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"pi\nng\"}", PARSE),
        ("021 twice", twice.as_bytes(), PARSE),
        ("021 lines", lines.as_bytes(), PARSE),
        ("021 garbage after it", garbage.as_bytes(), PARSE),
        ("021 NUL after it", nul.as_bytes(), PARSE),
        ("a number with a leading zero", br#"{"jsonrpc":"2.0","id":01,"method":"ping"}"#, PARSE),
        ("a number with a plus", br#"{"jsonrpc":"2.0","id":+1,"method":"ping"}"#, PARSE),
        ("a bad escape", br#"{"jsonrpc":"2.0","id":1,"method":"\x70ing"}"#, PARSE),
        ("034 nothing", b"", PARSE),
        ("034 white space", b" \n", PARSE),
        ("034 null", b"null", EITHER),
        ("034 text", br#""x""#, EITHER),
        ("034 []", b"[]", MESSAGE),
        ("034 {}", b"{}", MESSAGE),
    ];
    world.verdicts(rows(&world, table)).await;
    world.close().await;
}

#[tokio::test]
async fn c22_c26_attack_022_023_032_size_and_depth() {
    let world = World::standard().await;
    let nested =
        |depth: usize| params(&format!(r#"{{"name":"safe","a":{}1{}}}"#, "[".repeat(depth), "]".repeat(depth)));
    let open = |depth: usize| "[".repeat(depth).into_bytes();
    let digits = params(&format!(r#"{{"name":"safe","a":{}}}"#, "9".repeat(10_000)));
    let long_name = params(&format!(r#"{{"name":"{}"}}"#, "x".repeat(50_000)));
    let table: Vec<(&str, Vec<u8>, Want)> = vec![
        ("022 within the depth", nested(60), Want::Passes),
        ("022 a level too many", nested(64), EITHER),
        ("022 200", nested(200), EITHER),
        ("022 5 000", nested(5_000), EITHER),
        ("022 30 000, unclosed", open(30_000), EITHER),
        ("023 10 000 digits", digits, EITHER),
        ("023 1e400", params(r#"{"name":"safe","arguments":{"a":1e400}}"#), EITHER),
        ("032 a long name", long_name, Want::OneOf(&[400, 403])),
        ("032 over the limit", vec![b' '; 64 * 1024 + 1], Want::Status(413)),
        ("032 far over the limit", vec![b' '; 1024 * 1024], Want::Status(413)),
        ("032 just within", pad(64 * 1024), Want::Passes),
    ];
    world.verdicts(table.into_iter().map(|(name, body, want)| row(name, world.post(body), want)).collect()).await;
    world.close().await;
}

fn pad(length: usize) -> Vec<u8> {
    let mut body = params(r#"{"name":"safe"}"#);
    body.resize(length, b' ');
    body
}

#[tokio::test]
async fn c22_attack_033_the_verdict_does_not_depend_on_how_bytes_arrive() {
    let world = World::standard().await;
    for (tool, status) in [("safe", 200), ("danger", 403)] {
        let body = super::world::call(tool);
        let whole = world.post(body.as_str()).bytes(&world.authority);
        let mut live = world.connect().await;
        for byte in &whole {
            live.write(std::slice::from_ref(byte)).await;
        }
        assert_eq!(live.head(false).await, status, "byte by byte");
        drop(live);

        let chunked: Vec<u8> = body.bytes().flat_map(|byte| [b"1\r\n", &[byte][..], b"\r\n"].concat()).collect();
        let ask = world.post([&chunked[..], b"0\r\n\r\n"].concat()).with("Transfer-Encoding", "chunked");
        let reply = world.send(&ask).await;
        assert_eq!(reply.status, status, "chunks of one byte: {reply:?}");
        let seen = world.upstream.take();
        if status == 200 {
            assert_eq!(seen.len(), 2);
            for seen in seen {
                assert_eq!(seen.body, body.as_bytes());
                assert_eq!(seen.header("content-length"), Some(body.len().to_string().as_str()), "f10");
                assert_eq!(seen.header("transfer-encoding"), None, "f10");
            }
        } else {
            assert!(seen.is_empty());
        }
    }
    world.close().await;
}

#[tokio::test]
async fn c27_p01_attack_024_odd_but_legal_json_arrives_byte_for_byte() {
    let world = World::standard().await;
    let bodies = [
        r#" { "params" : { "arguments" : { } , "name" : "safe" } , "method" : "tools/call" , "id" : 9007199254740993 , "jsonrpc" : "2.0" } "#,
        "\t{\"jsonrpc\":\"2.0\",\r\n\"id\":\"\\u00e9\",\"method\":\"tools\\/call\",\"params\":{\"name\":\"s\\u0061fe\"}}\n",
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"safe","arguments":{"a":1.0,"b":1,"c":1e2,"d":-0,"e":0.10,"f":1E+2}}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"safe","arguments":{"":"","\u0000":"\ud83d\ude00 😀","é":"é"}}}"#,
        r#"{"jsonrpc":"2.0","id":-1,"method":"tools/call","params":{"name":"safe","arguments":{"n":123456789012345678901234567890.5}}}"#,
    ];
    for body in bodies {
        let reply = world.send(&world.post(body)).await;
        assert_eq!(reply.status, 200, "{body}: {reply:?}");
        let seen = world.upstream.take_one();
        let sent = digest(&SHA256, body.as_bytes());
        let arrived = digest(&SHA256, &seen.body);
        assert_eq!(sent.as_ref(), arrived.as_ref(), "{body}");
    }
    world.close().await;
}

#[tokio::test]
async fn c66_refusals_carry_the_id_exactly_as_it_came() {
    let world = World::standard().await;
    for id in ["7", "\"7\"", "9007199254740993", "\"\\u00e9\"", "-1", "\"\""] {
        let body = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"danger"}}}}"#);
        let reply = world.send(&world.post(body)).await;
        assert_eq!(reply.status, 403, "{reply:?}");
        assert!(reply.text().contains(&format!("\"id\":{id}")), "{id}: {}", reply.text());
    }
    for body in ["{", r#"{"jsonrpc":"2.0","id":null,"method":"tools/call","params":{"name":"danger"}}"#] {
        let reply = world.send(&world.post(body)).await;
        let json = reply.json();
        assert!(json.get("id").is_none_or(serde_json::Value::is_null), "{body}: {json}");
    }
    assert_eq!(world.upstream.count(), 0);
    world.close().await;
}

#[tokio::test]
async fn c65_refusals_use_no_code_that_belongs_to_others() {
    let world = World::standard().await;
    let token = world.token();
    for ask in [
        Ask::get("/mcp"),
        Ask::get("/unknown"),
        Ask::post("/mcp", "{").token(&token),
        Ask::post("/mcp", "[]").token(&token),
        Ask::post("/mcp", params(r#"{"name":"danger"}"#)).token(&token),
        Ask::post("/mcp", params(r#"{"name":"forbidden"}"#)).token(&token),
        Ask::post("/mcp", params("[]")).token(&token),
        Ask::post("/mcp", "x").token(&token).set("Content-Type", "text/plain"),
        Ask::post("/mcp", vec![b' '; 70_000]).token(&token),
        Ask::new("PUT", "/mcp").token(&token).body(""),
        Ask::get("/mcp").token("bad"),
    ] {
        let reply = world.send(&ask).await;
        let code = reply.code().unwrap_or_else(|| panic!("no code: {reply:?}"));
        let fixed = [-32700, -32600, -32601, -32602, -32603, -32020].contains(&code);
        assert!(fixed || code > 0, "{code}: {reply:?}");
        if code > 0 {
            assert_eq!(code / 100, i64::from(reply.status), "{reply:?}");
        }
    }
    world.close().await;
}
