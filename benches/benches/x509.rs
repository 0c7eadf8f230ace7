//! X.509: reading a certificate, validating paths, and the work that a hostile pool of certificates can demand.

use std::time::Duration;

use minipki_benches::fixture::path::{Kind, Path, SERVER, now};
use minipki_benches::{Contender, Suite, run};
use minipki_core::time::Now;
use minipki_core::x509::algorithm::{ecdsa, rsa};
use minipki_core::x509::{
    Certificate, PathError, PathValidator, PeerName, Profile, SignatureAlgorithm, TrustAnchor, WorkSpace, oid,
};
use minipki_provider::x509 as aws;
use openssl::stack::Stack;
use openssl::x509::store::{X509Store, X509StoreBuilder};
use openssl::x509::verify::X509VerifyParam;
use openssl::x509::{X509, X509PurposeId, X509StoreContext};
use rustls::pki_types::{
    CertificateDer, ServerName, SignatureVerificationAlgorithm, TrustAnchor as WebPkiAnchor, UnixTime,
};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};
use x509_cert::der::Decode;

/// The numbers of cross-signed certificates in a hostile pool.
const POOLS: [u8; 5] = [4, 8, 16, 32, 64];

static WEBPKI: &[&dyn SignatureVerificationAlgorithm] =
    &[webpki::aws_lc_rs::RSA_PKCS1_2048_8192_SHA256, webpki::aws_lc_rs::ECDSA_P256_SHA256];
static AWS_LC: &[&dyn SignatureAlgorithm] = &[&aws::RSA_PKCS1_SHA256, &aws::ECDSA_P256_SHA256];
static PORTABLE: &[&dyn SignatureAlgorithm] = &[&rsa::RSA_PKCS1_SHA256, &ecdsa::ECDSA_P256_SHA256];

