//! A code that is redeemed after `grants` have changed.

use crate::{
    authorization_server::{
        settings::EmbeddedSettings,
        testing::{ECHO, World, exchange, refresh},
    },
    decide::{policy::glob::Glob, routing::IssuerEndpoint as E},
};

#[tokio::test]
async fn e16_a_code_gives_what_grants_give_when_it_is_redeemed() {
    let world = World::new().await;
    let code = world.code("app", &["a", "b"], &[ECHO]).await;
    let scopes = |scopes: &[&str]| {
        let globs: Vec<Glob> = scopes.iter().map(|scope| Glob::new(scope)).collect();
        move |settings: &mut EmbeddedSettings| {
            for rule in &mut settings.grants {
                rule.scopes.clone_from(&globs);
            }
        }
    };
    let narrowed = world.reloaded(scopes(&["a"]));
    let reply = narrowed.post(E::Token, &exchange(&code)).await;
    assert_eq!((reply.status.as_u16(), reply.text("scope")), (200, "a"));
    let again = [&refresh(reply.text("refresh_token"))[..], &[("scope", "a b")]].concat();
    let reply = narrowed.post(E::Token, &again).await;
    assert_eq!((reply.status.as_u16(), reply.text("scope")), (200, "a"), "as it asked at first");
    let code = narrowed.code("app", &["a", "b"], &[ECHO]).await;
    let reply = narrowed.reloaded(scopes(&["other"])).post(E::Token, &exchange(&code)).await;
    assert_eq!(reply.refusal(), (400, "invalid_grant"));
}
