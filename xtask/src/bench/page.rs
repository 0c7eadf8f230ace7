//! `docs/benchmarks.md`: goals, tables of ratios with their charts, and the machine.

use super::figures::{Figures, Group};
use super::goals;
use super::machine::Machine;

/// A part of the page, with a chart.
pub(super) struct Section {
    pub(super) title: &'static str,
    /// Of its chart, without `.svg`.
    pub(super) file: &'static str,
    /// What was measured, and what to know when reading it.
    text: &'static str,
    /// Which groups belong to it: those whose names start so and end so.
    names: &'static [(&'static str, &'static str)],
}

pub(super) const SECTIONS: &[Section] = &[
    Section {
        title: "Signing",
        file: "sign",
        text: "RSASSA-PSS with SHA-256 over 900 bytes, hashing included. The core verifies every signature. Salts are as \
            long as the modulus allows, ring's 32 bytes.",
        names: &[("RSA-", " sign")],
    },
    Section {
        title: "Verifying",
        file: "verify",
        text: "The same signatures verified, hashing included.",
        names: &[("RSA-", " verify")],
    },
    Section {
        title: "X25519",
        file: "x25519",
        text: "A fresh key pair, and the secret shared with a peer.",
        names: &[("X25519 ", "")],
    },
    Section {
        title: "Certificates",
        file: "certificate",
        text: "Our canonical JSON beside X.509 in DER of the same content. Reading and verifying is what a peer does with a \
            certificate that it is shown: with the issuer's key pinned, or only that key's fingerprint.",
        names: &[("certificate ", "")],
    },
    Section {
        title: "Records",
        file: "record",
        text: "A message of an open channel, sealed and opened again in place. A frame holds 4096 bytes by default, a text \
            of 4080; who lends larger buffers may send up to 65519 bytes at once. The libraries without a channel \
            (aws-lc-rs, OpenSSL, ring) do ChaCha20-Poly1305 alone.",
        names: &[("record ", "")],
    },
    Section {
        title: "Handshakes",
        file: "handshake",
        text: "What both sides compute, from the first message to the last, in memory. Ours verifies an RSA-2048 \
            certificate on each side; snow's is the same Noise pattern without certificates; TLS 1.3 is with X25519, \
            ChaCha20-Poly1305 and RSA-2048.",
        names: &[("handshake", "")],
    },
    Section {
        title: "Issuing",
        file: "issue",
        text: "What a CA does for a certificate, in process: judge, sign with RSA-2048, record on the disk. Beside it the \
            signature alone, by the same signer.",
        names: &[("issue ", "at a time, CPU per certificate"), ("issue ", "at a time, time per certificate")],
    },
    Section {
        title: "Growth",
        file: "growth",
        text: "To issue 16 at a time, and to look one up, with more and more certificates in the ledger.",
        names: &[("issue into a ledger", ""), ("look up", "")],
    },
    Section {
        title: "End to end",
        file: "end_to_end",
        text: "`minipki ca serve` as it comes, but without its limits on one source and on free disk space, a process of \
            its own, with its ledger on a disk and its log in a file. Clients on the same machine, each on a TCP \
            connection, ask for one certificate after the other, with a new key and name for each, and verify it; a \
            connection is for one request, or kept for many. CPU is the CA process's, in program and system, beside \
            a signature by aws-lc-rs before and after, in another process. Certificates a second are what CA and \
            clients together did on all cores, and bold there how many times as many as one core signs.",
        names: &[("end to end, ", ", CPU per certificate"), ("end to end, ", ", certificates a second")],
    },
    Section {
        title: "Latency",
        file: "latency",
        text: "The same as the clients see it: from connecting, or from the request where the connection is kept, until \
            the certificate is verified, on a wall clock. The columns say what 50, 90 and 99 of 100 requests did not \
            exceed. The idle CA gets one request at a time, and the bare work, a signature by aws-lc-rs and a row in \
            SQLite with the ledger's settings, is done between them; bold is beside the same percentile of it.",
        names: &[("end to end, ", " latency")],
    },
];

