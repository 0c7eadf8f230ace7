//! Whether two pages say the same: words to the letter, figures within what a build elsewhere may change.

/// Paths in the image are of another length elsewhere, and what moves with them is aligned in another way.
const PERCENT: f64 = 2.0;

/// The first line in which they differ, as an error.
pub(super) fn compare(kept: &str, measured: &str) -> Result<(), String> {
    let lines = kept.lines().count().max(measured.lines().count());
    let (mut kept, mut measured) = (kept.lines(), measured.lines());
    for number in 1..=lines {
        let (kept, measured) = (kept.next().unwrap_or_default(), measured.next().unwrap_or_default());
        let (mut theirs, mut ours) = (kept.split_whitespace(), measured.split_whitespace());
        loop {
            match (theirs.next(), ours.next()) {
                (None, None) => break,
                (Some(theirs), Some(ours)) if alike(theirs, ours) => {}
                _ => return Err(format!("line {number} is `{kept}`, measured is `{measured}`")),
            }
        }
    }
    Ok(())
}

fn alike(theirs: &str, ours: &str) -> bool {
    let number = |word: &str| word.trim_matches(['*', '%']).replace(',', "").parse::<f64>().ok();
    match (number(theirs), number(ours)) {
        // Short figures are rounded: one more in the last place is no difference.
        (Some(theirs), Some(ours)) => (theirs - ours).abs() <= (ours.abs() * PERCENT / 100.0).max(0.011),
        _ => theirs == ours,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_may_move_a_little_and_words_may_not() {
        assert_eq!(compare("| a | 1,000 | 0.50 |", "| a | 1,010 | 0.51 |"), Ok(()));
        assert!(compare("| a | 1,000 |", "| a | 1,100 |").is_err());
        assert!(compare("| a | 1 |", "| b | 1 |").is_err());
        assert!(compare("one\ntwo", "one").is_err());
    }
}
