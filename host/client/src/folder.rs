//! The folder of an identity, from the first attempt to enrol to the certificate.
//!
//! | file | mode | content |
//! | --- | --- | --- |
//! | `key.pem` | 0600 | the private key, PKCS#8 PEM (RFC 8410), which a passphrase may encrypt |
//! | `certificate.json` | 0644 | the certificate, as the CA wrote it; it is written last |
//! | `anchor.json` | 0644 | the CA's name, key and fingerprint |
//! | `ca.json` | 0644 | the CA's address, for later requests |
//! | `status.json` | 0644 | the newest revocation status of the certificate |
//! | `certificate.pem` | 0644 | the X.509 twin of the certificate, if it was asked for |
//! | `enrolment.json` | 0600 | during an enrolment: its subject and CA, or `{}`; also the lock file |
//! | `*.new` | | during an enrolment: disk space for the other files |
//!
//! The key is on the disk before the request is sent, and each later attempt uses the same key. So a process or a
//! machine may stop at any time: the CA repeats its answer for the same key, and the next attempt stores it. A lost
//! certificate is restored in the same way.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use minipki_core::cert::{Anchor, Id, IdBuf};
use minipki_core::crypto::KeyPair;
use minipki_core::keys::Fingerprint;
use minipki_core::limits;
use minipki_core::wire::Code;
use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};

use super::ClientError;
use super::folder_names::{NEW_ANCHOR, NEW_CERTIFICATE, holds_others};
use super::identity::{self, ANCHOR, CERTIFICATE, ENROLMENT, Identity};
use super::identity_error::IdentityError;
use super::key_file::{self, KEY, KeyOptions, NEW_KEY, check_folder, reserve, sync};
use minipki_os::files::{self, Locked};
use minipki_provider::HostProvider;

/// The encoding of [`Intent::Open`].
const OPEN: &[u8] = b"{}";

/// The first bytes of an encoded [`IntentFor`].
const BEGINNING: &[u8] = b"{\"fingerprint_sha256\":";

/// The state of an enrolment in its folder: finished, or to be continued.
#[derive(Debug)]
pub enum IdentityFolder {
    /// The identity of the same subject and CA. The caller checks whether it is valid now.
    Enrolled(Box<Identity>),
    /// No certificate yet.
    Pending(PendingIdentity),
}

/// An identity without its certificate. The folder is locked. The key and the space for other files are on the disk.
#[derive(Debug)]
pub struct PendingIdentity {
    folder: PathBuf,
    key: KeyPair<HostProvider>,
    resumed: bool,
    /// Whether no earlier attempt can have received a certificate.
    first: bool,
    lock: Lock,
}

/// The content of `enrolment.json`: the subject and the CA that the key is for.
enum Intent {
    /// The file is empty: there is no key yet, or the enrolment has finished and its certificate is lost.
    Unwritten,
    /// Any subject and CA: no CA has issued a certificate for the key.
    Open,
    /// This subject, at the CA with this fingerprint.
    For((IdBuf, Fingerprint)),
}

/// The JSON form of [`Intent::For`].
#[derive(Deserialize, Serialize)]
struct IntentFor {
    fingerprint_sha256: String,
    subject_id: String,
}

impl IdentityFolder {
    /// Begins an enrolment in `folder`, or continues one. The folder is created if it does not exist; its parent must
    /// exist. `provider` computes for the identity.
    ///
    /// If the certificate is lost, the enrolment continues with the same key. If the anchor is lost and the certificate
    /// is genuine under `anchor`, `anchor` is written.
    ///
    /// # Errors
    /// [`IdentityError::Exists`] if the folder holds other files, [`IdentityError::Other`] or
    /// [`IdentityError::OtherAnchor`] if it is for another subject or CA, [`IdentityError::Busy`] if another process
    /// enrols into it; otherwise the error of the failed step.
    pub fn begin(
        provider: HostProvider,
        folder: &Path,
        subject: Id<'_>,
        anchor: &Anchor,
    ) -> Result<Self, IdentityError> {
        Self::begin_with(provider, folder, subject, anchor, KeyOptions::default())
    }

