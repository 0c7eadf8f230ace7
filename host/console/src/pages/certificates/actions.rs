//! The actions of an operator on one certificate: revoke it, put it on hold, remove its hold.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Extension, Form, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::post;
use minipki_core::trust::{RevocationReason, Serial};
use serde::Deserialize;

use super::certificate;
use super::revocation::{Notice, REASONS};
use crate::shell::Shared;
use crate::shell::audit::Actor;
use crate::shell::form::Mistake;
use crate::shell::refusal::Refusal;
use crate::shell::session::Visitor;
use minipki_ca::ports::RevocationError;
use minipki_os::Failure;
use minipki_server::ServiceError;

pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/certificates/{serial}/revoke", post(revoke))
        .route("/certificates/{serial}/hold", post(hold))
        .route("/certificates/{serial}/unhold", post(unhold))
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RevokeForm {
    reason: String,
    confirm: String,
}

impl RevokeForm {
    /// The reason.
    ///
    /// # Errors
    /// The mistake in the form: without a reason, or not confirmed.
    fn reason(&self) -> Result<RevocationReason, Mistake> {
        let reason = RevocationReason::from_name(&self.reason)
            .filter(|reason| REASONS.iter().any(|row| row.0 == *reason))
            .ok_or_else(|| {
                Mistake::new("reason", "No certificate was revoked: the reason is missing. Choose one.")
            })?;
        if self.confirm.is_empty() {
            return Err(Mistake::new(
                "confirm",
                "No certificate was revoked: the box was not ticked. Tick it if the certificate shall end for good.",
            ));
        }
        Ok(reason)
    }
}

async fn revoke(
    State(shared): State<Arc<Shared>>,
    Extension(actor): Extension<Actor>,
    Extension(visitor): Extension<Visitor>,
    Path(serial): Path<String>,
    Form(form): Form<RevokeForm>,
) -> Result<Response, Refusal> {
    match form.reason() {
        Ok(reason) => change(&shared, &actor, &visitor, &serial, reason).await,
        Err(mistake) => {
            let notice = Notice::Mistaken { reason: form.reason, mistake };
            refused(&shared, &visitor, &serial, StatusCode::UNPROCESSABLE_ENTITY, notice).await
        }
    }
}

async fn hold(
    State(shared): State<Arc<Shared>>,
    Extension(actor): Extension<Actor>,
    Extension(visitor): Extension<Visitor>,
    Path(serial): Path<String>,
) -> Result<Response, Refusal> {
    change(&shared, &actor, &visitor, &serial, RevocationReason::CertificateHold).await
}

async fn unhold(
    State(shared): State<Arc<Shared>>,
    Extension(actor): Extension<Actor>,
    Extension(visitor): Extension<Visitor>,
    Path(serial): Path<String>,
) -> Result<Response, Refusal> {
    change(&shared, &actor, &visitor, &serial, RevocationReason::RemoveFromHold).await
}

/// Makes a change and leads to the page of the certificate.
async fn change(
    shared: &Shared,
    actor: &Actor,
    visitor: &Visitor,
    text: &str,
    reason: RevocationReason,
) -> Result<Response, Refusal> {
    let serial: Serial = text.parse().map_err(|_| certificate::unknown())?;
    let page = |number: u64, changed: bool| {
        visitor.memory.say(if changed { done(reason) } else { "Nothing was changed." });
        let repeated = if changed { "" } else { "&repeated" };
        Redirect::to(&format!("/certificates/{serial}?change={number}{repeated}#revocation")).into_response()
    };
    let error = match shared.service.clone().revoke(serial, reason, actor.operator()).await {
        Ok(outcome) => return Ok(page(outcome.record.number, outcome.changed)),
        Err(error) => error,
    };
    if matches!(error, ServiceError::Revocation(RevocationError::NotOnHold(_))) {
        // The second click on the same button: the first click has removed the hold.
        let read = shared.service.clone().read(move |reader| reader.revocation_history(serial)).await;
        let newest = read?.pop();
        if let Some(newest) = newest.filter(|newest| newest.reason == reason) {
            return Ok(page(newest.number, false));
        }
    }
    actor.failed("change a revocation", &error);
    match error {
        ServiceError::Revocation(RevocationError::UnknownSerial(_)) => Err(certificate::unknown()),
        ServiceError::Revocation(RevocationError::NotOnHold(_) | RevocationError::OwnKey(_)) => {
            let notice = Notice::Refused(Failure::from(&error));
            refused(shared, visitor, text, StatusCode::CONFLICT, notice).await
        }
        error => Err(error.into()),
    }
}

/// The message after a change.
const fn done(reason: RevocationReason) -> &'static str {
    match reason {
        RevocationReason::CertificateHold => "The certificate is on hold.",
        RevocationReason::RemoveFromHold => "The hold is removed.",
        _ => "The certificate is revoked.",
    }
}

/// The page of the certificate with the reason of a refusal.
async fn refused(
    shared: &Shared,
    visitor: &Visitor,
    serial: &str,
    status: StatusCode,
    notice: Notice,
) -> Result<Response, Refusal> {
    let page = certificate::show(shared, visitor, serial, false, Some(notice)).await?;
    Ok((status, page).into_response())
}
