//! The OCSP responder of the authority: its keys, the answers that it keeps, and its limits. The core verifies the answers.

use std::num::NonZeroU32;
use std::time::Duration;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use minipki_ca::ports::RevocationChange;
use minipki_ca::{OcspAnswer, OcspQuery, Policy, RateLimits, Refused, Source};
use minipki_core::time::{Now, UnixTime};
use minipki_core::trust::{RevocationReason, Serial};
use minipki_core::x509::ocsp::{OcspCertStatus, OcspChecker, OcspError, OcspResponse, OcspStatus};
use minipki_core::x509::{Certificate, CertificateLink, CrlReason, Place};
use minipki_fixtures::x509::ocsp_request::RequestFields;
use minipki_fixtures::x509::{integer, octets, oid, sequence, tlv};
use minipki_keys::SignerKind;
use minipki_provider::x509::ALL;
use minipki_server::{Issuer, IssuerLimits};
use minipki_tests::ca::{TestAuthority, at, proven};
use proptest::prelude::*;

use super::x509_batches::server;

const NOW: u64 = 1_800_000_000;
const DAY: u64 = 24 * 60 * 60;

/// The verdict of the core on a response about `certificate`, which `ca` has issued; all in DER.
pub(crate) fn verdict(
    ca: &[u8],
    certificate: &[u8],
    response: &[u8],
    nonce: Option<&[u8]>,
    now: UnixTime,
) -> Result<bool, OcspError> {
    let (ca, leaf) = (Certificate::parse(ca).expect("a CA"), Certificate::parse(certificate).expect("sound"));
    let (issuer_key, issuer) = (ca.public_key(), Some(&ca));
    let link = CertificateLink { certificate: &leaf, place: Place::EndEntity, issuer_key, issuer };
    let response = OcspResponse::parse(response).expect("a response");
    OcspChecker { algorithms: &ALL, now: Now::Exact(now), nonce }.check(&link, &response)
}

/// A CA with an X.509 certificate and that of a server.
struct Ca {
    test: TestAuthority,
    ca: Vec<u8>,
    leaf: Vec<u8>,
    serial: Serial,
}

impl Ca {
    fn new(policy: Policy) -> Self {
        Self::with(TestAuthority::new(policy), at(NOW))
    }

    fn with(mut test: TestAuthority, now: UnixTime) -> Self {
        test.authority = test.authority.with_ocsp_keys(Box::new(|| SignerKind::Aws.new_key()));
        let issued = test.authority.sign_many(&[server("DNS:www.example")], now).remove(0).expect("issued");
        let page = minipki_ca::ports::Page { subject: None, after: 0, limit: 1 };
        let ca = test.reader().list(page).expect("read").remove(0).certificate;
        Self { test, ca, leaf: issued.certificate, serial: issued.serial }
    }

    fn id(&self, serial: &[u8], sha256: bool) -> Vec<u8> {
        let (algorithm, identifier): (_, &[u8]) = match sha256 {
            true => (&SHA256, &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1]),
            false => (&SHA1_FOR_LEGACY_USE_ONLY, &[0x2b, 14, 3, 2, 26]),
        };
        let ca = Certificate::parse(&self.ca).expect("sound");
        let hash = |data: &[u8]| octets(digest(algorithm, data).as_ref());
        let name = tlv(0x30, ca.subject().contents());
        let identifier = sequence(&[oid(identifier), tlv(5, &[])]);
        sequence(&[identifier, hash(&name), hash(ca.public_key().key()), integer(serial)])
    }

    fn request(&self) -> RequestFields {
        RequestFields::new([self.id(&encoded(self.serial), false)])
    }

    fn ask(&mut self, request: &RequestFields, now: u64) -> Result<OcspAnswer, Refused> {
        self.test.authority.ocsp(&[query(request)], at(now)).remove(0)
    }

    fn answer(&mut self, request: &RequestFields, now: u64) -> OcspAnswer {
        self.ask(request, now).expect("answered")
    }

    fn verdict(&self, answer: &OcspAnswer, now: u64) -> Result<bool, OcspError> {
        verdict(&self.ca, &self.leaf, &answer.der, None, at(now))
    }

    fn revoke(&self, serial: Serial, reason: RevocationReason, now: u64) {
        let mut book = self.test.storage.revocations(at(now)).expect("opened");
        let done = book.revoke(&[RevocationChange::new(serial, reason, "a test")], at(now));
        done.expect("written").remove(0).expect("changed");
    }

    fn count(&self) -> u64 {
        self.test.reader().issued().expect("read")
    }
}

