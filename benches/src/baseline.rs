//! The minimum work of every CA for a certificate: a signature, and a durable commit.

use std::path::Path;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PSS_SHA256, RsaKeyPair, RsaPssSaltLength, RsaSignatureEncoding};
use minipki_core::crypto::rsa::{KeySize, SaltLength};
use minipki_core::crypto::{Hash, Portable};
use rusqlite::Connection;
use tempfile::TempDir;

use crate::Contender;
use crate::fixture::Ca;

static PSS: RsaSignatureEncoding = RSA_PSS_SHA256.with_pss_salt_length(RsaPssSaltLength::Max);

/// aws-lc-rs alone with a key of 2048 bits, and SQLite alone with the ledger's settings.
pub struct Baseline {
    ca: Ca,
    pair: RsaKeyPair,
    /// A certificate, which is a little longer than its signed part.
    message: Vec<u8>,
    database: Connection,
    _folder: TempDir,
}

impl Baseline {
    /// The name of [`Baseline::signing`].
    pub const SIGNATURE: &str = "signature alone";
    /// The name of [`Baseline::signing_and_committing`].
    pub const SIGNATURE_AND_COMMIT: &str = "signature and durable commit";

    /// Makes the key and the database. The database is in a new folder under `place`.
    pub fn new(place: &Path) -> Self {
        let ca = Ca::new(KeySize::Bits2048);
        let pair = RsaKeyPair::from_pkcs8(&ca.key.pkcs8).expect("the same key");
        let message = ca.certificate("device.example.org", [0x42; 32]);
        let folder = tempfile::tempdir_in(place).expect("a folder");
        let database = Connection::open(folder.path().join("bare.sqlite")).expect("a new database");
        // As in host/ledger/src/schema.rs.
        let pragmas = [("journal_mode", "WAL"), ("synchronous", "FULL"), ("wal_autocheckpoint", "4096")];
        for (pragma, value) in pragmas {
            database.pragma_update(None, pragma, value).expect("SQLite knows it");
        }
        let table = "CREATE TABLE certificates (id INTEGER PRIMARY KEY, certificate BLOB NOT NULL) STRICT";
        database.execute_batch(table).expect("a new table");
        Self { ca, pair, message, database, _folder: folder }
    }

    /// Makes a signature.
    pub fn signing(&self) -> Contender<'_> {
        Contender::new(Self::SIGNATURE, || self.sign(), |signature| self.check(&signature))
    }

    /// Makes a signature, and commits a row as long as a certificate to the disk.
    pub fn signing_and_committing(&self) -> Contender<'_> {
        let work = || {
            let signature = self.sign();
            let insert = "INSERT INTO certificates (certificate) VALUES (?1)";
            let mut insert = self.database.prepare_cached(insert).expect("SQL");
            insert.execute([&self.message]).expect("the disk takes it");
            (signature, self.database.last_insert_rowid())
        };
        let check = |(signature, row): (Vec<u8>, i64)| {
            self.check(&signature);
            let find = "SELECT certificate FROM certificates WHERE id = ?1";
            let found = self.database.query_row(find, [row], |row| row.get(0));
            assert_eq!(found, Ok(self.message.clone()), "the row is there");
        };
        Contender::new(Self::SIGNATURE_AND_COMMIT, work, check)
    }

    fn sign(&self) -> Vec<u8> {
        let mut out = vec![0; self.pair.public_modulus_len()];
        self.pair.sign(&PSS, &SystemRandom::new(), &self.message, &mut out).expect("it signs");
        out
    }

    fn check(&self, signature: &[u8]) {
        let digest = Portable::new().sha256(&[&self.message]);
        self.ca.public.verify_pss(&digest, signature, SaltLength::AtLeast(32)).expect("a good signature");
    }
}
