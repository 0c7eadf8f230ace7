//! `cargo xtask bench`: the benchmark suites, shortly, and how many times faster MiniPKI is than what stands beside it.

use std::collections::BTreeMap;

use crate::steps::{cargo, execute};
use crate::tree;

/// Our rows are named so in every benchmark group.
const OURS: &str = "minipki";

/// What criterion left for one benchmark.
#[derive(Debug, PartialEq)]
struct Measured {
    /// Group and parameter.
    what: String,
    who: String,
    nanoseconds: f64,
}

/// Runs every suite, or the benchmarks whose name contains `filter`.
pub(crate) fn run(filter: Option<&str>) -> Result<(), String> {
    // A folder of our own, emptied: results of an earlier run do not compare with those of this one.
    let folder = tree::root().join("target/xtask-bench");
    if folder.exists() {
        std::fs::remove_dir_all(&folder).map_err(|e| format!("cannot empty {}: {e}", tree::name(&folder)))?;
    }
    let mut command =
        cargo(&["bench", "--locked", "--package", "minipki-benches", "--", "--quick", "--noplot"]);
    execute(command.args(filter).env("CRITERION_HOME", &folder))?;
    let mut results = Vec::new();
    for path in tree::files(&folder, "json") {
        if path.ends_with("new/benchmark.json") {
            let estimates = tree::read(&path.with_file_name("estimates.json"))?;
            results.extend(measured(&tree::read(&path)?, &estimates));
        }
    }
    if results.is_empty() {
        return Err("no benchmark has run".to_owned());
    }
    print!("\n{}", table(&results));
    Ok(())
}

/// Reads what criterion wrote in one folder.
fn measured(benchmark: &str, estimates: &str) -> Option<Measured> {
    let group = text(benchmark, "group_id")?;
    let parameter = text(benchmark, "value_str");
    let what = parameter.map_or(group.to_owned(), |parameter| format!("{group}/{parameter}"));
    let who = text(benchmark, "function_id").unwrap_or(OURS).to_owned();
    let (_, median) = estimates.split_once("\"median\":")?;
    let (_, estimate) = median.split_once("\"point_estimate\":")?;
    let nanoseconds = estimate.split([',', '}']).next()?.trim().parse().ok()?;
    Some(Measured { what, who, nanoseconds })
}

/// The text of a top-level key; none for `null`.
fn text<'a>(json: &'a str, key: &str) -> Option<&'a str> {
    let (_, value) = json.split_once(&format!("\"{key}\":\""))?;
    value.split('"').next()
}

/// One line for each benchmark, ours first, the others with how many times as long they take.
fn table(results: &[Measured]) -> String {
    let mut groups: BTreeMap<&str, Vec<&Measured>> = BTreeMap::new();
    for result in results {
        groups.entry(&result.what).or_default().push(result);
    }
    let mut table = format!("{:<40} {:<16} {:>12} {:>8}\n", "what", "who", "µs", "ratio");
    for (what, mut rows) in groups {
        rows.sort_by_key(|row| (row.who != OURS, &row.who));
        let ours = rows.iter().find(|row| row.who == OURS).map(|row| row.nanoseconds);
        for row in rows {
            let ratio = ours.map(|ours| format!("{:.2}", row.nanoseconds / ours)).unwrap_or_default();
            table += &format!("{what:<40} {:<16} {:>12.2} {ratio:>8}\n", row.who, row.nanoseconds / 1000.0);
        }
    }
    table + "ratio: how many times as long as minipki's\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn criterions_files_become_ratios() {
        let benchmark = |who: &str| {
            format!(
                "{{\"group_id\":\"rsa verify\",\"function_id\":\"{who}\",\"value_str\":\"2048\",\"throughput\":null}}"
            )
        };
        let estimates = |ns: &str| {
            format!(
                "{{\"mean\":{{\"point_estimate\":1.0}},\"median\":{{\"confidence_interval\":{{\"lower_bound\":2.0}},\"point_estimate\":{ns},\"standard_error\":3.0}}}}"
            )
        };
        let results: Vec<_> = [("rsa", "60000.0"), ("minipki", "24000.0")]
            .iter()
            .filter_map(|(who, ns)| measured(&benchmark(who), &estimates(ns)))
            .collect();
        assert_eq!(
            results[0],
            Measured { what: "rsa verify/2048".to_owned(), who: "rsa".to_owned(), nanoseconds: 60000.0 }
        );
        let table = table(&results);
        let lines: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(lines[1], ["rsa", "verify/2048", "minipki", "24.00", "1.00"]);
        assert_eq!(lines[2], ["rsa", "verify/2048", "rsa", "60.00", "2.50"]);
    }

    #[test]
    fn a_group_of_one_has_no_parameter() {
        let one = measured(
            "{\"group_id\":\"x\",\"function_id\":null,\"value_str\":null}",
            "{\"median\":{\"point_estimate\":5}}",
        );
        assert_eq!(one, Some(Measured { what: "x".to_owned(), who: OURS.to_owned(), nanoseconds: 5.0 }));
    }
}
