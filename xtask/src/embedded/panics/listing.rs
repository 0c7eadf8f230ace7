//! The calls of panics in a disassembly, and their source lines in the debug information.

/// An instruction that goes to a panic.
#[derive(Debug, PartialEq)]
pub(super) struct Call<'l> {
    /// Its address in the image, in hexadecimal.
    pub(super) address: &'l str,
    /// The panic's name.
    pub(super) panic: &'l str,
}

/// The source line of an instruction.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Frame {
    /// The file, relative to the folder that contains its crate, without the crate's version.
    pub(super) file: String,
    /// The function's name without its path.
    pub(super) function: String,
    /// The line number, or `?` if the compiler gave none.
    pub(super) line: String,
}

/// The calls of panics in the output of `objdump -d -C --no-show-raw-insn`, without the calls between panics.
pub(super) fn calls(listing: &str) -> Vec<Call<'_>> {
    let mut within = "";
    let mut calls = Vec::new();
    for line in listing.lines() {
        if let Some((_, name)) = line.strip_suffix(">:").and_then(|line| line.split_once(" <")) {
            within = name;
        } else if let Some((address, instruction)) = line.trim_start().split_once(":\t") {
            let target = instruction.strip_suffix('>').and_then(|rest| rest.split_once(" <"));
            if let Some((_, panic)) = target.filter(|(_, name)| is_panic(name) && !is_panic(within)) {
                calls.push(Call { address, panic });
            }
        }
    }
    calls
}

/// Whether a function of the language only panics, by its name. A panic function with another name calls one with such
/// a name, so the check finds that call.
fn is_panic(name: &str) -> bool {
    let path = name.split('<').next().unwrap_or_default();
    let last = path.rsplit("::").next().unwrap_or_default();
    let says_so = path.starts_with("core::panicking::") || last.contains("panic") || last.contains("fail");
    path.starts_with("core::") && says_so || last == "rust_begin_unwind"
}

/// The frames of each call, innermost first, in the output of `addr2line -a -i -f -C`.
pub(super) fn frames(listing: &str) -> Vec<Vec<Frame>> {
    let mut calls: Vec<Vec<Frame>> = Vec::new();
    let mut lines = listing.lines();
    while let Some(function) = lines.next() {
        if function.starts_with("0x") {
            calls.push(Vec::new());
        } else if let (Some(frames), Some(place)) = (calls.last_mut(), lines.next()) {
            let (file, line) = place.rsplit_once(':').unwrap_or((place, "?"));
            let line = line.split(' ').next().unwrap_or_default().to_owned();
            frames.push(Frame { file: file_of(file), function: own_name(function), line });
        }
    }
    calls
}

/// A path without the folders of this machine: `core/src/link.rs`, `der/src/reader.rs`, `library/core/src/option.rs`.
fn file_of(path: &str) -> String {
    if let Some(at) = path.find("/library/") {
        return path[at + 1..].to_owned();
    }
    // The build replaces the folders of the project and of the registry by `.`.
    let path = path.rsplit_once("./").map_or(path, |(_, path)| path);
    let (first, rest) = path.split_once('/').unwrap_or((path, ""));
    let name = match first.rsplit_once('-') {
        Some((name, version)) if version.starts_with(|c: char| c.is_ascii_digit()) => name,
        _ => first,
    };
    format!("{name}/{rest}")
}

/// The last part of a path that is not a closure, without generic arguments.
fn own_name(function: &str) -> String {
    let (mut depth, mut parts) = (0, vec![String::new()]);
    for character in function.chars() {
        match character {
            '<' => depth += 1,
            '>' => depth -= 1,
            ':' if depth == 0 => parts.push(String::new()),
            _ if depth == 0 => parts.last_mut().into_iter().for_each(|part| part.push(character)),
            _ => {}
        }
    }
    let named = |part: &String| !part.is_empty() && !part.contains('{');
    parts.into_iter().rfind(named).unwrap_or_else(|| function.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTING: &str = "\nDisassembly of section .text:\n\n\
        00008000 <minipki_core::link::LinkOver<B,M>::want>:\n\
        \x20   8000:\tpush\t{r7, lr}\n\
        \x20   8002:\tcbz\tr0, 8000 <minipki_core::link::LinkOver<B,M>::want>\n\
        \x20   8004:\tldr\tr0, [pc, #4]\t@ (800c <core::option::unwrap_failed>)\n\
        \x20   8006:\tbl\t9000 <core::slice::index::slice_index_fail>\n\
        00009000 <core::slice::index::slice_index_fail>:\n\
        \x20   9000:\tb.n\t9100 <core::panicking::panic_fmt>\n\
        00009100 <core::panicking::panic_fmt>:\n\
        \x20   9100:\tb.n\t9100 <core::panicking::panic_fmt>\n";

    #[test]
    fn a_call_of_a_panic_is_found_but_not_a_call_between_panics() {
        let found = Call { address: "8006", panic: "core::slice::index::slice_index_fail" };
        assert_eq!(calls(LISTING), [found]);
        assert_eq!(calls(&LISTING.replace("bl\t9000 <core::slice::index::slice_index_fail>", "nop")), []);
    }

    #[test]
    fn a_call_of_any_panic_counts() {
        for panic in [
            "core::panicking::panic_const::panic_const_div_by_zero",
            "core::option::expect_failed",
            "core::cell::panic_already_borrowed",
            "core::slice::copy_from_slice_impl::len_mismatch_fail",
            "__rustc::rust_begin_unwind",
        ] {
            let listing = format!("00008000 <f>:\n    8000:\tbeq.w\t9000 <{panic}>\n");
            assert_eq!(calls(&listing).len(), 1, "{panic}");
        }
        for other in ["core::fmt::write", "core::ptr::drop_in_place<a::panicking::Fail>", "a::is_failed"] {
            assert_eq!(calls(&format!("00008000 <f>:\n    8000:\tbl\t9000 <{other}>\n")), [], "{other}");
        }
    }

    #[test]
    fn frames_have_no_folders_of_the_machine() {
        let listing = "0x00008006\n\
            <core::ops::range::Range<usize> as core::slice::index::SliceIndex<[T]>>::index\n\
            /rustc/59807616e1fa/library/core/src/slice/index.rs:443\n\
            serde_json_core::de::Deserializer::parse_str::{{closure}}\n\
            /somewhere/./serde-json-core-0.7.0/src/de/mod.rs:230 (discriminator 2)\n\
            minipki_core::link::LinkOver<B,M>::want\n./core/src/link.rs:?\n";
        let frame = |file: &str, function: &str, line: &str| Frame {
            file: file.into(),
            function: function.into(),
            line: line.into(),
        };
        let expected = vec![
            frame("library/core/src/slice/index.rs", "index", "443"),
            frame("serde-json-core/src/de/mod.rs", "parse_str", "230"),
            frame("core/src/link.rs", "want", "?"),
        ];
        assert_eq!(frames(listing), [expected]);
        assert_eq!(own_name("<minipki_core::link::LinkOver<&mut [u8], M>>::want::<a::B>"), "want");
    }
}
