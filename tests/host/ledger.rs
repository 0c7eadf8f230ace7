//! The ledger on the disk: no serial number twice, and files that others cannot read.

use std::collections::HashSet;
use std::convert::Infallible;
use std::path::Path;

use minipki_ca::ports::{CertificateFormat, LedgerReader, NewCertificate, Page, Recorder};
use minipki_core::trust::{Serial, Validity};
use minipki_ledger::{Accept, SqliteLedger, SqliteReader};
use minipki_tests::ca::{at, id, make_ledger, mode, open_ledger, owner};
use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng, TryCryptoRng, TryRng};
use tempfile::TempDir;

const NOW: u64 = 1_800_000_000;
const CERTIFICATE: &[u8] = b"{\"not\":\"looked at by the ledger\"}";

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

/// A generator of only 8192 numbers, including zero, so that numbers repeat often.
struct Few(ChaCha20Rng);

impl TryRng for Few {
    type Error = Infallible;
    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.0.next_u32())
    }
    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok((self.0.next_u64() % 8192) << 11)
    }
    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.0.fill_bytes(bytes);
        Ok(())
    }
}

impl TryCryptoRng for Few {}

#[derive(Clone, Debug)]
enum Step {
    /// Reserve serial numbers and record certificates.
    Issue(usize),
    /// Reserve serial numbers and record nothing, as after a failure of the signer.
    Waste(usize),
    /// Reserve serial numbers and kill the CA.
    Crash(usize),
    /// Stop and start the CA.
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1..200usize).prop_map(Step::Issue),
        1 => (1..20usize).prop_map(Step::Waste),
        2 => (0..300usize).prop_map(Step::Crash),
        1 => Just(Step::Restart),
    ]
}

/// Records certificates with these serials in one batch.
fn record_all(ledger: &mut dyn Recorder, serials: &[Serial]) {
    let subject = id("device");
    let certificate = |serial: &Serial| NewCertificate {
        serial: *serial,
        subject_id: subject.as_id(),
        subject_key: &[1; 32],
        validity: Validity::new(at(NOW), at(NOW + 9)).expect("in order"),
        format: CertificateFormat::Json,
        certificate: CERTIFICATE,
        token: None,
        renews: None,
        supersede: false,
        lifetime: None,
        request: None,
    };
    ledger.record(&serials.iter().map(certificate).collect::<Vec<_>>(), at(NOW)).expect("recorded");
}

/// A copy of the files of an open ledger. Its write-ahead log is not written back, as after a crash.
fn after_a_crash(running: &Path) -> TempDir {
    let after = folder();
    for name in ["ledger.sqlite", "ledger.sqlite-wal"] {
        std::fs::copy(running.join(name), after.path().join(name)).expect("copied");
    }
    after
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn no_serial_is_handed_out_twice(steps in prop::collection::vec(step(), 1..9), seed: u64) {
        let mut folders = vec![folder()];
        let mut starts = seed;
        let mut start = |folder: &TempDir| {
            // The same few numbers in another order are the worst case of a restart.
            starts = starts.wrapping_add(1);
            let few = Few(ChaCha20Rng::seed_from_u64(starts));
            make_ledger(folder.path(), &owner("ca", 1));
            let accept = Accept { older_ledger: true, ..Accept::default() };
            SqliteLedger::open_with(folder.path(), &owner("ca", 1), accept, few).expect("opened")
        };
        let mut ledger = start(&folders[0]);
        let (mut handed_out, mut recorded) = (HashSet::new(), HashSet::new());
        for step in steps {
            let count = match step {
                Step::Issue(count) | Step::Waste(count) | Step::Crash(count) => count,
                Step::Restart => 0,
            };
            let serials = ledger.reserve(count, CertificateFormat::Json).expect("reserved");
            prop_assert_eq!(serials.len(), count);
            for serial in &serials {
                prop_assert!(handed_out.insert(*serial), "{} was reserved twice", serial);
            }
            match step {
                Step::Issue(_) => {
                    record_all(&mut ledger, &serials);
                    recorded.extend(serials.iter().copied());
                }
                Step::Waste(_) => {}
                Step::Crash(_) => {
                    folders.push(after_a_crash(folders.last().expect("one").path()));
                    ledger = start(folders.last().expect("one"));
                }
                Step::Restart => {
                    drop(ledger);
                    ledger = start(folders.last().expect("one"));
                }
            }
        }
        let folder = folders.last().expect("one").path();
        let mut reader = SqliteReader::open(folder, &owner("ca", 1)).expect("opened to read");
        let listed = reader.list(Page { subject: None, after: 0, limit: usize::MAX }).expect("listed");
        let listed: HashSet<_> = listed.iter().map(|record| record.serial).collect();
        prop_assert_eq!(listed, recorded);
    }
}

#[test]
fn only_its_owner_can_read_a_ledger() {
    let folder = folder();
    let mut ledger = open_ledger(folder.path(), &owner("ca", 1));
    let serials = ledger.reserve(1, CertificateFormat::Json).expect("reserved");
    record_all(&mut ledger, &serials);
    for name in ["ledger.sqlite", "ledger.sqlite-wal", "ledger.sqlite-shm", "last-start.json"] {
        assert_eq!(mode(&folder.path().join(name)), 0o600, "{name}");
    }
}
