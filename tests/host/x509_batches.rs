//! Certification requests through the authority and the issuer: batches, and requests with any names.

use std::net::IpAddr;
use std::sync::OnceLock;
use std::time::Duration;

use minipki_ca::{
    AllowedName, CaCertificate, Csr, Issued, Policy, Refused, SignRefused, SignRequest, SubjectName, TlsUsage,
};
use minipki_core::time::Now;
use minipki_core::x509::{Certificate, Check, PathValidator, Profile, TrustAnchor, WorkSpace};
use minipki_fixtures::openssl;
use minipki_provider::x509::ALL;
use minipki_server::{Issuer, IssuerLimits};
use minipki_tests::ca::{TestAuthority, at, id};
use proptest::prelude::*;
use proptest::string::string_regex;

use super::x509_sign::{KEYS, P256, csr, csr_of};

const NOW: u64 = 1_800_000_000;
const DAY: u64 = 24 * 60 * 60;

fn parsed(pem: &str) -> Csr {
    Csr::parse(&openssl(&["req", "-outform", "DER"], pem.as_bytes()), &ALL).expect("a good request")
}

/// A request for these names, which an operator allows.
fn request(pem: &str, usage: TlsUsage) -> SignRequest {
    let csr = parsed(pem);
    let allowed: Vec<_> = csr.names().iter().cloned().map(AllowedName::Name).collect();
    SignRequest::by_operator(csr, usage, Some(id("x")), &allowed, DAY).expect("allowed")
}

pub(crate) fn server(names: &str) -> SignRequest {
    request(&csr(P256, "/CN=x", names), TlsUsage::Server)
}

fn issued(answer: &Result<Issued, SignRefused>) -> &Issued {
    answer.as_ref().expect("issued")
}

#[test]
fn a_batch_answers_each_request_and_equal_ones_with_one_certificate() {
    for mut ca in [TestAuthority::new(Policy::default()), TestAuthority::on_disk(Policy::default())] {
        let requests = [server("DNS:a.example"), server("DNS:b.example")];
        let [a, b] = &requests;
        // The name of the CA itself.
        let bad = SignRequest::by_operator(
            parsed(&csr(P256, "/CN=x", "DNS:c.example")),
            TlsUsage::Server,
            Some(id("ca")),
            &[AllowedName::Below("example".to_owned())],
            DAY,
        );
        let batch = [a.clone(), bad.expect("allowed"), b.clone(), a.clone()];
        let answers = ca.authority.sign_many(&batch, at(NOW));
        assert!(matches!(answers[1], Err(SignRefused::IssuerName(_))), "{:?}", answers[1]);
        let [first, second, again] = [0, 2, 3].map(|n| issued(&answers[n]));
        assert_eq!((first.repeated, second.repeated, again.repeated), (false, false, true));
        assert_eq!(first.certificate, again.certificate);
        assert_ne!(first.serial, second.serial);
        // The CA certificate and two of servers.
        assert_eq!(ca.reader().counts(at(NOW)).expect("counted").certificates, 3);

        let later = ca.authority.sign_many(&requests, at(NOW + DAY - 1));
        assert!(later.iter().all(|answer| issued(answer).repeated));
        assert_eq!(issued(&later[1]).certificate, second.certificate);
        let next_day = ca.authority.sign_many(&requests, at(NOW + DAY));
        assert!(next_day.iter().all(|answer| !issued(answer).repeated));
    }
}

#[tokio::test]
async fn the_issuer_signs_the_requests_that_wait_together() {
    let ca = TestAuthority::on_disk(Policy::default());
    let storage = ca.storage.clone();
    let limits = IssuerLimits { waiting: 64, batch: 64, timeout: Duration::from_secs(60) };
    let issuer = Issuer::start(ca.authority, limits).expect("a thread");
    let requests: Vec<_> = (0..8).map(|n| server(&format!("DNS:host-{n}.example"))).collect();
    let jobs = requests.iter().chain(&requests).cloned().map(|request| {
        let issuer = issuer.clone();
        tokio::spawn(async move { issuer.sign(request).await })
    });
    let mut answers = Vec::new();
    for job in jobs.collect::<Vec<_>>() {
        answers.push(job.await.expect("no panic").expect("issued").certificate);
    }
    assert_eq!(answers[..8], answers[8..]);
    issuer.close(Duration::from_secs(10)).await.expect("closed");
    let certificates = storage.reader().expect("opened").issued().expect("read");
    assert_eq!(certificates, 9);
    let refused = issuer.sign(requests[0].clone()).await;
    assert!(matches!(refused, Err(SignRefused::Refused(Refused::Internal))), "{refused:?}");
}

