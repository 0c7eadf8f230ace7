//! X.509 certificates that the openssl command makes.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// The extensions of a CA.
pub const CA: &str = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n";

/// The extensions of the TLS server www.example.com.
pub const SERVER: &str = "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n\
                          extendedKeyUsage=serverAuth\nsubjectAltName=DNS:www.example.com\n";

/// Runs openssl in `folder`.
///
/// # Panics
/// If openssl is missing.
pub fn openssl(folder: &Path, arguments: &[&str]) -> Output {
    let run = Command::new("openssl").args(arguments).current_dir(folder).output();
    run.expect("this test needs the openssl command: install the package openssl (apt, dnf, brew)")
}

/// Runs openssl in `folder`, which must succeed, and returns its standard output.
///
/// # Panics
/// If openssl is missing or fails.
pub fn openssl_succeeds(folder: &Path, arguments: &[&str]) -> String {
    let done = openssl(folder, arguments);
    assert!(done.status.success(), "openssl {arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).expect("openssl writes text")
}

/// The options of `openssl genpkey` for a kind of key.
///
/// # Panics
/// If the kind is not `rsa`, `p256` or `ed25519`.
pub fn key_options(kind: &str) -> &'static [&'static str] {
    match kind {
        "rsa" => &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
        "p256" => &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
        "ed25519" => &["-algorithm", "ED25519"],
        _ => panic!("no key of the kind {kind}"),
    }
}

/// Makes the key `NAME.key` of a kind, and the certificate `NAME.pem` with the subject `CN=NAME` and these extensions. The
/// issuer is `ISSUER.pem` with `ISSUER.key`; without one the certificate is self-signed. It is valid for ten years.
///
/// # Panics
/// If openssl fails.
pub fn issue(folder: &Path, kind: &str, name: &str, issuer: Option<&str>, extensions: &str) {
    let file = |ending: &str| format!("{name}.{ending}");
    let [key, request, config, certificate] = ["key", "csr", "cnf", "pem"].map(file);
    openssl_succeeds(folder, &[&["genpkey", "-out", &key], key_options(kind)].concat());
    let subject = format!("/CN={name}");
    openssl_succeeds(folder, &["req", "-new", "-key", &key, "-subj", &subject, "-out", &request]);
    let authority = if issuer.is_some() { "authorityKeyIdentifier=keyid:always\n" } else { "" };
    let text = format!("subjectKeyIdentifier=hash\n{authority}{extensions}");
    fs::write(folder.join(&config), text).expect("the file is written");
    let issuer = issuer.map(|issuer| (format!("{issuer}.pem"), format!("{issuer}.key")));
    let by: Vec<&str> = match &issuer {
        Some((certificate, key)) => vec!["-CA", certificate, "-CAkey", key],
        None => vec!["-signkey", &key],
    };
    let serial = format!("0x{}1", name.bytes().take(8).map(|byte| format!("{byte:02x}")).collect::<String>());
    let rest = ["-set_serial", &serial, "-days", "3650", "-extfile", &config, "-out", &certificate];
    openssl_succeeds(folder, &[&["x509", "-req", "-sha256", "-in", &request], &by[..], &rest].concat());
}

/// A root, an intermediate and the TLS server www.example.com below it: `root.pem`, `inter.pem` and `leaf.pem`, with
/// `fullchain.pem` of the last two.
///
/// # Panics
/// If openssl fails.
pub fn chain(folder: &Path, kind: &str) {
    issue(folder, kind, "root", None, CA);
    issue(folder, kind, "inter", Some("root"), CA);
    issue(folder, kind, "leaf", Some("inter"), SERVER);
    join(folder, &["leaf.pem", "inter.pem"], "fullchain.pem");
}

/// Writes the content of all `files` into one file.
///
/// # Panics
/// If a file is missing.
pub fn join(folder: &Path, files: &[&str], into: &str) {
    let content: Vec<_> =
        files.iter().map(|file| fs::read(folder.join(file)).expect("the file exists")).collect();
    fs::write(folder.join(into), content.concat()).expect("the file is written");
}

/// Writes the DER of a certificate in PEM.
///
/// # Panics
/// If openssl fails.
pub fn to_der(folder: &Path, pem: &str, der: &str) -> Vec<u8> {
    openssl_succeeds(folder, &["x509", "-in", pem, "-outform", "der", "-out", der]);
    fs::read(folder.join(der)).expect("openssl wrote the file")
}

/// Makes a CRL of `ISSUER.pem` for the next 30 days: `ISSUER.crl`, with these certificates on it.
///
/// # Panics
/// If openssl fails.
pub fn revoke(folder: &Path, issuer: &str, revoked: &[&str]) {
    let [database, number, config, key, certificate, crl] =
        ["index", "number", "ca", "key", "pem", "crl"].map(|ending| format!("{issuer}.{ending}"));
    let write = |file: &str, text: &str| fs::write(folder.join(file), text).expect("the file is written");
    write(&database, "");
    write(&number, "01\n");
    let text = "default_md = sha256\ndefault_crl_days = 30\ncrl_extensions = list\n\
                [list]\nauthorityKeyIdentifier = keyid:always\n";
    write(
        &config,
        &format!("[ca]\ndefault_ca = it\n[it]\ndatabase = {database}\ncrlnumber = {number}\n{text}"),
    );
    let run = ["ca", "-config", &config, "-keyfile", &key, "-cert", &certificate];
    for name in revoked {
        openssl_succeeds(folder, &[&run[..], &["-revoke", name, "-crl_reason", "keyCompromise"]].concat());
    }
    openssl_succeeds(folder, &[&run[..], &["-gencrl", "-out", &crl]].concat());
}
