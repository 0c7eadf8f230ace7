//! `cargo xtask bench`: the benchmarks, shortly or at length, and `docs/benchmarks.md` written from them.

mod chart;
mod figures;
mod goals;
mod machine;
mod page;
mod readme;

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use crate::steps::{cargo, execute, shown};
use crate::{packages, tree};
use figures::Figures;
use machine::Machine;

/// The page, and the folder of its charts.
const PAGE: &str = "docs/benchmarks.md";
const CHARTS: &str = "docs/benchmarks";

/// Runs every benchmark and writes the page, or prints those whose group contains a filter: `[--full] [FILTER]`.
pub(crate) fn run(arguments: &[&str]) -> Result<(), String> {
    let full = arguments.contains(&"--full");
    let filter = arguments.iter().find(|argument| **argument != "--full");
    packages::need_openssl_library()?;
    let machine = Machine::look()?;
    let mut command = cargo(&["bench", "--locked", "--workspace", "--bench", "*", "--"]);
    command.args(filter).args((!full).then_some("--quick"));
    let figures = collect(&mut command)?;
    goals::print(&figures);
    if filter.is_some() {
        return Ok(());
    }
    write(PAGE, &page::render(&figures, &machine, full)?)?;
    for section in page::SECTIONS {
        write(
            &format!("{CHARTS}/{}.svg", section.file),
            &chart::render(section.title, &section.groups(&figures)),
        )?;
    }
    readme::update(&figures)?;
    println!("\nwritten: {PAGE}, {CHARTS}/*.svg, and the figures of README.md");
    Ok(())
}

/// Everything once and unmeasured, so that no benchmark rots.
pub(crate) fn smoke() -> Result<(), String> {
    execute(&mut cargo(&["test", "--locked", "--workspace", "--bench", "*"]))
}

/// Runs `command` with its output left visible, and gathers what it has measured.
fn collect(command: &mut Command) -> Result<Figures, String> {
    let line = shown(command);
    eprintln!("    $ {line}");
    let mut child =
        command.stdout(Stdio::piped()).spawn().map_err(|e| format!("`{line}` did not start: {e}"))?;
    let mut figures = Figures::default();
    for output in BufReader::new(child.stdout.take().ok_or("no output")?).lines() {
        let output = output.map_err(|e| format!("`{line}`: {e}"))?;
        println!("{output}");
        figures.take(&output)?;
    }
    let status = child.wait().map_err(|e| format!("`{line}`: {e}"))?;
    if !status.success() || figures.groups.is_empty() {
        return Err(format!(
            "`{line}` ended with {status} and the figures of {} groups",
            figures.groups.len()
        ));
    }
    Ok(figures)
}

fn write(name: &str, text: &str) -> Result<(), String> {
    let path = tree::root().join(name);
    let folder = path.parent().unwrap_or(tree::root());
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(&path, text))
        .map_err(|e| format!("cannot write {name}: {e}"))
}
