//! `cargo xtask structure`: no circles inside a crate, short files, a line that says what each is for.

mod circles;
mod paths;

use crate::{dependencies, tree};

/// Longest file, in lines. House style is 80 to 350.
const LINES: usize = 400;

/// Files that may be longer, and why.
const LONGER: &[(&str, &str)] = &[];

/// How an error type of the core says that defmt can format it.
const DEFMT: &str = "#[cfg_attr(feature = \"defmt\", derive(defmt::Format))]";

/// Checks the whole project and prints each fault.
pub(crate) fn run() -> Result<(), String> {
    let mut faults = Vec::new();
    for path in tree::files(tree::root(), "rs") {
        let (name, text) = (tree::name(&path), tree::read(&path)?);
        shape(&name, &text, &mut faults);
        if name.starts_with("core/src/") {
            formats(&name, &text, &mut faults);
        }
    }
    circles::check(&mut faults)?;
    dependencies::check(&mut faults)?;
    for fault in &faults {
        eprintln!("    {fault}");
    }
    if !faults.is_empty() {
        return Err(format!("{} faults", faults.len()));
    }
    eprintln!(
        "    no module uses itself by way of others, every file is short and says what it is for, every dependency has its reason"
    );
    Ok(())
}

/// Length and first line of one file.
fn shape(name: &str, text: &str, faults: &mut Vec<String>) {
    let lines = text.lines().count();
    let listed = LONGER.iter().any(|(file, _)| *file == name);
    if lines > LINES && !listed {
        faults.push(format!("{name}: {lines} lines; split it, or list it in LONGER with a reason"));
    }
    if lines <= LINES && listed {
        faults.push(format!("{name}: short again, take it off LONGER"));
    }
    if !text.starts_with("//! ") {
        faults.push(format!("{name}: the first line is not `//! what this file is for`"));
    }
}

/// Every error type of the core derives `defmt::Format`.
fn formats(name: &str, text: &str, faults: &mut Vec<String>) {
    let errors = text.matches(" core::error::Error for ").count();
    if text.matches(DEFMT).count() < errors {
        faults.push(format!("{name}: an error type has no `{DEFMT}`"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_type_that_defmt_cannot_format_is_a_fault() {
        let mut faults = Vec::new();
        let error = "pub struct E;\nimpl core::error::Error for E {}\n";
        formats("core/src/x.rs", &format!("{DEFMT}\n{error}"), &mut faults);
        assert_eq!(faults, [""; 0]);
        formats("core/src/x.rs", &format!("{DEFMT}\n{error}{error}"), &mut faults);
        assert_eq!(faults.len(), 1);
    }

    fn faults(text: &str) -> usize {
        let mut faults = Vec::new();
        shape("core/src/x.rs", text, &mut faults);
        faults.len()
    }

    #[test]
    fn a_file_says_what_it_is_for() {
        assert_eq!(faults("//! Frames.\nfn f() {}\n"), 0);
        assert_eq!(faults("use core::fmt;\n//! Frames.\n"), 1);
        assert_eq!(faults(""), 1);
    }

    #[test]
    fn a_file_is_short() {
        let line = "// x\n";
        assert_eq!(faults(&format!("//! X.\n{}", line.repeat(LINES - 1))), 0);
        assert_eq!(faults(&format!("//! X.\n{}", line.repeat(LINES))), 1);
    }
}