/// A key of each kind, made once.
fn key(kind: usize) -> &'static [u8] {
    static MADE: [OnceLock<Vec<u8>>; KEYS.len()] = [const { OnceLock::new() }; KEYS.len()];
    MADE[kind].get_or_init(|| openssl(&[&["genpkey", "-quiet"], KEYS[kind]].concat(), b""))
}

fn name() -> impl Strategy<Value = String> {
    const LABEL: &str = "[a-z]([a-z0-9-]{0,20}[a-z0-9])?";
    let text = |pattern: String| string_regex(&pattern.replace("LABEL", LABEL)).expect("a pattern");
    prop_oneof![
        text("DNS:(\\*\\.)?LABEL(\\.LABEL){1,3}".to_owned()),
        any::<[u8; 4]>().prop_map(|octets| format!("IP:{}", IpAddr::from(octets))),
        any::<[u8; 16]>().prop_map(|octets| format!("IP:{}", IpAddr::from(octets))),
        text("email:[a-z]{1,9}@LABEL\\.LABEL".to_owned()),
        text("URI:urn:[a-z]{1,9}:[a-z0-9:]{1,20}".to_owned()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn the_core_validates_whatever_the_ca_issues(
        kind in 0..KEYS.len(),
        names in prop::collection::vec(name(), 0..6),
        usage in prop::sample::select(vec![TlsUsage::Server, TlsUsage::Client, TlsUsage::Peer]),
        lifetime in 60..3653 * DAY,
        now in NOW..NOW + 3653 * DAY,
    ) {
        let csr = parsed(&csr_of(key(kind), "/CN=x", &names.join(",")));
        prop_assert!(csr.names().len() <= names.len());
        let allowed: Vec<_> = csr.names().iter().cloned().map(AllowedName::Name).collect();
        let is_host = |name: &SubjectName| matches!(name, SubjectName::Dns(_) | SubjectName::Ip(_));
        let has_host = csr.names().iter().any(is_host);
        let request = SignRequest::by_operator(csr, usage, Some(id("subject")), &allowed, lifetime);
        if usage.is_server() && !has_host {
            prop_assert!(matches!(request, Err(SignRefused::NoName)));
            return Ok(());
        }
        let mut ca = TestAuthority::new(Policy::default());
        let answer = ca.authority.sign_many(&[request.expect("allowed")], at(now)).remove(0).expect("issued");
        let root = ca.reader().find_by_serial(answer.serial).expect("read").expect("recorded").id;
        prop_assert_eq!(root, 2);
        let records = ca.reader().list(minipki_ca::ports::Page { subject: None, after: 0, limit: 9 }).expect("read");
        let root = CaCertificate::parse(&records[0].certificate).expect("a CA certificate");
        let anchors = [TrustAnchor::from_certificate(Certificate::parse(root.der()).expect("sound"))];
        let certificate = Certificate::parse(&answer.certificate).expect("sound");
        prop_assert_eq!(certificate.not_after().get(), now + lifetime);
        let profile = if usage.is_server() { Profile::WEB_PKI } else { Profile::RFC5280 };
        for time in [certificate.not_before(), certificate.not_after()] {
            let mut validator = PathValidator::new(&ALL, Now::Exact(time));
            validator.profile = profile.without(Check::KeyKind).without(Check::CommonName);
            let mut space = WorkSpace::new();
            let path = validator.validate(&certificate, &[], &anchors, &mut space);
            prop_assert!(path.is_ok(), "{:?}", path.err());
        }
    }
}
