//! A CA for tests, with keys made by openssl, times in seconds and temporary folders.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

use minipki_ca::ports::{Ledger, LedgerReader, Storage};
use minipki_ca::{
    Authority, CertificationRequest, IssueRequest, Issued, Policy, Possession, PossessionCheck, Refused,
    RequestProof, Signer, TokenHash,
};
use minipki_core::cert::IdBuf;
use minipki_core::crypto::Portable;
use minipki_core::crypto::rsa::KeySize;
use minipki_core::keys::Fingerprint;
use minipki_core::time::UnixTime;
use minipki_fixtures::certificates::x25519_key;
use minipki_keys::SignerKind;
use minipki_ledger::{FILE, Owner, SqliteLedger, SqliteStorage, StoreError};
use minipki_ledger_memory::MemoryStorage;
use tempfile::TempDir;

use minipki_fixtures::openssl;

/// An RSA key of this size in PKCS#8 PEM, made by `openssl genpkey`. One process makes one key of each size.
pub fn openssl_key(size: KeySize) -> &'static [u8] {
    static KEYS: [OnceLock<Vec<u8>>; 3] = [const { OnceLock::new() }; 3];
    KEYS[size as usize].get_or_init(|| {
        let bits = format!("rsa_keygen_bits:{}", size.bits());
        openssl(&["genpkey", "-quiet", "-algorithm", "RSA", "-pkeyopt", &bits], b"")
    })
}

/// The name of a subject or an issuer.
pub fn id(name: &str) -> IdBuf {
    name.parse().expect("the test gives a valid name")
}

/// A time in seconds since 1970.
pub fn at(seconds: u64) -> UnixTime {
    UnixTime::new(seconds).expect("the test gives a time before the year 10000")
}

/// A public key that consists of one repeated byte.
pub const fn key(byte: u8) -> [u8; 32] {
    [byte; 32]
}

/// A request with a proof of possession and an optional token.
pub fn proven(subject: &str, byte: u8, token: Option<TokenHash>) -> IssueRequest {
    let possession = Possession::X25519Dh;
    IssueRequest {
        subject_id: id(subject),
        subject_key: x25519_key(key(byte)),
        possession,
        token,
        renews: None,
        source: None,
    }
}

/// A request of the classic form.
pub fn classic(subject: &str, byte: u8) -> IssueRequest {
    let possession = Possession::None;
    IssueRequest {
        subject_id: id(subject),
        subject_key: x25519_key(key(byte)),
        possession,
        token: None,
        renews: None,
        source: None,
    }
}

/// The owner of a ledger, with a made-up fingerprint.
pub fn owner(name: &str, byte: u8) -> Owner {
    Owner { issuer_id: id(name), fingerprint: Fingerprint(key(byte)) }
}

/// Makes the ledger of `owner` in `folder` if the folder has none.
pub fn make_ledger(folder: &Path, owner: &Owner) {
    match minipki_ledger::create(folder, owner) {
        Ok(()) | Err(StoreError::Exists(_)) => {}
        Err(error) => panic!("no ledger: {error}"),
    }
}

/// The ledger of `owner` in `folder`, open for issuing. Makes the ledger if the folder has none.
pub fn open_ledger(folder: &Path, owner: &Owner) -> SqliteLedger {
    make_ledger(folder, owner);
    SqliteLedger::open(folder, owner).expect("a ledger to issue from")
}

/// The storage of the CA `owner` in `folder`.
pub fn storage(folder: &Path, owner: &Owner) -> SqliteStorage {
    SqliteStorage { folder: folder.to_owned(), owner: owner.clone() }
}

/// An authority named `ca` with a key of 2048 bits, and its ledger.
pub struct TestAuthority {
    /// The records and the tokens.
    pub storage: Arc<dyn Storage>,
    /// The authority.
    pub authority: Authority,
    /// The folder of a ledger on the disk.
    pub folder: Option<TempDir>,
}

impl TestAuthority {
    /// Opens an authority with this policy and a ledger in memory.
    pub fn new(policy: Policy) -> Self {
        Self::with(policy, |signer, _| signer)
    }

    /// Opens an authority with a ledger in memory. `wrap` makes its signer from the real signer and the storage.
    pub fn with(
        policy: Policy,
        wrap: impl FnOnce(Box<dyn Signer>, Arc<dyn Storage>) -> Box<dyn Signer>,
    ) -> Self {
        let signer = signer();
        let memory = MemoryStorage::new(1, signer.public_key().fingerprint(Portable::new()));
        let storage: Arc<dyn Storage> = Arc::new(memory.clone());
        let signer = wrap(signer, storage.clone());
        Self::from_parts(policy, signer, storage, Box::new(memory))
    }

