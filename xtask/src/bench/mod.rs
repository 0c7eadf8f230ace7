//! `cargo xtask bench`: runs the benchmarks, short or full, and writes `docs/benchmarks.md` from their output.

mod figures;
mod goals;
mod machine;
mod page;
mod sections;

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use crate::command::{cargo, execute, need_openssl_library, shown};
use crate::tree;
use figures::Figures;
use machine::Machine;
use sections::SECTIONS;

/// The page, and the folder of its charts, with a folder for each kind of CPU.
const PAGE: &str = "docs/benchmarks.md";
const CHARTS: &str = "docs/benchmarks";

/// Runs the benchmarks and writes the section of this kind of CPU: `[--full]`. With `[--full] FILTER`, runs only the groups
/// whose name contains the filter, and writes nothing.
pub(crate) fn run(arguments: &[&str]) -> Result<(), String> {
    let full = arguments.contains(&"--full");
    let filter = arguments.iter().find(|argument| **argument != "--full");
    need_openssl_library()?;
    let machine = Machine::read()?;
    let mut command = cargo(&["bench", "--locked", "--workspace", "--bench", "*", "--"]);
    command.args(filter).args((!full).then_some("--quick"));
    let figures = collect(&mut command)?;
    goals::print(&figures);
    if filter.is_some() {
        return Ok(());
    }
    let page = tree::read(&tree::root().join(PAGE))?;
    write(PAGE, &page::render(&page, &figures, &machine, full)?)?;
    let charts = format!("{CHARTS}/{}", machine.cpu.file());
    for section in SECTIONS {
        write(&format!("{charts}/{}.svg", section.file), &section.chart(&figures))?;
    }
    println!("\nwritten: the section {} of {PAGE}, and {charts}/*.svg", machine.cpu.name());
    if machine.cpu == page::README_CPU {
        page::update_readme(&figures, &machine, full)?;
        println!("written: the figures of README.md");
    } else {
        println!("not changed: the figures of README.md, from a CPU {}", page::README_CPU.name());
    }
    Ok(())
}

/// Runs each benchmark once as a test, without measuring.
pub(crate) fn smoke() -> Result<(), String> {
    execute(&mut cargo(&["test", "--locked", "--workspace", "--bench", "*"]))
}

/// Runs `command` with visible output, and collects the figures in the output.
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
