//! Tests of the contracts of the storage ports, on both engines: SQLite and memory.

mod issuer_keys;
mod issuing;
mod meanwhile;
mod model;
mod publication;
mod reading;
mod renewal;
mod requests;
mod revocation;
mod search;
mod tokens;
mod twins;

use minipki_ca::ports::{
    AUDIT_KEPT, CertificateFormat, Ledger, LedgerError, NewCertificate, Storage, TokenHash,
};
use minipki_core::cert::IdBuf;
use minipki_core::keys::Fingerprint;
use minipki_core::time::UnixTime;
use minipki_core::trust::{Serial, Validity};
use minipki_ledger::{Accept, FILE, Owner, SqliteLedger, SqliteStorage};
use minipki_ledger_memory::MemoryStorage;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use tempfile::TempDir;

pub(crate) const NOW: u64 = 1_800_000_000;

/// The seed of both engines, so that the first ledger of each draws the same serial numbers.
pub(crate) const SEED: u64 = 7;

/// The first key of both CAs.
pub(crate) const FIRST_KEY: Fingerprint = Fingerprint([1; 32]);

/// An engine, new and empty.
pub(crate) trait Engine: Storage {
    /// Opens the ledger to issue, like a CA at its start. The caller must have closed an earlier one.
    fn ledger(&self) -> Box<dyn Ledger>;

    /// Fills the audit log with the maximum number of entries, without waiting for the disk each time.
    fn fill_audit(&self);
}

/// A ledger on SQLite in a temporary folder.
pub(crate) struct Sqlite {
    folder: TempDir,
}

impl Sqlite {
    /// The storage for the present key of the CA.
    fn storage(&self) -> SqliteStorage {
        let owner = minipki_ledger::owner_of(self.folder.path()).expect("read").expect("an owner");
        SqliteStorage { folder: self.folder.path().to_owned(), owner }
    }
}

impl Default for Sqlite {
    fn default() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let owner = Owner { issuer_id: id("ca"), fingerprint: FIRST_KEY };
        minipki_ledger::create(folder.path(), &owner).expect("a new ledger");
        Self { folder }
    }
}

impl Storage for Sqlite {
    fn reader(&self) -> Result<Box<dyn minipki_ca::ports::LedgerReader>, LedgerError> {
        self.storage().reader()
    }

    fn tokens(&self) -> Result<Box<dyn minipki_ca::ports::TokenBook>, LedgerError> {
        self.storage().tokens()
    }

    fn recorder(&self, now: UnixTime) -> Result<Box<dyn minipki_ca::Recorder>, LedgerError> {
        self.storage().recorder(now)
    }

    fn revocations(&self, now: UnixTime) -> Result<Box<dyn minipki_ca::ports::RevocationBook>, LedgerError> {
        self.storage().revocations(now)
    }

    fn audit(&self) -> Result<Box<dyn minipki_ca::ports::AuditLog>, LedgerError> {
        self.storage().audit()
    }

    fn set_public_url(&self, url: Option<&minipki_ca::PublicUrl>) -> Result<(), LedgerError> {
        self.storage().set_public_url(url)
    }
}

impl Engine for Sqlite {
    fn ledger(&self) -> Box<dyn Ledger> {
        let rng = ChaCha20Rng::seed_from_u64(SEED);
        let owner = self.storage().owner;
        let ledger = SqliteLedger::open_with(self.folder.path(), &owner, Accept::default(), rng);
        Box::new(ledger.expect("a ledger to issue from"))
    }

    fn fill_audit(&self) {
        let ledger = rusqlite::Connection::open(self.folder.path().join(FILE)).expect("opened");
        let fill = "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?1)
                    INSERT INTO audit (id, time, actor, action, details) SELECT n, ?2, 'a', 'b', '' FROM numbers";
        ledger.execute(fill, (AUDIT_KEPT as i64, NOW as i64)).expect("filled");
    }
}

impl Engine for MemoryStorage {
    fn ledger(&self) -> Box<dyn Ledger> {
        Box::new(self.clone())
    }

    fn fill_audit(&self) {
        let mut log = self.audit().expect("opened");
        let entry = minipki_ca::ports::AuditEntry::new(at(NOW), "a", "b", "");
        for _ in 0..AUDIT_KEPT {
            log.append(&entry).expect("appended");
        }
    }
}

/// Makes two tests of each function: `sqlite::name` and `memory::name`.
macro_rules! on_each_engine {
    ($($test:ident)*) => {
        mod sqlite {
            $(#[test] fn $test() { super::$test(&crate::Sqlite::default()); })*
        }
        mod memory {
            $(#[test] fn $test() { super::$test(&crate::in_memory()); })*
        }
    };
}

pub(crate) use on_each_engine;

/// A new storage in memory.
pub(crate) fn in_memory() -> MemoryStorage {
    MemoryStorage::new(SEED, FIRST_KEY)
}

pub(crate) fn id(name: &str) -> IdBuf {
    name.parse().expect("the test gives a valid name")
}

pub(crate) fn at(seconds: u64) -> UnixTime {
    UnixTime::new(seconds).expect("the test gives a time before the year 10000")
}

pub(crate) const fn key(byte: u8) -> [u8; 32] {
    [byte; 32]
}

/// Adds a token with this text.
pub(crate) fn add_token(storage: &dyn Storage, text: &str, subject: &str, expires: u64) -> TokenHash {
    let token = TokenHash::of(text);
    let mut book = storage.tokens().expect("opened");
    book.add(token, id(subject).as_id(), at(expires), None, at(NOW)).expect("added");
    token
}

/// A certificate to record.
pub(crate) struct Draft {
    pub(crate) subject: IdBuf,
    pub(crate) key: Vec<u8>,
    pub(crate) end: u64,
    pub(crate) token: Option<TokenHash>,
}

impl Draft {
    /// A certificate of `subject` with `key(byte)`, valid until `end`.
    pub(crate) fn new(subject: &str, byte: u8, end: u64, token: Option<TokenHash>) -> Self {
        Self { subject: id(subject), key: key(byte).into(), end, token }
    }

    pub(crate) fn with(&self, serial: Serial) -> NewCertificate<'_> {
        NewCertificate {
            serial,
            subject_id: self.subject.as_id(),
            subject_key: &self.key,
            validity: Validity::new(at(NOW), at(self.end)).expect("in order"),
            format: CertificateFormat::Json,
            certificate: b"{\"not\":\"read by the ledger\"}",
            token: self.token,
            renews: None,
            supersede: false,
            lifetime: None,
            request: None,
        }
    }

    /// Records this certificate alone.
    pub(crate) fn record(&self, ledger: &mut dyn Ledger) -> Result<Serial, LedgerError> {
        let serial = ledger.reserve(1, CertificateFormat::Json)?[0];
        ledger.record(&[self.with(serial)], at(NOW)).map(|()| serial)
    }
}
