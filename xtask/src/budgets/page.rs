//! The page docs/budgets.md.

use std::fmt::Write;

use super::ceilings::BOUNDS;
use super::figures::{Figures, Row};

const HEAD: &str = "\
# Budgets: what the device costs on its chip

`cargo xtask budgets` writes this page. `cargo xtask test` measures again, and fails if a figure is above its ceiling or
if this page is out of date. [embedded.md](embedded.md) explains the figures, and how to change them.

The chip is an LM3S6965 (Cortex-M3, 256 KB of flash, 64 KB of RAM) under QEMU. Every instruction takes the same
time (`-icount shift=4,sleep=off`, no network, fixed randomness), so each run has the same figures. They count
instructions, not cycles, and depend on the compiler.

";

/// Rows with a figure for each size of the CA's key.
const BY_SIZE: &[&str] = &[
    "RSASSA-PSS: verify",
    "RSASSA-PSS: key set-up and verify",
    "certificate: parse",
    "certificate: verify",
    "status: parse and verify",
    "anchor update: parse and follow",
    "enrolment: request and proof",
    "enrolment: certificate taken",
    "renewal: request and proof",
    "renewal: certificate taken",
    "handshake: initiator, peer verified",
    "handshake: responder, peer verified",
    "handshake: initiator, peer and status verified",
    "handshake: responder, peer and status verified",
];

/// Rows that do not depend on the CA's key.
const ALONE: &[&str] = &[
    "X25519: key pair",
    "X25519: agreement",
    "Noise XX alone: initiator",
    "Noise XX alone: responder",
    "record: seal 64 B",
    "record: open 64 B",
    "record: seal 1 KB",
    "record: open 1 KB",
];

/// Rows about X.509.
const X509: &[&str] = &[
    "X.509 certificate: parse",
    "X.509 path of 2: validate",
    "X.509 path of 2, one by RSASSA-PSS: validate",
    "X.509 CRL of 100 entries: parse",
    "X.509 path of 2: look up in 2 CRLs",
];

/// The rows of our figures and of another crate's figures for the same work.
const BESIDE: &[(&str, &str, &str)] = &[
    (
        "RSA-2048-PSS, key set-up and verify",
        "RSASSA-PSS: key set-up and verify, RSA-2048",
        "rsa: key set-up and verify, RSA-2048",
    ),
    (
        "RSA-3072-PSS, key set-up and verify",
        "RSASSA-PSS: key set-up and verify, RSA-3072",
        "rsa: key set-up and verify, RSA-3072",
    ),
    (
        "RSA-4096-PSS, key set-up and verify",
        "RSASSA-PSS: key set-up and verify, RSA-4096",
        "rsa: key set-up and verify, RSA-4096",
    ),
    ("Noise XX without payloads, initiator", "Noise XX alone: initiator", "snow: XX initiator"),
    ("Noise XX without payloads, responder", "Noise XX alone: responder", "snow: XX responder"),
    ("a record of 64 bytes, sealed", "record: seal 64 B", "snow: seal 64 B"),
    ("a record of 64 bytes, opened", "record: open 64 B", "snow: open 64 B"),
    ("a record of 1 KB, sealed", "record: seal 1 KB", "snow: seal 1 KB"),
    ("a record of 1 KB, opened", "record: open 1 KB", "snow: open 1 KB"),
];

/// Figures of other libraries on the same emulated chip, measured once by the same method.
const OTHER_LIBRARIES: &str = "\
## Beside other libraries

Measured once on a Cortex-M3, by one method for all. This run does not repeat them. A version is named if it was
recorded. RSA is PSS unless the row names another scheme.

