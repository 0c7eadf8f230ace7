//! The flash of an image by part, from the crate names in its symbols.

/// The parts in the order of the page, and the first names in their symbols.
const PARTS: &[(&str, &[&str])] = &[
    (
        "cryptography",
        &[
            "u32",
            "sha2",
            "hmac",
            "hkdf",
            "digest",
            "chacha20",
            "chacha20poly1305",
            "poly1305",
            "cipher",
            "universal_hash",
            "subtle",
            "zeroize",
            "block_buffer",
        ],
    ),
    (
        "protocol",
        &[
            "minipki_core",
            "serde",
            "serde_core",
            "serde_json_core",
            "base64ct",
            "der",
            "spki",
            "pkcs1",
            "pkcs8",
            "pem_rfc7468",
            "heapless",
        ],
    ),
    ("application", &["minipki_device_app"]),
    ("network", &["smoltcp", "managed"]),
    (
        "board",
        &[
            "minipki_cortex_m",
            "minipki_lm3s6965",
            "lm3s6965_device",
            "cortex_m",
            "__INTERRUPTS",
            "__EXCEPTIONS",
        ],
    ),
    ("language", &["core", "compiler_builtins", "__rustc", "rustc_std"]),
];

/// The bytes of each part. Symbols without a crate's name belong to no part: they are constants, mostly texts.
pub(super) struct Parts(pub(super) Vec<(&'static str, u32)>);

/// Reads the output of `nm -S -C`.
pub(super) fn of(listing: &str) -> Parts {
    let mut parts: Vec<(&str, u32)> = PARTS.iter().map(|(name, _)| (*name, 0)).collect();
    for line in listing.lines() {
        let mut cells = line.splitn(4, ' ');
        let (Some(_), Some(size), Some(kind), Some(name)) =
            (cells.next(), cells.next(), cells.next(), cells.next())
        else {
            continue;
        };
        let (Ok(size), "t" | "T" | "r" | "R") = (u32::from_str_radix(size, 16), kind) else { continue };
        if let Some((_, sum)) = part(name).and_then(|part| parts.get_mut(part)) {
            *sum += size;
        }
    }
    Parts(parts)
}

/// The part of a symbol, by the first path in its name.
fn part(name: &str) -> Option<usize> {
    let path = name
        .trim_start_matches(['<', '&', '(', '[', '*', ' '])
        .trim_start_matches("mut ")
        .trim_start_matches("dyn ");
    let crypto = path.starts_with("minipki_core::crypto");
    let first = path.split(|c: char| !c.is_alphanumeric() && c != '_').next()?;
    if crypto { Some(0) } else { PARTS.iter().position(|(_, names)| names.contains(&first)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_symbol_is_counted_for_its_part() {
        let listing = "00000400 00000010 t <minipki_core::crypto::x as core::fmt::Display>::fmt\n\
            00000410 00000020 t <&mut serde_json_core::de::Deserializer as serde_core::de::Deserializer>::f\n\
            00000430 00000040 T smoltcp::iface::poll\n20000000 00000080 b minipki_core::VAR\n00000500 T nothing\n";
        let Parts(parts) = of(listing);
        let sum = |name| parts.iter().find(|(part, _)| *part == name).map(|(_, sum)| *sum);
        assert_eq!(
            (sum("cryptography"), sum("protocol"), sum("network")),
            (Some(0x10), Some(0x20), Some(0x40))
        );
        assert_eq!(parts.iter().map(|(_, sum)| sum).sum::<u32>(), 0x70);
    }
}
