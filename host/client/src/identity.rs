//! An identity: a key, its certificate, and the trusted CA.

use std::io;
use std::path::Path;

use minipki_core::cert::{self, Anchor, Certificate, Id, IdBuf};
use minipki_core::crypto::{KeyPair, Portable};
use minipki_core::session::LocalIdentity;
use minipki_core::time::{Now, UnixTime};
use minipki_core::trust::{RevocationCheck, Serial, StatusPolicy, Validity};
use rustix::fs::OFlags;
use zeroize::Zeroizing;

use super::identity_error::{IdentityError, OutOfTime};
use super::key_file::{self, KEY, check_folder};
use minipki_os::clock;
use minipki_os::files::{self, Others, ReadError};
use minipki_passphrase::Passphrase;
use minipki_provider::HostProvider;

/// The file of the certificate in the folder of an identity.
pub const CERTIFICATE: &str = "certificate.json";
pub(super) const ANCHOR: &str = "anchor.json";
pub(super) const ENROLMENT: &str = "enrolment.json";
/// The folder with the files of a renewal.
pub(super) const NEXT: &str = "next";

/// Files that only the folder of a CA has.
const OF_A_CA: [&str; 2] = ["ca-key.pem", "ledger.sqlite"];

/// Our identity. The certificate is genuine under the anchor and is for the key.
#[derive(Clone, Debug)]
pub struct Identity {
    pub(super) key: KeyPair<HostProvider>,
    pub(super) certificate: Vec<u8>,
    /// The certificate, alone or with its status, as it is shown to peers.
    pub(super) credentials: Vec<u8>,
    pub(super) anchor: Anchor,
    /// The name and the key that issued the certificate: the anchor's, or those of a former key.
    issuer: Anchor,
    subject_id: IdBuf,
    serial_number: Serial,
    validity: Validity,
    /// The time of the status in `credentials`, if there is one.
    pub(super) status_time: Option<UnixTime>,
}

impl Identity {
    /// Takes a key and its certificate, and verifies the certificate under `anchor` at `now`. If the anchor is only a
    /// fingerprint, the CA's key and name are added to it.
    ///
    /// # Errors
    /// [`cert::Error`] names the failed check.
    pub fn new(
        key: KeyPair<HostProvider>,
        certificate: Vec<u8>,
        anchor: Anchor,
        now: Now,
    ) -> Result<Self, cert::Error> {
        let identity = Self::genuine(key, certificate, anchor)?;
        identity.validity.check(now)?;
        Ok(identity)
    }

    /// [`Identity::new`] without the check of the time.
    ///
    /// # Errors
    /// As [`Identity::new`].
    pub fn genuine(
        key: KeyPair<HostProvider>,
        certificate: Vec<u8>,
        mut anchor: Anchor,
    ) -> Result<Self, cert::Error> {
        let view = Certificate::parse(&certificate)?;
        let validity = view.validity();
        // The certificate is valid at its own start. The time now is checked separately.
        let start = Now::Exact(validity.not_before());
        let verified = cert::verify(key.provider(), &anchor, &view, start, RevocationCheck::NotChecked)?
            .require_key(key.public())?;
        if anchor.key().is_none() {
            anchor.pin_issuer(key.provider(), &verified)?;
        }
        let issuer = Anchor::of_issuer(key.provider(), &verified)?;
        let subject_id = view.subject_id().into();
        let (serial_number, credentials) = (view.serial_number(), certificate.clone());
        let status_time = None;
        Ok(Self {
            key,
            certificate,
            credentials,
            anchor,
            issuer,
            subject_id,
            serial_number,
            validity,
            status_time,
        })
    }

    /// Reads a folder that [`PendingIdentity::keep`](super::PendingIdentity::keep) wrote, and verifies its content.
    /// `provider` computes for the identity.
    ///
    /// # Errors
    /// [`IdentityError`] names the file, the failed check, and the next step.
    pub fn load(provider: HostProvider, folder: &Path) -> Result<Self, IdentityError> {
        Self::load_with(provider, folder, None)
    }

    /// [`Identity::load`] with the passphrase of the key. It is not used if the key is not encrypted.
    ///
    /// # Errors
    /// As [`Identity::load`], [`IdentityError::Encrypted`].
    pub fn load_with(
        provider: HostProvider,
        folder: &Path,
        passphrase: Option<&Passphrase>,
    ) -> Result<Self, IdentityError> {
        let (identity, now) = (Self::load_genuine(provider, folder, passphrase)?, clock::now()?);
        identity.check_time(now)?;
        Ok(identity.with_stored_status(folder, now))
    }