    /// [`IdentityFolder::begin`] with a passphrase for the key, or with a key that exists already.
    ///
    /// # Errors
    /// As [`IdentityFolder::begin`]; [`IdentityError::Encrypted`]; [`IdentityError::OtherKey`] if the folder has another
    /// key.
    pub fn begin_with(
        provider: HostProvider,
        folder: &Path,
        subject: Id<'_>,
        anchor: &Anchor,
        options: KeyOptions<'_>,
    ) -> Result<Self, IdentityError> {
        let wanted = (subject.into(), anchor.fingerprint());
        claim(folder)?;
        if has_identity(folder) && !folder.join(ENROLMENT).exists() {
            return Self::enrolled(provider, folder, &wanted, options);
        }
        let mut lock = Lock::acquire(folder)?;
        if has_identity(folder) {
            // An earlier attempt stopped after it had written its last file.
            let enrolled = Self::enrolled(provider, folder, &wanted, options)?;
            lock.finish();
            return Ok(enrolled);
        }
        let key = folder.join(KEY);
        let resumed = key.try_exists().map_err(|e| IdentityError::write(&key, e))?;
        let intent = lock.intent()?;
        if let Intent::For(found) = &intent
            && *found != wanted
        {
            return Err(other(folder, "an unfinished enrolment", found.clone()));
        }
        let found = resumed.then(|| key_file::read(provider, &key, options.passphrase));
        let key = match found.transpose() {
            // No other file shows that this key is from an enrolment.
            Err(IdentityError::Key { .. }) if matches!(intent, Intent::Unwritten) => {
                return Err(IdentityError::Exists(folder.to_owned()));
            }
            key => key?,
        };
        if let Some(key) = &key {
            options.check(folder, key)?;
        }
        let certified = check_partial(folder, key.as_ref(), &wanted, anchor)?;
        // The intent is written before a key is created. A key without an intent means that a file was lost.
        let first = !matches!(intent, Intent::For(_));
        if first {
            lock.write(&Intent::For(wanted))?;
        }
        let key = match key {
            Some(key) => key,
            None => key_file::create(provider, folder, options)?,
        };
        reserve(&folder.join(NEW_ANCHOR), limits::ANCHOR)?;
        reserve(&folder.join(NEW_CERTIFICATE), limits::CERTIFICATE)?;
        sync(folder)?;
        let pending = PendingIdentity { folder: folder.to_owned(), key, resumed, first, lock };
        let Some(identity) = certified else { return Ok(Self::Pending(pending)) };
        pending.keep(&identity)?;
        Ok(Self::Enrolled(Box::new(identity)))
    }

    fn enrolled(
        provider: HostProvider,
        folder: &Path,
        wanted: &(IdBuf, Fingerprint),
        options: KeyOptions<'_>,
    ) -> Result<Self, IdentityError> {
        let identity = Identity::load_genuine(provider, folder, options.passphrase)?;
        options.check(folder, identity.key())?;
        let found: (IdBuf, _) = (identity.subject_id().into(), identity.anchor().fingerprint());
        // The CA may have changed its key since.
        if found.0 == wanted.0 && identity.anchor().has_key(&wanted.1) {
            return Ok(Self::Enrolled(Box::new(identity)));
        }
        Err(other(folder, "an identity", found))
    }
}

impl PendingIdentity {
    /// The key to be certified.
    pub const fn key(&self) -> &KeyPair<HostProvider> {
        &self.key
    }

    /// Whether an earlier attempt created the key.
    pub const fn resumed(&self) -> bool {
        self.resumed
    }

