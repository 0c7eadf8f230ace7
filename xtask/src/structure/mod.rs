//! `cargo xtask structure`: no circles inside a crate, short files, a line that says what each is for.

mod circles;
mod paths;

use crate::{dependencies, tree};

/// Longest file, in lines. House style is 80 to 350.
const LINES: usize = 400;

/// Files that may be longer, and why.
const LONGER: &[(&str, &str)] = &[];

/// Checks the whole project and prints each fault.
pub(crate) fn run() -> Result<(), String> {
    let mut faults = Vec::new();
    for path in tree::files(tree::root(), "rs") {
        shape(&tree::name(&path), &tree::read(&path)?, &mut faults);
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

#[cfg(test)]
mod tests {
    use super::*;

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
