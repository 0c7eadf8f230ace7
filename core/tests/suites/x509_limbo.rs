//! The suite x509-limbo (C2SP), on two profiles.
//!
//! `cargo xtask limbo FILE` runs a file of its format. Each verdict must be the expected one, or an exception with its
//! reason in `x509_limbo_exceptions.txt`. An exception that is not needed is an error, too.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use minipki_core::crypto::rsa::Rsa2048;
use minipki_core::encoding::pem;
use minipki_core::time::{Now, UnixTime};
use minipki_core::x509::algorithm::rsa::{RsaPkcs1, RsaPss};
use minipki_core::x509::extension::KeyUsage;
use minipki_core::x509::{
    Certificate, Check, Crl, CrlChecker, PathError, PathValidator, PeerName, Place, Profile,
    SignatureAlgorithm, TrustAnchor, WorkSpace, oid,
};
use serde_json::Value;

use crate::x509_algorithms::ALGORITHMS;

/// The variable with the path of the suite.
const FILE: &str = "MINIPKI_LIMBO";

const EXCEPTIONS: &str = include_str!("x509_limbo_exceptions.txt");

/// The algorithms of a device that links RSA with 2048 bits alone.
static DEVICE: &[&dyn SignatureAlgorithm] = &[&RsaPkcs1::<32, Rsa2048>::new(), &RsaPss::<32, Rsa2048>::new()];

const PROFILES: [(&str, Profile); 2] = [("rfc5280", Profile::RFC5280), ("web_pki", Profile::WEB_PKI)];

/// The label of a certificate in PEM.
const CERTIFICATE: &str = "CERTIFICATE";

/// The time of the cases that do not have one.
const NOW: &str = "2026-06-15T12:00:00+00:00";