| work | library | M instructions | flash | stack | heap |
| --- | --- | --- | --- | --- | --- |
| RSA-2048 verify | BearSSL, i31, PKCS#1 v1.5 | 3.12 | 4.4 K | 2.9 K | 0 |
| | mbedTLS 3.6, cold | 3.64 | 15.8 K | 1.7 K | 4.8 K |
| | wolfSSL, C | 1.72 | 25 K | 3.5 K | 0 |
| | wolfSSL, assembly by hand | 0.743 | 34 K | 2.6 K | 0 |
| X25519 | BearSSL, m31 | 1.33 | 7.7 K | 1 to 1.6 K | 0 |
| | mbedTLS | 11.4 | 21 K | 1 to 1.6 K | 0 |
| | Monocypher | 1.13 | 6.3 K | 1 to 1.6 K | 0 |
| | x25519-dalek 3, opt-level 3 | 1.19 | 10 K | 1 to 1.6 K | 0 |
| | wolfSSL, assembly by hand | 0.808 | 15.7 K | 0.4 K | 0 |
| Noise XX, no certificates, a side | snow | 6.53 | 86 K | 6.6 K | 0.6 K |
| | noise-protocol | 4.70 | 83 K | 2.7 K | 0 |
| EDHOC, P-256, a side | lakers | 17.9 | 54 K | 8.5 K | 0 |
";

/// The whole page.
pub(super) fn render(figures: &Figures) -> Result<String, String> {
    let mut page = HEAD.to_owned();
    let mut line = |text: String| {
        page.push_str(&text);
        page.push('\n');
    };
    line(format!("Compiler: {}, target-cpu cortex-m3, opt-level \"s\", fat LTO.\n", figures.compiler));

    line(
        "## Ceilings and goals\n\n| | measured | goal | ceiling | |\n| --- | --- | --- | --- | --- |".into(),
    );
    for bound in BOUNDS {
        let value = bound.value(figures)?;
        let result =
            if value <= bound.goal { "reached".into() } else { format!("not reached: {}", bound.why) };
        line(format!(
            "| {}, {} | {value:.2} | {} | {} | {result} |",
            bound.what, bound.unit, bound.goal, bound.ceiling
        ));
    }

    line("\n## Flash\n\n| the image of the device | bytes |\n| --- | --- |".into());
    let parts = figures.parts.0.iter().map(|(_, bytes)| bytes).sum::<u32>();
    for (name, bytes) in &figures.parts.0 {
        line(format!("| {name} | {} |", grouped(*bytes)));
    }
    let rest = figures.device.flash.saturating_sub(parts);
    line(format!("| constants without a name: texts, tables | {} |", grouped(rest)));
    line(format!("| **all** | {} |", grouped(figures.device.flash)));
    line(format!(
        "\nA crate's symbols count for its part. Inlined code counts for the function that contains it. A program with the \
         same board\nand TCP/IP alone takes {} bytes. MiniPKI (cryptography, protocol and application) adds {}.",
        grouped(figures.network.flash),
        grouped(figures.device.flash.saturating_sub(figures.network.flash))
    ));

    line("\n## RAM\n\n| | bytes |\n| --- | --- |".into());
    line(format!("| static, TCP/IP included | {} |", grouped(figures.device.ram)));
    line(format!("| TCP/IP and board alone | {} |", grouped(figures.network.ram)));
    for (bits, stack) in figures.stack {
        line(format!(
            "| peak stack of a whole run (enrol, connect, talk), a CA of {bits} bits | {} |",
            grouped(stack)
        ));
    }
    line(format!("| heap | {} |", figures.heap));

    line(sizes(figures));

    line(
        "\n## Work\n\nM instructions and bytes of stack below the caller's, by the size of the CA's key.\n"
            .into(),
    );
    line("| | RSA-2048 | stack | RSA-3072 | stack | RSA-4096 | stack |\n| --- | --- | --- | --- | --- | --- | --- |".into());
    for name in BY_SIZE {
        let mut cells = String::new();
        for bits in [2048, 3072, 4096] {
            let row = figures.row(&format!("{name}, RSA-{bits}"))?;
            let _ = write!(cells, " {} | {} |", millions(row.instructions), grouped(row.stack));
        }
        line(format!("| {name} |{cells}"));
    }
    line("\n| | M instructions | stack |\n| --- | --- | --- |".into());
    for name in ALONE {
        let row = figures.row(name)?;
        line(format!("| {name} | {} | {} |", millions(row.instructions), grouped(row.stack)));
    }

    line(x509(figures)?);

    line("\n## Beside `rsa` 0.10 and `snow` 0.10\n\nThe same work in the same run, on the same chip. `rsa` and `snow` have the heap that they need. `rsa`, `crypto-bigint` and\n`curve25519-dalek` are built with opt-level 3. `snow` computes its static public key in every handshake.\n".into());
    line("| | MiniPKI | stack | heap | theirs | stack | heap | times ours |\n| --- | --- | --- | --- | --- | --- | --- | --- |".into());
    for (what, ours, theirs) in BESIDE {
        let (ours, theirs) = (figures.row(ours)?, figures.row(theirs)?);
        let ratio = f64::from(theirs.instructions) / f64::from(ours.instructions.max(1));
        line(format!("| {what} | {} | {} | {ratio:.2} |", cells(ours), cells(theirs)));
    }
    line(String::new());
    page.push_str(OTHER_LIBRARIES);
    Ok(page)
}

