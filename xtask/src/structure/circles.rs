//! The check for circles inside a crate: no module at a crate's root may use itself through others. Cargo forbids circles
//! between crates.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::paths;
use crate::tree;

/// The uses between the modules of a crate: the user, the used module, and the first line of the use.
#[derive(Default)]
struct Uses(BTreeMap<(String, String), String>);

/// Checks every crate of the project.
pub(super) fn check(errors: &mut Vec<String>) -> Result<(), String> {
    for root in tree::files(tree::root(), "rs") {
        if !(root.ends_with("src/lib.rs") || root.ends_with("src/main.rs")) {
            continue;
        }
        let source = root.parent().unwrap_or(tree::root());
        // A name that the root re-exports belongs to its module.
        let re_exports = re_exports(&tree::read(&root)?);
        let mut uses = Uses::default();
        for path in tree::files(source, "rs").into_iter().filter(|path| *path != root) {
            let module = module_path(path.strip_prefix(source).unwrap_or(&path));
            uses.add(&tree::name(&path), &module, &tree::read(&path)?, &re_exports);
        }
        errors.extend(uses.circles());
    }
    Ok(())
}

impl Uses {
    /// Adds the uses of other modules in `text`, the source of `module` in the file `name`.
    fn add(&mut self, name: &str, module: &[String], text: &str, re_exports: &BTreeMap<String, String>) {
        let Some(own) = module.first() else { return };
        for (line, used) in paths::used(module, text) {
            let Some(used) = used.strip_prefix("crate::") else { continue };
            let first = used.split("::").next().unwrap_or(used);
            let used = re_exports.get(first).map_or(first, String::as_str);
            if used != own {
                let place = || format!("{name}:{line}");
                self.0.entry((own.clone(), used.to_owned())).or_insert_with(place);
            }
        }
    }

    /// The uses that are part of a circle, as errors.
    fn circles(mut self) -> Vec<String> {
        // A module without uses or without users is in no circle. Its removal can leave more such modules.
        loop {
            let users: BTreeSet<_> = self.0.keys().map(|(user, _)| user.clone()).collect();
            let used: BTreeSet<_> = self.0.keys().map(|(_, used)| used.clone()).collect();
            let before = self.0.len();
            self.0.retain(|(user, what), _| users.contains(what) && used.contains(user));
            if self.0.len() == before {
                break;
            }
        }
        let error =
            |((user, used), place)| format!("{place}: `{user}` uses `{used}`, which is part of a circle");
        self.0.into_iter().map(error).collect()
    }
}

/// The names that a crate's root re-exports by `pub use module::...`, and their modules.
fn re_exports(root: &str) -> BTreeMap<String, String> {
    let uses = paths::used(&[], root).into_iter().map(|(_, path)| path);
    let own = |path: &str| {
        let path = path.strip_prefix("crate::").unwrap_or(path);
        let (module, rest) = path.split_once("::")?;
        Some((rest.rsplit("::").next()?.to_owned(), module.to_owned()))
    };
    uses.filter_map(|path| own(&path)).collect()
}

/// `encoding/json.rs` is `[encoding, json]`, `encoding/mod.rs` is `[encoding]`, `lib.rs` is `[]`.
fn module_path(relative: &Path) -> Vec<String> {
    let mut module: Vec<String> = relative
        .with_extension("")
        .components()
        .map(|c| c.as_os_str().to_string_lossy().into_owned())
        .collect();
    if module.last().is_some_and(|last| last == "mod") || module == ["lib"] || module == ["main"] {
        module.pop();
    }
    module
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The errors of a crate with these files.
    fn errors(root: &str, files: &[(&str, &str)]) -> Vec<String> {
        let mut uses = Uses::default();
        for (file, text) in files {
            uses.add(file, &module_path(Path::new(file)), text, &re_exports(root));
        }
        uses.circles()
    }

    #[test]
    fn uses_in_one_direction_pass() {
        let files = [
            ("a.rs", "use crate::b::B;\nuse super::c;"),
            ("b/mod.rs", "use crate::c::{C, D};"),
            ("b/inner.rs", "use super::B;\nuse crate::c::C;"),
            ("c.rs", "use std::fmt;"),
        ];
        assert!(errors("", &files).is_empty());
    }

    #[test]
    fn circles_fail() {
        let two = errors("", &[("a.rs", "use crate::b::B;"), ("b.rs", "\nfn f() { super::a::f() }")]);
        assert_eq!(
            two,
            [
                "a.rs:1: `a` uses `b`, which is part of a circle",
                "b.rs:2: `b` uses `a`, which is part of a circle"
            ]
        );
        let three = [
            ("a.rs", "use crate::b::B;"),
            ("b/x.rs", "use crate::c::C;"),
            ("c.rs", "use crate::{a::A, d::D};"),
            ("d.rs", ""),
        ];
        assert_eq!(errors("", &three).len(), 3);
    }

    #[test]
    fn a_use_through_the_root_counts() {
        let files = [("a.rs", "use crate::b::B;"), ("b.rs", "use super::A;")];
        assert_eq!(errors("mod a;\nmod b;\npub use a::A;", &files).len(), 2);
        assert_eq!(errors("mod a;\npub use a::{A, B as C};", &files[1..]).len(), 0);
    }

    #[test]
    fn paths_in_comments_and_strings_do_not_count() {
        let text =
            "/// See [`crate::b`].\nconst A: &str = \"crate::b::B\"; // crate::b::x\n/* crate::b::y */";
        assert!(errors("", &[("a.rs", text), ("b.rs", "use crate::a::A;")]).is_empty());
    }
}