    /// Ends this attempt, which failed with `error`. The key stays. If the CA cannot have issued a certificate for it,
    /// the next attempt may be for another subject or CA.
    pub fn fail(mut self, error: &ClientError) {
        let refused = match error {
            ClientError::Unreachable { .. } | ClientError::ConnectDeadline { .. } => true,
            // Not `Busy` or `Internal`: the CA may send these after it has recorded a certificate.
            ClientError::Refused { code, .. } => matches!(
                code,
                Code::SubjectTaken
                    | Code::TokenInvalid
                    | Code::ProofFailed
                    | Code::NotAllowed
                    | Code::RateLimited
            ),
            // With the right fingerprint, the CA repeats its answer.
            error => error.is_of_another_key(),
        };
        if self.first && refused {
            // If this fails, the next attempt must be for the same subject and CA.
            let _ = self.lock.write(&Intent::Open);
        }
    }

    /// Writes the certificate and the anchor of `identity` into the folder. Both are on the disk when the call
    /// returns. After an error the key is still there, and the enrolment can be tried again.
    ///
    /// # Errors
    /// An error of the operating system.
    pub fn keep(mut self, identity: &Identity) -> Result<(), IdentityError> {
        let mut anchor = [0; limits::ANCHOR];
        let path = self.folder.join(ANCHOR);
        let anchor = identity
            .anchor()
            .encode(&mut anchor)
            .map_err(|e| IdentityError::write(&path, io::Error::other(e)))?;
        self.put(NEW_ANCHOR, ANCHOR, anchor)?;
        // The certificate marks the enrolment as finished, so it must reach the disk last.
        sync(&self.folder)?;
        self.put(NEW_CERTIFICATE, CERTIFICATE, identity.certificate())?;
        sync(&self.folder)?;
        self.lock.finish();
        Ok(())
    }

    /// Writes `content` into a reserved file, and renames the file.
    fn put(&self, reserved: &str, name: &str, content: &[u8]) -> Result<(), IdentityError> {
        let (reserved, path) = (self.folder.join(reserved), self.folder.join(name));
        let written = files::open_with(OpenOptions::new().write(true), OFlags::NOFOLLOW, &reserved)
            .and_then(|mut file| {
                file.write_all(content)?;
                file.set_len(content.len() as u64)?;
                file.sync_all()
            })
            .and_then(|()| fs::rename(&reserved, &path));
        written.map_err(|e| IdentityError::write(&path, e))
    }
}

/// `enrolment.json`, open and locked.
#[derive(Debug)]
struct Lock {
    path: PathBuf,
    file: Locked,
}

impl Lock {
    fn acquire(folder: &Path) -> Result<Self, IdentityError> {
        let path = folder.join(ENROLMENT);
        let failed = |e| IdentityError::write(&path, e);
        loop {
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(true).truncate(false).mode(files::SECRET);
            let file = files::open_with(&mut options, OFlags::NOFOLLOW, &path).map_err(failed)?;
            let about = file.metadata().map_err(failed)?;
            // Reading a pipe would wait for ever, and a file with a second name belongs to something else too.
            if !about.is_file() || about.nlink() > 1 {
                return Err(IdentityError::Exists(folder.to_owned()));
            }
            let file = match Locked::new(file) {
                Ok(file) => file,
                Err(TryLockError::WouldBlock) => return Err(IdentityError::Busy(folder.to_owned())),
                Err(TryLockError::Error(e)) => return Err(failed(e)),
            };
            // Another process may have finished and removed the file in the meantime.
            if files::is_at(&file, &path).map_err(failed)? {
                return Ok(Self { path, file });
            }
        }
    }

    fn intent(&mut self) -> Result<Intent, IdentityError> {
        let mut text = Vec::new();
        (&*self.file).take(1024).read_to_end(&mut text).map_err(|e| IdentityError::write(&self.path, e))?;
        if text.starts_with(OPEN) {
            return Ok(Intent::Open);
        }
        // Only the first JSON value counts: the rest may be of a longer value that was there before.
        let written = serde_json::Deserializer::from_slice(&text).into_iter::<IntentFor>().next();
        let intent = written.and_then(Result::ok).and_then(|it| {
            Some(Intent::For((it.subject_id.parse().ok()?, it.fingerprint_sha256.parse().ok()?)))
        });
        match intent {
            Some(intent) => Ok(intent),
            // A new file, or the rest of one after a power cut.
            None if text.starts_with(BEGINNING) || BEGINNING.starts_with(&text) => Ok(Intent::Unwritten),
            None if text.iter().all(|byte| *byte == 0) => Ok(Intent::Unwritten),
            None => Err(IdentityError::Exists(files::folder_of(&self.path).to_owned())),
        }
    }

