//! `cargo xtask structure`: checks for circles inside a crate, long files, and files without a first line about them.

mod circles;
mod paths;

use crate::{dependencies, tree};

/// The maximum length of a file, in lines. As a rule, a file has 80 to 350.
const LINES: usize = 400;

/// The files that may be longer, and the reasons.
const LONGER: &[(&str, &str)] = &[];

/// The attribute that lets defmt format an error type of the core.
const DEFMT: &str = "#[cfg_attr(feature = \"defmt\", derive(defmt::Format))]";

/// Checks all files of the project and prints each error.
pub(crate) fn run() -> Result<(), String> {
    let mut errors = Vec::new();
    for path in tree::files(tree::root(), "rs") {
        let (name, text) = (tree::name(&path), tree::read(&path)?);
        shape(&name, &text, &mut errors);
        if name.starts_with("core/src/") {
            formats(&name, &text, &mut errors);
        }
        if name.starts_with("host/") {
            no_advice(&name, &text, &mut errors);
        }
    }
    for path in tree::files(tree::root(), "toml") {
        if has_no_unit_tests(&tree::read(&path)?) {
            for file in tree::files(&path.with_file_name("src"), "rs") {
                no_test(&tree::name(&file), &tree::read(&file)?, &mut errors);
            }
        }
    }
    circles::check(&mut errors)?;
    dependencies::check(&mut errors)?;
    for error in &errors {
        eprintln!("    {error}");
    }
    if !errors.is_empty() {
        return Err(format!("{} errors", errors.len()));
    }
    eprintln!(
        "    no circles of modules; every file is short and begins with its purpose; every dependency has a reason"
    );
    Ok(())
}

/// Checks the length and the first line of one file.
fn shape(name: &str, text: &str, errors: &mut Vec<String>) {
    let lines = text.lines().count();
    let listed = LONGER.iter().any(|(file, _)| *file == name);
    if lines > LINES && !listed {
        errors.push(format!("{name}: {lines} lines; split it, or list it in LONGER with a reason"));
    }
    if lines <= LINES && listed {
        errors.push(format!("{name}: short again; delete it from LONGER"));
    }
    if !text.starts_with("//! ") {
        errors.push(format!("{name}: the first line is not `//! the purpose of this file`"));
    }
}

/// Checks that every error type of a file derives `defmt::Format`.
fn formats(name: &str, text: &str, errors: &mut Vec<String>) {
    let types = text.matches(" core::error::Error for ").count();
    if text.matches(DEFMT).count() < types {
        errors.push(format!("{name}: an error type has no `{DEFMT}`"));
    }
}

/// Checks that no text of an error has advice.
fn no_advice(name: &str, text: &str, errors: &mut Vec<String>) {
    for attribute in text.split("#[error(").skip(1) {
        let error = attribute.split(")]").next().unwrap_or_default();
        if error.contains("; ") {
            errors.push(format!(
                "{name}: an error has advice in its text; move it into #[diagnostic(help(..))]"
            ));
        }
    }
}

/// Whether a Cargo.toml says that the library has no unit tests. Cargo builds no second library for them then.
fn has_no_unit_tests(manifest: &str) -> bool {
    let section = manifest.split("[lib]\n").nth(1).and_then(|rest| rest.split("\n[").next());
    section.is_some_and(|section| section.lines().any(|line| line == "test = false"))
}

/// Checks that a file has no test that cargo would leave out.
fn no_test(name: &str, text: &str, errors: &mut Vec<String>) {
    if text.lines().any(|line| matches!(line.trim_start(), "#[test]" | "#[tokio::test]" | "#[cfg(test)]")) {
        errors
            .push(format!("{name}: a unit test; delete `test = false` from [lib] in the crate's Cargo.toml"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_in_the_text_of_an_error_is_an_error() {
        let mut errors = Vec::new();
        no_advice(
            "host/x.rs",
            "#[error(\"full\")]\n#[diagnostic(help(\"wait; then go on\"))]\n",
            &mut errors,
        );
        assert_eq!(errors, [""; 0]);
        no_advice("host/x.rs", "#[error(\"{} is full; wait\", .0.display())]\n", &mut errors);
        assert_eq!(errors.len(), 1);
    }

    #[test]
    fn an_error_type_without_defmt_format_is_an_error() {
        let mut errors = Vec::new();
        let error = "pub struct E;\nimpl core::error::Error for E {}\n";
        formats("core/src/x.rs", &format!("{DEFMT}\n{error}"), &mut errors);
        assert_eq!(errors, [""; 0]);
        formats("core/src/x.rs", &format!("{DEFMT}\n{error}{error}"), &mut errors);
        assert_eq!(errors.len(), 1);
    }

    #[test]
    fn a_unit_test_that_cargo_leaves_out_is_an_error() {
        assert!(has_no_unit_tests(
            "[package]\n\n[lib]\npath = \"src/lib.rs\"\ntest = false\n\n[dependencies]\n"
        ));
        assert!(!has_no_unit_tests("[lib]\nbench = false\n\n[[bin]]\ntest = false\n"));
        let mut errors = Vec::new();
        no_test("x.rs", "//! X.\n// no #[test] here\n", &mut errors);
        assert_eq!(errors, [""; 0]);
        no_test("x.rs", "mod tests {\n    #[test]\n    fn f() {}\n}\n", &mut errors);
        assert_eq!(errors.len(), 1);
    }

    fn errors(text: &str) -> usize {
        let mut errors = Vec::new();
        shape("core/src/x.rs", text, &mut errors);
        errors.len()
    }

    #[test]
    fn a_file_begins_with_its_purpose() {
        assert_eq!(errors("//! Frames.\nfn f() {}\n"), 0);
        assert_eq!(errors("use core::fmt;\n//! Frames.\n"), 1);
        assert_eq!(errors(""), 1);
    }

    #[test]
    fn a_file_is_short() {
        let line = "// x\n";
        assert_eq!(errors(&format!("//! X.\n{}", line.repeat(LINES - 1))), 0);
        assert_eq!(errors(&format!("//! X.\n{}", line.repeat(LINES))), 1);
    }
}
