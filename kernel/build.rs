//! The runtime's cells find these functions of the program before the C library's; see `process/stdio.rs`.

fn main() {
    for name in ["write", "writev", "read", "nanosleep", "clock_nanosleep", "pthread_create", "cutpoint_wire_host"] {
        println!("cargo:rustc-link-arg-bins=-Wl,--export-dynamic-symbol={name}");
    }
    println!("cargo:rerun-if-changed=build.rs");
}
