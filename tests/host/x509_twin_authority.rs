//! The X.509 twins through the authority and the issuer: batches, refusals, and limits.

use std::num::NonZeroU32;
use std::time::Duration;

use minipki_ca::ports::RevocationChange;
use minipki_ca::{Policy, RateLimits, Refused, Source, Twin, TwinRequest};
use minipki_core::time::Now;
use minipki_core::trust::{RevocationReason, Serial};
use minipki_core::x509::extension::KeyUsage;
use minipki_core::x509::{Certificate, PathValidator, TrustAnchor, WorkSpace};
use minipki_provider::x509::ALL;
use minipki_server::{Issuer, IssuerLimits};
use minipki_tests::ca::{TestAuthority, at, proven};

const NOW: u64 = 1_800_000_000;
const DAY: u64 = 24 * 60 * 60;

fn ask(serial: Serial) -> TwinRequest {
    TwinRequest { serial, source: None }
}

fn twins(ca: &mut TestAuthority, serials: &[Serial], now: u64) -> Vec<Result<Twin, Refused>> {
    let requests: Vec<_> = serials.iter().copied().map(ask).collect();
    ca.authority.twins(&requests, at(now))
}

fn both() -> [TestAuthority; 2] {
    [TestAuthority::new(Policy::default()), TestAuthority::on_disk(Policy::default())]
}

#[test]
fn a_batch_gets_the_twins_once_and_for_ever() {
    for mut ca in both() {
        let [a, b] = [("a", 1), ("b", 2)]
            .map(|(name, byte)| ca.issue(proven(name, byte, None), NOW).expect("issued").serial);
        let unknown = Serial::new(1).expect("in range");
        let first = twins(&mut ca, &[a, unknown, b, a], NOW + DAY);
        assert_eq!(first[1], Err(Refused::UnknownCertificate));
        let [one, two, again] = [0, 2, 3].map(|index| first[index].clone().expect("a twin").der);
        assert_eq!(one, again);
        assert_ne!(one, two);
        let later = twins(&mut ca, &[b, a], NOW + 2 * DAY);
        assert_eq!(later[0], Ok(Twin { der: two, repeated: true }));
        assert_eq!(later[1], Ok(Twin { der: one.clone(), repeated: true }));
        // The CA certificate has a row of its own, and a twin has none.
        assert_eq!(ca.reader().counts(at(NOW)).expect("counted").certificates, 3);

        // The CA certificate begins later than the certificate of a: the twin is valid from then on.
        let root = ca.reader().find_by_serial(serial_of_root(&mut ca)).expect("read").expect("recorded");
        let root = Certificate::parse(&root.certificate).expect("sound");
        let twin = Certificate::parse(&one).expect("sound");
        assert!(twin.not_before() < root.not_before());
        let anchors = [TrustAnchor::from_certificate(root)];
        for now in [root.not_before(), twin.not_after()] {
            let mut validator = PathValidator::new(&ALL, Now::Exact(now));
            validator.key_usage = KeyUsage::KEY_AGREEMENT;
            validator.validate(&twin, &[], &anchors, &mut WorkSpace::new()).expect("a valid path");
        }
    }
}

/// The serial number of the only X.509 certificate in the ledger.
fn serial_of_root(ca: &mut TestAuthority) -> Serial {
    let page = minipki_ca::ports::Page { subject: None, after: 0, limit: 9 };
    let records = ca.reader().list(page).expect("read");
    records.iter().map(|record| record.serial).max().expect("a certificate")
}

#[test]
fn a_revoked_held_or_ended_certificate_and_an_x509_one_have_no_twin() {
    for mut ca in both() {
        let issue = |ca: &mut TestAuthority, name: &str, byte| {
            ca.issue(proven(name, byte, None), NOW).expect("issued").serial
        };
        let (a, b, c) = (issue(&mut ca, "a", 1), issue(&mut ca, "b", 2), issue(&mut ca, "c", 3));
        assert!(twins(&mut ca, &[a, c], NOW).iter().all(Result::is_ok));
        let revoke = |serial, reason| RevocationChange::new(serial, reason, "test");
        let changes = [revoke(a, RevocationReason::Superseded), revoke(b, RevocationReason::CertificateHold)];
        let mut book = ca.storage.revocations(at(NOW)).expect("opened");
        book.revoke(&changes, at(NOW)).expect("revoked");
        // Also the twin of a, which was made before.
        assert_eq!(twins(&mut ca, &[a, b], NOW), [Err(Refused::Revoked), Err(Refused::Revoked)]);
        book.revoke(&[revoke(b, RevocationReason::RemoveFromHold)], at(NOW)).expect("removed");
        assert!(twins(&mut ca, &[b], NOW)[0].is_ok());
        let end = ca.reader().find_by_serial(c).expect("read").expect("recorded").validity.not_after().get();
        assert!(twins(&mut ca, &[c], end)[0].is_ok());
        assert_eq!(twins(&mut ca, &[c], end + 1), [Err(Refused::Expired)]);
        let root = serial_of_root(&mut ca);
        assert_eq!(twins(&mut ca, &[root], NOW), [Err(Refused::UnknownCertificate)]);
    }
}

#[test]
fn twins_that_are_signed_count_as_statuses() {
    let rates = RateLimits { statuses: NonZeroU32::new(2), ..RateLimits::default() };
    let mut ca = TestAuthority::new(Policy { rates, ..Policy::default() });
    let serials: Vec<_> = (1..=3)
        .map(|byte| ca.issue(proven(&format!("n{byte}"), byte, None), NOW).expect("issued").serial)
        .collect();
    let source = Source::from("192.0.2.7".parse::<std::net::IpAddr>().expect("an address"));
    let mut ask = |serial, now| {
        ca.authority
            .twins(&[TwinRequest { serial, source: Some(source) }], at(now))
            .remove(0)
            .map(|twin| twin.repeated)
    };
    assert_eq!([0, 1, 2].map(|n| ask(serials[n], NOW)), [Ok(false), Ok(false), Err(Refused::RateLimited)]);
    // A recorded twin is sent in any case.
    assert_eq!(ask(serials[0], NOW), Ok(true));
    assert_eq!(ask(serials[2], NOW + 3600), Ok(false));
}

#[tokio::test]
async fn the_issuer_makes_the_twins_that_wait_together() {
    let mut ca = TestAuthority::on_disk(Policy::default());
    let now = minipki_os::clock::now().expect("the time").get();
    let serials: Vec<_> = (1..=8)
        .map(|byte| ca.issue(proven(&format!("n{byte}"), byte, None), now).expect("issued").serial)
        .collect();
    let limits = IssuerLimits { waiting: 64, batch: 64, timeout: Duration::from_secs(60) };
    let issuer = Issuer::start(ca.authority, limits).expect("a thread");
    let jobs = serials.iter().chain(&serials).map(|serial| {
        let (issuer, serial) = (issuer.clone(), *serial);
        tokio::spawn(async move { issuer.twin(ask(serial)).await })
    });
    let mut answers = Vec::new();
    for job in jobs.collect::<Vec<_>>() {
        answers.push(job.await.expect("no panic").expect("a twin").der);
    }
    assert_eq!(answers[..8], answers[8..]);
    issuer.close(Duration::from_secs(10)).await.expect("closed");
    assert_eq!(issuer.twin(ask(serials[0])).await, Err(Refused::Internal));
}
