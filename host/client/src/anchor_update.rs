//! Changes of the CA's key (protocol §7): the anchor of an identity follows them, and never goes back.

use std::io;
use std::path::Path;

use minipki_core::cert::{self, Anchor};
use minipki_core::limits;
use minipki_core::session::{self, AnchorsOutcome, AnchorsQuery};
use minipki_core::wire::Code;

use super::ask::{CaContact, refused};
use super::identity::{ANCHOR, load_anchor};
use super::renewal_lock::lock;
use super::{ClientError, Identity, IdentityError};
use minipki_os::files;
use minipki_provider::HostProvider;

/// Asks the CA for the changes of its key since `anchor`. Returns the anchor that has followed them; `None` if the CA
/// names no later key. Each change is signed by the key before it.
///
/// # Errors
/// [`ClientError::Refused`], or the failed check of an update. An `anchor` with a fingerprint alone cannot follow.
pub async fn fetch_anchor(
    contact: &CaContact,
    provider: HostProvider,
    anchor: &Anchor,
) -> Result<Option<Anchor>, ClientError> {
    let (outcome, body) = contact.ask(AnchorsQuery { provider, anchor }).await?;
    match outcome {
        AnchorsOutcome::Unchanged => Ok(None),
        AnchorsOutcome::Followed(anchor) => Ok(Some(anchor)),
        // A CA of an earlier version cannot change its key.
        AnchorsOutcome::Refused { code: Code::UnknownType, .. } => Ok(None),
        AnchorsOutcome::Refused { code, text } => Err(refused(code, text, &body)),
    }
}

impl Identity {
    /// Follows the changes of the CA's key, and stores the new anchor in `folder`. Returns the identity with the anchor,
    /// and whether it has changed.
    ///
    /// # Errors
    /// The errors of [`fetch_anchor`]; [`IdentityError::Renewing`] while another process changes the identity;
    /// [`IdentityError`] if the anchor cannot be stored.
    pub async fn follow_ca(self, contact: &CaContact, folder: &Path) -> Result<(Self, bool), ClientError> {
        let Some(anchor) = fetch_anchor(contact, self.key.provider(), &self.anchor).await? else {
            return Ok((self, false));
        };
        let _lock = lock(folder).map_err(stored)?;
        Ok((self.store_anchor(folder, anchor)?, true))
    }

    /// Takes the anchor that the CA's operator has given out, in place of the present one, and stores it in `folder`. This
    /// is for an identity that cannot follow the changes of the CA's key, or does not know the former keys.
    ///
    /// # Errors
    /// [`cert::Error::IssuerMismatch`], [`cert::Error::UpdatePrevious`] and [`cert::Error::UpdateBackwards`] if `anchor` is
    /// of another CA, of an unknown key, or an earlier one; [`cert::Error::AnchorIncomplete`]; the error of the certificate
    /// under it; [`IdentityError`].
    pub fn take_anchor(self, anchor: Anchor, folder: &Path) -> Result<Self, ClientError> {
        let _lock = lock(folder).map_err(stored)?;
        if anchor.key().is_none() {
            return Err(cert::Error::AnchorIncomplete.into());
        }
        if anchor.issuer_id() != self.anchor.issuer_id() {
            return Err(cert::Error::IssuerMismatch.into());
        }
        if !anchor.has_key(&self.anchor.fingerprint()) {
            let is_earlier = self.anchor.has_key(&anchor.fingerprint());
            let error = if is_earlier { cert::Error::UpdateBackwards } else { cert::Error::UpdatePrevious };
            return Err(error.into());
        }
        self.write_anchor(folder, anchor)
    }

    /// [`Identity::follow_ca`], while this process has the lock of the folder.
    pub(super) async fn follow_ca_locked(
        self,
        contact: &CaContact,
        folder: &Path,
    ) -> Result<Self, ClientError> {
        match fetch_anchor(contact, self.key.provider(), &self.anchor).await? {
            None => Ok(self),
            Some(anchor) => self.store_anchor(folder, anchor),
        }
    }

    /// Stores `anchor` in `folder`, unless another process has stored the same one or a later one.
    fn store_anchor(self, folder: &Path, anchor: Anchor) -> Result<Self, ClientError> {
        let found = load_anchor(folder).map_err(stored)?;
        let is_newer = !found.has_key(&anchor.fingerprint());
        if is_newer { self.write_anchor(folder, anchor) } else { self.with_anchor(found) }
    }

    fn write_anchor(self, folder: &Path, anchor: Anchor) -> Result<Self, ClientError> {
        let identity = self.with_anchor(anchor)?;
        let path = folder.join(ANCHOR);
        let mut room = [0; limits::ANCHOR];
        let written = identity.anchor.encode(&mut room).map_err(io::Error::other);
        written
            .and_then(|text| files::replace(&path, text, files::PUBLIC))
            .map_err(|source| stored(IdentityError::write(&path, source)))?;
        Ok(identity)
    }

    /// This identity with another anchor. The certificate must be valid under it.
    fn with_anchor(self, anchor: Anchor) -> Result<Self, ClientError> {
        let mut identity = Self::genuine(self.key, self.certificate, anchor)?;
        (identity.credentials, identity.status_time) = (self.credentials, self.status_time);
        Ok(identity)
    }
}

fn stored(error: IdentityError) -> ClientError {
    ClientError::Folder(Box::new(error))
}

impl ClientError {
    /// Whether the other side has shown a certificate of a key that is not trusted. The CA may have changed its key.
    pub const fn is_of_another_key(&self) -> bool {
        matches!(
            self.session_error(),
            Some(session::Error::InvalidCertificate(cert::Error::IssuerKeyMismatch))
        )
    }
}
