//! `cargo xtask bench`: the benchmarks, shortly or at length, and `docs/benchmarks.md` written from them.

mod chart;
mod figures;
mod goals;
mod machine;
mod page;
mod readme;
mod sections;

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use crate::steps::{cargo, execute, shown};
use crate::{packages, tree};
use figures::Figures;
use machine::Machine;
use sections::SECTIONS;

/// The page, and the folder of its charts, which has one for each kind of CPU.
const PAGE: &str = "docs/benchmarks.md";
const CHARTS: &str = "docs/benchmarks";

/// Runs every benchmark and writes the section of this kind of CPU, or prints those whose group contains a filter: `[--full] [FILTER]`.
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
    let page = tree::read(&tree::root().join(PAGE))?;
    write(PAGE, &page::render(&page, &figures, &machine, full)?)?;
    let charts = format!("{CHARTS}/{}", machine.cpu.file());
    for section in SECTIONS {
        write(
            &format!("{charts}/{}.svg", section.file),
            &chart::render(section.title, &section.groups(&figures)),
        )?;
    }
    println!("\nwritten: the section {} of {PAGE}, and {charts}/*.svg", machine.cpu.name());
    if machine.cpu == readme::CPU {
        readme::update(&figures, &machine, full)?;
        println!("written: the figures of README.md");
    } else {
        println!("left as they are: the figures of README.md, from a CPU {}", readme::CPU.name());
    }
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

/// What stands before `start`, between it and `end`, and after `end`; nothing where a text has neither of the marks.
fn between<'t>(text: &'t str, start: &str, end: &str) -> Result<Option<[&'t str; 3]>, String> {
    let parts = text.split_once(start).and_then(|(before, rest)| Some((before, rest.split_once(end)?)));
    let marks = text.matches(start).count() + text.matches(end).count();
    match parts {
        Some((before, (inside, after))) if marks == 2 => Ok(Some([before, inside, after])),
        None if marks == 0 => Ok(None),
        _ => Err(format!(
            "the marks `{}` and `{}` do not stand once each, in this order",
            start.trim(),
            end.trim()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_both_marks_once_and_in_order_or_neither() {
        let parts = |text| between(text, "<", ">");
        assert_eq!(parts("a<b>c"), Ok(Some(["a", "b", "c"])));
        assert_eq!(parts("abc"), Ok(None));
        for broken in ["a<b", "b>c", "a>b<c", "<a><b>", "<a<b>", "<a>b>"] {
            assert!(parts(broken).is_err(), "{broken}");
        }
    }
}
