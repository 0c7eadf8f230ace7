//! The ledger: no serial twice whatever happens, all or nothing, and the same after every restart.

use std::collections::HashSet;
use std::convert::Infallible;
use std::path::Path;

use minipki_ca::{Entry, Inquiry, Ledger, LedgerError, TokenHash};
use minipki_core::trust::{Serial, Validity};
use minipki_ledger::{Accept, Counts, LedgerReader, Page, SqliteLedger, StoreError, TokenBook};
use minipki_tests::ca::{at, id, key, make_ledger, mode, open_ledger, owner};
use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng, TryCryptoRng, TryRng};
use tempfile::TempDir;

const NOW: u64 = 1_800_000_000;
const CERTIFICATE: &[u8] = b"{\"not\":\"looked at by the ledger\"}";

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

fn open(folder: &Path) -> SqliteLedger {
    open_ledger(folder, &owner("ca", 1))
}

fn read(folder: &Path) -> LedgerReader {
    LedgerReader::open(folder, &owner("ca", 1)).expect("opened to read")
}

fn add_token(folder: &Path, text: &str, subject: &str, expires: u64) -> TokenHash {
    let token = TokenHash::of(text);
    let mut book = TokenBook::open(folder, &owner("ca", 1)).expect("opened");
    book.add(token, id(subject).as_id(), at(expires), at(NOW)).expect("added");
    token
}

/// Records one certificate of `subject` that runs out at `end`.
fn record(
    ledger: &mut dyn Ledger,
    subject: &str,
    byte: u8,
    end: u64,
    token: Option<TokenHash>,
) -> Result<Serial, LedgerError> {
    let serial = ledger.reserve(1)?[0];
    record_as(ledger, serial, subject, byte, end, token)
}

fn record_as(
    ledger: &mut dyn Ledger,
    serial: Serial,
    subject: &str,
    byte: u8,
    end: u64,
    token: Option<TokenHash>,
) -> Result<Serial, LedgerError> {
    let subject = id(subject);
    let validity = Validity::new(at(NOW), at(end)).expect("in order");
    let entry = Entry {
        serial,
        subject_id: subject.as_id(),
        subject_key: key(byte),
        validity,
        certificate: CERTIFICATE,
        token,
    };
    ledger.record(&[entry], at(NOW)).map(|()| serial)
}

/// Draws out of 8192 numbers only, zero among them, so that it often draws one a second time.
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
    /// Reserve so many and record them.
    Issue(usize),
    /// Reserve so many and never record them: the signer failed.
    Waste(usize),
    /// Reserve so many, sign them, and be killed.
    Crash(usize),
    /// Stop and start.
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
fn record_all(ledger: &mut dyn Ledger, serials: &[Serial]) {
    let subject = id("device");
    let entry = |serial: &Serial| Entry {
        serial: *serial,
        subject_id: subject.as_id(),
        subject_key: key(1),
        validity: Validity::new(at(NOW), at(NOW + 9)).expect("in order"),
        certificate: CERTIFICATE,
        token: None,
    };
    ledger.record(&serials.iter().map(entry).collect::<Vec<_>>(), at(NOW)).expect("recorded");
}

/// The files as they are on the disk while a ledger is open: it was never closed, and its
/// write-ahead log never folded in.
fn what_a_crash_leaves(running: &Path) -> TempDir {
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
            // The same few numbers in another order: the worst that could come out of a restart.
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
            let serials = ledger.reserve(count).expect("reserved");
            prop_assert_eq!(serials.len(), count);
            for serial in &serials {
                prop_assert!(handed_out.insert(*serial), "{serial} came twice");
            }
            match step {
                Step::Issue(_) => {
                    record_all(&mut ledger, &serials);
                    recorded.extend(serials);
                }
                Step::Waste(_) => {}
                Step::Crash(_) => {
                    folders.push(what_a_crash_leaves(folders.last().expect("one").path()));
                    ledger = start(folders.last().expect("one"));
                }
                Step::Restart => {
                    drop(ledger);
                    ledger = start(folders.last().expect("one"));
                }
            }
        }
        let reader = read(folders.last().expect("one").path());
        let listed = reader.list(Page { subject: None, after: 0, limit: usize::MAX }).expect("listed");
        let listed: HashSet<_> = listed.iter().map(|record| record.serial).collect();
        prop_assert_eq!(listed, recorded);
    }
}