impl Section {
    /// Its groups, in the order in which they were measured.
    pub(super) fn groups<'f>(&self, figures: &'f Figures) -> Vec<&'f Group> {
        figures.groups.iter().filter(|group| self.holds(&group.name)).collect()
    }

    fn holds(&self, name: &str) -> bool {
        self.names.iter().any(|(start, end)| name.starts_with(start) && name.ends_with(end))
    }

    /// A row a contender, a column a group; empty where one takes no part.
    fn table(&self, figures: &Figures) -> String {
        let groups = self.groups(figures);
        let mut names: Vec<&str> = Vec::new();
        for figure in groups.iter().flat_map(|group| &group.figures) {
            if !names.contains(&figure.name.as_str()) {
                names.push(&figure.name);
            }
        }
        let heads: Vec<&str> = groups.iter().map(|group| group.name.as_str()).collect();
        let mut table = format!("| | {} |\n| --- |{}\n", heads.join(" | "), " ---: |".repeat(heads.len()));
        for name in names {
            let cell = |group: &&Group| {
                let figure = group.figures.iter().find(|figure| figure.name == name);
                figure
                    .map_or_else(String::new, |figure| format!("**{:.2}** ({})", figure.ratio, figure.value))
            };
            let cells: Vec<String> = groups.iter().map(cell).collect();
            table += &format!("| {name} | {} |\n", cells.join(" | "));
        }
        table
    }
}

/// The whole page.
pub(super) fn render(figures: &Figures, machine: &Machine, full: bool) -> Result<String, String> {
    if let Some(lost) =
        figures.groups.iter().find(|group| !SECTIONS.iter().any(|part| part.holds(&group.name)))
    {
        return Err(format!(
            "no section of the page takes the group `{}`: see xtask/src/bench/page.rs",
            lost.name
        ));
    }
    let suite = if full { "full" } else { "short" };
    let mut page = format!(
        "# Benchmarks\n\n\
         Written by `cargo xtask bench` ({suite} suite); run it to have the same of your machine.\n\n\
         Each table compares the same work, done turn by turn in one run. **Bold** is how many times as long each takes as\n\
         the first row of its column, in parentheses the median. Times are CPU time, but where a column says otherwise.\n\
         [performance.md](performance.md) says how it is measured and what was done about it.\n\n\
         ## Goals\n\n{}",
        goals::table(figures)
    );
    for section in SECTIONS.iter().filter(|section| !section.groups(figures).is_empty()) {
        page += &format!(
            "\n## {}\n\n{}\n\n![{}](benchmarks/{}.svg)\n\n{}",
            section.title,
            section.text,
            section.title,
            section.file,
            section.table(figures)
        );
    }
    page += "\n## Machine and versions\n\n| | |\n| --- | --- |\n";
    for (what, value) in machine.rows(figures)? {
        page += &format!("| {what} | {value} |\n");
    }
    Ok(page)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures() -> Figures {
        let mut figures = Figures::default();
        for line in [
            "figure | RSA-2048 sign | aws-lc-rs | 244.10 µs | 1.00 x | 1.00..1.00",
            "figure | RSA-2048 sign | ring | 488.20 µs | 2.00 x | 1.99..2.02",
            "figure | RSA-3072 sign | aws-lc-rs | 691.00 µs | 1.00 x | 1.00..1.00",
            "figure | look up by key | 1000 certificates | 9.00 µs | 1.00 x | 1.00..1.00",
        ] {
            assert_eq!(figures.take(line), Ok(()));
        }
        figures
    }

    #[test]
    fn a_table_has_a_row_for_each_contender() {
        assert_eq!(
            SECTIONS[0].table(&figures()),
            "| | RSA-2048 sign | RSA-3072 sign |\n| --- | ---: | ---: |\n\
             | aws-lc-rs | **1.00** (244.10 µs) | **1.00** (691.00 µs) |\n| ring | **2.00** (488.20 µs) |  |\n"
        );
    }

    #[test]
    fn a_figure_that_no_section_takes_is_not_dropped() {
        let mut figures = figures();
        let machine = Machine::look().expect("a machine with /proc");
        assert!(render(&figures, &machine, false).is_ok());
        assert_eq!(figures.take("figure | unheard of | x | 1.00 µs | 1.00 x | "), Ok(()));
        assert!(render(&figures, &machine, false).is_err_and(|error| error.contains("unheard of")));
    }
}
