//! Allocators by their symbols, in what `nm` prints.

/// Parts of names that only an allocator, or a caller of one, has: rustc's allocator shims (`__rust_alloc`,
/// `__rust_dealloc`, `__rust_alloc_error_handler`, …), their default and user-given ends, and paths of the crate
/// `alloc` in the v0 (`Cs…_5alloc`) and in the older mangling.
const PARTS: &[&str] = &[
    "__rust_alloc",
    "__rust_dealloc",
    "__rust_realloc",
    "__rust_no_alloc",
    "__rdl_",
    "__rg_",
    "_5alloc",
    "_ZN5alloc",
];

/// The C library's names, whole.
const WHOLE: &[&str] =
    &["malloc", "calloc", "realloc", "free", "aligned_alloc", "posix_memalign", "memalign", "_sbrk", "sbrk"];

/// Every symbol of a listing.
fn names(listing: &str) -> impl Iterator<Item = &str> {
    listing.lines().filter_map(|line| line.split_whitespace().last())
}

/// Those of a listing that belong to an allocator.
pub(super) fn of_allocators(listing: &str) -> Vec<&str> {
    names(listing)
        .filter(|name| WHOLE.contains(name) || PARTS.iter().any(|part| name.contains(part)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn allocators_are_found() {
        for symbol in [
            "         U _RNvCsfgHYwM92fyn_7___rustc12___rust_alloc",
            "         U _RNvCsfgHYwM92fyn_7___rustc14___rust_dealloc",
            "         U __rust_alloc_error_handler",
            "00000000 T __rg_alloc",
            "00000000 T __rdl_alloc",
            "         U _RNvNtCs3nQo6FFcNQt_5alloc7raw_vec17capacity_overflow",
            "         U _ZN5alloc7raw_vec17capacity_overflow17h0123456789abcdefE",
            "         U malloc",
        ] {
            let listing = format!("{symbol}\n00000001 T _RNvCs1_12minipki_core5parse\n");
            assert_eq!(of_allocators(&listing).len(), 1, "{symbol}");
        }
    }

    #[test]
    fn core_has_a_module_of_that_name() {
        let listing = "00000000 T _RNvXs_NtCs8cpljGkdL56_4core5allocNtB4_10AllocErrorNtNtB6_3fmt7Display3fmt\n\
            00000000 T _ZN4core5alloc6layout6Layout3new17h0E\n";
        assert_eq!(of_allocators(listing), [""; 0]);
        assert_eq!(names(listing).count(), 2);
    }
}
