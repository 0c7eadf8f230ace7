//! The files that the built program issues for the judges: certificates of each profile, CA certificates, lists and OCSP answers.

use std::path::Path;

use minipki_fixtures::openssl;
use minipki_tests::judges;
use minipki_tests::program::{run, start};
use minipki_tests::x509::openssl_succeeds;
use tempfile::TempDir;

use crate::rollover::{made, rollover};
use crate::x509_ca_certificate::ca_certificate;
use crate::x509_sign::{KEYS, csr_of, serial, sign};

/// The names of [`KEYS`], without RSA-3072.
pub(super) const KINDS: [&str; 4] = ["rsa", "p256", "p384", "ed25519"];

pub(super) const PROFILES: [&str; 3] = ["tls-server", "tls-client", "tls-peer"];

/// The reasons of revocations in `full.crl`.
pub(super) const REASONS: [&str; 6] = [
    "unspecified",
    "key_compromise",
    "affiliation_changed",
    "superseded",
    "cessation_of_operation",
    "certificate_hold",
];

const SUBJECT: [&str; 4] = ["--organization", "Exämple", "--country", "FI"];

const ALLOW: [&str; 12] = [
    "--allow-name",
    "www.example.org",
    "--allow-name",
    "*.example.net",
    "--allow-name",
    "192.0.2.7",
    "--allow-name",
    "2001:db8::7",
    "--allow-name",
    "a@example.org",
    "--allow-name",
    "https://www.example.org/a",
];

/// A folder with the files, in PEM:
///
/// - `PROFILE-KIND`: a certificate of each profile and kind of key, by the CA `ca`;
/// - `ca`: its certificate;
/// - `wildcard`: a server's certificate by it for `*.example.net`;
/// - `outside`: a server's certificate by it for `www.example.com`;
/// - `limited`, `limited-server`: the CA certificate of the same key and name with name constraints, and a server's
///   certificate that obeys them;
/// - `REASON`: the certificates that were revoked for [`REASONS`];
/// - `empty.crl`, `full.crl`: the list before and after these revocations;
/// - `next`, `next-by-ca`, `ca-by-next`, `next-server`, `next.crl`: the certificate of the CA's next key, both cross
///   certificates, a server's certificate and a list by that key;
/// - `published`: a server's certificate by the next key with the public URL of the CA;
/// - `twin`: the twin of an enrolled identity;
/// - `own.ocsp`, `served.ocsp`, `responder`: answers about `next-server` by `minipki ca ocsp` and by the served CA, in DER, and
///   the certificate in the second one.
pub(super) struct Issued {
    folder: TempDir,
}

