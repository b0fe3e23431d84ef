//! Gives the program for Windows its version resource, icon and manifest.

use std::env;

fn main() {
    println!("cargo:rerun-if-changed=packaging/windows");
    if env::var_os("CARGO_CFG_WINDOWS").is_none() {
        return;
    }
    winresource::WindowsResource::new()
        .set("FileDescription", "Archives the job-run history of CCS")
        .set("LegalCopyright", "The jobruns authors, MIT licence")
        .set_icon("packaging/windows/jobruns.ico")
        .set_manifest_file("packaging/windows/jobruns.manifest")
        .compile()
        .expect("the resource compiler of the toolchain (windres or rc.exe) should be in the path");
}
