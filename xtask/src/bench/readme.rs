//! The README's figures: copied from the page, so that they cannot differ from it.

use super::figures::Figures;
use super::{goals, write};
use crate::tree;

const README: &str = "README.md";
const START: &str = "<!-- written by `cargo xtask bench` -->\n";
const END: &str = "<!-- end -->\n";

/// Puts this run's figures in the place of the last one's.
pub(super) fn update(figures: &Figures) -> Result<(), String> {
    let text = tree::read(&tree::root().join(README))?;
    write(README, &replaced(&text, &goals::lines(figures))?)
}

fn replaced(text: &str, lines: &str) -> Result<String, String> {
    let parts = text.split_once(START).and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    let (before, after) = parts.ok_or(format!("{README} has no place for figures: {START}{END}"))?;
    Ok(format!("{before}{START}| work | figure |\n| --- | --- |\n{lines}{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_marks_is_replaced() {
        let readme = |figures: &str| format!("above\n{START}{figures}{END}below\n");
        let new = "| work | figure |\n| --- | --- |\n| a | 2.00x |\n";
        assert_eq!(replaced(&readme("old\n"), "| a | 2.00x |\n"), Ok(readme(new)));
        assert!(replaced("no marks\n", "").is_err());
    }
}
