//! The sections of the page: each has a subject, a text, a table of ratios and a chart.

use super::figures::{Figures, Group};

/// A section of the page.
pub(super) struct Section {
    pub(super) title: &'static str,
    /// The name of its chart, without `.svg`.
    pub(super) file: &'static str,
    /// The explanation of the figures.
    pub(super) text: &'static str,
    /// The start and the end of the names of its groups.
    names: &'static [(&'static str, &'static str)],
}

/// Sizes in the charts, in pixels.
const WIDTH: usize = 760;
const LABEL: usize = 290;
const BAR: usize = 300;
const ROW: usize = 20;
const HEAD: usize = 34;

const STYLE: &str = "text{font:13px system-ui,sans-serif;fill:#1f2328}.h{font-weight:600}.v{fill:#59636e}\
    .ours{fill:#0969da}.peer{fill:#afb8c1}\
    @media(prefers-color-scheme:dark){text{fill:#f0f6fc}.v{fill:#9198a1}.ours{fill:#4493f8}.peer{fill:#656c76}}";

pub(super) const SECTIONS: &[Section] = &[
    Section {
        title: "Signing",
        file: "sign",
        text: "RSASSA-PSS signatures with SHA-256 over 900 bytes, including the hash. The core verifies every \
            signature. A salt is as long as the modulus allows; ring's salts have 32 bytes.",
        names: &[("RSA-", " sign")],
    },
    Section {
        title: "Verifying",
        file: "verify",
        text: "Verification of the same signatures, including the hash.",
        names: &[("RSA-", " verify")],
    },
    Section {
        title: "X25519",
        file: "x25519",
        text: "A new key pair, and the secret that it shares with a peer.",
        names: &[("X25519 ", "")],
    },
    Section {
        title: "Certificates",
        file: "certificate",
        text: "Our canonical JSON beside X.509 in DER of the same content. A peer reads and verifies a \
            certificate with the issuer's key pinned, or only the fingerprint of that key.",
        names: &[("certificate ", "")],
    },
    Section {
        title: "X.509",
        file: "x509",
        text: "A server's certificate, read alone, and read and validated with 1 or 2 intermediates under a root for the \
            server's name. Ours and rustls-webpki verify signatures by AWS-LC, OpenSSL by its own code. In a hostile pool, \
            all certificates have one name, which is their issuer's, too, and the only valid answer is a refusal. A CA \
            issues certificates by requests with P-256 keys, and lists of revoked certificates.",
        names: &[("X.509 ", "")],
    },
    Section {
        title: "Records",
        file: "record",
        text: "A message of an open channel, sealed and opened again in place. A frame has 5120 bytes by \
            default, and a text up to 5104. Larger buffers take texts of up to 65519 bytes. The libraries without \
            a channel (aws-lc-rs, OpenSSL, ring) do ChaCha20-Poly1305 alone.",
        names: &[("record ", "")],
    },
    Section {
        title: "Handshakes",
        file: "handshake",
        text: "The computation of both sides, from the first message to the last, in memory. Ours verifies an \
            RSA-2048 certificate on each side. snow's is the same Noise pattern without certificates. TLS \
            1.3 is with X25519, ChaCha20-Poly1305 and RSA-2048.",
        names: &[("handshake", "")],
    },
    Section {
        title: "Issuing",
        file: "issue",
        text: "The work of a CA for a certificate, in process: apply the policy, sign with RSA-2048, record on \
            the disk. Beside it the signature alone, by the same signer.",
        names: &[("issue ", "at a time, CPU per certificate"), ("issue ", "at a time, time per certificate")],
    },
    Section {
        title: "Growth",
        file: "growth",
        text: "The time to issue 16 certificates at a time, and to look one up, as the ledger grows.",
        names: &[("issue into a ledger", ""), ("look up", "")],
    },
    Section {
        title: "Revocation and renewal",
        file: "revocation",
        text: "The work of a CA for statuses, renewals, revocations and lists, in process, with a ledger on the disk. \
            A status with a nonce is signed; without one, the CA sends an answer of the last minute again. A revocation \
            waits for the disk. Beside them the signature alone, by the same signer, or the smallest ledger.",
        names: &[("revocation ", ""), ("renewal, ", "")],
    },
    Section {
        title: "End to end",
        file: "end_to_end",
        text: "`minipki ca serve` with its default settings, but without its limits on one source and on free \
            disk space. The CA is a separate process, with its ledger on a disk and its log in a file. \
            Clients on the same machine have a TCP connection each, for one request or kept for many. A \
            client asks for one certificate after the other, with a new key and a new name for each, and \
            verifies it. There is one client thread for every two cores. CPU is the user and system time of \
            the CA process. Beside it is a signature by aws-lc-rs in another process, measured before and \
            after. Certificates a second are the rate of the CA and the clients together, on all cores. Bold \
            is then the ratio to the signatures a second of one core.",
        names: &[("end to end, ", ", CPU per certificate"), ("end to end, ", ", certificates a second")],
    },
    Section {
        title: "Cores",
        file: "cores",
        text: "256 kept connections to a CA that may use only some cores. Each CA has its own ledger. The \
            clients have a thread on each of the other cores. If the CA has all cores, the clients share \
            them, with one thread for every two, and the row says so. Bold is the ratio of the certificates \
            a second to those on one core. The system counts the cores: two of them may be hardware threads \
            of one physical core.",
        names: &[("cores, ", "")],
    },
    Section {
        title: "Latency",
        file: "latency",
        text: "The time of a request, measured by the client on a wall clock. It starts with the connection, or \
            with the request on a kept connection, and ends with the verified certificate. The columns are \
            the 50th, 90th and 99th percentiles. The idle CA gets one request at a time. The bare work runs \
            between these requests: a signature by aws-lc-rs, and a row in SQLite with the ledger's \
            settings. Bold is the ratio to the same percentile of the bare work.",
        names: &[("end to end, ", " latency")],
    },
];

