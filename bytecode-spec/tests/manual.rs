//! `ISA.md` is what the table says. `BLESS=1` rewrites it.

use std::path::Path;

#[test]
fn isa_md_is_fresh() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("ISA.md");
    let manual = bytecode_spec::manual::manual();
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &manual).expect("ISA.md can be written");
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == manual, "ISA.md is not what the table says; run the tests with BLESS=1");
}