fn query(request: &RequestFields) -> OcspQuery {
    OcspQuery::parse(&request.to_der(), None).expect("a good request")
}

/// The contents of the INTEGER.
fn encoded(serial: Serial) -> Vec<u8> {
    let octets = serial.to_be_bytes();
    let zeros = octets.iter().take_while(|octet| **octet == 0).count();
    let sign = octets[zeros] >= 0x80;
    [&[0][..usize::from(sign)], &octets[zeros..]].concat()
}

/// The statuses in an answer.
fn statuses(answer: &OcspAnswer) -> Vec<OcspCertStatus> {
    let response = OcspResponse::parse(&answer.der).expect("a response");
    response.basic().expect("an answer").responses().map(|single| single.status).collect()
}

#[test]
fn the_answer_is_by_a_key_that_the_ca_has_certified_and_is_kept() {
    for test in [TestAuthority::new(Policy::default()), TestAuthority::on_disk(Policy::default())] {
        let mut ca = Ca::with(test, at(NOW));
        assert_eq!(ca.count(), 2);
        let request = ca.request();
        let first = ca.answer(&request, NOW);
        assert_eq!((ca.count(), first.repeated), (3, false));
        assert_eq!(ca.verdict(&first, NOW), Ok(true));
        let times = first.shared.expect("for everybody");
        let hours = |time: UnixTime| (time.get() - NOW) / 3600;
        assert_eq!([times.produced_at, times.replaced_at, times.next_update].map(hours), [0, 16, 24]);
        let response = OcspResponse::parse(&first.der).expect("a response");
        let basic = response.basic().expect("an answer");
        let certificate = Certificate::parse(basic.certificates().next().expect("one")).expect("sound");
        assert_eq!(certificate.serial().len(), 16);
        assert_eq!(certificate.not_after().get() - certificate.not_before().get(), 14 * DAY + 300);

        // The same bytes, until 8 hours before nextUpdate. SHA-256 is another question.
        let again = ca.answer(&request, NOW + 16 * 3600 - 1);
        assert_eq!(again, OcspAnswer { repeated: true, ..first.clone() });
        let later = ca.answer(&request, NOW + 16 * 3600);
        assert!(!later.repeated && later.der != first.der);
        let sha256 = RequestFields::new([ca.id(&encoded(ca.serial), true)]);
        let other = ca.answer(&sha256, NOW);
        assert!(!other.repeated);
        assert_eq!(ca.verdict(&other, NOW), Ok(true));
        // With the clock before the answer, it is made again.
        assert!(!ca.answer(&request, NOW - 1).repeated);
        assert_eq!(ca.count(), 3);
    }
}

