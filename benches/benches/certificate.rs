//! Certificates: writing, reading and verifying, beside X.509 in DER of the same content.

use std::time::Duration;

use minipki_benches::fixture::{Ca, SIZES, now, time, x509};
use minipki_benches::{Contender, Suite, run};
use minipki_core::cert::{Anchor, Certificate, attach_signature, verify};
use minipki_core::crypto::rsa::{AllSizes, KeySize};
use minipki_core::crypto::{Portable, Provider};
use minipki_core::limits::CERTIFICATE;
use minipki_core::trust::RevocationCheck;
use minipki_provider::HostProvider;
use rustls::pki_types::{CertificateDer, UnixTime};
use webpki::aws_lc_rs::RSA_PSS_2048_8192_SHA256_LEGACY_KEY as PSS;
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};
use x509_cert::der::{Decode, Encode};

const SUBJECT: &str = "alice@example.org";
const KEY: [u8; 32] = [0x42; 32];

/// The X.509 certificate for the same subject.
fn der(ca: &Ca) -> Vec<u8> {
    x509::certificate(&ca.key, SUBJECT, &x509::x25519_spki(&KEY), None)
}

fn write(suite: &mut Suite) {
    let ca = Ca::new(KeySize::Bits2048);
    let (text, der) = (ca.certificate(SUBJECT, KEY), der(&ca));
    let parsed = x509_cert::Certificate::from_der(&der).expect("a certificate");
    let mut tbs = [0; CERTIFICATE];
    let signature = ca.sign(ca.tbs(SUBJECT, KEY).encode(&mut tbs).expect("any certificate fits"));
    let (ca, signature) = (&ca, &signature);
    let ours = move || {
        let (mut tbs, mut out) = ([0; CERTIFICATE], [0; CERTIFICATE]);
        let tbs = ca.tbs(SUBJECT, KEY).encode(&mut tbs).expect("any certificate fits");
        attach_signature(tbs, signature, &mut out).expect("any certificate fits").to_vec()
    };
    suite.compare(
        "certificate written",
        vec![
            Contender::new("minipki", ours, |written| assert_eq!(written, text)),
            Contender::new("x509-cert", || parsed.to_der().expect("DER"), |written| assert_eq!(written, der)),
        ],
    );
}

fn read(suite: &mut Suite) {
    let ca = Ca::new(KeySize::Bits2048);
    let (text, der) = (ca.certificate(SUBJECT, KEY), CertificateDer::from(der(&ca)));
    suite.compare(
        "certificate read",
        vec![
            Contender::new(
                "minipki",
                || Certificate::parse(&text).expect("a certificate"),
                |read| assert_eq!(read.subject_key().as_bytes(), &KEY),
            ),
            Contender::new(
                "rustls-webpki",
                || EndEntityCert::try_from(&der).expect("a certificate"),
                |read| assert_eq!(read.subject_public_key_info().as_ref(), x509::x25519_spki(&KEY)),
            ),
            Contender::new(
                "x509-cert",
                || x509_cert::Certificate::from_der(&der).expect("a certificate"),
                |read| {
                    let key = &read.tbs_certificate().subject_public_key_info().subject_public_key;
                    assert_eq!(key.raw_bytes(), KEY);
                },
            ),
        ],
    );
}

fn read_and_verify(suite: &mut Suite) {
    for size in SIZES {
        let group = format!("certificate read and verified, RSA-{}", size.bits());
        if !suite.wants(&group) {
            continue;
        }
        let ca = Ca::new(size);
        let text = ca.certificate(SUBJECT, KEY);
        let pinned = ca.anchor();
        let by_fingerprint = Anchor::from_fingerprint(pinned.fingerprint());

        let root = CertificateDer::from(x509::certificate(&ca.key, x509::ISSUER, &ca.key.spki(), None));
        let anchors = [anchor_from_trusted_cert(&root).expect("a certificate")];
        let der = CertificateDer::from(der(&ca));
        let at = UnixTime::since_unix_epoch(Duration::from_secs(time().get()));
        let webpki = || {
            let read = EndEntityCert::try_from(&der).expect("a certificate");
            let usage = KeyUsage::client_auth();
            read.verify_for_usage(&[PSS], &anchors, &[], at, usage, None, None).is_ok()
        };
        suite.compare(
            &group,
            vec![
                ours("minipki", HostProvider::default(), &text, &pinned),
                ours("minipki, only a fingerprint pinned", HostProvider::default(), &text, &by_fingerprint),
                ours("minipki, portable", Portable::new(), &text, &pinned),
                Contender::new("rustls-webpki on aws-lc-rs", webpki, |good| assert!(good)),
            ],
        );
    }
}

fn ours<'a, P: Provider<Sizes = AllSizes> + 'a>(
    name: &str,
    provider: P,
    text: &'a [u8],
    anchor: &'a Anchor,
) -> Contender<'a> {
    let work = move || {
        let read = Certificate::parse(text).expect("a certificate");
        verify(provider, anchor, &read, now(), RevocationCheck::NotChecked).is_ok()
    };
    Contender::new(name, work, |good| assert!(good))
}

fn main() {
    run(&[write, read, read_and_verify]);
}
