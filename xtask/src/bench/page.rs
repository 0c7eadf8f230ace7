//! `docs/benchmarks.md`: what is measured, and a section for each kind of CPU, of which a run writes its own.

use super::figures::Figures;
use super::machine::{Cpu, Machine};
use super::sections::SECTIONS;
use super::{PAGE, between, goals};

const HEAD: &str = "\
# Benchmarks

Written by `cargo xtask bench`; run it to have the same of your machine. There is a section for each kind of CPU that was
measured: with AVX-512 IFMA the CA signs eight at a time. A run writes the section of its own kind and leaves the other
as it is, so a section that is older may lack a table.

Each table compares the same work, done turn by turn in one run. **Bold** is how many times as long each takes as
the first row of its column, in parentheses the median. Times are CPU time, but where a column says otherwise.
[performance.md](performance.md) says how it is measured and what was done about it.

## What is measured

";

/// The page after a run: `page` as it was before, with another section for this kind of CPU.
pub(super) fn render(page: &str, figures: &Figures, machine: &Machine, full: bool) -> Result<String, String> {
    let lost = figures.groups.iter().find(|group| !SECTIONS.iter().any(|section| section.holds(&group.name)));
    if let Some(lost) = lost {
        return Err(format!(
            "no section of the page takes the group `{}`: see xtask/src/bench/sections.rs",
            lost.name
        ));
    }
    let mut new = head();
    for cpu in Cpu::ALL {
        let (start, end) = marks(cpu);
        let parts = between(page, &start, &end).map_err(|error| format!("{PAGE}: {error}"))?;
        let before = parts.map(|[_, section, _]| section.to_owned());
        let section = if cpu == machine.cpu { Some(of_run(figures, machine, full)?) } else { before };
        if let Some(section) = section {
            new += &format!("\n{start}{section}{end}");
        }
    }
    Ok(new)
}

/// What the sections of all kinds of CPU share.
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
fn of_run(figures: &Figures, machine: &Machine, full: bool) -> Result<String, String> {
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
        let mut machine = Machine::look().expect("a machine with /proc");
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
    fn a_figure_that_no_section_takes_is_not_dropped() {
        let unheard = "figure | unheard of | x | 1.00 µs | 1.00 x | ";
        let page = render("", &figures(unheard), &machine(Cpu::WithIfma), false);
        assert!(page.is_err_and(|error| error.contains("unheard of")));
    }

    #[test]
    fn the_page_is_as_this_code_writes_it() {
        let page = include_str!("../../../docs/benchmarks.md");
        assert!(
            page.starts_with(&head()),
            "write what xtask/src/bench says above the sections of docs/benchmarks.md"
        );
        for cpu in Cpu::ALL {
            assert!(render(page, &figures(SIGN), &machine(cpu), true).is_ok());
        }
    }
}