    /// Opens an authority with this policy and a ledger in its own folder.
    pub fn on_disk(policy: Policy) -> Self {
        Self::on_disk_with(policy, |signer| signer)
    }

    /// Opens an authority with a ledger in its own folder. `wrap` makes its signer from the real signer.
    pub fn on_disk_with(policy: Policy, wrap: impl FnOnce(Box<dyn Signer>) -> Box<dyn Signer>) -> Self {
        Self::in_folder(tempfile::tempdir().expect("a folder"), policy, wrap)
    }

    /// Opens the authority of a ledger on the disk again, with this policy.
    pub fn reopened(self, policy: Policy) -> Self {
        let Self { authority, folder, .. } = self;
        drop(authority);
        Self::in_folder(folder.expect("the ledger is on a disk"), policy, |signer| signer)
    }

    fn in_folder(
        folder: TempDir,
        policy: Policy,
        wrap: impl FnOnce(Box<dyn Signer>) -> Box<dyn Signer>,
    ) -> Self {
        let signer = signer();
        let owner =
            Owner { issuer_id: id("ca"), fingerprint: signer.public_key().fingerprint(Portable::new()) };
        let ledger = open_ledger(folder.path(), &owner);
        let storage = Arc::new(storage(folder.path(), &owner));
        let ca = Self::from_parts(policy, wrap(signer), storage, Box::new(ledger));
        Self { folder: Some(folder), ..ca }
    }

    fn from_parts(
        policy: Policy,
        signer: Box<dyn Signer>,
        storage: Arc<dyn Storage>,
        ledger: Box<dyn Ledger>,
    ) -> Self {
        let authority = Authority::new(id("ca"), policy, signer, ledger);
        Self { storage, authority, folder: None }
    }

    /// The file of a ledger on the disk.
    pub fn ledger_file(&self) -> PathBuf {
        self.folder.as_ref().expect("the ledger is on a disk").path().join(FILE)
    }

    /// A reader of the ledger.
    pub fn reader(&self) -> Box<dyn LedgerReader> {
        self.storage.reader().expect("the ledger opens")
    }

    /// Adds a token with this text.
    pub fn add_token(&self, text: &str, subject: &str, expires: u64) -> TokenHash {
        let token = TokenHash::of(text);
        let mut book = self.storage.tokens().expect("the ledger opens");
        book.add(token, id(subject).as_id(), at(expires), None, at(expires)).expect("a new token");
        token
    }

    /// The tokens that the authority tries against a proof of possession of this key for this subject.
    ///
    /// # Errors
    /// Every refusal of the authority except [`Refused::ProofFailed`].
    pub fn tokens_tried(&mut self, subject: &str, byte: u8, now: u64) -> Result<Vec<TokenHash>, Refused> {
        /// A proof that matches no token, and collects the tokens that the authority tries.
        struct Tried(Arc<Mutex<Vec<TokenHash>>>);
        impl PossessionCheck for Tried {
            fn proves(&self, _: &[Fingerprint], token: Option<&TokenHash>) -> bool {
                self.0.lock().expect("one thread").extend(token.copied());
                false
            }
        }
        let tried = Arc::new(Mutex::default());
        let proof = RequestProof::Key(Box::new(Tried(tried.clone())));
        let (subject_id, subject_key) = (id(subject), x25519_key(key(byte)));
        let request = CertificationRequest { subject_id, subject_key, proof, source: None };
        match self.authority.check_possession(request, at(now)) {
            Err(Refused::ProofFailed) => Ok(tried.lock().expect("one thread").clone()),
            Err(refused) => Err(refused),
            Ok(_) => panic!("an invalid proof was accepted"),
        }
    }

    /// Issues a certificate.
    ///
    /// # Errors
    /// A refusal of the authority.
    pub fn issue(&mut self, request: IssueRequest, now: u64) -> Result<Issued, Refused> {
        let mut answers = self.authority.issue_many(&[request], at(now));
        assert_eq!(answers.len(), 1, "one request, one answer");
        answers.remove(0)
    }
}

fn signer() -> Box<dyn Signer> {
    SignerKind::Aws.load(openssl_key(KeySize::Bits2048)).expect("a good key")
}

/// The permission bits of a file or folder.
pub fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().expect("the file exists").permissions().mode() & 0o7777
}

/// Changes the permission bits of a file or folder.
pub fn chmod(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("the test owns the file");
}
