//! X.509 by the CA: certificates by certification requests, and lists of revoked certificates, in process, with a ledger
//! on the disk.

use std::cell::RefCell;
use std::time::Duration;

use minipki_benches::fixture::{Ca, IssuingCa, Request, now, time};
use minipki_benches::{Contender, Suite, run};
use minipki_ca::ports::{CertificateFormat, LedgerReader};
use minipki_ca::{CaCertificate, SignatureAlgorithm, sign_crl};
use minipki_core::crypto::rsa::KeySize;
use minipki_core::x509::{
    Certificate, Check, Crl, CrlChecker, PathError, PathValidator, Place, TrustAnchor, WorkSpace, oid,
};
use minipki_keys::SignerKind;
use minipki_provider::x509::ALL;
use openssl::asn1::{Asn1Object, Asn1OctetString, Asn1Time};
use openssl::bn::BigNum;
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::stack::Stack;
use openssl::x509::store::X509StoreBuilder;
use openssl::x509::verify::X509VerifyParam;
use openssl::x509::{
    CrlStatus, X509, X509Crl, X509CrlBuilder, X509Extension, X509PurposeId, X509RevokedBuilder,
    X509StoreContext,
};
use rustls::pki_types::{CertificateDer, UnixTime};
use webpki::{
    ALL_VERIFICATION_ALGS, BorrowedCertRevocationList, CertRevocationList, EndEntityCert, KeyUsage,
    RevocationOptionsBuilder, anchor_from_trusted_cert,
};

const BATCHES: [u32; 2] = [1, 16];

/// The number of revoked certificates that are read from the ledger at a time.
const PAGE: usize = 1000;

/// The lifetime of a list, in seconds.
const LIFETIME: u64 = 86_400;

fn issue(suite: &mut Suite) {
    for batch in BATCHES {
        let group = format!("X.509 issue by request, {batch} at a time, CPU per certificate");
        if !suite.wants(&group) {
            continue;
        }
        let ca = RefCell::new(IssuingCa::new(SignerKind::default(), 0));
        let signer = SignerKind::default().load(&Ca::new(KeySize::Bits2048).key.pem()).expect("a sound key");
        let (signer, message) = (RefCell::new(signer), vec![0x42; 600]);
        let sign = || {
            let messages = vec![message.as_slice(); batch as usize];
            signer.borrow_mut().sign_many(SignatureAlgorithm::RsaPkcs1, &messages).expect("it signs").len()
        };
        let next = RefCell::new(0..);
        let requests =
            || next.borrow_mut().by_ref().take(batch as usize).map(Request::new).collect::<Vec<_>>();
        let issue = |requests: Vec<Request>| (ca.borrow_mut().sign(&requests), requests);
        suite.compare(
            &group,
            vec![
                Contender::new("signature alone", sign, |made| assert_eq!(made, batch as usize)).of(batch),
                Contender::prepared("issue", requests, issue, |(issued, requests)| {
                    for (certificate, request) in issued.iter().zip(&requests) {
                        let certificate = Certificate::parse(certificate).expect("a certificate");
                        assert_eq!(certificate.public_key().der(), request.key);
                    }
                })
                .of(batch),
            ],
        );
    }
}

/// A list of a CA, and a certificate that is not on it.
struct Listed {
    entries: u64,
    ca: IssuingCa,
    root: Vec<u8>,
    leaf: Vec<u8>,
}

impl Listed {
    fn new(entries: u64) -> Self {
        let mut ca = IssuingCa::of_format(SignerKind::default(), entries, CertificateFormat::X509);
        ca.revoke_all();
        let leaf = ca.sign(&[Request::new(0)]).remove(0);
        Self { entries, root: ca.certificate(), leaf, ca }
    }

