//! Real tokens, real keys, and every way to forge one (SPEC B-07, B-10, B-11, B-30…B-40).

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::{
    base::limits::fetch::JWKS_KEYS_MAX,
    decide::token::{
        jwk::PublicKey,
        testing::{
            ED25519, FOREIGN_KEY, ISSUER, P256, P384, RESOURCE, RSA, TestKey, base64url, claims, key_set, now,
            read_keys, rules, with,
        },
    },
};

fn verdict_with(rules: &TokenRules, keys: &KeySet, token: &str) -> Result<Caller, TokenFault> {
    UnverifiedJwt::read(token).and_then(|unverified| unverified.verify(rules, keys, now())).map_err(|refusal| {
        match refusal {
            Refusal::Token(fault) => fault,
            other => panic!("{other:?} is no token fault"),
        }
    })
}

fn verdict(token: &str) -> Result<(), TokenFault> {
    verdict_with(&rules(), &key_set(), token).map(drop)
}

/// A token whose header has these changes, signed by the RSA key.
fn header(changes: &Value) -> String {
    RSA.token("RS256", changes, &claims())
}

const ALGORITHMS: [(&str, &std::sync::LazyLock<TestKey>); 10] = [
    ("RS256", &RSA),
    ("RS384", &RSA),
    ("RS512", &RSA),
    ("PS256", &RSA),
    ("PS384", &RSA),
    ("PS512", &RSA),
    ("ES256", &P256),
    ("ES384", &P384),
    ("EdDSA", &ED25519),
    ("Ed25519", &ED25519),
];

#[test]
fn b30_every_algorithm_verifies_its_own_and_nothing_else() {
    for (signed_as, key) in ALGORITHMS {
        let token = key.token(signed_as, &json!({}), &claims());
        let unverified = UnverifiedJwt::read(&token).unwrap();
        assert_eq!((unverified.issuer(), unverified.key_id()), (ISSUER, Some(key.kid)));
        let caller = unverified.verify(&rules(), &key_set(), now()).unwrap();
        assert_eq!((caller.subject(), caller.issuer().as_str()), ("ada", ISSUER), "{signed_as}");

        for (claimed, _) in ALGORITHMS {
            let lie = key.token(signed_as, &json!({ "alg": claimed }), &claims());
            let same = asymmetric(claimed) == asymmetric(signed_as);
            assert_eq!(verdict(&lie).is_ok(), same, "{signed_as} signed, {claimed} claimed");
        }
        let allowed = TokenRules { algorithms: vec![asymmetric(signed_as).unwrap()], ..rules() };
        assert!(verdict_with(&allowed, &key_set(), &token).is_ok(), "{signed_as}");
        let others = rules().algorithms.into_iter().filter(|one| Some(*one) != asymmetric(signed_as)).collect();
        let forbidden = TokenRules { algorithms: others, ..rules() };
        assert_eq!(verdict_with(&forbidden, &key_set(), &token), Err(TokenFault::Algorithm), "{signed_as}");
    }
}

#[test]
fn attack_067_none_in_any_spelling() {
    for name in ["none", "None", "NONE", "nOnE", ""] {
        let token = header(&json!({ "alg": name }));
        assert_eq!(verdict(&token), Err(TokenFault::Algorithm), "{name}");
        let unsigned = token.rsplit_once('.').unwrap().0;
        assert_eq!(verdict(&format!("{unsigned}.")), Err(TokenFault::Algorithm), "{name}");
    }
    for alg in [json!(null), json!(5), json!(["RS256"]), json!("rs256"), json!("RS256 "), json!("ES256K")] {
        assert_eq!(verdict(&header(&json!({ "alg": alg }))), Err(TokenFault::Algorithm), "{alg}");
    }
    let good = header(&json!({}));
    let unsigned = good.rsplit_once('.').unwrap().0;
    assert_eq!(verdict(&format!("{unsigned}.")), Err(TokenFault::Malformed), "empty signature");
}

#[test]
fn attack_068_hmac_with_a_public_key_as_its_secret() {
    let jwk = RSA.jwk();
    let modulus = URL_SAFE_NO_PAD.decode(jwk["n"].as_str().unwrap()).unwrap();
    for secret in [jwk.to_string().into_bytes(), jwk["n"].as_str().unwrap().into(), modulus] {
        for (name, algorithm) in [
            ("HS256", aws_lc_rs::hmac::HMAC_SHA256),
            ("HS384", aws_lc_rs::hmac::HMAC_SHA384),
            ("HS512", aws_lc_rs::hmac::HMAC_SHA512),
        ] {
            let unsigned = header(&json!({ "alg": name })).rsplit_once('.').unwrap().0.to_owned();
            let tag = aws_lc_rs::hmac::sign(&aws_lc_rs::hmac::Key::new(algorithm, &secret), unsigned.as_bytes());
            let token = format!("{unsigned}.{}", base64url(tag.as_ref()));
            assert_eq!(verdict(&token), Err(TokenFault::Algorithm), "{name}");
            // Refused even if the configuration lists the algorithm.
            let listed = TokenRules { algorithms: vec![name.parse().unwrap()], ..rules() };
            assert_eq!(verdict_with(&listed, &key_set(), &token), Err(TokenFault::Algorithm), "{name}");
        }
    }
}

