//! The requests of enrolled clients to the CA: a renewal, a revocation, and the changes of the CA's key.

use minipki_core::cert::IdBuf;
use minipki_core::crypto::KeyPair;
use minipki_core::session::{AnchorsOutcome, AnchorsQuery, EnrolForm, EnrolOutcome, Enrolment};
use minipki_core::time::Now;
use minipki_core::trust::{Revocation, RevocationReason};
use minipki_core::wire::Code;

use super::exchange::{deadlines, with_ca};
use super::relay::Flip;
use super::step::Exchange;
use super::{CaEndpoint, ScenarioError, Step};
use minipki_client::{CaContact, ClientError, Identity, revoke_over};
use minipki_os::clock;
use minipki_provider::HostProvider;

/// The result of requests, and their steps.
type Outcome<T> = Result<(Result<T, ClientError>, Vec<Step>), ScenarioError>;

fn contact(ca: &CaEndpoint<'_>, flip: Option<Flip>) -> CaContact {
    CaContact { deadlines: deadlines(flip), ..CaContact::new(&*ca.address) }
}

fn refused(code: Code, text: Option<&[u8]>) -> ClientError {
    ClientError::Refused { code, text: String::from_utf8_lossy(text.unwrap_or_default()).into_owned() }
}

/// Renews the certificate of `current`, for the key `new`.
pub(super) async fn renewal(
    ca: &CaEndpoint<'_>,
    current: &Identity,
    new: &KeyPair<HostProvider>,
    flip: Option<Flip>,
) -> Outcome<Identity> {
    let contact = contact(ca, flip);
    with_ca(ca, Exchange::Renewal, flip, async |mut reader, mut writer| {
        let enrolment = Enrolment {
            subject_id: IdBuf::from(current.subject_id()),
            key: new,
            anchor: current.anchor(),
            now: Now::Exact(clock::now()?),
            form: EnrolForm::Renewal { serial_number: current.serial_number(), current: current.key() },
        };
        let (outcome, body) = contact.ask_over(&mut reader, &mut writer, enrolment).await?;
        match outcome {
            EnrolOutcome::Issued(text) | EnrolOutcome::OutOfTime { certificate: text, .. } => {
                let certificate = body.get(text).unwrap_or_default().to_vec();
                Ok(Identity::genuine(new.clone(), certificate, current.anchor().clone())?)
            }
            EnrolOutcome::Refused { code, text } => Err(refused(code, body.get(text))),
        }
    })
    .await
}

/// Revokes the certificate of `identity`, and asks for its status.
pub(super) async fn revocation(
    ca: &CaEndpoint<'_>,
    identity: &Identity,
    flip: Option<Flip>,
) -> Outcome<Revocation> {
    let (contact, reason) = (contact(ca, flip), RevocationReason::CessationOfOperation);
    with_ca(ca, Exchange::Revocation, flip, async |mut reader, mut writer| {
        revoke_over(&mut reader, &mut writer, &contact, identity, reason).await
    })
    .await
}

/// Asks for the changes of the CA's key. Returns whether there was one.
pub(super) async fn anchors(ca: &CaEndpoint<'_>, identity: &Identity, flip: Option<Flip>) -> Outcome<bool> {
    let contact = contact(ca, flip);
    with_ca(ca, Exchange::Anchors, flip, async |mut reader, mut writer| {
        let query = AnchorsQuery { provider: identity.key().provider(), anchor: identity.anchor() };
        let (outcome, body) = contact.ask_over(&mut reader, &mut writer, query).await?;
        match outcome {
            AnchorsOutcome::Unchanged => Ok(false),
            AnchorsOutcome::Followed(_) => Ok(true),
            AnchorsOutcome::Refused { code, text } => Err(refused(code, body.get(text))),
        }
    })
    .await
}
