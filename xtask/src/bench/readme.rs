//! The README's figures: those of one section of the page, copied from it, so that they cannot differ from it.

use super::figures::Figures;
use super::machine::{Cpu, Machine};
use super::{between, goals, write};
use crate::tree;

const README: &str = "README.md";
const START: &str = "<!-- written by `cargo xtask bench` -->\n";
const END: &str = "<!-- end -->\n";

/// The kind of CPU whose section the README shows: there the CA signs eight at a time.
pub(super) const CPU: Cpu = Cpu::WithIfma;

/// Puts this run's figures in the place of the last one's.
pub(super) fn update(figures: &Figures, machine: &Machine, full: bool) -> Result<(), String> {
    let text = tree::read(&tree::root().join(README))?;
    write(README, &replaced(&text, &machine.origin(full), &goals::lines(figures))?)
}

fn replaced(text: &str, origin: &str, lines: &str) -> Result<String, String> {
    let parts = between(text, START, END).map_err(|error| format!("{README}: {error}"))?;
    let [before, _, after] = parts.ok_or(format!("{README} has no place for figures: {START}{END}"))?;
    Ok(format!("{before}{START}{origin}.\n\n| work | figure |\n| --- | --- |\n{lines}{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_marks_is_replaced() {
        let readme = |figures: &str| format!("above\n{START}{figures}{END}below\n");
        let new = "a CPU.\n\n| work | figure |\n| --- | --- |\n| a | 2.00x |\n";
        assert_eq!(replaced(&readme("old\n"), "a CPU", "| a | 2.00x |\n"), Ok(readme(new)));
        assert!(replaced("no marks\n", "", "").is_err());
    }
}