/// Reads and validates the certificates of a path with a parsed root, for the server's name.
fn ours(
    path: &Path,
    anchors: &[TrustAnchor<'_>],
    algorithms: &[&dyn SignatureAlgorithm],
    profile: Profile,
) -> Result<(), PathError> {
    let read = |der| Certificate::parse(der).expect("a certificate");
    let server = read(&path.server);
    let intermediates: Vec<_> = path.intermediates.iter().map(|der| read(der)).collect();
    let mut space = WorkSpace::new();
    let mut validator = PathValidator::new(algorithms, Now::Exact(now()));
    validator.profile = profile;
    validator.purpose = Some(oid::SERVER_AUTH);
    let valid = validator.validate(&server, &intermediates, anchors, &mut space)?;
    valid.require_name(&PeerName::Dns(SERVER))
}

fn anchor(path: &Path) -> [TrustAnchor<'_>; 1] {
    [TrustAnchor::from_certificate(Certificate::parse(&path.root).expect("a certificate"))]
}

/// The same by rustls-webpki.
fn webpki(
    server: &CertificateDer<'_>,
    intermediates: &[CertificateDer<'_>],
    anchors: &[WebPkiAnchor<'_>],
) -> Result<(), webpki::Error> {
    let read = EndEntityCert::try_from(server)?;
    let at = UnixTime::since_unix_epoch(Duration::from_secs(now().get()));
    read.verify_for_usage(WEBPKI, anchors, intermediates, at, KeyUsage::server_auth(), None, None)?;
    read.verify_is_valid_for_subject_name(&ServerName::try_from(SERVER).expect("a name"))
}

/// The same by OpenSSL with its own signatures.
fn openssl(path: &Path, store: &X509Store) -> bool {
    let read = |der: &Vec<u8>| X509::from_der(der).expect("a certificate");
    let mut intermediates = Stack::new().expect("memory");
    path.intermediates.iter().for_each(|der| intermediates.push(read(der)).expect("memory"));
    let mut context = X509StoreContext::new().expect("memory");
    context.init(store, &read(&path.server), &intermediates, |context| context.verify_cert()).expect("memory")
}

/// The root, the time, the purpose and the name for OpenSSL.
fn store(path: &Path) -> X509Store {
    let mut builder = X509StoreBuilder::new().expect("memory");
    let mut parameters = X509VerifyParam::new().expect("memory");
    parameters.set_time(now().get().try_into().expect("a time"));
    parameters.set_host(SERVER).expect("a name");
    builder.set_param(&parameters).expect("memory");
    builder.set_purpose(X509PurposeId::SSL_SERVER).expect("a purpose");
    builder.add_cert(X509::from_der(&path.root).expect("a certificate")).expect("memory");
    builder.build()
}

fn read(suite: &mut Suite) {
    for (kind, name) in Kind::ALL {
        let group = format!("X.509 certificate read, {name}");
        if !suite.wants(&group) {
            continue;
        }
        let path = Path::new(kind, 2);
        let der = CertificateDer::from(path.server.clone());
        suite.compare(
            &group,
            vec![
                Contender::new("minipki", || Certificate::parse(&der), |read| assert!(read.is_ok())),
                Contender::new(
                    "rustls-webpki",
                    || EndEntityCert::try_from(&der),
                    |read| assert!(read.is_ok()),
                ),
                Contender::new(
                    "x509-cert",
                    || x509_cert::Certificate::from_der(&der),
                    |read| assert!(read.is_ok()),
                ),
                Contender::new("OpenSSL", || X509::from_der(&der), |read| assert!(read.is_ok())),
            ],
        );
    }
}

fn validate(suite: &mut Suite) {
    for (length, (kind, name)) in [2, 3].into_iter().flat_map(|length| Kind::ALL.map(|kind| (length, kind))) {
        let group = format!("X.509 path of {length}, {name}");
        if !suite.wants(&group) {
            continue;
        }
        let path = Path::new(kind, length);
        let (anchors, store) = (anchor(&path), store(&path));
        let root = CertificateDer::from(path.root.clone());
        let webpki_anchors = [anchor_from_trusted_cert(&root).expect("a certificate")];
        let server = CertificateDer::from(path.server.clone());
        let intermediates: Vec<_> = path.intermediates.iter().cloned().map(CertificateDer::from).collect();
        suite.compare(
            &group,
            vec![
                Contender::new(
                    "minipki on aws-lc-rs",
                    || ours(&path, &anchors, AWS_LC, Profile::RFC5280),
                    |result| assert_eq!(result, Ok(())),
                ),
                Contender::new(
                    "rustls-webpki on aws-lc-rs",
                    || webpki(&server, &intermediates, &webpki_anchors),
                    |result| assert_eq!(result, Ok(())),
                ),
                Contender::new("OpenSSL", || openssl(&path, &store), |good| assert!(good)),
                Contender::new(
                    "minipki, portable",
                    || ours(&path, &anchors, PORTABLE, Profile::RFC5280),
                    |result| assert_eq!(result, Ok(())),
                ),
            ],
        );
    }
}

/// No path of a hostile pool is valid. The time to learn this must not grow without limit.
fn hostile(suite: &mut Suite) {
    for (reaches_root, what) in [(false, "no way to the root"), (true, "each way ends at the root")] {
        let group = format!("X.509 hostile pool, {what}");
        if !suite.wants(&group) {
            continue;
        }
        let sizes = if suite.is_test() { &POOLS[..1] } else { &POOLS };
        let paths: Vec<_> = sizes.iter().map(|size| (size, Path::hostile(*size, reaches_root))).collect();
        let contender = |library: &str, size| format!("{library}, {size} cross-signed certificates");
        let ours = paths.iter().map(|(size, path)| {
            let anchors = anchor(path);
            // The certificates do not name keys, which RFC 5280 §4 demands.
            let work = move || ours(path, &anchors, AWS_LC, Profile::PATH);
            Contender::new(contender("minipki", size), work, |result| assert!(result.is_err()))
        });
        let theirs = paths.iter().map(|(size, path)| {
            let root = CertificateDer::from(path.root.clone());
            let anchors = [anchor_from_trusted_cert(&root).expect("a certificate").to_owned()];
            let server = CertificateDer::from(path.server.clone());
            let intermediates: Vec<_> =
                path.intermediates.iter().cloned().map(CertificateDer::from).collect();
            let work = move || webpki(&server, &intermediates, &anchors);
            Contender::new(contender("rustls-webpki", size), work, |result| assert!(result.is_err()))
        });
        suite.compare(&group, ours.chain(theirs).collect());
    }
}

fn main() {
    run(&[read, validate, hostile]);
}
