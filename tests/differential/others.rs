//! The table in `docs/x509.md` of other programs: how many cases of `vectors/x509` and of x509-limbo they accept.
//!
//! `cargo xtask others` prints it. Rows on the page with the version of an installed program must be the measured ones.

use std::collections::BTreeSet;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use minipki_core::encoding::pem;
use minipki_core::time::UnixTime;
use minipki_core::x509::extension::KeyUsage;
use minipki_core::x509::{Certificate, Check, Profile};
use minipki_fixtures::x509::split;
use minipki_fixtures::{vector_path, vectors};
use minipki_tests::judges;
use minipki_tests::program::Done;
use serde_json::Value;
use tempfile::TempDir;

use crate::validators::{Answer, Question};

/// The variable with the paths of files of x509-limbo, separated by colons.
const LIMBO: &str = "MINIPKI_LIMBO";

/// The time of the corpus and of limbo's cases without a time: 2026-06-15T12:00:00+00:00.
const NOW: u64 = 1_781_524_800;

/// A validator: its name and version, its answer, and whether it can read a certificate.
struct Other {
    name: String,
    answer: fn(&Question, Profile) -> Answer,
    reads: fn(&[u8]) -> bool,
}

fn others() -> Vec<Other> {
    let certtool = judges::run(Path::new("."), "certtool", &["--version"]).expect(0).stdout;
    let gnutls =
        certtool.lines().next().and_then(|line| line.split(' ').nth(1)).expect("a version").to_owned();
    let openssl = judges::run(Path::new("."), "openssl", &["version"]).expect(0).stdout;
    let openssl = openssl.split(' ').nth(1).expect("a version");
    vec![
        Other {
            name: "MiniPKI, the profile of the fault".to_owned(),
            answer: Question::core,
            reads: |der| Certificate::parse(der).is_ok(),
        },
        Other {
            name: format!("OpenSSL {openssl}, `verify -x509_strict -policy_check`"),
            answer: |question, _| openssl_answer(question),
            reads: |der| is_read(der, "openssl", &["x509", "-noout", "-inform", "DER", "-in", "der"]),
        },
        Other {
            name: format!("GnuTLS {gnutls}, `certtool`"),
            answer: |question, _| gnutls_answer(question),
            reads: |der| is_read(der, "certtool", &["--certificate-info", "--inder", "--infile", "der"]),
        },
        Other {
            name: "rustls-webpki 0.103".to_owned(),
            answer: |question, _| question.webpki(),
            reads: |der| webpki::EndEntityCert::try_from(&der.into()).is_ok(),
        },
    ]
}

/// Whether a program can read a certificate, which it finds in the file `der`.
fn is_read(der: &[u8], program: &str, arguments: &[&str]) -> bool {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("der"), der).expect("written");
    judges::run(folder.path(), program, arguments).code == Some(0)
}

/// Writes the certificates of a question in PEM: `roots`, `leaf`, `pool`, and `chain` with the last two.
fn written(question: &Question) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let pem = |ders: &[Vec<u8>]| ders.iter().map(|der| to_pem(der)).collect::<String>();
    let (leaf, pool) = (to_pem(&question.leaf), pem(&question.intermediates));
    let chain = format!("{leaf}{pool}");
    for (name, text) in [("roots", pem(&question.roots)), ("leaf", leaf), ("pool", pool), ("chain", chain)] {
        fs::write(folder.path().join(name), text).expect("written");
    }
    folder
}

fn answer(done: &Done) -> Answer {
    if done.code == Some(0) { Ok(()) } else { Err("refused".to_owned()) }
}

fn openssl_answer(question: &Question) -> Answer {
    let folder = written(question);
    let time = question.time.to_string();
    let purpose = if question.is_client { "sslclient" } else { "sslserver" };
    let strict = ["verify", "-x509_strict", "-policy_check", "-policy", "2.5.29.32.0", "-purpose", purpose];
    let mut arguments = [&strict[..], &["-attime", &time, "-trusted", "roots"]].concat();
    if !question.intermediates.is_empty() {
        arguments.extend(["-untrusted", "pool"]);
    }
    if let Some(name) = &question.name {
        let is_address = name.parse::<IpAddr>().is_ok();
        arguments.extend([if is_address { "-verify_ip" } else { "-verify_hostname" }, name]);
    }
    arguments.push("leaf");
    answer(&judges::run(folder.path(), "openssl", &arguments))
}

