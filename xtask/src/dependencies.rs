//! Every dependency has its reason in docs/dependencies.md, and no reason outlives its dependency.

use std::collections::BTreeSet;
use std::path::Path;

use crate::tree;

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
    Ok(())
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