/// The cost of support for RSA-3072 and RSA-4096.
fn sizes(figures: &Figures) -> String {
    let (alone, stack) = &figures.device_2048;
    let all = [
        figures.device.flash,
        figures.device.ram,
        figures.stack.iter().map(|(_, stack)| *stack).max().unwrap_or(0),
    ];
    let alone = [alone.flash, alone.ram, *stack];
    let mut text = "\n## With RSA-2048 alone\n\nThe type of a device's provider names the key sizes that its CA may have. The image has no code and no memory for other\nsizes.\n\n\
        | | all sizes | with RSA-2048 alone | saved |\n| --- | --- | --- | --- |"
        .to_owned();
    for ((name, all), alone) in
        ["flash", "static RAM", "peak stack of a whole run"].iter().zip(all).zip(alone)
    {
        let _ = write!(
            text,
            "\n| {name} | {} | {} | {} |",
            grouped(all),
            grouped(alone),
            grouped(all.saturating_sub(alone))
        );
    }
    text
}

/// The cost of X.509.
fn x509(figures: &Figures) -> Result<String, String> {
    let [with, without] = &figures.x509;
    let mut text = format!(
        "\n## X.509\n\nAn image with code for RSA-2048 alone (PKCS#1 v1.5 and PSS, SHA-256) validates the certificate of a \
         server and\nits issuer under a root in the image. Its stack has the work space of the search. The image has {} bytes of \
         flash. The\nsame image without X.509, which verifies a signature, has {}: X.509 takes {}. The look-up verifies the \
         signatures of\ntwo CRLs, one of them with 100 entries.\n\n| | M instructions | stack |\n| --- | --- | --- |",
        grouped(with.flash),
        grouped(without.flash),
        grouped(figures.x509_flash())
    );
    for name in X509 {
        let row = figures.row(name)?;
        let _ = write!(text, "\n| {name} | {} | {} |", millions(row.instructions), grouped(row.stack));
    }
    Ok(text)
}

fn cells(row: &Row) -> String {
    format!("{} | {} | {}", millions(row.instructions), grouped(row.stack), grouped(row.heap))
}

/// Formats 1,234,567 as 1.235.
fn millions(instructions: u32) -> String {
    format!("{:.3}", f64::from(instructions) / 1e6)
}

/// Formats 12345 as 12,345.
fn grouped(bytes: u32) -> String {
    let digits = bytes.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_formatted() {
        assert_eq!(
            (grouped(7), grouped(123_456), grouped(1_234_567)),
            ("7".into(), "123,456".into(), "1,234,567".into())
        );
        assert_eq!(millions(1_234_567), "1.235");
    }
}
