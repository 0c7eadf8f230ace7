//! `cargo xtask budgets`: what the device costs on its chip, measured, written to docs/budgets.md and held to ceilings.

mod ceilings;
mod compare;
mod figures;
mod page;
mod parts;

use std::fs;

use crate::tree;
use figures::Figures;

/// The page that is written.
const PAGE: &str = "docs/budgets.md";

/// Measures, writes the page, and fails where a ceiling is passed.
pub(crate) fn run() -> Result<(), String> {
    let figures = Figures::measure()?;
    let page = page::render(&figures)?;
    fs::write(tree::root().join(PAGE), page).map_err(|e| format!("cannot write {PAGE}: {e}"))?;
    eprintln!("    written: {PAGE}");
    ceilings::hold(&figures)
}

/// Measures, and fails where a ceiling is passed or the page says something else.
pub(crate) fn check() -> Result<(), String> {
    let figures = Figures::measure()?;
    ceilings::hold(&figures)?;
    let kept = tree::read(&tree::root().join(PAGE))?;
    if !kept.contains(&figures.compiler) {
        eprintln!(
            "    {PAGE} is of another compiler than {}: its figures are not compared",
            figures.compiler
        );
        return Ok(());
    }
    compare::compare(&kept, &page::render(&figures)?).map_err(|difference| {
        format!("{PAGE} is of another source: {difference}; `cargo xtask budgets` writes it anew")
    })
}
