//! `cargo xtask judges`: programs of others judge the X.509 certificates and lists that the CA issues.

use std::fs;
use std::process::Command;

use crate::command::{cargo, execute, need, need_all};
use crate::tree;

/// The programs in packages of Debian.
const PROGRAMS: [(&str, &str); 6] = [
    ("certtool", "gnutls-bin"),
    ("certutil", "libnss3-tools"),
    ("curl", "curl"),
    ("faketime", "faketime"),
    ("nginx", "nginx"),
    ("openssl", "openssl"),
];

/// pkilint and the packages that it needs, with the hashes of their files: the output of
/// `pip-compile --generate-hashes --strip-extras --no-annotate --no-header`.
const REQUIREMENTS: &str = include_str!("judges_requirements.txt");

/// Installs the programs, and has them judge.
pub(crate) fn run() -> Result<(), String> {
    install()?;
    for tests in ["x509_judges", "x509_nginx"] {
        execute(&mut cargo(&["test", "--locked", "--workspace", "--test", "host", "--", tests]))?;
    }
    Ok(())
}

/// Prints what others accept of the corpus in `vectors/x509`, and of x509-limbo if `MINIPKI_LIMBO` names its files.
pub(crate) fn others() -> Result<(), String> {
    install()?;
    let test = ["test", "--locked", "--workspace", "--test", "differential", "--", "--nocapture", "others"];
    execute(&mut cargo(&test))
}

/// Installs the programs that are missing. Those of PyPI come to `target/judges`, where the tests look for them.
pub(crate) fn install() -> Result<(), String> {
    need_all(&PROGRAMS)?;
    let target = tree::root().join("target").join("judges");
    // The list is written last, so it says what is installed.
    let (installed, wanted) = (target.join("installed.txt"), target.join("requirements.txt"));
    if fs::read_to_string(&installed).is_ok_and(|text| text == REQUIREMENTS) {
        return Ok(());
    }
    need("pip3", "python3-pip")?;
    let failed = |error: std::io::Error| format!("cannot write below {}: {error}", target.display());
    if target.exists() {
        fs::remove_dir_all(&target).map_err(failed)?;
    }
    fs::create_dir_all(&target).and_then(|()| fs::write(&wanted, REQUIREMENTS)).map_err(failed)?;
    let mut pip = Command::new("pip3");
    pip.args(["install", "--quiet", "--only-binary", ":all:", "--require-hashes", "--no-warn-conflicts"]);
    pip.args(["--root-user-action", "ignore", "--target"]).arg(&target);
    execute(pip.arg("--requirement").arg(&wanted))
        .map_err(|error| format!("{error}; pkilint comes from PyPI, so the first run needs a network"))?;
    fs::rename(&wanted, &installed).map_err(failed)
}
