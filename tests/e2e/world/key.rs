//! Signing keys of the pretend issuers: made once a process, because RSA takes its time.

use std::sync::LazyLock;

use aws_lc_rs::{
    rand::SystemRandom,
    rsa::KeySize,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
        RSA_PKCS1_SHA256, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RsaEncoding, RsaKeyPair,
    },
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde_json::{Value, json};

/// How a token is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alg {
    Rs256,
    Rs512,
    Ps256,
    Es256,
    Es384,
    EdDsa,
}

impl Alg {
    /// As `alg` spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::EdDsa => "EdDSA",
        }
    }
}

/// One key of each kind.
pub struct Keys {
    rsa: LazyLock<RsaKeyPair>,
    p256: LazyLock<EcdsaKeyPair>,
    p384: LazyLock<EcdsaKeyPair>,
    ed: LazyLock<Ed25519KeyPair>,
}

impl Keys {
    const fn new() -> Self {
        Self {
            rsa: LazyLock::new(|| RsaKeyPair::generate(KeySize::Rsa2048).unwrap()),
            p256: LazyLock::new(|| EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap()),
            p384: LazyLock::new(|| EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap()),
            ed: LazyLock::new(|| Ed25519KeyPair::generate().unwrap()),
        }
    }

    /// The signature of `input`.
    pub fn sign(&self, alg: Alg, input: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match alg {
            Alg::Rs256 | Alg::Rs512 | Alg::Ps256 => {
                let scheme: &dyn RsaEncoding = match alg {
                    Alg::Rs256 => &RSA_PKCS1_SHA256,
                    Alg::Rs512 => &RSA_PKCS1_SHA512,
                    _ => &RSA_PSS_SHA256,
                };
                let mut signature = vec![0; self.rsa.public_modulus_len()];
                self.rsa.sign(scheme, &random, input, &mut signature).unwrap();
                signature
            }
            Alg::Es256 => self.p256.sign(&random, input).unwrap().as_ref().to_vec(),
            Alg::Es384 => self.p384.sign(&random, input).unwrap().as_ref().to_vec(),
            Alg::EdDsa => self.ed.sign(input).as_ref().to_vec(),
        }
    }

    /// The public key as a JWK.
    pub fn jwk(&self, alg: Alg, kid: &str) -> Value {
        let b64 = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let mut jwk = match alg {
            Alg::Rs256 | Alg::Rs512 | Alg::Ps256 => {
                json!({"kty": "RSA", "n": b64(&self.rsa_modulus()), "e": "AQAB"})
            }
            Alg::Es256 => {
                let point = self.p256.public_key().as_ref();
                json!({"kty": "EC", "crv": "P-256", "x": b64(&point[1..33]), "y": b64(&point[33..])})
            }
            Alg::Es384 => {
                let point = self.p384.public_key().as_ref();
                json!({"kty": "EC", "crv": "P-384", "x": b64(&point[1..49]), "y": b64(&point[49..])})
            }
            Alg::EdDsa => json!({"kty": "OKP", "crv": "Ed25519", "x": b64(self.ed.public_key().as_ref())}),
        };
        jwk["kid"] = json!(kid);
        jwk["use"] = json!("sig");
        jwk
    }

    /// The RSA public key in every form that an HS256 confusion attack uses as its secret.
    pub fn rsa_public_forms(&self) -> Vec<(&'static str, Vec<u8>)> {
        let der = self.rsa_public_der();
        let base64 = STANDARD.encode(&der);
        let lines: Vec<_> = base64.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
        let pem = format!("-----BEGIN RSA PUBLIC KEY-----\n{}\n-----END RSA PUBLIC KEY-----\n", lines.join("\n"));
        let jwk = self.jwk(Alg::Rs256, "rs");
        let member = jwk["n"].as_str().unwrap().as_bytes().to_vec();
        let text = jwk.to_string().into_bytes();
        vec![("DER", der), ("PEM", pem.into_bytes()), ("JWK", text), ("n", member), ("the modulus", self.rsa_modulus())]
    }

    /// A certificate for the P-256 key that this key signed itself, as in `x5c`.
    pub fn certificate(&self) -> String {
        let key = rcgen::KeyPair::try_from(self.p256.to_pkcs8v1().unwrap().as_ref()).unwrap();
        let params = rcgen::CertificateParams::new(["evil.example".to_owned()]).unwrap();
        STANDARD.encode(params.self_signed(&key).unwrap().der())
    }

    fn rsa_public_der(&self) -> Vec<u8> {
        self.rsa.public_key().as_ref().to_vec()
    }

    fn rsa_modulus(&self) -> Vec<u8> {
        // RSAPublicKey of 2048 bits (RFC 8017 A.1.1): SEQUENCE, then INTEGER n of 257 bytes with a leading zero.
        let der = self.rsa_public_der();
        assert_eq!(der[4..9], [0x02, 0x82, 0x01, 0x01, 0x00]);
        der[9..265].to_vec()
    }
}

/// The keys of the issuer that the gateway trusts.
pub static HOUSE: Keys = Keys::new();
/// The keys after a rotation, or of another issuer.
pub static OTHER: Keys = Keys::new();
