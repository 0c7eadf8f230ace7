//! `minipki inspect` of X.509: every field with its reason, and what is malformed with its byte.

use std::fs;

use minipki_tests::program::run;
use minipki_tests::x509::{CA, chain, issue, join, openssl_succeeds, to_der};
use serde_json::Value;
use tempfile::TempDir;

/// The fields of a file: name and value.
fn fields(json: &str) -> Vec<(String, String)> {
    let value: Value = serde_json::from_str(json).expect("one JSON value");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let all = value["fields"].as_array().expect("an array");
    all.iter()
        .map(|field| {
            assert!(!text(&field["why"]).is_empty(), "{field}");
            (text(&field["name"]), text(&field["value"]))
        })
        .collect()
}

#[test]
fn every_field_of_a_certificate_has_its_reason() {
    let folder = TempDir::new().expect("a folder for the test");
    let at = folder.path();
    issue(at, "rsa", "root", None, CA);
    let extensions = "basicConstraints=critical,CA:TRUE,pathlen:1\nkeyUsage=critical,keyCertSign,cRLSign\n\
        extendedKeyUsage=serverAuth,1.2.3.4.5\n\
        subjectAltName=DNS:www.example.com,IP:192.0.2.1,IP:2001:db8::1,email:a@example.com,URI:http://example.com/,\
        otherName:1.2.3;UTF8:text,dirName:dir,RID:1.2.3.4\nissuerAltName=DNS:issuer.example\n\
        nameConstraints=critical,permitted;DNS:example.com,excluded;IP:192.0.2.0/255.255.255.0\n\
        certificatePolicies=1.2.3.4,2.5.29.32.0\npolicyMappings=1.2.3.4:1.2.3.5\n\
        policyConstraints=critical,requireExplicitPolicy:1,inhibitPolicyMapping:0\ninhibitAnyPolicy=critical,2\n\
        crlDistributionPoints=URI:http://example.com/crl\nfreshestCRL=URI:http://example.com/delta\n\
        authorityInfoAccess=OCSP;URI:http://example.com/ocsp,caIssuers;URI:http://example.com/ca\n\
        1.2.3.4.6=DER:0500\n[dir]\nC=DE\nO=Example, Inc.\n";
    issue(at, "p256", "all", Some("root"), extensions);
    let shown = run(at, &["inspect", "all.pem"]).expect(0);
    assert!(shown.stdout.starts_with("X.509 certificate: binds a key to names (RFC 5280 4.1); public\n"));
    let json = run(at, &["inspect", "all.pem", "--json"]).expect(0).stdout;
    let fields = fields(&json);
    let value = |name: &str| {
        let found = fields.iter().find(|(found, _)| found == name);
        found.map_or_else(|| panic!("no field {name} in {json}"), |(_, value)| value.as_str())
    };
    for (name, expected) in [
        ("version", "3"),
        ("signature", "sha256WithRSAEncryption"),
        ("issuer", "CN=root"),
        ("subject", "CN=all"),
        ("subjectPublicKeyInfo", "an elliptic-curve key on P-256"),
        ("basicConstraints", "critical: a CA, at most 1 intermediates below it"),
        ("keyUsage", "critical: keyCertSign, cRLSign"),
        ("extKeyUsage", "serverAuth, 1.2.3.4.5"),
        (
            "subjectAltName",
            "dns:www.example.com, ip:192.0.2.1, ip:2001:db8::1, email:a@example.com, uri:http://example.com/, \
             other:1.2.3=0x0c0474657874, directory:O=Example\\, Inc.,C=DE, registered-id:1.2.3.4",
        ),
        ("issuerAltName", "dns:issuer.example"),
        ("nameConstraints", "critical: permitted dns:example.com, excluded ip:192.0.2.0/24"),
        ("certificatePolicies", "1.2.3.4, anyPolicy (2.5.29.32.0)"),
        ("policyMappings", "1.2.3.4 is 1.2.3.5"),
        (
            "policyConstraints",
            "critical: a policy is required after 1 more certificates, no mapping is allowed after 0 more certificates",
        ),
        ("inhibitAnyPolicy", "critical: after 2 more certificates"),
        ("cRLDistributionPoints", "uri:http://example.com/crl"),
        ("freshestCRL", "uri:http://example.com/delta"),
        (
            "authorityInfoAccess",
            "ocsp at uri:http://example.com/ocsp, caIssuers at uri:http://example.com/ca",
        ),
    ] {
        assert_eq!(value(name), expected, "{name}");
        assert!(shown.stdout.contains(name), "{name} in {}", shown.stdout);
    }
    // An extension that is not known is shown as bytes, with its place.
    let der = to_der(at, "all.pem", "all.der");
    let place = der.windows(4).rposition(|bytes| bytes == [4, 2, 5, 0]).expect("the extension") + 2;
    assert_eq!(value("1.2.3.4.6"), format!("0x0500 (2 bytes at byte {place})"));
    let fingerprint = openssl_succeeds(at, &["x509", "-in", "all.pem", "-noout", "-fingerprint", "-sha256"]);
    let digits = fingerprint.split('=').nth(1).expect("the digits").trim().replace(':', "").to_lowercase();
    assert_eq!(value("SHA-256"), digits);
    let key = openssl_succeeds(at, &["x509", "-in", "all.pem", "-noout", "-serial"]);
    let serial = key.split('=').nth(1).expect("the digits").trim().to_lowercase();
    assert_eq!(value("serialNumber"), serial);
    // The same from DER.
    assert_eq!(run(at, &["inspect", "all.der", "--json"]).expect(0).stdout, json);
    let root = run(at, &["inspect", "root.pem"]).expect(0).stdout;
    assert!(root.contains("RSA of 2048 bits") && root.contains("0x010001"), "{root}");
}

