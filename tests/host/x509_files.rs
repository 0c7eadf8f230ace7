//! The files of `minipki x509 verify`: PEM and DER in every form, and files of other kinds.

use std::fs;
use std::path::Path;

use minipki_tests::program::{run, start_typing};
use minipki_tests::x509::{CA, chain, issue, join, openssl_succeeds, to_der};
use tempfile::TempDir;

const VERIFY: [&str; 4] = ["x509", "verify", "--trust", "root.pem"];

/// The error about a file that is given as the certificate.
fn refused(folder: &Path, file: &str, code: i32) -> String {
    let done = run(folder, &[&VERIFY[..], &[file]].concat()).expect(code);
    assert!(done.stdout.is_empty(), "{done:?}");
    done.stderr
}

#[test]
fn certificates_in_each_form_are_read() {
    let folder = TempDir::new().expect("a folder for the test");
    let at = folder.path();
    chain(at, "p256");
    to_der(at, "inter.pem", "inter.der");
    let chain = fs::read_to_string(at.join("fullchain.pem")).expect("text");
    let one_line = |pem: &str| {
        let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
        format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n")
    };
    let leaf = fs::read_to_string(at.join("leaf.pem")).expect("text");
    let inter = fs::read_to_string(at.join("inter.pem")).expect("text");
    let forms = [
        ("windows.pem", format!("\u{feff}{}", chain.replace('\n', "\r\n"))),
        ("indented.pem", chain.lines().map(|line| format!("  {line} \n")).collect()),
        ("with-text.pem", format!("0 s:leaf\n{leaf}\nsubject=inter\n{inter}\n# the end\n")),
        ("one-line.pem", format!("{}{}", one_line(&leaf), one_line(&inter))),
        ("with-key.pem", format!("{}{chain}", fs::read_to_string(at.join("leaf.key")).expect("text"))),
    ];
    for (name, text) in &forms {
        fs::write(at.join(name), text).expect("the file is written");
        run(at, &[&VERIFY[..], &[name]].concat()).expect(0);
    }
    let stdin = start_typing(at, &[&VERIFY[..], &["-"]].concat(), &chain).wait().expect(0);
    assert!(stdin.stdout.contains("standard input, certificate 1"), "{stdin:?}");
    run(at, &[&VERIFY[..], &["leaf.pem", "--untrusted", "inter.der"]].concat()).expect(0);
    let der = to_der(at, "leaf.pem", "leaf.der");
    let stdin = start_typing(at, &[&VERIFY[..], &["-", "--untrusted", "inter.der"]].concat(), der);
    stdin.wait().expect(0);
}

#[test]
fn files_of_another_kind_are_named() {
    let folder = TempDir::new().expect("a folder for the test");
    let at = folder.path();
    chain(at, "p256");
    fs::create_dir(at.join("folder")).expect("a folder");
    fs::write(at.join("empty"), "").expect("the file is written");
    fs::write(at.join("words.txt"), "no certificate\n").expect("the file is written");
    fs::write(at.join("object.json"), "{\"serial_number\":1}").expect("the file is written");
    openssl_succeeds(at, &["crl2pkcs7", "-nocrl", "-certfile", "leaf.pem", "-out", "bundle.p7b"]);
    openssl_succeeds(
        at,
        &[
            "pkcs12",
            "-export",
            "-inkey",
            "leaf.key",
            "-in",
            "leaf.pem",
            "-passout",
            "pass:x",
            "-out",
            "bundle.p12",
        ],
    );
    openssl_succeeds(at, &["x509", "-in", "leaf.pem", "-trustout", "-out", "trusted.pem"]);
    openssl_succeeds(at, &["pkey", "-in", "leaf.key", "-outform", "der", "-out", "key.der"]);
    openssl_succeeds(at, &["req", "-in", "leaf.csr", "-outform", "der", "-out", "request.der"]);
    for (file, expected) in [
        ("nothing.pem", "nothing.pem does not exist"),
        ("folder", "folder is a folder, and a file is expected"),
        ("empty", "empty: it is empty"),
        ("words.txt", "words.txt: it is neither PEM nor DER"),
        ("object.json", "`minipki verify` verifies the certificates of MiniPKI"),
        ("leaf.key", "leaf.key: it has no certificate, but a PEM block PRIVATE KEY"),
        ("leaf.csr", "leaf.csr: it has no certificate, but a PEM block CERTIFICATE REQUEST"),
        ("request.der", "request.der: it is a certificate request, and not a certificate"),
        ("key.der", "key.der: it is a key, or a bundle in PKCS#7 or PKCS#12"),
        ("bundle.p7b", "openssl pkcs7 -print_certs"),
        ("bundle.p12", "bundle.p12: it is a key, or a bundle in PKCS#7 or PKCS#12"),
        ("trusted.pem", "openssl x509 -in FILE -out certificate.pem"),
    ] {
        let error = refused(at, file, 1);
        assert!(error.contains(expected) && error.contains(" next: "), "{file}: {error}");
    }
    // The other command says so, too.
    let anchor = ["verify", "--anchor", "anchor.json", "leaf.pem"];
    run(at, &["ca", "init", "--dir", "ca"]).expect(0);
    fs::copy(at.join("ca/anchor.json"), at.join("anchor.json")).expect("a copy");
    let error = run(at, &anchor).expect(4).stderr;
    assert!(
        error.contains("leaf.pem: it is X.509") && error.contains("minipki x509 verify leaf.pem"),
        "{error}"
    );
    let long = fs::File::create(at.join("long")).expect("a file");
    long.set_len(65 * 1024 * 1024).expect("a file with a hole");
    assert!(refused(at, "long", 1).contains("longer than 67108864 bytes"));
    // The same for the files of the options.
    let error = run(at, &["x509", "verify", "leaf.pem", "--trust", "words.txt"]).expect(1).stderr;
    assert!(error.contains("words.txt: it is neither PEM nor DER"), "{error}");
}