#[test]
fn a_revocation_is_in_the_next_answer() {
    let mut ca = Ca::new(Policy::default());
    let request = ca.request();
    assert_eq!(statuses(&ca.answer(&request, NOW)), [OcspCertStatus::Good]);
    for (reason, expected) in [
        (RevocationReason::CertificateHold, Some(CrlReason::CertificateHold)),
        (RevocationReason::RemoveFromHold, None),
        (RevocationReason::Unspecified, None),
        (RevocationReason::KeyCompromise, Some(CrlReason::KeyCompromise)),
    ] {
        ca.revoke(ca.serial, reason, NOW + 1);
        let next = ca.answer(&request, NOW + 2);
        assert!(!next.repeated);
        let status = match reason {
            RevocationReason::RemoveFromHold => OcspCertStatus::Good,
            _ => OcspCertStatus::Revoked { revoked_at: at(NOW + 1), reason: expected },
        };
        assert_eq!(statuses(&next), [status]);
        assert!(ca.answer(&request, NOW + 3).repeated);
    }
    // A JSON certificate has a status too: an X.509 certificate may have its serial number.
    let json = ca.test.issue(proven("alice", 1, None), NOW).expect("issued").serial;
    let about_json = RequestFields::new([ca.id(&encoded(json), false)]);
    assert_eq!(statuses(&ca.answer(&about_json, NOW + 3)), [OcspCertStatus::Good]);
    ca.revoke(json, RevocationReason::Superseded, NOW + 4);
    assert!(matches!(statuses(&ca.answer(&about_json, NOW + 4))[..], [OcspCertStatus::Revoked { .. }]));
}

#[test]
fn a_nonce_makes_a_new_answer() {
    let mut ca = Ca::new(Policy::default());
    for length in [1, 32, 128] {
        let nonce = vec![7; length];
        let request = ca.request().nonce(&nonce);
        let answers = [ca.answer(&request, NOW), ca.answer(&request, NOW)];
        for answer in &answers {
            assert!(answer.shared.is_none() && !answer.repeated);
            assert_eq!(verdict(&ca.ca, &ca.leaf, &answer.der, Some(&nonce), at(NOW)), Ok(true));
        }
    }
    assert!(!ca.answer(&ca.request(), NOW).repeated, "no answer to a nonce is kept");
}

#[test]
fn a_number_that_was_never_issued_is_unknown_and_is_not_kept() {
    let mut ca = Ca::new(Policy::default());
    // -1 is not 255, and 2^160 is no serial number of this CA.
    for serial in [&[0x11][..], &[0xff], &[0], &[1; 21]] {
        let request = RequestFields::new([ca.id(serial, false)]);
        let answer = ca.answer(&request, NOW);
        assert_eq!(statuses(&answer), [OcspCertStatus::Unknown]);
        assert!(answer.shared.is_none());
        assert!(!ca.answer(&request, NOW).repeated);
    }
    // Several certificates, in their order, are for this request alone.
    let ids = [ca.id(&[0x11], false), ca.id(&encoded(ca.serial), true), ca.id(&[0xff], false)];
    let request = RequestFields::new(ids);
    let answer = ca.answer(&request, NOW);
    let (good, unknown) = (OcspCertStatus::Good, OcspCertStatus::Unknown);
    assert_eq!(statuses(&answer), [unknown, good, unknown]);
    assert_eq!(ca.verdict(&answer, NOW), Ok(true));
    assert!(answer.shared.is_none());
}

#[test]
fn other_cas_are_not_answered_for() {
    let mut ca = Ca::new(Policy::default());
    let id = ca.id(&encoded(ca.serial), false);
    // One bit of the hash function, of the hash of the name, and of that of the key.
    for place in [8, 20, 40] {
        let mut other = id.clone();
        other[place] ^= 1;
        let answer = ca.answer(&RequestFields::new([other.clone()]), NOW);
        assert_eq!(answer, OcspAnswer::error(OcspStatus::Unauthorized), "{place}");
        let mixed = ca.answer(&RequestFields::new([id.clone(), other]), NOW);
        assert_eq!(mixed.status, OcspStatus::Unauthorized, "{place}");
    }
    assert_eq!(ca.count(), 2, "nothing was made");
    // After the end of the CA certificate, nothing can be stated.
    let end = NOW + 7305 * DAY;
    assert_eq!(ca.answer(&ca.request(), end + 1).status, OcspStatus::Unauthorized);
    // In its last day, the answer ends with it, and no key is made again and again.
    for now in [end - DAY, end - 7200, end - 3600, end - 1] {
        let answer = ca.answer(&ca.request().nonce(&[1]), now);
        assert_eq!(verdict(&ca.ca, &ca.leaf, &answer.der, Some(&[1]), at(now)), Ok(true), "{now}");
    }
    assert_eq!(ca.count(), 3);
}