    /// [`Identity::load_with`] without the check of the time.
    ///
    /// # Errors
    /// As [`Identity::load_with`].
    pub fn load_genuine(
        provider: HostProvider,
        folder: &Path,
        passphrase: Option<&Passphrase>,
    ) -> Result<Self, IdentityError> {
        refuse_ca_folder(folder)?;
        check_folder(folder, OFlags::empty()).map_err(|error| match error {
            // Nobody is told to change the mode of a folder of something else.
            IdentityError::Writable { path, .. } if !path.join(KEY).exists() => {
                IdentityError::Missing(path.join(KEY))
            }
            other => other,
        })?;
        let key = key_file::read(provider, &folder.join(KEY), passphrase)?;
        let anchor = load_anchor(folder)?;
        Self::load_certificate(folder, key, anchor)
    }

    /// Takes a key, and reads its certificate from the folder. The certificate must be genuine under `anchor`.
    pub(super) fn load_certificate(
        folder: &Path,
        key: KeyPair<HostProvider>,
        anchor: Anchor,
    ) -> Result<Self, IdentityError> {
        let path = folder.join(CERTIFICATE);
        let text = read_public(folder, &path)?;
        match Self::genuine(key.clone(), text.to_vec(), anchor.clone()) {
            // A renewal has replaced the key, and not yet the certificate.
            Err(source @ cert::Error::SubjectKeyMismatch) => {
                let next = files::read(&folder.join(NEXT).join(CERTIFICATE), Others::Read);
                let renewed = next.ok().and_then(|text| Self::genuine(key, text.to_vec(), anchor).ok());
                renewed.ok_or(IdentityError::Certificate { path, source })
            }
            loaded => loaded.map_err(|source| IdentityError::Certificate { path, source }),
        }
    }

    /// Checks that the certificate is valid at `now`.
    ///
    /// # Errors
    /// [`OutOfTime`] if it is not.
    pub fn check_time(&self, now: UnixTime) -> Result<(), OutOfTime> {
        let validity = self.validity;
        validity.check(Now::Exact(now)).map(drop).map_err(|_| OutOfTime { now, validity })
    }

    /// The subject of the certificate.
    pub fn subject_id(&self) -> Id<'_> {
        self.subject_id.as_id()
    }

    /// The validity of the certificate.
    pub const fn validity(&self) -> Validity {
        self.validity
    }

    /// The serial number of the certificate.
    pub const fn serial_number(&self) -> Serial {
        self.serial_number
    }

    /// The certified key.
    pub const fn key(&self) -> &KeyPair<HostProvider> {
        &self.key
    }

    /// The certificate's canonical text.
    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// The trust anchor. It has certified this identity and must have certified each peer.
    pub const fn anchor(&self) -> &Anchor {
        &self.anchor
    }

    /// The key of the CA that signed the certificate, and signs statements about it. After a change of the CA's key this
    /// is a former key of the anchor, until the next renewal.
    pub const fn issuer(&self) -> &Anchor {
        &self.issuer
    }

    /// Our side of a channel that is opened at `now`. If `peer` is given, only that subject is accepted.
    pub fn local<'a>(
        &'a self,
        now: Now,
        status_policy: StatusPolicy,
        peer: Option<Id<'a>>,
    ) -> LocalIdentity<'a, HostProvider> {
        LocalIdentity {
            key: &self.key,
            credentials: &self.credentials,
            anchor: &self.anchor,
            now,
            status_policy,
            peer,
        }
    }
}

/// Refuses the folder of a CA.
///
/// # Errors
/// [`IdentityError::CaFolder`].
pub fn refuse_ca_folder(folder: &Path) -> Result<(), IdentityError> {
    match OF_A_CA.iter().any(|name| folder.join(name).exists()) {
        true => Err(IdentityError::CaFolder(folder.to_owned())),
        false => Ok(()),
    }
}

/// Reads the anchor.
pub(super) fn load_anchor(folder: &Path) -> Result<Anchor, IdentityError> {
    let path = folder.join(ANCHOR);
    let text = read_public(folder, &path)?;
    Anchor::decode(Portable::new(), &text).map_err(|source| IdentityError::Anchor { path, source })
}

/// Reads a file that is written after the CA has issued the certificate.
fn read_public(folder: &Path, path: &Path) -> Result<Zeroizing<Vec<u8>>, IdentityError> {
    files::read(path, Others::Read).map_err(|error| match error {
        ReadError::Mode(mode) => IdentityError::Writable { path: path.to_owned(), mode },
        ReadError::Io(e) if e.kind() == io::ErrorKind::NotFound && folder.join(ENROLMENT).exists() => {
            IdentityError::Unfinished(folder.to_owned())
        }
        ReadError::Io(source) => IdentityError::read(path, source),
    })
}
