//! `cargo xtask instructions`: the instruction counts of the core's hot paths, compared with a table.
//!
//! Callgrind counts the same on a busy machine as on an idle one. Its processor has AVX2, but not SHA-NI or AVX-512, so
//! every PC runs the counted code. The counts depend on the compiler, so the table names it.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::{self, shown};
use crate::tree;

const TABLE: &str = "benches/instructions/table.txt";
const PROGRAM: &str = "minipki-instructions";

/// The allowed difference between a count and the table, in percent.
const TOLERANCE: f64 = 2.0;

/// The instruction count of a path.
#[derive(Clone, Debug, PartialEq)]
struct Count {
    path: String,
    instructions: u64,
}

/// Counts the instructions, and compares them with the table or writes the table: `[--bless]`.
pub(crate) fn run(bless: bool) -> Result<(), String> {
    if !command::HAS_VALGRIND {
        eprintln!("    not counted: the table is for x86-64 under Linux");
        return Ok(());
    }
    let counts = count()?;
    let compiler = compiler()?;
    let path = tree::root().join(TABLE);
    if bless {
        fs::write(&path, render(&compiler, &counts)).map_err(|e| format!("cannot write {TABLE}: {e}"))?;
        eprintln!("    {} counts written to {TABLE}", counts.len());
        return Ok(());
    }
    let errors = compare(&tree::read(&path)?, &compiler, &counts)?;
    if errors.is_empty() {
        eprintln!("    {} paths are within {TOLERANCE} % of {TABLE}", counts.len());
        return Ok(());
    }
    Err(format!("{TABLE}:\n       {}", errors.join("\n       ")))
}

/// Runs the program once under callgrind, which writes two files for each path: the work before the path, and the path.
fn count() -> Result<Vec<Count>, String> {
    let program = command::build_for_valgrind(PROGRAM)?;
    let folder = tree::root().join("target/instructions");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).map_err(|e| format!("cannot make {}: {e}", folder.display()))?;
    let mut callgrind = Command::new("valgrind");
    callgrind
        .args(["--quiet", "--tool=callgrind", "--callgrind-out-file=counts"])
        .args(["--dump-before=*minipki_counted*", "--dump-before=*minipki_done*"])
        .arg(program)
        .current_dir(&folder);
    let line = shown(&callgrind);
    eprintln!("    $ {line}");
    let output = callgrind.output().map_err(|e| format!("`{line}` did not start: {e}"))?;
    if !output.status.success() {
        return Err(format!(
            "`{line}` ended with {}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        ));
    }
    let names = String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect::<Vec<_>>();
    names.into_iter().zip((2..).step_by(2)).map(|(path, number)| read_count(&folder, path, number)).collect()
}

/// The count in a file of callgrind: `totals: 1234567`.
fn read_count(folder: &Path, path: String, number: usize) -> Result<Count, String> {
    let file: PathBuf = folder.join(format!("counts.{number}"));
    let text = tree::read(&file)?;
    let total = text.lines().find_map(|line| line.strip_prefix("totals: ")?.trim().parse().ok());
    let instructions = total.filter(|total| *total > 0).ok_or(format!("nothing was counted for `{path}`"))?;
    Ok(Count { path, instructions })
}

fn compiler() -> Result<String, String> {
    let output = Command::new("rustc").arg("--version").output().map_err(|e| format!("`rustc`: {e}"))?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn render(compiler: &str, counts: &[Count]) -> String {
    let mut table = format!("# Written by `cargo xtask instructions --bless`, with\n{compiler}\n\n");
    for Count { path, instructions } in counts {
        let _ = writeln!(table, "{instructions:>12}  {path}");
    }
    table
}

/// The differences between the table and the counts.
fn compare(table: &str, compiler: &str, counts: &[Count]) -> Result<Vec<String>, String> {
    let mut lines = table.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let blessed = lines.next().unwrap_or_default();
    if blessed != compiler {
        return Err(format!(
            "{TABLE} is for {blessed}, and this is {compiler}: look at the differences, then run it with --bless"
        ));
    }
    let mut expected = Vec::new();
    for line in lines {
        let parsed = line.trim().split_once("  ").and_then(|(count, path)| Some((count.parse().ok()?, path)));
        let (instructions, path) = parsed.ok_or(format!("{TABLE}: cannot read `{line}`"))?;
        expected.push(Count { path: path.to_owned(), instructions });
    }
    let mut errors = Vec::new();
    for Count { path, instructions: found } in counts {
        let Some(Count { instructions, .. }) = expected.iter().find(|expected| expected.path == *path) else {
            errors.push(format!("{path}: {found}, and it is not in the table"));
            continue;
        };
        let percent = (*found as f64 / *instructions as f64 - 1.0) * 100.0;
        if percent.abs() > TOLERANCE {
            errors.push(format!("{path}: {found}, {percent:+.1} % of {instructions}"));
        }
    }
    for Count { path, .. } in expected.iter().filter(|one| !counts.iter().any(|count| count.path == one.path))
    {
        errors.push(format!("{path}: not counted any more"));
    }
    Ok(errors)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(verify: u64) -> Vec<Count> {
        [("sign", 5_000_000), ("verify", verify)]
            .map(|(path, instructions)| Count { path: path.to_owned(), instructions })
            .to_vec()
    }

    #[test]
    fn a_count_may_differ_from_the_table_by_the_tolerance() {
        let table = render("rustc 1", &counts(100_000));
        let errors = |verify| compare(&table, "rustc 1", &counts(verify)).map(|errors| errors.len());
        assert_eq!(errors(100_000), Ok(0));
        assert_eq!(errors(101_900), Ok(0));
        assert_eq!(errors(102_100), Ok(1));
        assert_eq!(errors(97_900), Ok(1), "a path that became faster needs a new count");
    }

    #[test]
    fn a_new_or_missing_path_and_another_compiler_are_errors() {
        let table = render("rustc 1", &counts(100_000));
        assert_eq!(compare(&table, "rustc 1", &counts(100_000)[..1]).map(|errors| errors.len()), Ok(1));
        let more = [counts(100_000), vec![Count { path: "new".to_owned(), instructions: 1 }]].concat();
        assert_eq!(compare(&table, "rustc 1", &more).map(|errors| errors.len()), Ok(1));
        assert!(compare(&table, "rustc 2", &counts(100_000)).is_err());
    }
}