    /// Overwrites the content in one call, so that a killed process leaves no half of it.
    fn write(&mut self, intent: &Intent) -> Result<(), IdentityError> {
        let mut text = OPEN.to_vec();
        if let Intent::For((subject, fingerprint)) = intent {
            let (fingerprint_sha256, subject_id) = (fingerprint.to_string(), subject.to_string());
            let written = IntentFor { fingerprint_sha256, subject_id };
            text = serde_json::to_vec(&written).map_err(|e| IdentityError::write(&self.path, e.into()))?;
        }
        let mut file: &File = &self.file;
        let written = file.rewind().and_then(|()| file.write_all(&text)).and_then(|()| file.sync_all());
        written.map_err(|e| IdentityError::write(&self.path, e))
    }

    /// Removes the lock file and the reserved files: the enrolment has finished. If this fails, the next call for the
    /// folder does it.
    fn finish(&mut self) {
        for name in [NEW_KEY, NEW_ANCHOR, NEW_CERTIFICATE] {
            let _ = fs::remove_file(self.path.with_file_name(name));
        }
        let _ = fs::remove_file(&self.path);
    }
}

/// Creates the folder, or accepts one that nobody else can change and that holds only the files of an enrolment.
fn claim(folder: &Path) -> Result<(), IdentityError> {
    match files::create_folder(folder) {
        Err(e) if e.kind() != ErrorKind::AlreadyExists => return Err(IdentityError::write(folder, e)),
        _ => {}
    }
    identity::refuse_ca_folder(folder)?;
    // Before the check of the mode: nobody is told to change the mode of a folder of something else.
    if !has_identity(folder) && holds_others(folder).map_err(|e| IdentityError::write(folder, e))? {
        return Err(IdentityError::Exists(folder.to_owned()));
    }
    check_folder(folder, OFlags::NOFOLLOW).map_err(|error| match error {
        IdentityError::Io { path, source } if source.kind() == ErrorKind::NotADirectory => {
            IdentityError::Exists(path)
        }
        other => other,
    })
}

/// Checks an anchor without a certificate, or a certificate without an anchor: it must match this enrolment.
/// Returns the identity if the certificate is there, since the anchor is known.
fn check_partial(
    folder: &Path,
    key: Option<&KeyPair<HostProvider>>,
    wanted: &(IdBuf, Fingerprint),
    anchor: &Anchor,
) -> Result<Option<Identity>, IdentityError> {
    let path = folder.join(ANCHOR);
    if path.exists() {
        let found = identity::load_anchor(folder)?.fingerprint();
        return if found == wanted.1 { Ok(None) } else { Err(IdentityError::OtherAnchor { path, found }) };
    }
    if !folder.join(CERTIFICATE).exists() {
        return Ok(None);
    }
    // A certificate without its key is useless, but only the user may remove it.
    let key = key.ok_or_else(|| IdentityError::Exists(folder.to_owned()))?;
    let identity = Identity::load_certificate(folder, key.clone(), anchor.clone())?;
    let found = (identity.subject_id().into(), wanted.1);
    if found == *wanted { Ok(Some(identity)) } else { Err(other(folder, "an identity", found)) }
}

/// Whether the folder has both files that are written after the CA has issued the certificate.
fn has_identity(folder: &Path) -> bool {
    folder.join(ANCHOR).exists() && folder.join(CERTIFICATE).exists()
}

fn other(folder: &Path, what: &'static str, found: (IdBuf, Fingerprint)) -> IdentityError {
    let (subject, fingerprint) = found;
    IdentityError::Other { path: folder.to_owned(), what, subject_id: subject.to_string(), fingerprint }
}
