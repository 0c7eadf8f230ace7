//! NIST PKITS: validation of paths with CRLs, by the algorithms of RFC 5280 §6.1 and §6.3 alone.

use std::fs;
use std::path::Path;

use minipki_core::encoding::der::{DerError, Oid};
use minipki_core::time::Now;
use minipki_core::x509::{
    Certificate, Crl, CrlChecker, PathError, PathValidator, Profile, RevocationError, TrustAnchor, WorkSpace,
};
use serde_json::Value;

use crate::x509_algorithms::ALGORITHMS;

/// The variable with the path of the folder `nist_pkits`, as in the sources of pyhanko-certvalidator. `cargo xtask pkits`
/// downloads it.
const FOLDER: &str = "MINIPKI_PKITS";

/// A time within the validity of the suite's certificates and CRLs.
const NOW: &str = "2022-06-15T12:00:00+00:00";

/// The cases that are valid, and are refused because DSA is not supported. The third case of DSA is not valid.
const DSA: [&str; 2] = ["40104", "40105"];

#[test]
fn each_path_has_the_verdict_of_the_suite() {
    let folder = std::env::var_os(FOLDER).expect("the variable names a folder");
    let folder = Path::new(&folder);
    let text = fs::read_to_string(folder.join("pkits.json")).expect("pkits.json");
    let cases: Value = serde_json::from_str(&text).expect("JSON");
    let cases = cases.as_array().expect("cases");
    let mut problems = Vec::new();
    for case in cases {
        let (verdict, id) = (run(folder, case), case["id"].as_str().expect("id"));
        let expected = match &verdict {
            Ok(()) => case["error"].is_null(),
            Err(reason) if DSA.contains(&id) => reason.contains("signature_algorithm"),
            Err(_) => !case["error"].is_null(),
        };
        if !expected {
            let (name, error) = (&case["name"], &case["error"]["msg_regex"]);
            problems.push(format!("{id} {name}: {verdict:?}, expected {error}"));
        }
    }
    println!("PKITS: {} of {} cases have the expected verdict", cases.len() - problems.len(), cases.len());
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

fn run(folder: &Path, case: &Value) -> Result<(), String> {
    let read = |kind: &str, name: &str| fs::read(folder.join(kind).join(name)).expect("a file of the suite");
    let files = |kind, list: &Value| -> Vec<Vec<u8>> {
        list.as_array().into_iter().flatten().map(|name| read(kind, name.as_str().expect("a name"))).collect()
    };
    let anchor = read("certs", "TrustAnchorRootCertificate.crt");
    let leaf = read("certs", case["cert"].as_str().expect("cert"));
    let mut crls = files("crls", &case["crls"]);
    crls.push(read("crls", "TrustAnchorRootCRL.crl"));
    let accepted: Option<Vec<Vec<u8>>> = case["params"]["user_initial_policy_set"]
        .as_array()
        .map(|oids| oids.iter().map(|oid| encode(oid.as_str().expect("an OID"))).collect());
    validate(&anchor, &leaf, &files("certs", &case["other_certs"]), &crls, accepted, &case["params"])
}

fn validate(
    anchor: &[u8],
    leaf: &[u8],
    pool: &[Vec<u8>],
    crls: &[Vec<u8>],
    accepted: Option<Vec<Vec<u8>>>,
    parameters: &Value,
) -> Result<(), String> {
    let text = |error: DerError| error.to_string();
    let anchor = Certificate::parse(anchor).expect("the trust anchor");
    let anchors = [TrustAnchor::new(*anchor.subject(), *anchor.public_key())];
    let leaf = Certificate::parse(leaf).map_err(text)?;
    let pool: Vec<_> =
        pool.iter().map(|der| Certificate::parse(der)).collect::<Result<_, _>>().map_err(text)?;
    // A program cannot use a CRL that it cannot read.
    let crls: Vec<_> = crls.iter().flat_map(|der| Crl::parse(der)).collect();
    let accepted: Option<Vec<_>> =
        accepted.as_ref().map(|oids| oids.iter().map(|oid| Oid::from_contents(oid)).collect());

    let mut validator = PathValidator::new(ALGORITHMS, Now::Exact(NOW.parse().expect("a time")));
    validator.profile = Profile::PATH;
    validator.policies.accepted = accepted.as_deref();
    validator.policies.require_explicit = parameters["initial_explicit_policy"] == true;
    validator.policies.inhibit_mapping = parameters["initial_policy_mapping_inhibit"] == true;
    validator.policies.inhibit_any = parameters["initial_any_policy_inhibit"] == true;
    let checker = CrlChecker { crls: &crls, issuers: &pool, validator };
    let (mut space, mut spaces) = (WorkSpace::new(), [WorkSpace::new(), WorkSpace::new()]);
    let mut revocation: Option<RevocationError> = None;
    let result = validator.validate_with(&leaf, &pool, &anchors, &mut space, |path| {
        checker.check(path, &mut spaces).map(drop).map_err(|error| {
            revocation = Some(error);
            PathError::from(error)
        })
    });
    result
        .map(drop)
        .map_err(|error| revocation.map_or(error.to_string(), |revocation| revocation.to_string()))
}

/// The contents of an OBJECT IDENTIFIER.
fn encode(dotted: &str) -> Vec<u8> {
    let arcs: Vec<u64> = dotted.split('.').map(|arc| arc.parse().expect("an arc")).collect();
    let mut contents = Vec::new();
    for arc in std::iter::once(arcs[0] * 40 + arcs[1]).chain(arcs[2..].iter().copied()) {
        let mut bytes = vec![(arc & 0x7f) as u8];
        let mut rest = arc >> 7;
        while rest > 0 {
            bytes.insert(0, 0x80 | (rest & 0x7f) as u8);
            rest >>= 7;
        }
        contents.extend(bytes);
    }
    contents
}
