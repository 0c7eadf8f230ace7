//! OCSP (RFC 6960) by a CA that is served. The function has the bytes of HTTP bodies; HTTP itself is elsewhere.

use minipki_ca::{OcspAnswer, OcspQuery, Refused, Source};
use minipki_core::x509::ocsp::OcspStatus;

use super::events::{CaEvent, EventSink as _, Origin};
use super::lifecycle::Running;
use super::service::CaService;

impl CaService {
    /// Answers an OCSP request: an OCSPRequest in DER, of at most [`OcspQuery::BYTES`], from the network `source`. There is an
    /// answer to each request: one without a statement says why ([`OcspStatus`]), for example
    /// [`OcspStatus::TryLater`] while the CA is not served.
    pub async fn ocsp(&self, request: &[u8], source: Option<Source>) -> OcspAnswer {
        let Ok(running) = self.running() else { return OcspAnswer::error(OcspStatus::TryLater) };
        let answer = answer(&running, request, source).await;
        let (origin, event) = (Origin { source, ..Origin::CA }, CaEvent::OcspAnswered { answer: &answer });
        self.events().emit(origin, event);
        running.metrics().take(origin, event);
        answer
    }
}

async fn answer(running: &Running, request: &[u8], source: Option<Source>) -> OcspAnswer {
    let query = match OcspQuery::parse(request, source) {
        Ok(query) => query,
        Err(status) => return OcspAnswer::error(status),
    };
    running.issuer.ocsp(query).await.unwrap_or_else(|refused| {
        OcspAnswer::error(match refused {
            Refused::Busy | Refused::RateLimited => OcspStatus::TryLater,
            _ => OcspStatus::InternalError,
        })
    })
}