#[test]
fn a_chain_and_a_request_are_explained() {
    let folder = TempDir::new().expect("a folder for the test");
    let at = folder.path();
    chain(at, "ed25519");
    join(at, &["leaf.key", "fullchain.pem"], "with-key.pem");
    let shown = run(at, &["inspect", "with-key.pem"]).expect(0).stdout;
    assert!(shown.starts_with("X.509 chain: "), "{shown}");
    for text in ["certificate 1", "certificate 2", "CN=leaf", "CN=inter", "id-Ed25519"] {
        assert!(shown.contains(text), "{text} in {shown}");
    }
    let key = fs::read_to_string(at.join("leaf.key")).expect("a key");
    let secret = key.lines().nth(1).expect("the key");
    assert!(!shown.contains(secret));

    let request =
        ["req", "-new", "-key", "leaf.key", "-subj", "/C=DE/O=Example/CN=leaf", "-out", "request.pem"];
    let password = ["-addext", "subjectAltName=DNS:www.example.com"];
    openssl_succeeds(at, &[&request[..], &password[..]].concat());
    let fields = fields(&run(at, &["inspect", "request.pem", "--json"]).expect(0).stdout);
    for (name, expected) in
        [("subject", "CN=leaf,O=Example,C=DE"), ("subjectAltName", "dns:www.example.com"), ("version", "1")]
    {
        assert!(fields.contains(&(name.to_owned(), expected.to_owned())), "{name} in {fields:?}");
    }
}

#[test]
fn a_malformed_certificate_names_the_byte_and_what_is_expected() {
    let folder = TempDir::new().expect("a folder for the test");
    let at = folder.path();
    chain(at, "p256");
    let der = to_der(at, "leaf.pem", "leaf.der");
    let write = |name: &str, content: &[u8]| fs::write(at.join(name), content).expect("the file is written");
    // The validity: the month 13.
    let time = der.windows(2).position(|bytes| bytes == [0x17, 13]).expect("a UTCTime");
    let mut month = der.clone();
    month[time + 4..time + 6].copy_from_slice(b"13");
    write("month.der", &month);
    // keyUsage without a bit: 03 02 07 80 becomes 03 02 07 00.
    let bits = der.windows(4).position(|bytes| bytes == [3, 2, 7, 0x80]).expect("keyUsage");
    let mut usage = der;
    usage[bits + 3] = 0;
    write("usage.der", &usage);
    for (file, expected) in [
        ("month.der", format!("(at byte {}), in the field validity: a SEQUENCE of two times", time + 2)),
        ("usage.der", "in the extension keyUsage (2.5.29.15)".to_owned()),
    ] {
        let done = run(at, &["inspect", file]).expect(4);
        assert!(
            done.stderr.contains("is malformed: ") && done.stderr.contains(&expected),
            "{file}: {done:?}"
        );
        let json: Value = serde_json::from_str(&run(at, &["inspect", file, "--json"]).expect(4).stdout)
            .expect("one JSON value");
        assert!(json["fault"].as_str().expect("a fault").contains(&expected), "{json}");
    }
    // The other fields are shown nevertheless.
    assert!(run(at, &["inspect", "usage.der"]).expect(4).stdout.contains("CN=leaf"));
}
