//! The pages that a run writes: `docs/benchmarks.md`, with a section for each kind of CPU, and the README's figures.

use super::figures::Figures;
use super::machine::{Cpu, Machine};
use super::sections::SECTIONS;
use super::{PAGE, goals, write};
use crate::tree;

const HEAD: &str = "\
# Benchmarks

`cargo xtask bench` writes this page; run it to measure your machine. Each measured kind of CPU has a section: with
AVX-512 IFMA, the CA signs eight certificates at a time. A run writes only the section of its own kind of CPU, so an
older section may lack a table.

Each table compares the same work, measured alternately in one run. **Bold** is the ratio to the first row of the column.
The median is in parentheses. Times are CPU time unless a column says otherwise. [performance.md](performance.md)
explains the method and the optimisations.

## What is measured

";

/// The page after a run: `page` with a new section for this kind of CPU.
pub(super) fn render(page: &str, figures: &Figures, machine: &Machine, full: bool) -> Result<String, String> {
    let unknown =
        figures.groups.iter().find(|group| !SECTIONS.iter().any(|section| section.holds(&group.name)));
    if let Some(unknown) = unknown {
        return Err(format!(
            "no section of the page has the group `{}`: see xtask/src/bench/sections.rs",
            unknown.name
        ));
    }
    let mut new = head();
    for cpu in Cpu::ALL {
        let (start, end) = marks(cpu);
        let parts = between(page, &start, &end).map_err(|error| format!("{PAGE}: {error}"))?;
        let before = parts.map(|[_, section, _]| section.to_owned());
        let section = if cpu == machine.cpu { Some(section_of_run(figures, machine, full)?) } else { before };
        if let Some(section) = section {
            new += &format!("\n{start}{section}{end}");
        }
    }
    Ok(new)
}

/// The head of the page, which all sections share.
fn head() -> String {
    let subjects = SECTIONS.iter().map(|section| format!("- **{}**: {}\n", section.title, section.text));
    HEAD.to_owned() + &subjects.collect::<String>()
}

/// The lines before and after the section of a kind of CPU.
fn marks(cpu: Cpu) -> (String, String) {
    let file = cpu.file();
    (format!("<!-- {file} -->\n"), format!("<!-- end of {file} -->\n"))
}

/// The section of a run, without its marks.
fn section_of_run(figures: &Figures, machine: &Machine, full: bool) -> Result<String, String> {
    let Machine { cpu, .. } = machine;
    let mut text = format!(
        "## Figures {}\n\n{}.\n\n### Goals\n\n{}",
        cpu.name(),
        machine.origin(full),
        goals::table(figures)
    );
    for section in SECTIONS.iter().filter(|section| !section.groups(figures).is_empty()) {
        let (title, chart) = (section.title, section.file);
        text += &format!(
            "\n### {title}\n\n![{title}](benchmarks/{}/{chart}.svg)\n\n{}",
            cpu.file(),
            section.table(figures)
        );
    }
    text += "\n### Machine and versions\n\n| | |\n| --- | --- |\n";
    for (what, value) in machine.rows(figures)? {
        text += &format!("| {what} | {value} |\n");
    }
    Ok(text)
}

const README: &str = "README.md";
const README_START: &str = "<!-- written by `cargo xtask bench` -->\n";
const README_END: &str = "<!-- end -->\n";

/// The kind of CPU whose goals the README shows: on it, the CA signs eight certificates at a time.
pub(super) const README_CPU: Cpu = Cpu::WithIfma;

/// Replaces the figures in the README by the figures of this run, which are in the page too.
pub(super) fn update_readme(figures: &Figures, machine: &Machine, full: bool) -> Result<(), String> {
    let text = tree::read(&tree::root().join(README))?;
    write(README, &replaced(&text, &machine.origin(full), &goals::lines(figures))?)
}

fn replaced(text: &str, origin: &str, lines: &str) -> Result<String, String> {
    let parts = between(text, README_START, README_END).map_err(|error| format!("{README}: {error}"))?;
    let [before, _, after] = parts.ok_or(format!("{README} has no marks {README_START}{README_END}"))?;
    Ok(format!(
        "{before}{README_START}{origin}.\n\n| work | figure |\n| --- | --- |\n{lines}{README_END}{after}"
    ))
}

