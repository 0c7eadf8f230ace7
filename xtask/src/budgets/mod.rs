//! `cargo xtask budgets`: measures the cost of the device on its chip, writes docs/budgets.md, and checks the ceilings.

mod ceilings;
mod figures;
mod page;
mod parts;

use std::fs;

use crate::tree;
use figures::Figures;

const PAGE: &str = "docs/budgets.md";

/// Measures and writes the page. A figure above its ceiling is an error.
pub(crate) fn run() -> Result<(), String> {
    let figures = Figures::measure()?;
    let page = page::render(&figures)?;
    fs::write(tree::root().join(PAGE), page).map_err(|e| format!("cannot write {PAGE}: {e}"))?;
    eprintln!("    written: {PAGE}");
    ceilings::check(&figures)
}

/// Measures. A figure above its ceiling is an error, and so is a difference from the page.
pub(crate) fn check() -> Result<(), String> {
    let figures = Figures::measure()?;
    ceilings::check(&figures)?;
    let kept = tree::read(&tree::root().join(PAGE))?;
    if !kept.contains(&figures.compiler) {
        eprintln!(
            "    {PAGE} is for another compiler than {}: its figures are not compared",
            figures.compiler
        );
        return Ok(());
    }
    compare(&kept, &page::render(&figures)?).map_err(|difference| {
        format!("{PAGE} is out of date: {difference}; `cargo xtask budgets` writes it again")
    })
}

/// The allowed difference of a figure. The image contains paths, whose lengths change the alignment on another machine.
const PERCENT: f64 = 2.0;

/// Compares two pages: the words must be equal, the figures may differ by [`PERCENT`]. The error names the first
/// difference.
fn compare(kept: &str, measured: &str) -> Result<(), String> {
    let lines = kept.lines().count().max(measured.lines().count());
    let (mut kept, mut measured) = (kept.lines(), measured.lines());
    for number in 1..=lines {
        let (kept, measured) = (kept.next().unwrap_or_default(), measured.next().unwrap_or_default());
        let (mut kept_words, mut measured_words) = (kept.split_whitespace(), measured.split_whitespace());
        loop {
            match (kept_words.next(), measured_words.next()) {
                (None, None) => break,
                (Some(kept), Some(measured)) if alike(kept, measured) => {}
                _ => return Err(format!("line {number} is `{kept}`, measured is `{measured}`")),
            }
        }
    }
    Ok(())
}

fn alike(kept: &str, measured: &str) -> bool {
    let number = |word: &str| word.trim_matches(['*', '%']).replace(',', "").parse::<f64>().ok();
    match (number(kept), number(measured)) {
        // Short figures are rounded, so the last digit may differ by 1.
        (Some(kept), Some(measured)) => {
            (kept - measured).abs() <= (measured.abs() * PERCENT / 100.0).max(0.011)
        }
        _ => kept == measured,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_may_differ_a_little_and_words_may_not() {
        assert_eq!(compare("| a | 1,000 | 0.50 |", "| a | 1,010 | 0.51 |"), Ok(()));
        assert!(compare("| a | 1,000 |", "| a | 1,100 |").is_err());
        assert!(compare("| a | 1 |", "| b | 1 |").is_err());
        assert!(compare("one\ntwo", "one").is_err());
    }
}
