//! One exchange of a protocol over HTTP, such as ACME: any method, any answer, bounded.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, header::ACCEPT, header::CONTENT_TYPE};
use http_body_util::Full;
use tokio::time::timeout;

use super::{
    Fetch, Planned,
    answer::{Answers, Said},
    wanted::{Wanted, fault},
};
use crate::outbound::fault::{Fault, FaultKind};

impl Fetch {
    /// Sends a request with this body, and takes the answer whatever its status and type. A
    /// redirect is an answer like any other, and is not followed.
    ///
    /// # Errors
    /// A [`Fault`] that names the step that failed.
    pub async fn exchange(
        &self,
        wanted: &Wanted<'_>,
        method: Method,
        content: Option<(HeaderValue, Bytes)>,
        within: Duration,
    ) -> Result<Said, Fault> {
        let ask = async {
            let Planned { peer, rule, target, head } = self.plan(wanted)?;
            let (content_type, body) = content.unzip();
            let request = head.method(method).uri(target).body(Full::from(body.unwrap_or_default()));
            let mut request = request.map_err(|cause| fault(FaultKind::Url, wanted, cause))?;
            request.headers_mut().insert(ACCEPT, HeaderValue::from_static("*/*"));
            if let Some(content_type) = content_type {
                request.headers_mut().insert(CONTENT_TYPE, content_type);
            }
            self.ask((&peer, rule), request, wanted, Answers::AnyAndRedirects).await
        };
        match timeout(within, ask).await {
            Ok(result) => result,
            Err(_) => Err(fault(FaultKind::Timeout, wanted, format_args!("no whole answer within {within:?}"))),
        }
    }
}