/// A serial number that is not `serial`.
fn another(serial: Serial) -> Serial {
    Serial::new(serial.to_u64().expect("53 bits") ^ 1).expect("more than 0")
}

#[test]
fn a_serial_is_recorded_once_and_only_if_it_was_reserved() {
    let folder = folder();
    let mut ledger = open(folder.path());
    let serial = record(&mut ledger, "a", 1, NOW + 9, None).expect("recorded");
    let again = record_as(&mut ledger, serial, "a", 1, NOW + 9, None);
    assert!(matches!(again, Err(LedgerError::NotReserved(n)) if n == serial));
    let unreserved = another(serial);
    let invented = record_as(&mut ledger, unreserved, "a", 1, NOW + 9, None);
    assert!(matches!(invented, Err(LedgerError::NotReserved(_))));
    assert_eq!(read(folder.path()).counts(at(NOW)).expect("counted").certificates, 1);
}

#[test]
fn a_batch_is_recorded_whole_or_not_at_all() {
    let folder = folder();
    let mut ledger = open(folder.path());
    let token = add_token(folder.path(), "t", "a", NOW);
    let serials = ledger.reserve(3).expect("reserved");
    let subject = id("a");
    let validity = Validity::new(at(NOW), at(NOW + 9)).expect("in order");
    let entry = |n: usize, token| Entry {
        serial: serials[n],
        subject_id: subject.as_id(),
        subject_key: key(1),
        validity,
        certificate: CERTIFICATE,
        token,
    };
    // The token of the last is spent by the first.
    let batch = [entry(0, Some(token)), entry(1, None), entry(2, Some(token))];
    assert!(matches!(ledger.record(&batch, at(NOW)), Err(LedgerError::TokenSpent(name)) if name == "a"));
    let reader = read(folder.path());
    let untouched = Counts { certificates: 0, live_certificates: 0, live_tokens: 1 };
    assert_eq!(reader.counts(at(NOW)).expect("counted"), untouched);
    // Nothing of it stuck: the serials are still reserved, and the token still good.
    ledger.record(&batch[..2], at(NOW)).expect("recorded");
    let after = Counts { certificates: 2, live_certificates: 2, live_tokens: 0 };
    assert_eq!(reader.counts(at(NOW)).expect("counted"), after);
}

#[test]
fn a_token_is_good_for_its_subject_until_it_expires_once() {
    let folder = folder();
    let mut ledger = open(folder.path());
    let token = add_token(folder.path(), "t", "a", NOW);
    let late = add_token(folder.path(), "late", "a", NOW - 1);
    let other = add_token(folder.path(), "other", "b", NOW);
    for wrong in [late, other, TokenHash::of("unknown")] {
        let refused = record(&mut ledger, "a", 1, NOW + 9, Some(wrong));
        assert!(matches!(refused, Err(LedgerError::TokenSpent(_))));
    }
    assert_eq!(ledger.tokens(id("a").as_id(), &key(2), at(NOW)).expect("read"), [token]);
    assert_eq!(ledger.tokens(id("a").as_id(), &key(2), at(NOW + 1)).expect("read"), []);
    record(&mut ledger, "a", 1, NOW + 9, Some(token)).expect("recorded");
    assert_eq!(ledger.tokens(id("a").as_id(), &key(2), at(NOW)).expect("read"), []);
    let refused = record(&mut ledger, "a", 1, NOW + 9, Some(token));
    assert!(matches!(refused, Err(LedgerError::TokenSpent(_))));
    let mut book = TokenBook::open(folder.path(), &owner("ca", 1)).expect("opened");
    let again = book.add(token, id("a").as_id(), at(NOW + 99), at(NOW));
    assert!(matches!(again, Err(StoreError::TokenExists)), "a spent token must not come back");
}