impl Section {
    /// The groups of the section, in the order of the run.
    pub(super) fn groups<'f>(&self, figures: &'f Figures) -> Vec<&'f Group> {
        figures.groups.iter().filter(|group| self.holds(&group.name)).collect()
    }

    /// Whether the group of this name belongs to the section.
    pub(super) fn holds(&self, name: &str) -> bool {
        self.names.iter().any(|(start, end)| name.starts_with(start) && name.ends_with(end))
    }

    /// The table: a row for each contender, a column for each group. A contender without a figure has an empty cell.
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

    /// The chart as SVG: a bar for each contender of each group, as long as its ratio. The longest bar of a group has the
    /// full length. The colours follow the reader's light or dark page.
    pub(super) fn chart(&self, figures: &Figures) -> String {
        let (mut y, mut body) = (0, String::new());
        for group in self.groups(figures) {
            body += &text("h", 0, y + 24, "start", &group.name);
            y += HEAD;
            let longest = group.figures.iter().map(|figure| figure.ratio).fold(f64::MIN_POSITIVE, f64::max);
            for figure in &group.figures {
                let length = (figure.ratio / longest * BAR as f64).max(1.0);
                let class = if figure.name.starts_with("minipki") { "ours" } else { "peer" };
                let value = format!("{:.2} x, {}", figure.ratio, figure.value);
                body += &text("", LABEL - 8, y + 14, "end", &figure.name);
                body += &format!(
                    "<rect class=\"{class}\" x=\"{LABEL}\" y=\"{}\" width=\"{length:.1}\" height=\"14\" rx=\"2\"/>\n",
                    y + 3
                );
                body += &text("v", LABEL + length as usize + 8, y + 14, "start", &value);
                y += ROW;
            }
        }
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" width=\"{WIDTH}\" height=\"{height}\">\n\
             <title>{}</title>\n<style>{STYLE}</style>\n{body}</svg>\n",
            escape(self.title),
            height = y + 10
        )
    }
}

fn text(class: &str, x: usize, y: usize, anchor: &str, content: &str) -> String {
    format!(
        "<text class=\"{class}\" x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\">{}</text>\n",
        escape(content)
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
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