#[test]
fn each_verdict_is_the_expected_one_or_a_listed_exception() {
    let file = std::env::var_os(FILE).expect("the variable names a file");
    let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{FILE}: {error}"));
    let suite: Value = serde_json::from_str(&text).expect("JSON");
    let cases = suite["testcases"].as_array().expect("testcases");
    let exceptions = exceptions();
    let mut problems = Vec::new();
    for (name, profile) in PROFILES {
        let (mut counts, mut of_device) = (BTreeMap::new(), 0);
        for case in cases {
            let id = case["id"].as_str().expect("id");
            let expected = case["expected_result"] == "SUCCESS";
            let verdict = run(case, profile, ALGORITHMS);
            if has_rsa_keys(case) {
                of_device += 1;
                let on_device = run(case, profile, DEVICE);
                if on_device != verdict {
                    problems.push(format!("{name} {id}: {verdict:?}, but {on_device:?} on a device"));
                }
            }
            let exception = exceptions.get(&(name, id));
            let kind = match (verdict.is_ok() == expected, exception) {
                (true, None) => "as expected",
                (false, Some(_)) => "exceptions",
                (true, Some(_)) => "exceptions that are not needed",
                (false, None) => "divergences",
            };
            *counts.entry(kind).or_insert(0) += 1;
            if !matches!(kind, "as expected" | "exceptions") {
                problems.push(format!("{name} {id}: {} expected, {verdict:?}", case["expected_result"]));
            }
            if std::env::var_os("MINIPKI_LIMBO_TRACE").is_some() {
                println!("{name} {id} {verdict:?}");
            }
        }
        let mut line = String::new();
        for (kind, count) in &counts {
            write!(line, "{count:>5} {kind}").expect("a string");
        }
        println!("{name:<8} {:>5} cases {line}", cases.len());
        println!("{name:<8} {of_device:>5} of them with RSA-2048 keys alone: the same on a device");
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// The exceptions by profile and case. A line is `profile case: reason`.
fn exceptions() -> BTreeMap<(&'static str, &'static str), &'static str> {
    let lines = EXCEPTIONS.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let entries = lines.map(|line| {
        let (key, reason) = line.split_once(": ").expect("a reason");
        (key.split_once(' ').expect("a profile and a case"), reason)
    });
    entries.collect()
}

/// The DER of a list of PEM in a case.
fn list(case: &Value, name: &str, label: &str) -> Vec<Vec<u8>> {
    let texts = case[name].as_array().expect(name).iter();
    texts.map(|text| der(label, text.as_str().expect("PEM"))).collect()
}

/// Whether all certificates can be read and have RSA keys of 2048 bits, the size of the device.
fn has_rsa_keys(case: &Value) -> bool {
    let mut ders =
        [list(case, "trusted_certs", CERTIFICATE), list(case, "untrusted_intermediates", CERTIFICATE)]
            .concat();
    ders.push(der(CERTIFICATE, case["peer_certificate"].as_str().expect("PEM")));
    ders.iter().all(|der| {
        Certificate::parse(der).is_ok_and(|certificate| {
            let key = certificate.public_key();
            DEVICE[0].is_key_id(key.algorithm()) && DEVICE[0].check_key(key.key()).is_ok()
        })
    })
}

/// The verdict about a case, with the name of the check that refuses it.
fn run(case: &Value, profile: Profile, algorithms: &[&dyn SignatureAlgorithm]) -> Result<(), String> {
    let list = |name: &str, label: &str| list(case, name, label);
    let (roots, pool) = (list("trusted_certs", CERTIFICATE), list("untrusted_intermediates", CERTIFICATE));
    let peer = der(CERTIFICATE, case["peer_certificate"].as_str().expect("PEM"));
    let peer = Certificate::parse(&peer).map_err(|error| error.to_string())?;
    // A certificate that cannot be read is not used.
    let pool: Vec<Certificate<'_>> = pool.iter().filter_map(|der| Certificate::parse(der).ok()).collect();
    let anchors: Vec<TrustAnchor<'_>> = roots
        .iter()
        .filter_map(|der| Certificate::parse(der).ok())
        .map(TrustAnchor::from_certificate)
        .collect();
    let mut validator = PathValidator::new(algorithms, Now::Exact(time(&case["validation_time"])));
    validator.profile = profile;
    validator.purpose =
        Some(if case["validation_kind"] == "SERVER" { oid::SERVER_AUTH } else { oid::CLIENT_AUTH });
    validator.path_length = case["max_chain_depth"].as_u64().map(|depth| depth as u32);
    for usage in case["key_usage"].as_array().expect("key_usage") {
        assert_eq!(usage, "digitalSignature", "a use of the key that this test does not know");
        validator.key_usage = KeyUsage::DIGITAL_SIGNATURE;
    }
    let crls = list("crls", "X509 CRL");
    let crls: Vec<Crl<'_>> = crls
        .iter()
        .map(|der| Crl::parse(der))
        .collect::<Result<_, _>>()
        .map_err(|error| error.to_string())?;
    let checker = CrlChecker { crls: &crls, issuers: &[], validator };
    let mut revocation = None;
    let mut space = WorkSpace::new();
    let path = validator.validate_with(&peer, &pool, &anchors, &mut space, |path| {
        if !crls.is_empty()
            && let Err(error) = checker.check(path, &mut [])
        {
            revocation = Some(error.to_string());
            return Err(PathError::Refused { check: Check::Revocation, place: Place::EndEntity, at: None });
        }
        Ok(())
    });
    let path = path.map_err(|error| revocation.unwrap_or(error.to_string()))?;
    let expected = std::iter::once(&case["expected_peer_name"])
        .chain(case["expected_peer_names"].as_array().into_iter().flatten());
    for name in expected.filter(|name| !name.is_null()) {
        let value = name["value"].as_str().expect("a name");
        let name = match name["kind"].as_str() {
            Some("DNS") => PeerName::Dns(value),
            Some("IP") => PeerName::Ip(value.parse().expect("an IP address")),
            Some("RFC822") => PeerName::Email(value),
            kind => panic!("{kind:?}: a kind of name that this test does not know"),
        };
        path.require_name(&name).map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// The time of a case, in whole seconds.
fn time(value: &Value) -> UnixTime {
    let text = value.as_str().unwrap_or(NOW);
    let (text, offset) = text.split_at(text.len() - 6);
    let whole = text.split('.').next().expect("a time");
    format!("{whole}{offset}").parse().expect("a time")
}

fn der(label: &str, text: &str) -> Vec<u8> {
    let mut out = vec![0; text.len()];
    pem::decode(label, text.as_bytes(), &mut out).expect("PEM").to_vec()
}