#[test]
fn a_name_belongs_to_the_newest_live_certificate() {
    let folder = folder();
    let mut ledger = open(folder.path());
    let names = [id("b"), id("a"), id("nobody")];
    let inquiries =
        names.each_ref().map(|name| Inquiry { subject_id: name.as_id(), subject_key: key(1), token: None });
    let holders = |ledger: &mut SqliteLedger, time| {
        let facts = ledger.facts(&inquiries, at(time)).expect("read");
        facts.into_iter().map(|facts| facts.expect("a sound row").holder).collect::<Vec<_>>()
    };
    assert_eq!(holders(&mut ledger, NOW), [None; 3]);
    record(&mut ledger, "a", 1, NOW + 20, None).expect("recorded");
    record(&mut ledger, "b", 9, NOW + 20, None).expect("recorded");
    record(&mut ledger, "a", 2, NOW + 10, None).expect("recorded");
    assert_eq!(holders(&mut ledger, NOW + 10), [Some(key(9)), Some(key(2)), None]);
    assert_eq!(holders(&mut ledger, NOW + 11), [Some(key(9)), Some(key(1)), None]);
    assert_eq!(holders(&mut ledger, NOW + 21), [None; 3]);
}

#[test]
fn what_was_recorded_is_found_after_a_restart() {
    let folder = folder();
    let mut ledger = open(folder.path());
    let serials: Vec<_> = (0..10)
        .map(|n| {
            let subject = if n % 2 == 0 { "even" } else { "odd" };
            record(&mut ledger, subject, n % 3, NOW + u64::from(n), None).expect("recorded")
        })
        .collect();
    drop(ledger);
    let _running = open(folder.path());
    let reader = read(folder.path());

    let third = reader.find_by_serial(serials[3]).expect("read").expect("found");
    assert_eq!((third.id, third.serial), (4, serials[3]));
    assert_eq!((third.subject_id, third.subject_key), (id("odd"), key(0)));
    assert_eq!(third.validity, Validity::new(at(NOW), at(NOW + 3)).expect("in order"));
    assert_eq!(third.certificate.as_bytes(), CERTIFICATE);
    let absent = another(serials[3]);
    assert_eq!(reader.find_by_serial(absent).expect("read"), None);

    let ids = |records: Vec<minipki_ledger::Record>| records.iter().map(|r| r.id).collect::<Vec<_>>();
    let (odd, nobody) = (id("odd"), id("nobody"));
    let page = |subject, after, limit| ids(reader.list(Page { subject, after, limit }).expect("listed"));
    assert_eq!(page(None, 0, 4), [1, 2, 3, 4]);
    assert_eq!(page(None, 4, 4), [5, 6, 7, 8]);
    assert_eq!(page(None, 8, 4), [9, 10]);
    assert_eq!(page(None, u64::MAX, 4), [0; 0]);
    assert_eq!(page(Some(odd.as_id()), 2, 3), [4, 6, 8]);
    assert_eq!(page(Some(nobody.as_id()), 0, 3), [0; 0]);
    assert_eq!(ids(reader.find_by_key(&key(1)).expect("read")), [2, 5, 8]);
    let counts = Counts { certificates: 10, live_certificates: 5, live_tokens: 0 };
    assert_eq!(reader.counts(at(NOW + 5)).expect("counted"), counts);
}

#[test]
fn others_read_and_add_tokens_while_one_issues() {
    let folder = folder();
    let mut ledger = open(folder.path());
    let reader = read(folder.path());
    for n in 1..=3u64 {
        let token = add_token(folder.path(), &n.to_string(), "a", NOW);
        record(&mut ledger, "a", 1, NOW + 9, Some(token)).expect("recorded");
        assert_eq!(reader.counts(at(NOW)).expect("counted").certificates, n);
    }
}

#[test]
fn only_its_owner_can_read_a_ledger() {
    let folder = folder();
    let mut ledger = open(folder.path());
    record(&mut ledger, "a", 1, NOW + 9, None).expect("recorded");
    for name in ["ledger.sqlite", "ledger.sqlite-wal", "ledger.sqlite-shm", "last-start.json"] {
        assert_eq!(mode(&folder.path().join(name)), 0o600, "{name}");
    }
}