#[test]
fn attack_069_b31_key_and_algorithm_must_belong_together() {
    let narrowed = read_keys(&[with(&RSA.jwk(), &json!({"alg": "RS256"})), P384.jwk(), P256.jwk()]);
    let cases = [
        ("RS256 with an EC key", P256.token("RS256", &json!({}), &claims()), TokenFault::Algorithm),
        ("ES256 with an RSA key", RSA.token("ES256", &json!({}), &claims()), TokenFault::Algorithm),
        ("PS256 with an RS256 key", RSA.token("PS256", &json!({}), &claims()), TokenFault::Algorithm),
        ("ES256 on P-384", P384.token("ES256", &json!({}), &claims()), TokenFault::Algorithm),
        ("P-256 signature, P-384 key", P256.token("ES384", &json!({"kid": "p384"}), &claims()), TokenFault::Signature),
        ("another's signature", FOREIGN_KEY.token("ES256", &json!({"kid": "p256"}), &claims()), TokenFault::Signature),
    ];
    for (case, token, fault) in cases {
        assert_eq!(verdict_with(&rules(), &narrowed, &token).map(drop), Err(fault), "{case}");
    }
}

#[test]
fn attack_070_a_key_id_is_text_to_compare_and_nothing_else() {
    for kid in ["../../dev/null", "|cat /etc/passwd", "' OR '1'='1", "\0", "", "RSA", "rsa "] {
        assert_eq!(verdict(&header(&json!({ "kid": kid }))), Err(TokenFault::UnknownKey), "{kid:?}");
    }
    for kid in [json!(5), json!(["rsa"]), json!({}), json!(true), json!("k".repeat(KID_BYTES_MAX + 1))] {
        assert_eq!(verdict(&header(&json!({ "kid": kid }))), Err(TokenFault::KeyId), "{kid}");
    }
    let null = RSA.raw("RS256", br#"{"alg":"RS256","kid":null,"typ":"at+jwt"}"#, claims().to_string().as_bytes());
    assert_eq!(verdict(&null), Err(TokenFault::KeyId));
}

#[test]
fn attack_071_072_header_members_that_may_not_be_there() {
    let members = [
        ("071 jku", json!({"jku": "https://evil.example/keys"})),
        ("071 x5u", json!({"x5u": "https://evil.example/cert"})),
        ("071 jwk", json!({"jwk": RSA.jwk()})),
        ("071 jwk", json!({"jwk": FOREIGN_KEY.jwk()})),
        ("071 x5c", json!({"x5c": ["MIIB"]})),
        ("072 crit", json!({"crit": ["exp"]})),
        ("072 crit", json!({"crit": ["b64"], "b64": false})),
        ("072 crit", json!({"crit": []})),
        ("072 crit", json!({"crit": "b64"})),
        ("072 b64", json!({"b64": false})),
        ("072 b64", json!({"b64": true})),
        ("074 zip", json!({"zip": "DEF"})),
        ("074 cty", json!({"cty": "JWT"})),
        ("074 cty", json!({"cty": ""})),
    ];
    for (case, changes) in members {
        assert_eq!(verdict(&header(&changes)), Err(TokenFault::Header), "{case}: {changes}");
    }
    for name in REFUSED_MEMBERS {
        let text = format!(r#"{{"alg":"RS256","kid":"rsa","typ":"at+jwt","{name}":null}}"#);
        let token = RSA.raw("RS256", text.as_bytes(), claims().to_string().as_bytes());
        assert_eq!(verdict(&token), Err(TokenFault::Header), "{name}: null");
    }
    assert_eq!(verdict(&header(&json!({"x5t": "thumb", "x5t#S256": "thumb"}))), Ok(()), "a thumbprint opens nothing");
    // A token with its own key in the header verifies with that key only.
    let own = FOREIGN_KEY.token("ES256", &json!({"jwk": FOREIGN_KEY.jwk()}), &claims());
    assert_eq!(verdict(&own), Err(TokenFault::Header));
}

#[test]
fn attack_073_duplicate_members() {
    let all = claims().to_string();
    let good = br#"{"alg":"RS256","kid":"rsa","typ":"at+jwt"}"#;
    assert_eq!(verdict(&RSA.raw("RS256", good, all.as_bytes())), Ok(()));
    let headers = [
        r#"{"alg":"RS256","kid":"rsa","typ":"at+jwt","alg":"none"}"#,
        r#"{"alg":"none","alg":"RS256","kid":"rsa","typ":"at+jwt"}"#,
        r#"{"alg":"RS256","kid":"rsa","typ":"at+jwt","\u0061lg":"RS256"}"#,
        r#"{"alg":"RS256","kid":"rsa","typ":"at+jwt","x":{"a":1,"a":1}}"#,
    ];
    for text in headers {
        assert_eq!(verdict(&RSA.raw("RS256", text.as_bytes(), all.as_bytes())), Err(TokenFault::Malformed), "{text}");
    }
    for member in [r#""aud":"https://gw.example/mcp""#, r#""exp":9999999999"#, r#""iss":"x""#, r#""x":[{"a":1,"a":2}]"#]
    {
        let text = all.replacen('{', &format!("{{{member},"), 1);
        assert_eq!(verdict(&RSA.raw("RS256", good, text.as_bytes())), Err(TokenFault::Malformed), "{member}");
    }
}

#[test]
fn attack_074_b37_one_spelling_of_one_token() {
    // 256 octets of signature leave four spare bits in the last sign; they must be zero.
    let good = header(&json!({}));
    assert_eq!(verdict(&good), Ok(()));
    let parts: Vec<&str> = good.split('.').collect();
    let [head, body, sign] = parts[..] else { panic!("three parts") };
    let (most, last) = sign.split_at(sign.len() - 1);
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let position = ALPHABET.find(last).unwrap();
    assert_eq!(position % 16, 0, "canonical");
    let other = char::from(ALPHABET.as_bytes()[position + 1]);

    let bent = [
        format!("{head}.{body}.{most}{other}"),
        format!("{good}="),
        format!("{good}=="),
        format!("{head}=.{body}.{sign}"),
        format!("{good}\n"),
        format!("{good} "),
        format!(" {good}"),
        format!("{head}. {body}.{sign}"),
        format!("{head}.{body}\n.{sign}"),
        format!("{head}.{body}.{}", sign.replacen(|sign: char| sign.is_ascii_alphanumeric(), "+", 1)),
        format!("{head}.{body}.{}", sign.replacen(|sign: char| sign.is_ascii_alphanumeric(), "/", 1)),
        format!("{head}.{body}.{sign}é"),
        format!("{head}.{body}.{sign}\0"),
        format!(".{good}"),
        format!("{good}."),
        format!("{head}..{sign}"),
        format!("{head}.{body}.{sign}.{sign}.{sign}"),
        format!("{head}.{body}.{body}.{sign}"),
        format!("{head}.{body}"),
        head.to_owned(),
        format!("..{sign}"),
        "..".to_owned(),
        ".".to_owned(),
        String::new(),
        RSA.raw("RS256", b"[]", b"{}"),
        RSA.raw("RS256", b"\xFF", b"{}"),
        RSA.raw("RS256", br#"{"alg":"RS256"} x"#, b"{}"),
        RSA.raw("RS256", br#"{"alg":"RS256"}"#, b"[]"),
        RSA.raw("RS256", br#"{"alg":"RS256"}"#, b"\xEF\xBB\xBF{}"),
        RSA.raw("RS256", br#"{"alg":"RS256"}"#, good.as_bytes()),
        RSA.raw("RS256", br#"{"alg":"RS256"}"#, format!(r#"{{"a":{}{}}}"#, "[".repeat(16), "]".repeat(16)).as_bytes()),
    ];
    for token in bent {
        assert_eq!(verdict(&token), Err(TokenFault::Malformed), "{token}");
    }
    let jwe = RSA.raw("RS256", br#"{"alg":"RSA-OAEP","enc":"A256GCM"}"#, b"{}");
    assert_eq!(verdict(&format!("{jwe}.AA.AA")), Err(TokenFault::Algorithm));
}

#[test]
fn attack_075_b07_size_comes_first() {
    let limit = ".".repeat(TOKEN_BYTES_MAX);
    assert_eq!(verdict(&limit), Err(TokenFault::Malformed));
    assert_eq!(verdict(&format!("{limit}.")), Err(TokenFault::Oversize));
    assert_eq!(verdict(&"a".repeat(TOKEN_BYTES_MAX + 1)), Err(TokenFault::Oversize));
}

#[test]
fn attack_078_b10_the_issuer_is_compared_byte_by_byte() {
    let issuers = [
        "https://LOGIN.example/realms/main",
        "https://login.example/realms/main/",
        "https://login.example/realms/other",
        "https://login.example:443/realms/main",
        "https://login.ex\u{430}mple/realms/main",
        "",
    ];
    for issuer in issuers {
        let token = RSA.token("RS256", &json!({}), &with(&claims(), &json!({ "iss": issuer })));
        assert_eq!(verdict(&token), Err(TokenFault::Issuer), "{issuer}");
    }
    for iss in [json!(null), json!(5), json!([ISSUER]), json!({})] {
        let mut all = claims();
        all["iss"] = iss.clone();
        assert_eq!(verdict(&RSA.token("RS256", &json!({}), &all)), Err(TokenFault::Issuer), "{iss}");
    }
    let second = TokenRules { issuers: vec!["https://other.example".into(), ISSUER.into()], ..rules() };
    let caller = verdict_with(&second, &key_set(), &header(&json!({}))).unwrap();
    assert_eq!(caller.issuer().as_str(), "https://other.example", "the published name of one issuer");
}

#[test]
fn attack_079_b11_a_key_of_another_issuer_proves_nothing() {
    let theirs = read_keys(&[FOREIGN_KEY.jwk()]);
    let token = FOREIGN_KEY.token("ES256", &json!({}), &claims());
    assert!(verdict_with(&rules(), &theirs, &token).is_ok(), "with its own keys");
    assert_eq!(verdict(&token), Err(TokenFault::UnknownKey));
    assert_eq!(verdict_with(&rules(), &KeySet::default(), &token), Err(TokenFault::UnknownKey));
}

#[test]
fn attack_080_b32_other_jwts_of_the_same_issuer() {
    use NotAccess::{Has, Header, Says, Unproven};
    let both = TokenRules { token_types: vec!["at+jwt".into(), "jwt".into(), "dpop+jwt".into()], ..rules() };
    let cases = [
        (json!({}), json!({}), Ok(())),
        (json!({"typ": "JWT"}), json!({}), Ok(())),
        (json!({"typ": null}), json!({}), Ok(())),
        (json!({"typ": 5}), json!({}), Err(TokenFault::Type(Header))),
        (json!({"typ": "JWT"}), json!({"nonce": "n"}), Err(TokenFault::Type(Has("nonce")))),
        (json!({"typ": "at+jwt"}), json!({"at_hash": "h"}), Err(TokenFault::Type(Has("at_hash")))),
        (json!({"typ": null}), json!({"token_use": "id"}), Err(TokenFault::Type(Says("token_use")))),
        (json!({"typ": "JWT"}), json!({"typ": "ID"}), Err(TokenFault::Type(Says("typ")))),
        (json!({"typ": "JWT"}), json!({"typ": "Bearer"}), Ok(())),
        (json!({"typ": "dpop+jwt"}), json!({}), Err(TokenFault::Type(Header))),
        (json!({"typ": "logout+jwt"}), json!({}), Err(TokenFault::Type(Header))),
        (json!({"typ": "application/oauth-id-jag+jwt"}), json!({}), Err(TokenFault::Type(Header))),
    ];
    for (header, changes, expected) in cases {
        let token = RSA.token("RS256", &header, &with(&claims(), &changes));
        assert_eq!(verdict_with(&both, &key_set(), &token).map(drop), expected, "{header} {changes}");
    }
    assert_eq!(verdict(&header(&json!({"typ": "JWT"}))), Err(TokenFault::Type(Header)), "not opted in");

    // B-16: an ID token without `nonce` passes here. It is refused later, where only an alias with
    // its client's id would let it in.
    let bare = with(&claims(), &json!({"aud": "web", "client_id": null, "azp": "web", "scope": null}));
    let caller = verdict_with(&both, &key_set(), &RSA.token("RS256", &json!({"typ": "JWT"}), &bare)).unwrap();
    assert_eq!(caller.is_for(&RESOURCE.into(), &["web".into()]), Err(Refusal::Token(TokenFault::Type(Unproven))));
}

#[test]
fn b40_a_bad_signature_hides_what_the_claims_would_have_done() {
    let worst =
        json!({"exp": "x", "nbf": {}, "aud": 5, "sub": "", "cnf": {}, "scope": 5, "nonce": "n", "jti": 5, "azp": 5});
    for changes in [json!({}), json!({"exp": 1}), json!({"aud": "other"}), worst] {
        for typ in ["at+jwt", "JWT", "dpop+jwt"] {
            let token = FOREIGN_KEY.token("ES256", &json!({"kid": "p256", "typ": typ}), &with(&claims(), &changes));
            assert_eq!(verdict(&token), Err(TokenFault::Signature), "{typ} {changes}");
        }
    }
    let past = RSA.token("RS256", &json!({}), &with(&claims(), &json!({"exp": 1})));
    assert_eq!(verdict(&past), Err(TokenFault::Expired));
}

#[test]
fn b35_b36_a_token_without_a_key_name() {
    let anonymous = P256.token("ES256", &json!({"kid": null}), &claims());
    assert_eq!(verdict(&anonymous), Ok(()));
    let foreign = FOREIGN_KEY.token("ES256", &json!({"kid": null}), &claims());
    assert_eq!(verdict(&foreign), Err(TokenFault::UnknownKey), "newer keys might hold it");
    // If two keys have one id, each is tried. After too many keys, no further key is tried.
    let twins = read_keys(&[with(&FOREIGN_KEY.jwk(), &json!({"kid": "p256"})), P256.jwk()]);
    assert!(verdict_with(&rules(), &twins, &P256.token("ES256", &json!({}), &claims())).is_ok());
    let mut many = vec![FOREIGN_KEY.jwk(); JWKS_KEYS_MAX - 1];
    many.push(P256.jwk());
    assert_eq!(verdict_with(&rules(), &read_keys(&many), &anonymous), Err(TokenFault::UnknownKey));
}

#[test]
fn b31_a_key_that_the_library_cannot_use_verifies_nothing_and_does_not_panic() {
    let broken = [
        (P256.kid, Algorithm::ES256, jsonwebtoken::DecodingKey::from_ec_der(&[4; 3])),
        (ED25519.kid, Algorithm::EdDSA, jsonwebtoken::DecodingKey::from_ed_der(&[])),
        (RSA.kid, Algorithm::RS256, jsonwebtoken::DecodingKey::from_rsa_raw_components(&[], &[])),
        (RSA.kid, Algorithm::RS256, jsonwebtoken::DecodingKey::from_secret(b"x")),
    ];
    for (kid, algorithm, decoding) in broken {
        let broken = PublicKey { id: Some(kid.into()), algorithms: vec![algorithm], decoding, digest: [0; 32] };
        let keys = KeySet { keys: vec![broken], ..KeySet::default() };
        let key = [&RSA, &P256, &ED25519].into_iter().find(|key| key.kid == kid).unwrap();
        let name = if algorithm == Algorithm::EdDSA { "EdDSA".to_owned() } else { format!("{algorithm:?}") };
        assert_eq!(
            verdict_with(&rules(), &keys, &key.token(&name, &json!({}), &claims())),
            Err(TokenFault::Signature),
            "{algorithm:?}"
        );
    }
}

#[test]
fn p10_an_unverified_token_does_not_print() {
    let token = header(&json!({}));
    assert_eq!(format!("{:?}", UnverifiedJwt::read(&token)), "Ok(UnverifiedJwt(…))");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn b37_reading_never_panics(text in "\\PC{0,200}", parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 0..5)) {
        let _ = UnverifiedJwt::read(&text);
        let encoded: Vec<String> = parts.iter().map(|part| base64url(part)).collect();
        let _ = UnverifiedJwt::read(&encoded.join("."));
    }

    #[test]
    fn b38_no_header_or_payload_panics(member in "\\PC{0,40}", value in "\\PC{0,40}") {
        let header = format!(r#"{{"alg":"ES256","kid":"p256","typ":"at+jwt","{member}":{value}}}"#);
        let payload = claims().to_string().replacen('{', &format!("{{\"{member}\":{value},"), 1);
        let _ = verdict(&P256.raw("ES256", header.as_bytes(), claims().to_string().as_bytes()));
        let _ = verdict(&P256.raw("ES256", br#"{"alg":"ES256"}"#, payload.as_bytes()));
    }

    #[test]
    fn b40_a_flipped_bit_anywhere_never_verifies(at in any::<prop::sample::Index>(), bit in 0_u32..7, named in any::<bool>()) {
        let changes = if named { json!({}) } else { json!({"kid": null}) };
        let good = P256.token("ES256", &changes, &claims());
        prop_assert_eq!(verdict(&good), Ok(()));
        let mut octets = good.into_bytes();
        let at = at.index(octets.len());
        octets[at] ^= 1 << bit;
        // Seven bits: the text stays ASCII.
        let bent = String::from_utf8(octets).unwrap();
        prop_assert!(verdict(&bent).is_err(), "{bent}");
    }
}
