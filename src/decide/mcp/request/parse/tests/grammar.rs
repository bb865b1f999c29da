//! Bodies that are not JSON, exceed a bound, or have two meanings (SPEC C-23, C-24, C-26, C-29).

use super::*;

#[test]
fn attacks_012_to_021_what_is_not_plain_json_is_refused() {
    let good = call(r#"{"name":"danger"}"#);
    let utf16 = |order: fn(u16) -> [u8; 2]| good.encode_utf16().flat_map(order).collect::<Vec<u8>>();
    let utf32 = good.chars().flat_map(|c| u32::from(c).to_le_bytes()).collect::<Vec<u8>>();
    let cases: Vec<Vec<u8>> = vec![
        [b"\xEF\xBB\xBF", good.as_bytes()].concat(),
        utf16(u16::to_le_bytes),
        utf16(u16::to_be_bytes),
        [b"\xFF\xFE".as_slice(), &utf16(u16::to_le_bytes)].concat(),
        utf32,
        good.replace("danger", "da\x01nger").into(),
        good.replace("danger", "da\nnger").into(),
        good.as_bytes().iter().map(|b| if *b == b'g' { 0xC0 } else { *b }).collect(),
        good.as_bytes().iter().flat_map(|b| if *b == b'g' { vec![0xC0, 0xAF] } else { vec![*b] }).collect(),
        good.as_bytes().iter().flat_map(|b| if *b == b'g' { vec![0xED, 0xA0, 0x80] } else { vec![*b] }).collect(),
        good.replace("\"danger\"", "NaN").into(),
        good.replace("\"danger\"", "Infinity").into(),
        good.replace("\"danger\"", "-Infinity").into(),
        good.replace("\"danger\"", "undefined").into(),
        good.replace("\"danger\"", "'danger'").into(),
        good.replace("{\"name\"", "{/* */\"name\"").into(),
        good.replace("\"danger\"}", "\"danger\",}").into(),
        good.replace("{\"name\"", "{name").into(),
        format!("{good}{good}").into(),
        format!("{good}\n{good}\n").into(),
        format!("{good}x").into(),
        format!("{good}\0").into(),
        format!("{good},").into(),
        format!("\u{a0}{good}").into(),
        format!("\u{b}{good}").into(),
    ];
    for body in cases {
        refused(body, UNREADABLE);
    }
    for value in [
        "01",
        "1.",
        ".5",
        "+1",
        "-",
        "1e",
        "1e+",
        "0x1",
        "1_000",
        "--1",
        "-01",
        "tru",
        "nul",
        "truE",
        "[1,]",
        "[,1]",
        "{,}",
        "[1 2]",
        "{\"a\" 1}",
        "{\"a\":}",
        "{1:2}",
        "[}",
        "{]",
        "\"\\x41\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\\",
        "\"",
    ] {
        refused(call(&format!(r#"{{"name":"safe","arguments":{{"a":{value}}}}}"#)), UNREADABLE);
    }
    for cut in 0..good.len() {
        refused(&good.as_bytes()[..cut], UNREADABLE);
    }
}

#[test]
fn c29_people_c5_attack_017_attack_280_lone_surrogates_pass_in_values_of_arguments_alone() {
    for text in [r"danger\ud800", r"\udc00", r"\ud800\ud800", r"\ud800\u0041", r"\ud83dx", r"\ud83d\n", r"\uDBFF"] {
        for params in [
            format!(r#"{{"name":"{text}"}}"#),
            format!(r#"{{"name":"safe","{text}":1}}"#),
            format!(r#"{{"uri":"{text}"}}"#),
            format!(r#"{{"taskId":"{text}"}}"#),
            format!(r#"{{"ref":{{"type":"ref/prompt","name":"{text}"}}}}"#),
            format!(r#"{{"name":"safe","_meta":{{"x":"{text}"}}}}"#),
            format!(r#"{{"name":"safe","_meta":{{"{text}":1}}}}"#),
            format!(r#"{{"name":"safe","_meta":{{"arguments":{{"x":"{text}"}}}}}}"#),
            format!(r#"{{"name":"safe","argument":{{"value":"{text}"}}}}"#),
            format!(r#"{{"name":"safe","other":{{"arguments":{{"x":"{text}"}}}}}}"#),
            format!(r#"{{"name":"safe","arguments":{{"{text}":1}}}}"#),
            format!(r#"{{"name":"safe","arguments":{{"a":[{{"b{text}":"c"}}]}}}}"#),
            format!(r#"{{"name":"safe","arguments":{{"a":"{text}"}},"{text}":1}}"#),
            format!(r#"{{"name":"safe","arguments":"{text}"}}"#),
        ] {
            refused(call(&params), UNREADABLE);
        }
        for body in [
            format!(r#"{{"jsonrpc":"2.0","id":"{text}","method":"ping"}}"#),
            format!(r#"{{"jsonrpc":"2.0","id":1,"method":"ping{text}"}}"#),
            format!(r#"{{"jsonrpc":"2.0","id":1,"method":"ping","arguments":{{"x":"{text}"}}}}"#),
            format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"arguments":{{"x":"{text}"}}}}}}"#),
        ] {
            refused(body, UNREADABLE);
        }
        for arguments in [r#"{"x":"TEXT"}"#, r#"["TEXT"]"#, r#"{"a":[{"b":[["TEXT"]]}],"c":"TEXT"}"#] {
            let arguments = arguments.replace("TEXT", text);
            assert_eq!(name_of(&call(&format!(r#"{{"arguments":{arguments},"name":"safe"}}"#))), "safe");
            refused(call(&format!(r#"{{"arguments":{arguments},"name":"{text}"}}"#)), UNREADABLE);
        }
    }
}

#[test]
fn c26_attacks_022_023_032_bounds_hold() {
    let nested = |depth: usize| call(&format!(r#"{{"name":"safe","a":{}{}}}"#, "[".repeat(depth), "]".repeat(depth)));
    assert!(peek(nested(62)).is_ok());
    refused(nested(63), UNREADABLE);
    for depth in [200, 5_000, 40_000, 2_000_000] {
        refused(nested(depth), UNREADABLE);
        refused("{\"a\":".repeat(depth), UNREADABLE);
    }
    assert!(read(&Bytes::from(nested(510)), 512).is_ok());
    assert!(read(&Bytes::from_static(b"{}"), 0).is_err());

    for (number, fine) in [("1e308", true), ("1e400", false), ("-1e309", false), ("1e-400", true), ("0e999999", true)] {
        assert_eq!(peek(call(&format!(r#"{{"name":"safe","a":{number}}}"#))).is_ok(), fine, "{number}");
    }
    assert!(peek(call(&format!(r#"{{"name":"safe","a":{}}}"#, "9".repeat(128)))).is_ok());
    refused(call(&format!(r#"{{"name":"safe","a":{}}}"#, "9".repeat(129))), UNREADABLE);
    refused(call(&format!(r#"{{"name":"safe","a":0.{}}}"#, "1".repeat(10_000))), UNREADABLE);

    refused(call(&format!(r#"{{"name":"{}"}}"#, "x".repeat(1 << 20))), BAD);
    refused(call(&format!(r#"{{"name":"{}"}}"#, "x".repeat(1025))), BAD);
    assert_eq!(name_of(&call(&format!(r#"{{"name":"{}"}}"#, "\\u0061".repeat(1024)))), "a".repeat(1024));
    refused(call(&format!(r#"{{"uri":"{}"}}"#, "x".repeat(8 * 1024 + 1))), BAD);
    refused(format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{}"}}"#, "x".repeat(1025)), NOT);
    let uris = vec!["\"a:b\""; 257].join(",");
    refused(call(&format!(r#"{{"notifications":{{"resourceSubscriptions":[{uris}]}}}}"#)), BAD);
    refused(call(&format!(r#"{{"name":"safe","a":[{}0]}}"#, "0,".repeat(1_000_000))), UNREADABLE);
}

#[test]
fn c24_attack_035_names_that_come_twice_are_found_at_any_depth_and_in_any_number() {
    let object = |count: usize| (0..count).map(|n| format!("\"k{n}\":{n}")).collect::<Vec<_>>();
    for count in [1, 2, 15, 16, 17, 18, 40, 3_000] {
        let members = object(count);
        let arguments =
            |members: &[String]| call(&format!(r#"{{"name":"safe","arguments":[[{{{}}}]]}}"#, members.join(",")));
        assert!(peek(arguments(&members)).is_ok(), "{count}");
        for twin in [0, count / 2, count - 1] {
            let mut twice = members.clone();
            twice.push(format!("\"k{twin}\":0"));
            refused(arguments(&twice), NOT);
            twice.pop();
            twice.insert(0, format!("\"\\u006b{twin}\":0"));
            refused(arguments(&twice), NOT);
        }
    }
    assert!(peek(call(r#"{"name":"safe","arguments":[{"a":1},{"a":{"a":{"a":1},"b":{"a":2}}},{"a":1}]}"#)).is_ok());
    refused(call(r#"{"name":"safe","arguments":{"a":{"b":1},"a":{"b":1}}}"#), NOT);
    refused(call(r#"{"name":"safe","arguments":{"":1,"":1}}"#), NOT);
}
