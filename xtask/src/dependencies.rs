//! The check that docs/dependencies.md has a reason for each dependency and for nothing else, and that the client needs no
//! crate for servers or the command line.

use std::collections::BTreeSet;
use std::path::Path;

use crate::command::cargo;
use crate::tree;

/// Crates of SQL, HTTP, TLS, X.509, templates and the command line.
const NOT_FOR_CLIENTS: [&str; 8] =
    ["askama", "axum", "clap", "hyper", "rusqlite", "rustls", "tracing-subscriber", "x509-cert"];

const PAGE: &str = "docs/dependencies.md";

/// Compares all Cargo.toml files with the page, and checks the crates of the client.
pub(crate) fn check(errors: &mut Vec<String>) -> Result<(), String> {
    let mut manifests = Vec::new();
    for path in tree::files(tree::root(), "toml") {
        if path.file_name() == Some("Cargo.toml".as_ref()) {
            manifests.push(tree::read(&path)?);
        }
    }
    let page = tree::read(&tree::root().join(Path::new(PAGE)))?;
    compare(&manifests, &page, errors);
    let mut command =
        cargo(&["tree", "--locked", "--package", "minipki-client", "--edges", "normal", "--prefix", "none"]);
    let tree = command.output().map_err(|e| format!("cargo tree: {e}"))?;
    if !tree.status.success() {
        return Err(format!("cargo tree: {}", String::from_utf8_lossy(&tree.stderr)));
    }
    clients(&String::from_utf8_lossy(&tree.stdout), errors);
    Ok(())
}

/// Looks for [`NOT_FOR_CLIENTS`] in the output of `cargo tree`: a crate and its version on each line.
fn clients(tree: &str, errors: &mut Vec<String>) {
    let needed: BTreeSet<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    for name in NOT_FOR_CLIENTS.into_iter().filter(|name| needed.contains(name)) {
        errors
            .push(format!("host/client: needs `{name}`, which is not for clients: see cargo tree -i {name}"));
    }
}

fn compare(manifests: &[String], page: &str, errors: &mut Vec<String>) {
    let needed: BTreeSet<&str> = manifests.iter().flat_map(|manifest| dependencies(manifest)).collect();
    let explained: BTreeSet<&str> = page.lines().filter_map(explained).collect();
    for name in needed.difference(&explained) {
        errors.push(format!("{PAGE}: no reason for `{name}`; add | `{name}` | why |"));
    }
    for name in explained.difference(&needed) {
        errors.push(format!("{PAGE}: no Cargo.toml names `{name}`; delete its line"));
    }
}

/// The dependencies of a manifest, without our own crates. `[workspace.dependencies]` only fixes versions.
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

/// The crate in a table line of the page: | `name` | reason |
fn explained(line: &str) -> Option<&str> {
    let (name, reason) = line.strip_prefix("| `")?.split_once("` |")?;
    (!reason.trim_matches([' ', '|']).is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_that_needs_a_server_crate_fails() {
        let mut errors = Vec::new();
        clients("minipki-client v0.1.0 (/x)\nclap_lex v1.1.0\ntokio v1.54.1\n", &mut errors);
        assert!(errors.is_empty());
        clients("minipki-client v0.1.0 (/x)\nclap v4.6.0\n", &mut errors);
        assert_eq!(errors.len(), 1);
    }

    const MANIFEST: &str = "[workspace.dependencies]\nunused = \"1\"\n[dependencies]\nminipki-core.workspace = true\nserde.workspace = true\n\
        # why\nsha2 = { version = \"0.11\" }\n[dev-dependencies.rsa]\nversion = \"0.10\"\n[target.'cfg(unix)'.dependencies]\nrustix = \"1\"\n[lints]\nworkspace = true\n";

    fn errors(page: &str) -> Vec<String> {
        let mut errors = Vec::new();
        compare(&[MANIFEST.to_owned()], page, &mut errors);
        errors
    }

    #[test]
    fn a_page_that_explains_all_passes() {
        assert_eq!(errors("| `serde` | a |\n| `sha2` | b |\n| `rsa` | c |\n| `rustix` | d |\n"), [""; 0]);
    }

    #[test]
    fn a_missing_and_a_stale_and_an_empty_line_fail() {
        assert_eq!(errors("| `serde` | a |\n| `sha2` | b |\n| `rsa` | c |\n").len(), 1);
        assert_eq!(errors("| `serde` | a |\n| `sha2` | b |\n| `rsa` | c |\n| `rustix` | |\n").len(), 1);
        assert_eq!(
            errors("| `serde` | a |\n| `sha2` | b |\n| `rsa` | c |\n| `rustix` | d |\n| `old` | e |\n").len(),
            1
        );
    }
}