    /// Reads the revoked certificates in the ledger, and signs the list.
    fn list<'a>(&'a self) -> impl FnMut() -> Vec<u8> + use<'a> {
        let certificate = CaCertificate::parse(&self.root).expect("a certificate of the CA");
        let mut signer =
            SignerKind::default().load(&Ca::new(KeySize::Bits2048).key.pem()).expect("a sound key");
        let mut reader = self.ca.reader();
        move || {
            sign_crl(&certificate, 0, &mut *signer, &mut reader, LIFETIME, time()).expect("a list").content
        }
    }

    /// The same by OpenSSL, without the reasons of the revocations.
    fn list_openssl<'a>(&'a self) -> impl FnMut() -> Vec<u8> + use<'a> {
        let root = X509::from_der(&self.root).expect("a certificate");
        let key = PKey::private_key_from_pem(&Ca::new(KeySize::Bits2048).key.pem()).expect("a key");
        let mut reader = self.ca.reader();
        let at = |seconds: u64| Asn1Time::from_unix(seconds.try_into().expect("a time")).expect("memory");
        let extension = |id, contents: &[u8]| {
            let id = Asn1Object::from_str(id).expect("an identifier");
            let contents = Asn1OctetString::new_from_bytes(contents).expect("memory");
            X509Extension::new_from_der(&id, false, &contents).expect("an extension")
        };
        move || {
            let mut builder = X509CrlBuilder::new().expect("memory");
            builder.set_issuer_name(root.subject_name()).expect("memory");
            builder.set_last_update(&at(time().get())).expect("memory");
            builder.set_next_update(&at(time().get() + LIFETIME)).expect("memory");
            let key_id = root.subject_key_id().expect("the CA has one").as_slice();
            let key_id = [&[0x30, 0x16, 0x80, 0x14], key_id].concat();
            builder.append_extension(extension("2.5.29.35", &key_id)).expect("memory");
            builder.append_extension(extension("2.5.29.20", &[2, 1, 1])).expect("memory");
            let mut after = None;
            loop {
                let page = reader.list_revoked(None, after, PAGE).expect("the ledger is whole").revoked;
                for revoked in &page {
                    let serial = BigNum::from_slice(&revoked.serial.to_be_bytes()).expect("memory");
                    let mut entry = X509RevokedBuilder::new().expect("memory");
                    entry.set_serial_number(&serial.to_asn1_integer().expect("memory")).expect("memory");
                    entry.set_revocation_date(&at(revoked.revocation.revoked_at.get())).expect("memory");
                    builder.add_revoked(entry.build()).expect("memory");
                }
                after = page.last().map(|last| last.serial);
                if page.len() < PAGE {
                    break;
                }
            }
            builder.sign(&key, MessageDigest::sha256()).expect("a signature");
            builder.build().expect("a list").to_der().expect("memory")
        }
    }

    /// Validates the certificate under the CA, with the list.
    fn check(&self, list: &[u8]) -> Result<(), PathError> {
        let read = |der| Certificate::parse(der).expect("a certificate");
        let (leaf, anchors) = (read(&self.leaf), [TrustAnchor::from_certificate(read(&self.root))]);
        let crls = [Crl::parse(list).expect("a list")];
        let mut validator = PathValidator::new(&ALL, now());
        validator.purpose = Some(oid::SERVER_AUTH);
        let checker = CrlChecker { crls: &crls, issuers: &[], validator };
        let mut space = WorkSpace::new();
        let path = validator.validate(&leaf, &[], &anchors, &mut space)?;
        let revoked = PathError::Refused { check: Check::Revocation, place: Place::EndEntity, at: None };
        checker.check(&path, &mut []).map(drop).map_err(|_| revoked)
    }

    /// The same by rustls-webpki.
    fn check_webpki(&self, list: &[u8]) -> Result<(), webpki::Error> {
        let [leaf, root] = [&self.leaf, &self.root].map(|der| CertificateDer::from(der.as_slice()));
        let anchors = [anchor_from_trusted_cert(&root)?];
        let list = CertRevocationList::from(BorrowedCertRevocationList::from_der(list)?);
        let lists = [&list];
        let revocation = RevocationOptionsBuilder::new(&lists).expect("a list").build();
        let at = UnixTime::since_unix_epoch(Duration::from_secs(time().get()));
        let (usage, leaf) = (KeyUsage::server_auth(), EndEntityCert::try_from(&leaf)?);
        leaf.verify_for_usage(ALL_VERIFICATION_ALGS, &anchors, &[], at, usage, Some(revocation), None)
            .map(drop)
    }

    /// The same by OpenSSL.
    fn check_openssl(&self, list: &[u8]) -> bool {
        let [leaf, root] = [&self.leaf, &self.root].map(|der| X509::from_der(der).expect("a certificate"));
        let list = X509Crl::from_der(list).expect("a list");
        let mut store = X509StoreBuilder::new().expect("memory");
        let mut parameters = X509VerifyParam::new().expect("memory");
        parameters.set_time(time().get().try_into().expect("a time"));
        store.set_param(&parameters).expect("memory");
        store.set_purpose(X509PurposeId::SSL_SERVER).expect("a purpose");
        store.add_cert(root.clone()).expect("memory");
        let (store, none) = (store.build(), Stack::new().expect("memory"));
        let mut context = X509StoreContext::new().expect("memory");
        let valid = context.init(&store, &leaf, &none, |context| context.verify_cert()).expect("memory");
        let genuine = list.verify(&*root.public_key().expect("a key")).expect("a key for it");
        valid && genuine && matches!(list.get_by_serial(leaf.serial_number()), CrlStatus::NotRevoked)
    }
}

fn lists(suite: &mut Suite) {
    let groups = ["X.509 list", "X.509 path with a list"];
    if !groups.iter().any(|group| suite.wants(group)) {
        return;
    }
    let sizes: &[u64] = if suite.is_test() { &[10, 20] } else { &[1_000, 100_000] };
    let cas: Vec<_> = sizes.iter().map(|size| Listed::new(*size)).collect();
    for listed in &cas {
        let entries = listed.entries;
        let check = move |list: Vec<u8>| assert!(list.len() as u64 > 30 * entries);
        suite.compare(
            &format!("{} of {entries} entries, read from the ledger and signed", groups[0]),
            vec![
                Contender::new("minipki", listed.list(), check),
                Contender::new("OpenSSL, without reasons", listed.list_openssl(), check),
            ],
        );
    }
    for listed in &cas {
        let list = listed.list()();
        let group = format!("{} of {} entries", groups[1], listed.entries);
        suite.compare(
            &group,
            vec![
                Contender::new(
                    "minipki on aws-lc-rs",
                    || listed.check(&list),
                    |result| assert_eq!(result, Ok(())),
                ),
                Contender::new(
                    "rustls-webpki on aws-lc-rs",
                    || listed.check_webpki(&list),
                    |result| assert_eq!(result, Ok(())),
                ),
                Contender::new("OpenSSL", || listed.check_openssl(&list), |good| assert!(good)),
            ],
        );
    }
}

fn main() {
    run(&[issue, lists]);
}
