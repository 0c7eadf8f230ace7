//! Sets the linker's path of the chip's memory.x, and the linker script of cortex-m-rt.

fn main() {
    println!("cargo:rustc-link-search={}/../lm3s6965", env!("CARGO_MANIFEST_DIR"));
    println!("cargo:rustc-link-arg-bins=-Tlink.x");
    println!("cargo:rerun-if-changed=../lm3s6965/memory.x");
}
