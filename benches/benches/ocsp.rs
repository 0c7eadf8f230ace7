//! The work of a CA for an answer by OCSP, in process, with a ledger on the disk. Beside it the signatures alone, also with
//! ECDSA on P-256, which the responder does not use: each reader must accept RSA (RFC 6960 §4.3).

use std::cell::RefCell;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use minipki_benches::fixture::{Ca, request, time};
use minipki_benches::{Contender, Suite, run};
use minipki_ca::{Authority, OcspQuery, Policy, SignatureAlgorithm, Signer, ca_certificates};
use minipki_core::crypto::rsa::KeySize;
use minipki_core::trust::Serial;
use minipki_core::x509::Certificate;
use minipki_fixtures::x509::ocsp_request::RequestFields;
use minipki_fixtures::x509::{integer, octets, oid, sequence, tlv};
use minipki_keys::SignerKind;
use minipki_ledger::{Owner, SqliteLedger};
use tempfile::TempDir;

/// The number of requests that the CA answers together.
const BATCH: usize = 16;

/// A CA with an X.509 certificate, and the CertIDs of some certificates.
struct Responder {
    authority: Authority,
    ids: Vec<Vec<u8>>,
    _folder: TempDir,
}

fn signer() -> Box<dyn Signer> {
    SignerKind::default().load(&Ca::new(KeySize::Bits2048).key.pem()).expect("a sound key")
}

impl Responder {
    fn new() -> Self {
        let ca = Ca::new(KeySize::Bits2048);
        let folder = tempfile::tempdir().expect("a folder");
        let owner = Owner { issuer_id: ca.id().into(), fingerprint: ca.anchor().fingerprint() };
        minipki_ledger::create(folder.path(), &owner).expect("a new ledger");
        let mut ledger = SqliteLedger::open(folder.path(), &owner).expect("opened");
        let mut signer = signer();
        let own = ca_certificates(ca.id(), &mut *signer, &[], &mut ledger, None, time()).expect("made").own;
        let mut authority = Authority::new(ca.id().into(), Policy::default(), signer, Box::new(ledger))
            .with_ocsp_keys(Box::new(|| SignerKind::default().new_key()));
        let requests: Vec<_> = (0..BATCH as u64).map(request).collect();
        let issued = authority.issue_many(&requests, time());
        let ids = issued.into_iter().map(|issued| id(&own.certificate, issued.expect("issued").serial));
        Self { ids: ids.collect(), authority, _folder: folder }
    }

    /// Answers the queries. Returns whether each answer was kept before.
    fn answer(&mut self, queries: &[OcspQuery]) -> Vec<bool> {
        let answers = self.authority.ocsp(queries, time());
        answers.into_iter().map(|answer| answer.expect("the ledger is whole").repeated).collect()
    }
}

/// The CertID with SHA-256 of the certificate by the CA with this certificate.
fn id(ca: &[u8], serial: Serial) -> Vec<u8> {
    let ca = Certificate::parse(ca).expect("a certificate");
    let hash = |data: &[u8]| octets(digest(&SHA256, data).as_ref());
    let (name, key) = (tlv(0x30, ca.subject().contents()), ca.public_key().key());
    let algorithm = sequence(&[oid(&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1]), tlv(5, &[])]);
    let octets = serial.to_be_bytes();
    let first = octets.iter().position(|octet| *octet != 0).expect("not zero");
    // A zero before the first bit keeps the number positive.
    let start = if octets[first] < 0x80 { first } else { first - 1 };
    sequence(&[algorithm, hash(&name), hash(key), integer(&octets[start..])])
}

fn signatures<'a>() -> Contender<'a> {
    let signer = RefCell::new(signer());
    let text = [0x42; 200];
    let sign = move || {
        let messages = vec![text.as_slice(); BATCH];
        signer.borrow_mut().sign_many(SignatureAlgorithm::RsaPkcs1, &messages).expect("it signs").len()
    };
    Contender::new("RSA-2048 signature alone", sign, |made| assert_eq!(made, BATCH)).of(BATCH as u32)
}

fn ecdsa<'a>() -> Contender<'a> {
    let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).expect("a key");
    let sign = move || key.sign(&SystemRandom::new(), &[0x42; 200]).expect("it signs").as_ref().len();
    Contender::new("ECDSA P-256 signature alone", sign, |length| assert!(length > 60))
}

fn answers(suite: &mut Suite) {
    let group = "OCSP, 16 at a time, CPU per answer";
    if !suite.wants(group) {
        return;
    }
    let responder = RefCell::new(Responder::new());
    let ask = |count: usize, nonce: Option<&[u8]>| {
        let query = |id: &Vec<u8>| {
            let request = RequestFields::new([id.clone()]);
            let request = nonce.map_or(request.clone(), |nonce| request.nonce(nonce));
            OcspQuery::parse(&request.to_der(), None).expect("a request")
        };
        let queries: Vec<_> = responder.borrow().ids.iter().take(count).map(query).collect();
        let responder = &responder;
        move || responder.borrow_mut().answer(&queries)
    };
    let check = |repeated| move |answers: Vec<bool>| assert!(answers.iter().all(|kept| *kept == repeated));
    // The first answers are signed.
    ask(BATCH, None)();
    let nonce = Some(&[7; 32][..]);
    suite.compare(
        group,
        vec![
            signatures(),
            ecdsa(),
            Contender::new("answer to a nonce", ask(BATCH, nonce), check(false)).of(BATCH as u32),
            Contender::new("answer to a nonce, alone", ask(1, nonce), check(false)),
            Contender::new("answer that is kept", ask(BATCH, None), check(true)).of(BATCH as u32),
        ],
    );
}

fn main() {
    run(&[answers]);
}
