//! Begins flows, and finds the flow that a page or form names: sealed, or in the store.

use crate::{
    authorization_server::{
        browser::{
            flow::{self, Flow, FlowAt},
            sealed_flow::{self, FlowDestination},
        },
        embedded::{Asked, Embedded},
    },
    decide::authorization_server::error::OAuthError,
};

/// Begins a flow; returns the parameter `flow` of pages and forms: the sealed flow, or, if a user
/// has signed in before, its id.
///
/// # Errors
/// `invalid_request` if the request is too long to travel; `server_error`.
pub(crate) async fn begin(embedded: &Embedded, flow: &Flow) -> Result<String, OAuthError> {
    let id = flow::new_id()?;
    if flow.person.is_none() {
        return sealed_flow::seal(embedded, FlowDestination::Pages, (&id, flow), "");
    }
    flow::sign_in(embedded, &FlowAt::travelling(&id), flow).await?;
    Ok(id)
}

/// The flow that a page or form names, if this browser began it (SPEC D-05, attack 163).
///
/// # Errors
/// `access_denied` if another browser began the flow, `invalid_request` if the flow is unknown,
/// expired or finished.
pub(crate) async fn resume(embedded: &Embedded, named: &str, asked: &Asked<'_>) -> Result<(Flow, FlowAt), OAuthError> {
    let (flow, at) = if flow::is_id(named) {
        flow::stored(embedded, named).await?
    } else {
        let opened = sealed_flow::open(embedded, FlowDestination::Pages, named).ok_or_else(flow::over)?;
        let at = FlowAt::travelling(&opened.id);
        flow::check(embedded, &opened.flow, &at, asked)?;
        // Its user may have signed in meanwhile: the back button leads here.
        flow::find(embedded, &opened.id).await?.unwrap_or((opened.flow, at))
    };
    flow::check(embedded, &flow, &at, asked)?;
    Ok((flow, at))
}