#[test]
fn malformed_requests_are_refused() {
    let ca = Ca::new(Policy::default());
    let id = || ca.id(&[1], false);
    let malformed = |der: &[u8]| {
        assert_eq!(OcspQuery::parse(der, None), Err(OcspStatus::MalformedRequest));
    };
    OcspQuery::parse(&RequestFields::new((0..16).map(|_| id())).to_der(), None).expect("16 certificates");
    malformed(&RequestFields::new((0..17).map(|_| id())).to_der());
    let long = tlv(0xa1, &tlv(0x86, &vec![b'a'; OcspQuery::BYTES]));
    malformed(&RequestFields { requestor: long, ..ca.request() }.to_der());
    for (file, der) in minipki_fixtures::vectors("x509/ocsp_request") {
        let query = OcspQuery::parse(&der, None);
        assert_eq!(query.is_ok(), file.starts_with("accept-"), "{file}");
    }
}

#[test]
fn the_key_of_the_responder_is_replaced_before_its_end() {
    let mut ca = Ca::new(Policy { ocsp_lifetime: Duration::from_secs(7 * DAY), ..Policy::default() });
    let mut made = 2;
    for day in 0..30 {
        let now = NOW + day * DAY;
        let answer = ca.answer(&ca.request().nonce(&[9]), now);
        made += u64::from(day % 7 == 0);
        assert_eq!(ca.count(), made, "day {day}");
        let nonce = Some(&[9][..]);
        let end = now + 7 * DAY;
        for now in [now, end] {
            assert_eq!(verdict(&ca.ca, &ca.leaf, &answer.der, nonce, at(now)), Ok(true), "day {day}");
        }
        let after = verdict(&ca.ca, &ca.leaf, &answer.der, nonce, at(end + 1));
        assert!(matches!(after, Err(OcspError::Refused(_))));
    }
}

#[test]
fn a_source_has_a_limit_and_kept_answers_do_not_count() {
    let rates = RateLimits { statuses: NonZeroU32::new(2), ..RateLimits::NONE };
    let mut ca = Ca::new(Policy { rates, ..Policy::default() });
    let (plain, nonce) = (ca.request(), ca.request().nonce(&[1]));
    let other = RequestFields { requests: vec![sequence(&[ca.id(&[1], false)])], ..RequestFields::default() };
    let mut from = |address: [u8; 4], request: &RequestFields| {
        let source = Some(Source::from(std::net::IpAddr::from(address)));
        let query = OcspQuery::parse(&request.to_der(), source).expect("a good request");
        ca.test.authority.ocsp(&[query], at(NOW)).remove(0)
    };
    let home = [192, 0, 2, 1];
    from(home, &plain).expect("the first");
    from(home, &nonce).expect("the second");
    for request in [&nonce, &other] {
        assert_eq!(from(home, request), Err(Refused::RateLimited));
    }
    assert!(from(home, &plain).expect("kept").repeated);
    from([192, 0, 2, 2], &nonce).expect("another source");
}

#[test]
fn without_space_for_a_certificate_the_key_of_the_ca_answers() {
    let ca = Ca::with(TestAuthority::on_disk(Policy::default()), at(NOW));
    let full = Policy { min_free: u64::MAX, ..Policy::default() };
    let mut test = ca.test.reopened(full);
    test.authority = test.authority.with_ocsp_keys(Box::new(|| panic!("no key is made")));
    let mut ca = Ca { test, ..ca };
    let answer = ca.answer(&ca.request(), NOW);
    assert_eq!((ca.verdict(&answer, NOW), ca.count()), (Ok(true), 2));
    let response = OcspResponse::parse(&answer.der).expect("a response");
    let certificates: Vec<_> = response.basic().expect("an answer").certificates().collect();
    assert_eq!(certificates, [&ca.ca[..]]);
}