/// The text before `start`, between `start` and `end`, and after `end`. `None` for a text without both marks.
fn between<'t>(text: &'t str, start: &str, end: &str) -> Result<Option<[&'t str; 3]>, String> {
    let parts = text.split_once(start).and_then(|(before, rest)| Some((before, rest.split_once(end)?)));
    let marks = text.matches(start).count() + text.matches(end).count();
    match parts {
        Some((before, (inside, after))) if marks == 2 => Ok(Some([before, inside, after])),
        None if marks == 0 => Ok(None),
        _ => Err(format!(
            "the marks `{}` and `{}` must occur once each, in this order",
            start.trim(),
            end.trim()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIGN: &str = "figure | RSA-2048 sign | ring | 488.20 µs | 2.00 x | 1.99..2.02";
    const OTHER_SIGN: &str = "figure | RSA-2048 sign | ring | 111.10 µs | 3.00 x | 2.99..3.02";

    fn figures(line: &str) -> Figures {
        let mut figures = Figures::default();
        assert_eq!(figures.take(line), Ok(()));
        figures
    }

    /// This machine with the CPU of another.
    fn machine(cpu: Cpu) -> Machine {
        let mut machine = Machine::read().expect("a machine with /proc");
        machine.cpu = cpu;
        machine
    }

    fn section(page: &str, cpu: Cpu) -> Option<&str> {
        let (start, end) = marks(cpu);
        Some(between(page, &start, &end).expect("whole marks")?[1])
    }

    #[test]
    fn a_run_writes_the_section_of_its_kind_and_leaves_the_other() {
        let [first, second] = Cpu::ALL;
        for (first, second) in [(first, second), (second, first)] {
            let alone = render("", &figures(SIGN), &machine(first), false).expect("a page");
            assert_eq!(section(&alone, second), None);
            let both = render(&alone, &figures(SIGN), &machine(second), true).expect("a page");
            assert_eq!(section(&both, first), section(&alone, first));
            assert!(section(&both, second).is_some_and(|text| text.contains("full suite")));

            let again = render(&both, &figures(OTHER_SIGN), &machine(first), true).expect("a page");
            assert_eq!(section(&again, second), section(&both, second));
            let renewed = section(&again, first).expect("its section");
            assert!(renewed.contains("111.10") && !renewed.contains("488.20"), "{renewed}");
            assert!(renewed.contains(&format!("(benchmarks/{}/sign.svg)", first.file())), "{renewed}");
        }
    }

    #[test]
    fn a_page_whose_marks_are_broken_is_not_written() {
        let page = render("", &figures(SIGN), &machine(Cpu::WithIfma), false).expect("a page");
        let (start, end) = marks(Cpu::WithIfma);
        for mark in [start, end] {
            let broken = page.replace(&mark, "");
            assert!(render(&broken, &figures(SIGN), &machine(Cpu::WithoutIfma), false).is_err());
        }
    }

    #[test]
    fn a_figure_without_a_section_is_an_error() {
        let unknown = "figure | unheard of | x | 1.00 µs | 1.00 x | ";
        let page = render("", &figures(unknown), &machine(Cpu::WithIfma), false);
        assert!(page.is_err_and(|error| error.contains("unheard of")));
    }

    #[test]
    fn the_page_has_the_head_that_this_code_writes() {
        let page = include_str!("../../../docs/benchmarks.md");
        assert!(
            page.starts_with(&head()),
            "the text above the sections of docs/benchmarks.md differs from xtask/src/bench"
        );
        for cpu in Cpu::ALL {
            assert!(render(page, &figures(SIGN), &machine(cpu), true).is_ok());
        }
    }

    #[test]
    fn only_the_text_between_the_marks_of_the_readme_is_replaced() {
        let readme = |figures: &str| format!("above\n{README_START}{figures}{README_END}below\n");
        let new = "a CPU.\n\n| work | figure |\n| --- | --- |\n| a | 2.00x |\n";
        assert_eq!(replaced(&readme("old\n"), "a CPU", "| a | 2.00x |\n"), Ok(readme(new)));
        assert!(replaced("no marks\n", "", "").is_err());
    }

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
