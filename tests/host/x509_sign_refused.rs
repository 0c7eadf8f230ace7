//! Certification requests that the CA refuses for what it knows about the key.

use minipki_tests::program::run;

use super::rollover::made;
use super::x509_sign::{SERVER, csr, serial, server, sign};

#[test]
fn a_request_whose_certificate_is_on_hold_gets_no_other() {
    let folder = made();
    let at = folder.path();
    let (csr, pem) = server(at);
    let serial = serial(&pem);
    let hold = ["--serial", &serial, "--reason", "certificate_hold"];
    run(at, &[&["ca", "revoke", "--dir", "ca"], &hold[..]].concat()).expect(0);
    let refused = sign(at, &csr, &SERVER).expect(3).stderr;
    assert!(refused.contains("is on hold") && refused.contains("minipki ca unhold --serial"), "{refused}");
    run(at, &["ca", "unhold", "--dir", "ca", "--serial", &serial]).expect(0);
    assert_eq!(sign(at, &csr, &SERVER).expect(0).stdout, pem);
}

#[test]
fn an_rsa_key_has_one_form() {
    let folder = made();
    let at = folder.path();
    let csr =
        csr(&["-algorithm", "RSA-PSS", "-pkeyopt", "rsa_keygen_bits:2048"], "/CN=x", "DNS:www.example.org");
    let refused = sign(at, &csr, &SERVER).expect(4).stderr;
    assert!(refused.contains("key"), "{refused}");
}
