//! The work of a CA for a status, a renewal, a revocation and a list, in process, with a ledger on the disk. Beside it
//! the signatures alone.

use std::cell::{Cell, RefCell};

use minipki_benches::fixture::{Ca, IssuingCa, key, request, time};
use minipki_benches::{Contender, Suite, run};
use minipki_ca::ports::{LedgerReader, Page, RevocationBook, RevocationChange};
use minipki_ca::{IssueRequest, Issued, SignatureAlgorithm, Signer, StatusRequest, sign_revocation_list};
use minipki_core::crypto::rsa::KeySize;
use minipki_core::crypto::x25519;
use minipki_core::trust::{RevocationReason, Serial};
use minipki_keys::SignerKind;

/// The number of requests that the CA handles together.
const BATCH: u32 = 16;

fn signer() -> Box<dyn Signer> {
    SignerKind::default().load(&Ca::new(KeySize::Bits2048).key.pem()).expect("a sound key")
}

/// As many signatures as a batch has.
fn signatures<'a>() -> Contender<'a> {
    let signer = RefCell::new(signer());
    let text = Ca::new(KeySize::Bits2048).certificate("as-long-as-what-is-signed", [0x42; 32]);
    let sign = move || {
        let messages = vec![text.as_slice(); BATCH as usize];
        signer.borrow_mut().sign_many(SignatureAlgorithm::RsaPss, &messages).expect("it signs").len()
    };
    Contender::new("signature alone", sign, |made| assert_eq!(made, BATCH as usize)).of(BATCH)
}

/// The serial numbers of certificates in the ledger of `ca`, from the row after `after`.
fn serials(ca: &IssuingCa, after: u64, limit: usize) -> Vec<Serial> {
    let page = Page { subject: None, after, limit };
    ca.reader().list(page).expect("the ledger is whole").iter().map(|record| record.serial).collect()
}

fn status(suite: &mut Suite) {
    let group = "revocation status, 16 at a time, CPU per answer";
    if !suite.wants(group) {
        return;
    }
    let ca = RefCell::new(IssuingCa::new(SignerKind::default(), u64::from(BATCH)));
    let serials = serials(&ca.borrow(), 0, BATCH as usize);
    let ask = |nonce| {
        let requests: Vec<_> =
            serials.iter().map(|&serial| StatusRequest { serial, nonce, source: None }).collect();
        let ca = &ca;
        move || ca.borrow_mut().statuses(&requests)
    };
    let check = |repeated| move |answers: Vec<bool>| assert_eq!(answers, [repeated; BATCH as usize]);
    // The first answers are signed.
    ask(None)();
    suite.compare(
        group,
        vec![
            signatures(),
            Contender::new("status with a nonce", ask(Some([7; 32])), check(false)).of(BATCH),
            Contender::new("status that is sent again", ask(None), check(true)).of(BATCH),
        ],
    );
}

fn renewal(suite: &mut Suite) {
    let ca = RefCell::new(IssuingCa::new(SignerKind::default(), 0));
    let next = Cell::new(0);
    let requests = || {
        let first = next.replace(next.get() + 2 * u64::from(BATCH));
        (first..first + u64::from(BATCH)).map(request).collect::<Vec<_>>()
    };
    let renewals = || {
        let enrolled = requests();
        let issued = ca.borrow_mut().issue(&enrolled);
        let renew = |(number, (request, issued)): (u64, (IssueRequest, Issued))| IssueRequest {
            subject_key: x25519::PublicKey::new(key(1 << 40 | number)).expect("canonical"),
            renews: Some(issued.serial),
            ..request
        };
        (next.get()..).zip(enrolled.into_iter().zip(issued)).map(renew).collect::<Vec<_>>()
    };
    let issue = |requests: Vec<IssueRequest>| ca.borrow_mut().issue(&requests);
    let check = |issued: Vec<Issued>| assert!(issued.iter().all(|issued| !issued.repeated));
    let contenders = || {
        vec![
            signatures(),
            Contender::prepared("enrolment", requests, issue, check).of(BATCH),
            Contender::prepared("renewal", renewals, issue, check).of(BATCH),
        ]
    };
    suite.compare("renewal, 16 at a time, CPU per certificate", contenders());
    suite.compare_waiting("renewal, 16 at a time, time per certificate", contenders());
}

fn growth(suite: &mut Suite) {
    let group = "revocation in a ledger, time per revocation";
    if !suite.wants(group) {
        return;
    }
    let sizes: &[u64] = if suite.is_test() { &[10, 20] } else { &[1_000, 1_000_000] };
    let cas: Vec<IssuingCa> = sizes.iter().map(|size| IssuingCa::new(SignerKind::default(), *size)).collect();
    let contenders = cas.iter().zip(sizes).map(|(ca, size)| {
        // Each certificate is put on hold. When all are, the holds are removed, so that each call is a change.
        let all = serials(ca, 0, usize::MAX);
        let holds = [RevocationReason::CertificateHold, RevocationReason::RemoveFromHold];
        let mut changes = holds.into_iter().cycle().flat_map(move |reason| {
            all.clone().into_iter().map(move |serial| RevocationChange::new(serial, reason, "bench"))
        });
        let mut book = ca.revocations();
        let prepare = move || changes.next().expect("it never ends");
        let revoke =
            move |change: RevocationChange| book.revoke(&[change], time()).expect("the ledger is whole");
        Contender::prepared(format!("{size} certificates"), prepare, revoke, |outcomes| {
            assert!(outcomes.iter().all(|outcome| outcome.as_ref().is_ok_and(|outcome| outcome.changed)));
        })
    });
    suite.compare_waiting(group, contenders.collect());
}

/// Revokes certificates in one transaction. Returns their number.
fn revoke(book: &mut dyn RevocationBook, serials: &[Serial]) -> usize {
    let change = |serial: &Serial| RevocationChange::new(*serial, RevocationReason::Superseded, "bench");
    let changes: Vec<_> = serials.iter().map(change).collect();
    let outcomes = book.revoke(&changes, time()).expect("the ledger is whole");
    outcomes.into_iter().filter(Result::is_ok).count()
}

fn list(suite: &mut Suite) {
    let group = "revocation list, time per list";
    if !suite.wants(group) {
        return;
    }
    let sizes: &[u64] = if suite.is_test() { &[10, 20] } else { &[1_000, 10_000, 100_000] };
    let cas: Vec<IssuingCa> = sizes.iter().map(|size| IssuingCa::new(SignerKind::default(), *size)).collect();
    let contenders = cas.iter().zip(sizes).map(|(ca, size)| {
        let all = serials(ca, 0, usize::MAX);
        assert_eq!(revoke(&mut *ca.revocations(), &all) as u64, *size);
        let (mut signer, mut reader, id) = (signer(), ca.reader(), Ca::new(KeySize::Bits2048).id());
        let write = move || {
            sign_revocation_list(id, &mut *signer, &mut reader, 86_400, time()).expect("a list").content.len()
        };
        Contender::new(format!("{size} revoked"), write, move |len| assert!(len as u64 > 80 * size))
    });
    suite.compare_waiting(group, contenders.collect());
}

fn main() {
    run(&[status, renewal, growth, list]);
}
