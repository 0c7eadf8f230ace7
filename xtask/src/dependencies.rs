//! Every dependency has its reason in docs/dependencies.md, and no reason outlives its dependency. A program that links the
//! client compiles nothing that only servers and the command line need.

use std::collections::BTreeSet;
use std::path::Path;

use crate::{steps, tree};

/// Crates of SQL, HTTP, TLS, X.509, templates and the command line.
const NOT_FOR_CLIENTS: [&str; 8] =
    ["askama", "axum", "clap", "hyper", "rcgen", "rusqlite", "rustls", "tracing-subscriber"];

const PAGE: &str = "docs/dependencies.md";

/// Compares all Cargo.toml files of the project with the page.
pub(crate) fn check(faults: &mut Vec<String>) -> Result<(), String> {
    let mut manifests = Vec::new();
    for path in tree::files(tree::root(), "toml") {
        if path.file_name() == Some("Cargo.toml".as_ref()) {
            manifests.push(tree::read(&path)?);
        }
    }
    let page = tree::read(&tree::root().join(Path::new(PAGE)))?;
    compare(&manifests, &page, faults);
    let mut cargo = steps::cargo(&[
        "tree",
        "--locked",
        "--package",
        "minipki-client",
        "--edges",
        "normal",
        "--prefix",
        "none",
    ]);
    let tree = cargo.output().map_err(|e| format!("cargo tree: {e}"))?;
    if !tree.status.success() {
        return Err(format!("cargo tree: {}", String::from_utf8_lossy(&tree.stderr)));
    }
    clients(&String::from_utf8_lossy(&tree.stdout), faults);
    Ok(())
}

/// Looks for [`NOT_FOR_CLIENTS`] in the crates that the client needs, each on a line with its version.
fn clients(tree: &str, faults: &mut Vec<String>) {
    let needed: BTreeSet<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    for name in NOT_FOR_CLIENTS.into_iter().filter(|name| needed.contains(name)) {
        faults
            .push(format!("host/client: needs `{name}`, which is not for clients: see cargo tree -i {name}"));
    }
}

fn compare(manifests: &[String], page: &str, faults: &mut Vec<String>) {
    let needed: BTreeSet<&str> = manifests.iter().flat_map(|manifest| dependencies(manifest)).collect();
    let explained: BTreeSet<&str> = page.lines().filter_map(explained).collect();
    for name in needed.difference(&explained) {
        faults.push(format!("{PAGE}: no line says why `{name}` is needed; add | `{name}` | why |"));
    }
    for name in explained.difference(&needed) {
        faults.push(format!("{PAGE}: no Cargo.toml names `{name}`; take its line out"));
    }
}

/// Names of the crates a manifest's members use. `[workspace.dependencies]` only fixes versions; our own are left out.
fn dependencies(manifest: &str) -> impl Iterator<Item = &str> {
    let mut in_table = false;
    manifest.lines().filter_map(move |line| {
        let line = line.trim();
        if let Some(header) = line.strip_prefix('[') {
            let header = header.trim_end_matches(']');
            let (table, name) = match header.rsplit_once("dependencies.") {
                Some((_, name)) => (false, Some(name)),
                None => (header.ends_with("dependencies") && header != "workspace.dependencies", None),
            };
            in_table = table;
            return name;
        }
        let name = line
            .split(['=', '.', ' '])
            .next()
            .filter(|name| in_table && !name.is_empty() && !name.starts_with('#'))?;
        (!line.contains("path =") && !name.starts_with("minipki")).then_some(name)
    })
}

/// The crate that a table line of the page explains: | `name` | reason |
fn explained(line: &str) -> Option<&str> {
    let (name, reason) = line.strip_prefix("| `")?.split_once("` |")?;
    (!reason.trim_matches([' ', '|']).is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_that_needs_a_crate_of_servers_fails() {
        let mut faults = Vec::new();
        clients("minipki-client v0.1.0 (/x)\nclap_lex v1.1.0\ntokio v1.54.1\n", &mut faults);
        assert!(faults.is_empty());
        clients("minipki-client v0.1.0 (/x)\nclap v4.6.0\n", &mut faults);
        assert_eq!(faults.len(), 1);
    }

    const MANIFEST: &str = "[workspace.dependencies]\nunused = \"1\"\n[dependencies]\nminipki-core.workspace = true\nserde.workspace = true\n\
        # why\nsha2 = { version = \"0.11\" }\n[dev-dependencies.rsa]\nversion = \"0.10\"\n[target.'cfg(unix)'.dependencies]\nrustix = \"1\"\n[lints]\nworkspace = true\n";

    fn faults(page: &str) -> Vec<String> {
        let mut faults = Vec::new();
        compare(&[MANIFEST.to_owned()], page, &mut faults);
        faults
    }

    #[test]
    fn a_page_that_explains_all_passes() {
        assert_eq!(faults("| `serde` | a |\n| `sha2` | b |\n| `rsa` | c |\n| `rustix` | d |\n"), [""; 0]);
    }

    #[test]
    fn a_missing_and_a_stale_and_an_empty_line_fail() {
        assert_eq!(faults("| `serde` | a |\n| `sha2` | b |\n| `rsa` | c |\n").len(), 1);
        assert_eq!(faults("| `serde` | a |\n| `sha2` | b |\n| `rsa` | c |\n| `rustix` | |\n").len(), 1);
        assert_eq!(
            faults("| `serde` | a |\n| `sha2` | b |\n| `rsa` | c |\n| `rustix` | d |\n| `old` | e |\n").len(),
            1
        );
    }
}