#[tokio::test]
async fn the_issuer_answers_the_requests_that_wait_together() {
    let ca = Ca::with(TestAuthority::on_disk(Policy::default()), minipki_tests::server::now());
    let requests: Vec<_> = (0..24_u8)
        .map(|n| match n % 3 {
            0 => ca.request(),
            1 => ca.request().nonce(&[n]),
            _ => RequestFields::new([ca.id(&[0x22, n], false)]),
        })
        .collect();
    let (storage, leaf, root) = (ca.test.storage.clone(), ca.leaf, ca.ca);
    let limits = IssuerLimits { waiting: 64, batch: 64, timeout: Duration::from_secs(60) };
    let issuer = Issuer::start(ca.test.authority, limits).expect("a thread");
    let jobs = requests.iter().map(|request| {
        let (issuer, query) = (issuer.clone(), query(request));
        tokio::spawn(async move { issuer.ocsp(query).await })
    });
    for (n, job) in jobs.collect::<Vec<_>>().into_iter().enumerate() {
        let answer = job.await.expect("no panic").expect("answered");
        let response = OcspResponse::parse(&answer.der).expect("a response");
        let (basic, nonce) = (response.basic().expect("an answer"), [n as u8]);
        assert_eq!(basic.nonce(), (n % 3 == 1).then_some(&nonce[..]));
        match n % 3 {
            2 => assert_eq!(statuses(&answer), [OcspCertStatus::Unknown]),
            _ => {
                assert_eq!(verdict(&root, &leaf, &answer.der, basic.nonce(), basic.produced_at()), Ok(true));
            }
        }
    }
    issuer.close(Duration::from_secs(10)).await.expect("closed");
    assert_eq!(storage.reader().expect("opened").issued().expect("read"), 3);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Each request of a stranger gets an answer, and only issued numbers are good.
    #[test]
    fn any_request_has_an_answer(
        serials in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..22), 0..4),
        own: bool,
        nonce in prop::option::of(prop::collection::vec(any::<u8>(), 0..140)),
        flip in prop::option::of((0..4096_usize, any::<u8>())),
    ) {
        // The key of the responder is made once.
        static CA: std::sync::Mutex<Option<Ca>> = std::sync::Mutex::new(None);
        let mut ca = CA.lock().expect("no panic before");
        let ca = ca.get_or_insert_with(|| Ca::new(Policy::default()));
        let own = own.then(|| encoded(ca.serial));
        let ids: Vec<_> = serials.iter().chain(&own).map(|serial| ca.id(serial, true)).collect();
        let mut request = RequestFields::new(ids);
        if let Some(nonce) = &nonce {
            request = request.nonce(nonce);
        }
        let mut der = request.to_der();
        if let Some((at, to)) = flip {
            let at = at % der.len();
            der[at] = to;
        }
        let Ok(query) = OcspQuery::parse(&der, None) else { return Ok(()) };
        let answer = ca.test.authority.ocsp(std::slice::from_ref(&query), at(NOW)).remove(0).expect("answered");
        let response = OcspResponse::parse(&answer.der).expect("a response");
        prop_assert_eq!(response.status(), answer.status);
        let Some(basic) = response.basic() else {
            prop_assert_eq!(answer.status, OcspStatus::Unauthorized);
            return Ok(());
        };
        let asked: Vec<_> = query.serials().collect();
        let found = statuses(&answer);
        prop_assert_eq!(asked.len(), found.len());
        for (serial, status) in asked.into_iter().zip(found) {
            let issued = serial.is_some_and(|serial| {
                ca.test.reader().find_by_serial(serial).expect("read").is_some()
            });
            let expected = if issued { OcspCertStatus::Good } else { OcspCertStatus::Unknown };
            prop_assert_eq!(status, expected);
        }
        prop_assert!(basic.nonce().is_none() || answer.shared.is_none());
    }
}