fn gnutls_answer(question: &Question) -> Answer {
    let folder = written(question);
    let time = UnixTime::new(question.time).expect("before the year 10000").to_string();
    let time = time[..19].replace('T', " ");
    let purpose = if question.is_client { "1.3.6.1.5.5.7.3.2" } else { "1.3.6.1.5.5.7.3.1" };
    let verify = ["certtool", "--verify-profile", "medium", "--verify", "--load-ca-certificate", "roots"];
    let mut arguments = [
        &["TZ=UTC", "faketime", "-f", &*time],
        &verify[..],
        &["--infile", "chain", "--verify-purpose", purpose],
    ]
    .concat();
    if let Some(name) = &question.name {
        arguments.extend(["--verify-hostname", name]);
    }
    // certtool has no option for the time. Here its clock stands still.
    answer(&judges::run(folder.path(), "env", &arguments))
}

fn to_pem(der: &[u8]) -> String {
    let mut room = vec![0; 2 * der.len() + 80];
    pem::encode("CERTIFICATE", der, &mut room).expect("room").to_owned()
}

/// The question about a file of the corpus.
fn of_corpus(file: &[u8]) -> Question {
    let ders: Vec<Vec<u8>> = split(file).into_iter().map(<[u8]>::to_vec).collect();
    let [leaf, intermediates @ .., root] = ders.as_slice() else { panic!("a path") };
    Question {
        leaf: leaf.clone(),
        intermediates: intermediates.to_vec(),
        roots: vec![root.clone()],
        time: NOW,
        is_client: false,
        key_usage: KeyUsage::DIGITAL_SIGNATURE,
        name: Some("example.com".to_owned()),
    }
}

/// The profile that refuses the fault of a file, and no profile for a fault that the caller of the validator asks about.
fn profile_of(file: &str) -> Profile {
    let name = file.split('-').next().expect("a name");
    let check = *Check::ALL.iter().find(|check| check.name() == name).expect("the name of a check");
    let only_web = Profile::WEB_PKI.has(check) && !Profile::RFC5280.has(check);
    match check {
        Check::KeyKind => Profile::WEB_PKI,
        _ if only_web => Profile::WEB_PKI.without(Check::KeyKind),
        _ => Profile::RFC5280,
    }
}

/// The cases of a file of limbo that can be asked of all: a path without a list of revocations or a limit of its length, at
/// most one expected DNS name or IP address, and the uses that TLS has.
fn of_limbo(file: &Path) -> Vec<(Question, bool)> {
    // A test runs in the folder of its package, and the path is for the folder above.
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file);
    let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let suite: Value = serde_json::from_str(&text).expect("JSON");
    let cases = suite["testcases"].as_array().expect("testcases").iter();
    let plain = cases.filter(|case| {
        let empty = |name: &str| case[name].as_array().is_none_or(Vec::is_empty);
        let kind = &case["expected_peer_name"]["kind"];
        ["crls", "key_usage", "expected_peer_names"].into_iter().all(empty)
            && case["max_chain_depth"].is_null()
            && (kind.is_null() || kind == "DNS" || kind == "IP")
    });
    let ders = |value: &Value| {
        let texts = value.as_array().expect("certificates").iter();
        texts.map(|text| from_pem(text.as_str().expect("PEM"))).collect()
    };
    let question = |case: &Value| Question {
        leaf: from_pem(case["peer_certificate"].as_str().expect("PEM")),
        intermediates: ders(&case["untrusted_intermediates"]),
        roots: ders(&case["trusted_certs"]),
        time: case["validation_time"].as_str().map_or(NOW, whole_seconds),
        is_client: case["validation_kind"] == "CLIENT",
        key_usage: KeyUsage::NONE,
        name: case["expected_peer_name"]["value"].as_str().map(str::to_owned),
    };
    plain.map(|case| (question(case), case["expected_result"] == "SUCCESS")).collect()
}

