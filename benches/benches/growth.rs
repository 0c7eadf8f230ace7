//! The cost to issue and to look up certificates as the ledger grows.

use std::cell::RefCell;

use minipki_benches::fixture::{IssuingCa, check, key, request, rng, subject};
use minipki_benches::{Contender, Suite, run};
use minipki_ca::ports::{CertificateRecord, LedgerReader, Page};
use minipki_core::cert::Id;
use minipki_keys::SignerKind;
use minipki_ledger::SqliteReader;
use rand_core::Rng;

const BATCH: u32 = 16;

/// A CA whose ledger began with certificates of the subjects from 0 to `size`.
struct GrownCa {
    size: u64,
    ca: RefCell<IssuingCa>,
    issued: RefCell<u64>,
}

impl GrownCa {
    fn new(size: u64) -> Self {
        let ca = RefCell::new(IssuingCa::new(SignerKind::default(), size));
        Self { size, ca, issued: RefCell::new(0) }
    }

    fn name(&self) -> String {
        format!("{} certificates", self.size)
    }

    fn issue(&self) -> Contender<'_> {
        let requests = || {
            let first = self.size + self.issued.replace_with(|issued| *issued + u64::from(BATCH));
            (first..first + u64::from(BATCH)).map(request).collect::<Vec<_>>()
        };
        let issue = |requests: Vec<_>| {
            let issued = self.ca.borrow_mut().issue(&requests);
            (requests, issued)
        };
        Contender::prepared(self.name(), requests, issue, |(requests, issued)| check(&requests, &issued))
            .of(BATCH)
    }

    /// Looks up a random certificate by `find`.
    fn look_up<'a>(
        &'a self,
        find: impl Fn(&mut SqliteReader, u64) -> Vec<CertificateRecord> + 'a,
    ) -> Contender<'a> {
        let mut reader = self.ca.borrow().reader();
        let mut random = rng(1);
        let any = move || random.next_u64() % self.size;
        let check = |(number, found): (u64, Vec<CertificateRecord>)| {
            assert_eq!(found.iter().map(|record| &record.subject_key[..]).collect::<Vec<_>>(), [key(number)]);
        };
        Contender::prepared(self.name(), any, move |number| (number, find(&mut reader, number)), check)
    }
}

fn growth(suite: &mut Suite) {
    let groups = [
        "issue into a ledger, time per certificate",
        "issue into a ledger, CPU per certificate",
        "look up by subject",
        "look up by key",
    ];
    if !groups.iter().any(|group| suite.wants(group)) {
        return;
    }
    let sizes: &[u64] = if suite.is_test() { &[10, 20] } else { &[1_000, 10_000, 100_000, 1_000_000] };
    let cas: Vec<GrownCa> = sizes.iter().map(|size| GrownCa::new(*size)).collect();
    suite.compare_waiting(groups[0], cas.iter().map(GrownCa::issue).collect());
    suite.compare(groups[1], cas.iter().map(GrownCa::issue).collect());
    suite.compare(groups[2], cas.iter().map(|ca| ca.look_up(by_subject)).collect());
    suite.compare(groups[3], cas.iter().map(|ca| ca.look_up(by_key)).collect());
}

fn by_subject(reader: &mut SqliteReader, number: u64) -> Vec<CertificateRecord> {
    let name = subject(number);
    let page = Page { subject: Id::new(&name).ok(), after: 0, limit: 10 };
    reader.list(page).expect("the ledger is whole")
}

fn by_key(reader: &mut SqliteReader, number: u64) -> Vec<CertificateRecord> {
    reader.find_by_key(&key(number)).expect("the ledger is whole")
}

fn main() {
    run(&[growth]);
}
