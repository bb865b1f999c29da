//! Tokens by every identity provider: audiences, subjects, issuers and vendors (A2, A3, A6, A7).

use serde_json::{Value, json};

use crate::e2e::world::{Ask, World, call, token::Mint};

mod clients;
mod issuers;
mod marks;
mod recipes;
mod reloads;

/// A call with this token.
fn ask(token: &Mint) -> Ask {
    Ask::post("/mcp", call("safe")).token(&token.token())
}

/// A token with these claims alone, besides the issuer and the times.
fn shaped(world: &World, typ: Option<&str>, claims: &Value) -> Mint {
    let mut token = world.mint().without("sub").without("aud").without("client_id").without("scope").without("jti");
    token = match typ {
        Some(typ) => token.head("typ", json!(typ)),
        None => token.headless("typ"),
    };
    claims.as_object().unwrap().iter().fold(token, |token, (name, value)| token.claim(name, value.clone()))
}