impl Issued {
    pub(super) fn new() -> Self {
        let folder = made();
        let at = folder.path();
        // The same key without constraints and with constraints. No certificate of the key exists yet.
        judges::run(at, "cp", &["-r", "ca", "limited-ca"]).expect(0);
        ca_certificate(at, &[&SUBJECT[..], &["--out", "ca.pem"]].concat()).expect(0);
        let constraints = ["--permitted-dns", "example.org", "--permitted-ip", "192.0.2.0/24"];
        let limited = ["ca", "certificate", "--dir", "limited-ca", "--out", "limited.pem"];
        run(at, &[&limited[..], &SUBJECT, &constraints].concat()).expect(0);

        for (kind, arguments) in KINDS.into_iter().zip([KEYS[0], KEYS[2], KEYS[3], KEYS[4]]) {
            let key = openssl(&[&["genpkey", "-quiet"], arguments].concat(), b"");
            for profile in PROFILES {
                let names = match profile {
                    "tls-server" => "DNS:www.example.org",
                    "tls-client" => "email:a@example.org,URI:https://www.example.org/a",
                    _ => "DNS:www.example.org,IP:192.0.2.7,IP:2001:db8::7,email:a@example.org",
                };
                issue(at, &csr_of(&key, "/CN=not used", names), profile, &format!("{profile}-{kind}"));
            }
        }
        let key = openssl(&[&["genpkey", "-quiet"], KEYS[2]].concat(), b"");
        let request = |names| csr_of(&key, "/CN=not used", names);
        issue(at, &request("DNS:*.example.net"), "tls-server", "wildcard");
        let com = ["--profile", "tls-server", "--allow-name", "www.example.com", "--out", "outside.pem"];
        sign(at, &request("DNS:www.example.com"), &com).expect(0);
        let good = ["ca", "sign", "--dir", "limited-ca", "--csr", "csr.pem", "--out", "limited-server.pem"];
        std::fs::write(at.join("csr.pem"), request("DNS:www.example.org,IP:192.0.2.7")).expect("written");
        run(at, &[&good[..], &["--profile", "tls-server"], &ALLOW].concat()).expect(0);

        list(at, "empty.crl");
        for reason in REASONS {
            // The compromised key gets no other certificate.
            let key = openssl(&[&["genpkey", "-quiet"], KEYS[2]].concat(), b"");
            issue(at, &csr_of(&key, "/CN=not used", ""), "tls-client", reason);
            let pem = std::fs::read_to_string(at.join(format!("{reason}.pem"))).expect("text");
            run(at, &["ca", "revoke", "--dir", "ca", "--serial", &serial(&pem), "--reason", reason])
                .expect(0);
        }
        list(at, "full.crl");

        rollover(at, &[]).expect(0);
        let cross = ca_certificate(at, &["--cross"]).expect(0).stdout;
        let end = "-----END CERTIFICATE-----\n";
        let names = ["next", "next-by-ca", "ca-by-next"];
        assert_eq!(cross.matches(end).count(), names.len(), "{cross}");
        for (name, pem) in names.into_iter().zip(cross.split_inclusive(end)) {
            std::fs::write(at.join(format!("{name}.pem")), pem).expect("written");
        }
        issue(at, &request("DNS:www.example.org"), "tls-server", "next-server");
        list(at, "next.crl");
        let about = ["ocsp", "-issuer", "next.pem", "-cert", "next-server.pem", "-no_nonce"];
        openssl_succeeds(at, &[&about[..], &["-reqout", "request.der"]].concat());
        run(at, &["ca", "ocsp", "--dir", "ca", "--request", "request.der", "--out", "own.ocsp"]).expect(0);
        serve(at, &about);
        run(at, &["ca", "public-url", "--dir", "ca", "http://pki.example.org"]).expect(0);
        issue(at, &request("DNS:www.example.org"), "tls-server", "published");
        Self { folder }
    }

    pub(super) fn at(&self) -> &Path {
        self.folder.path()
    }

    /// Writes the certificates `names` one after the other to a file, and returns its name.
    pub(super) fn joined(&self, names: &[&str]) -> String {
        let texts = names
            .iter()
            .map(|name| std::fs::read_to_string(self.at().join(format!("{name}.pem"))).expect("text"));
        let file = format!("{}.chain", names.join("+"));
        std::fs::write(self.at().join(&file), texts.collect::<String>()).expect("written");
        file
    }
}

/// Serves the CA, and writes what a client of it gets.
fn serve(at: &Path, about: &[&str]) {
    let serve = ["ca", "serve", "--dir", "ca", "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"];
    let mut program = start(at, &serve);
    let url = format!("http://{}/ocsp", program.address("the repository listens"));
    let ca = program.address("serving");
    openssl_succeeds(
        at,
        &[about, &["-url", &url, "-CAfile", "next.pem", "-respout", "served.ocsp"]].concat(),
    );
    let shown = openssl_succeeds(at, &["ocsp", "-respin", "served.ocsp", "-resp_text", "-noverify"]);
    let pem = shown.find("-----BEGIN").and_then(|begin| shown.get(begin..)).expect("a certificate");
    std::fs::write(at.join("responder.pem"), pem).expect("written");
    let enroll =
        ["enroll", "--ca", &ca, "--subject", "alice", "--anchor", "ca/anchor.json", "--out", "alice"];
    run(at, &[&enroll[..], &["--x509"]].concat()).expect(0);
    std::fs::copy(at.join("alice/certificate.pem"), at.join("twin.pem")).expect("copied");
    program.stop().expect(0);
}

/// Signs a request, and writes the certificate to `NAME.pem`.
fn issue(at: &Path, csr: &str, profile: &str, name: &str) {
    let out = format!("{name}.pem");
    // The subject of a server is its first name, which cannot be a wildcard.
    let has_host = profile != "tls-client" && name != "wildcard";
    let subject = if has_host { &[][..] } else { &["--subject", name] };
    sign(at, csr, &[&["--profile", profile, "--out", &out], subject, &ALLOW].concat()).expect(0);
}

fn list(at: &Path, name: &str) {
    run(at, &["ca", "crl", "--dir", "ca", "--out", name]).expect(0);
}
