//! Revocation at the client (protocol §7): the status of a certificate, and the revocation of one's own.
//!
//! The folder of an identity keeps the newest status in `status.json`. The identity shows it to peers with its
//! certificate (stapling).

use std::path::Path;

use minipki_core::cert::{self, Anchor, Status, verify_status};
use minipki_core::limits::STAPLED;
use minipki_core::session::{HolderRevocation, RevokeOutcome, StatusOutcome, StatusQuery};
use minipki_core::time::UnixTime;
use minipki_core::trust::{CertStatus, Revocation, RevocationReason, Serial};
use minipki_core::wire::channel::Payload;

use tokio::io::{AsyncRead, AsyncWrite};

use super::ask::{CaContact, refused};
use super::dial::dial;
use super::{ClientError, Identity, IdentityError};
use minipki_os::files::{self, Others};
use minipki_provider::HostProvider;

/// The file with the newest status.
pub const STATUS: &str = "status.json";

/// Asks the CA for the status of the certificate with this serial number, and verifies the signature. With `nonce` the
/// status is new; it is not for other verifiers.
///
/// # Errors
/// [`ClientError::Refused`], or the failed check of the response. An `anchor` with a fingerprint alone is refused.
pub async fn fetch_status(
    contact: &CaContact,
    provider: HostProvider,
    anchor: &Anchor,
    serial_number: Serial,
    nonce: bool,
) -> Result<Vec<u8>, ClientError> {
    stated(contact.ask(StatusQuery { provider, serial_number, anchor, nonce }).await?)
}

/// The text of the status in a response.
fn stated((outcome, body): (StatusOutcome, Vec<u8>)) -> Result<Vec<u8>, ClientError> {
    match outcome {
        StatusOutcome::Status(text) => Ok(body.get(text).unwrap_or_default().to_vec()),
        StatusOutcome::Refused { code, text } => Err(refused(code, text, &body)),
    }
}

/// Has the CA revoke the certificate of `identity`. A repeated call gets the first answer again. The answer of the CA is
/// not signed, so a new status must confirm it.
///
/// # Errors
/// [`ClientError::Refused`], [`ClientError::NotConfirmed`], or the failed check of a response.
pub async fn revoke(
    contact: &CaContact,
    identity: &Identity,
    reason: RevocationReason,
) -> Result<Revocation, ClientError> {
    let (mut reader, mut writer) = dial(&contact.address, contact.deadlines).await?.into_split();
    revoke_over(&mut reader, &mut writer, contact, identity, reason).await
}

/// [`revoke`] over an existing stream to the CA.
///
/// # Errors
/// As [`revoke`].
pub async fn revoke_over(
    reader: &mut (impl AsyncRead + Unpin),
    writer: &mut (impl AsyncWrite + Unpin),
    contact: &CaContact,
    identity: &Identity,
    reason: RevocationReason,
) -> Result<Revocation, ClientError> {
    let (serial_number, key) = (identity.serial_number(), identity.key());
    let issuer = identity.anchor().fingerprint();
    let request = HolderRevocation { serial_number, reason, key, issuer };
    let (outcome, body) = contact.ask_over(reader, writer, request).await?;
    let answered = match outcome {
        RevokeOutcome::Revoked(revocation) => revocation,
        RevokeOutcome::Refused { code, text } => return Err(refused(code, text, &body)),
    };
    let (provider, anchor) = (key.provider(), identity.issuer());
    let query = StatusQuery { provider, serial_number, anchor, nonce: true };
    let text = stated(contact.ask_over(reader, writer, query).await?)?;
    match Status::parse(&text)?.status() {
        CertStatus::Revoked(revocation) if revocation == answered => Ok(revocation),
        status => Err(ClientError::NotConfirmed { with: contact.address.clone(), status: status.name() }),
    }
}

impl Identity {
    /// This identity with the status of its certificate, which it shows to peers. A status that is not `good` is not
    /// shown.
    ///
    /// # Errors
    /// [`cert::Error`] if the status is not by our CA, or is about another certificate.
    pub fn with_status(mut self, text: &[u8]) -> Result<Self, cert::Error> {
        let status = Status::parse(text)?;
        let nonce = status.nonce().copied();
        verify_status(self.key.provider(), self.issuer(), &status, self.serial_number(), nonce.as_ref())?;
        let shown = (status.status() == CertStatus::Good).then_some(text);
        let mut room = vec![0; STAPLED];
        let payload = Payload { certificate: &self.certificate, status: shown };
        self.credentials = payload.encode(&mut room)?.to_vec();
        self.status_time = shown.map(|_| status.this_update());
        Ok(self)
    }

    /// This identity with the status in its folder, if the status can be used at `now`.
    pub(super) fn with_stored_status(self, folder: &Path, now: UnixTime) -> Self {
        let Ok(text) = files::read(&folder.join(STATUS), Others::Read) else { return self };
        let usable = Status::parse(&text).is_ok_and(|status| now <= status.next_update());
        if usable { self.clone().with_status(&text).unwrap_or(self) } else { self }
    }

    /// The stored statement of the CA about this identity's certificate, also an old one; `None` if `folder` has no genuine
    /// one. A revocation in it is final, except a hold.
    pub fn stored_status(&self, folder: &Path) -> Option<CertStatus> {
        let text = files::read(&folder.join(STATUS), Others::Read).ok()?;
        let status = Status::parse(&text).ok()?;
        let nonce = status.nonce().copied();
        let (provider, serial) = (self.key.provider(), self.serial_number());
        verify_status(provider, self.issuer(), &status, serial, nonce.as_ref()).ok()?;
        Some(status.status())
    }

    /// The time of the status that this identity shows, if it has one.
    pub const fn status_time(&self) -> Option<UnixTime> {
        self.status_time
    }

    /// Gets the status of this identity's certificate from the CA, and stores it in `folder`. Returns the identity with
    /// the status, and the statement. An earlier status than the stored one is not used: somebody between this machine
    /// and the CA may send it again.
    ///
    /// # Errors
    /// The errors of [`fetch_status`]; [`IdentityError`] if the status cannot be stored.
    pub async fn refresh_status(
        self,
        contact: &CaContact,
        folder: &Path,
    ) -> Result<(Self, CertStatus), ClientError> {
        let (provider, serial) = (self.key.provider(), self.serial_number());
        let text = fetch_status(contact, provider, self.issuer(), serial, false).await?;
        let path = folder.join(STATUS);
        if let Ok(stored) = files::read(&path, Others::Read)
            && is_earlier(&text, &stored)
            && let Ok(identity) = self.clone().with_status(&stored)
        {
            return Ok((identity, Status::parse(&stored)?.status()));
        }
        files::replace(&path, &text, files::PUBLIC)
            .map_err(|source| ClientError::Folder(Box::new(IdentityError::write(&path, source))))?;
        let status = Status::parse(&text)?.status();
        Ok((self.with_status(&text)?, status))
    }
}

/// Whether the CA made the status in `text` before the one in `other`.
fn is_earlier(text: &[u8], other: &[u8]) -> bool {
    let made = |text| Status::parse(text).map(|status| (status.number(), status.this_update()));
    matches!((made(text), made(other)), (Ok(this), Ok(other)) if this < other)
}
