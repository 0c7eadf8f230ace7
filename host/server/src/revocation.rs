//! Revocation by an operator, whether or not the CA server runs.

use std::sync::Arc;

use minipki_ca::IssueError;
use minipki_ca::ports::{RevocationChange, RevocationOutcome, Storage};
use minipki_core::trust::{RevocationReason, Serial};
use minipki_os::clock;

use super::error::ServiceError;
use super::events::{CaEvent, Operator, Origin};
use super::service::{CaService, run_blocking};
use super::state::storage;

impl CaService {
    /// Revokes a certificate for `operator`, off the async threads; or puts it on hold, or removes its hold, as `reason`
    /// says. The change is on the disk when this returns. It is complete, with its events, also if this future is
    /// dropped.
    ///
    /// # Errors
    /// [`ServiceError::Revocation`] if the change is refused; [`ServiceError::NoKey`]; the error of the clock or of the
    /// ledger.
    pub async fn revoke(
        self: Arc<Self>,
        serial: Serial,
        reason: RevocationReason,
        operator: Operator,
    ) -> Result<RevocationOutcome, ServiceError> {
        run_blocking(move || {
            self.change(RevocationChange::new(serial, reason, operator.to_string()), operator)
        })
        .await
    }

    fn change(
        &self,
        change: RevocationChange,
        operator: Operator,
    ) -> Result<RevocationOutcome, ServiceError> {
        let (folder, now) = (self.folder()?, clock::now()?);
        let mut outcomes = storage(&folder).revocations(now)?.revoke(&[change], now)?;
        let missing = IssueError::Count { what: "results of a revocation", asked: 1, got: 0 };
        let outcome = outcomes.pop().ok_or(missing)??;
        self.events().emit(Origin::CA, CaEvent::Revoked { outcome: &outcome });
        let changed = outcome.changed.then_some(&outcome.record);
        for record in changed.into_iter().chain(&outcome.same_key) {
            let details = format_args!(
                "certificate {}, {}, revocation number {}",
                record.serial, record.reason, record.number
            );
            let act = CaEvent::Acted { operator, action: "change a revocation", details: &details };
            self.events().emit(Origin::CA, act);
        }
        Ok(outcome)
    }
}
