//! The figures in the output of the benchmarks.

/// The result of one contender.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Figure {
    pub(super) name: String,
    /// With its unit: `244.10 µs`.
    pub(super) value: String,
    /// The ratio to the first contender of the group.
    pub(super) ratio: f64,
}

/// The figures for the same work.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Group {
    pub(super) name: String,
    pub(super) figures: Vec<Figure>,
}

/// All figures of one run.
#[derive(Default)]
pub(super) struct Figures {
    pub(super) groups: Vec<Group>,
    /// Other facts, for example versions.
    pub(super) notes: Vec<(String, String)>,
}

impl Figures {
    /// Reads a line of output: `figure | group | name | 244.10 µs | 1.04 x | 1.03..1.06` or `note | what | value`.
    pub(super) fn take(&mut self, line: &str) -> Result<(), String> {
        let parts: Vec<&str> = line.split('|').map(str::trim).collect();
        match parts.as_slice() {
            ["note", what, value] => self.notes.push(((*what).to_owned(), (*value).to_owned())),
            ["figure", group, name, value, ratio, _] => {
                let ratio = ratio.trim_end_matches(" x").parse();
                let ratio = ratio.map_err(|_| format!("no ratio in the line `{line}`"))?;
                let figure = Figure { name: (*name).to_owned(), value: (*value).to_owned(), ratio };
                match self.groups.iter_mut().find(|known| known.name == *group) {
                    Some(known) => known.figures.push(figure),
                    None => self.groups.push(Group { name: (*group).to_owned(), figures: vec![figure] }),
                }
            }
            ["figure" | "note", ..] => return Err(format!("cannot read the line `{line}`")),
            _ => {}
        }
        Ok(())
    }

    /// The ratio of `top` to `bottom`, both in `group`. `None` unless both were measured.
    pub(super) fn ratio(&self, group: &str, top: &str, bottom: &str) -> Option<f64> {
        let group = self.groups.iter().find(|known| known.name == group)?;
        let ratio = |name| Some(group.figures.iter().find(|figure| figure.name == name)?.ratio);
        Some(ratio(top)? / ratio(bottom)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_figures_and_notes_are_read() {
        let mut figures = Figures::default();
        for line in [
            "     Running benches/rsa.rs (target/release/deps/rsa-1)",
            "RSA-2048 sign/ring   time:   [561.11 µs 563.20 µs 565.22 µs]",
            "note | OpenSSL | OpenSSL 3.0.22",
            "figure | RSA-2048 sign | aws-lc-rs | 244.10 µs | 1.00 x | 1.00..1.00",
            "figure | RSA-2048 sign | ring | 488.20 µs | 2.00 x | 1.99..2.02",
        ] {
            assert_eq!(figures.take(line), Ok(()));
        }
        assert_eq!(figures.notes, [("OpenSSL".to_owned(), "OpenSSL 3.0.22".to_owned())]);
        assert_eq!(figures.groups.len(), 1);
        assert_eq!(figures.ratio("RSA-2048 sign", "aws-lc-rs", "ring"), Some(0.5));
        assert_eq!(figures.ratio("RSA-2048 sign", "aws-lc-rs", "rsa"), None);
        assert!(figures.take("figure | half a line").is_err());
    }
}