/// The time of a case, in whole seconds since 1970.
fn whole_seconds(text: &str) -> u64 {
    let (time, offset) = text.split_at(text.len() - 6);
    let whole = time.split('.').next().expect("a time");
    format!("{whole}{offset}").parse::<UnixTime>().expect("a time").get()
}

fn from_pem(text: &str) -> Vec<u8> {
    let mut room = vec![0; text.len()];
    pem::decode("CERTIFICATE", text.as_bytes(), &mut room).expect("PEM").to_vec()
}

/// Prints the rows. A row on the page that begins with the same name, and is about as many cases, must be the same.
fn print(title: &str, cases: usize, rows: &[String]) {
    let page = fs::read_to_string(vector_path("../docs/x509.md")).expect("the page");
    println!("{title}\n{}", rows.join("\n"));
    for row in rows {
        let name = row.split_inclusive(" | ").next().expect("a name");
        let same = |line: &&str| line.starts_with(name) && line.contains(&format!(" of {cases} "));
        let on_page: BTreeSet<_> = page.lines().filter(same).collect();
        assert!(on_page.is_empty() || on_page.contains(row.as_str()), "docs/x509.md has another row: {row}");
    }
}

#[test]
fn others_on_the_corpus_and_on_limbo() {
    rows_of_corpus();
    rows_of_limbo();
}

fn rows_of_corpus() {
    let [good, faults, malformed] =
        ["accept", "refuse", "malformed"].map(|name| vectors(&format!("x509/{name}")));
    let rows: Vec<_> = others()
        .iter()
        .map(|other| {
            let accepts =
                |file: &(String, Vec<u8>), profile| (other.answer)(&of_corpus(&file.1), profile).is_ok();
            let accepted = good.iter().filter(|file| accepts(file, Profile::RFC5280)).count();
            let wrong = faults.iter().filter(|file| accepts(file, profile_of(&file.0))).count();
            let read = malformed.iter().filter(|file| (other.reads)(&file.1)).count();
            let [good, faults, malformed] = [&good, &faults, &malformed].map(Vec::len);
            format!("| {} | {accepted} of {good} | {wrong} of {faults} | {read} of {malformed} |", other.name)
        })
        .collect();
    print(
        "| program | accepts the good paths | accepts paths with a fault | reads malformed certificates |",
        good.len(),
        &rows,
    );
    assert!(rows[0].contains("| 0 of 116 | 0 of 41 |"), "{}", rows[0]);
}

/// The rows for the files of limbo, if there are any.
fn rows_of_limbo() {
    let files: Vec<PathBuf> =
        std::env::var_os(LIMBO).map(|files| std::env::split_paths(&files).collect()).unwrap_or_default();
    if files.is_empty() {
        println!("{LIMBO} is not set: x509-limbo is not run");
    }
    for file in files {
        let cases = of_limbo(&file);
        let rows: Vec<_> = others()
            .iter()
            .map(|other| {
                let verdicts = cases.iter().map(|(question, expected)| {
                    ((other.answer)(question, Profile::WEB_PKI).is_ok(), *expected)
                });
                let verdicts: Vec<_> = verdicts.collect();
                let count = |accepted, expected| {
                    verdicts.iter().filter(|verdict| **verdict == (accepted, expected)).count()
                };
                let right = count(true, true) + count(false, false);
                let name = other.name.replace("the profile of the fault", "`WEB_PKI`");
                format!(
                    "| {name} | {right} of {} | {} | {} |",
                    cases.len(),
                    count(true, false),
                    count(false, true)
                )
            })
            .collect();
        let title = "| program | as expected | accepts a bad path | refuses a good path |";
        print(&format!("{}\n{title}", file.display()), cases.len(), &rows);
    }
}