#[test]
fn damaged_certificates_are_named_with_their_byte() {
    let folder = TempDir::new().expect("a folder for the test");
    let at = folder.path();
    chain(at, "p256");
    let der = to_der(at, "leaf.pem", "leaf.der");
    let write = |name: &str, content: &[u8]| fs::write(at.join(name), content).expect("the file is written");
    write("cut.der", &der[..der.len() - 10]);
    // The first byte of the serial number, which is after the version.
    let mut typed = der.clone();
    let serial = der.windows(5).position(|bytes| bytes == [0xa0, 3, 2, 1, 2]).expect("a version") + 5;
    assert_eq!(typed[serial], 2, "an INTEGER");
    typed[serial] = 4;
    write("typed.der", &typed);
    write("more.der", &[&der[..], &[0]].concat());
    for (file, expected) in [
        ("cut.der", "cut.der: it is malformed: the DER ends too early (at byte 0)".to_owned()),
        ("typed.der", format!("(at byte {serial}), in the field serialNumber: an INTEGER is expected")),
        ("more.der", format!("bytes follow the last value of the DER (at byte {})", der.len())),
    ] {
        let error = refused(at, file, 4);
        assert!(error.contains(&expected), "{file}: {error}");
    }
    let pem = fs::read_to_string(at.join("leaf.pem")).expect("text");
    write("open.pem", pem.replace("-----END CERTIFICATE-----", "").as_bytes());
    assert!(refused(at, "open.pem", 1).contains("the PEM of line 1 has no line -----END CERTIFICATE-----"));
    write("letters.pem", pem.replace("MII", "M?I").as_bytes());
    assert!(refused(at, "letters.pem", 1).contains("the PEM of line 1 is not base64"));

    // A damaged certificate beside others is named, and not used.
    issue(at, "p256", "other", None, CA);
    let damaged = openssl_succeeds(at, &["base64", "-in", "typed.der"]);
    write(
        "typed.pem",
        format!("-----BEGIN CERTIFICATE-----\n{damaged}-----END CERTIFICATE-----\n").as_bytes(),
    );
    join(at, &["typed.pem", "inter.pem"], "pool.pem");
    let done = run(at, &[&VERIFY[..], &["leaf.pem", "--untrusted", "pool.pem"]].concat()).expect(0);
    assert!(done.stderr.contains("not used: pool.pem, certificate 1: the DER has another type"), "{done:?}");
    let none = run(at, &["x509", "verify", "leaf.pem", "--trust", "typed.pem"]).expect(4).stderr;
    assert!(none.contains("no certificate of --trust can be read"), "{none}");
}
