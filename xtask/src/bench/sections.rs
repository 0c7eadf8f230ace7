//! The subjects of the benchmarks: each has a text, a table of ratios and a chart.

use super::figures::{Figures, Group};

/// A subject.
pub(super) struct Section {
    pub(super) title: &'static str,
    /// The name of its chart, without `.svg`.
    pub(super) file: &'static str,
    /// What was measured, and what to know when reading it.
    pub(super) text: &'static str,
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
            connection is for one request, or kept for many. The clients have one thread for every two cores. CPU is the CA process's, in program and system, beside \
            a signature by aws-lc-rs before and after, in another process. Certificates a second are what CA and \
            clients together did on all cores, and bold there how many times as many as one core signs.",
        names: &[("end to end, ", ", CPU per certificate"), ("end to end, ", ", certificates a second")],
    },
    Section {
        title: "Cores",
        file: "cores",
        text: "256 kept connections to a CA that the system lets use only so many cores; each CA has a ledger of its own. \
            The clients have a thread on each of the other cores. Where the CA has all cores, the clients share them, with \
            one thread for every two, and the row says so. Bold is how many times as many certificates a second as \
            on one core. The system counts the cores: two of them may be hardware threads of one physical core.",
        names: &[("cores, ", "")],
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

    /// Whether the group of this name belongs to it.
    pub(super) fn holds(&self, name: &str) -> bool {
        self.names.iter().any(|(start, end)| name.starts_with(start) && name.ends_with(end))
    }

    /// A row a contender, a column a group; empty where one takes no part.
    pub(super) fn table(&self, figures: &Figures) -> String {
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
}
