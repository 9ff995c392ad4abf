//! What modules are translated to: each `golden/NAME.wat` (or `.wasm`) gives the text in `golden/NAME.sasm`. `BLESS=1` writes
//! it anew.

use std::fs;
use std::path::Path;

#[test]
fn modules_are_translated_as_before() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut count = 0;
    for entry in fs::read_dir(&folder).expect("readable") {
        let path = entry.expect("readable").path();
        if path.extension().is_none_or(|extension| extension != "wat" && extension != "wasm") {
            continue;
        }
        let bytes = wat::parse_file(&path).unwrap_or_else(|error| panic!("{error}"));
        let module =
            strata_wasm::translate(&bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let module =
            bytecode_spec::verify(module).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let found = strata_asm::disassemble(&module);
        let golden = path.with_extension("sasm");
        if std::env::var_os("BLESS").is_some() {
            fs::write(&golden, &found).expect("writable");
        }
        let expected = fs::read_to_string(&golden).unwrap_or_default();
        assert_eq!(found, expected, "{}; write it anew with BLESS=1", golden.display());
        count += 1;
    }
    assert!(count >= 10, "{count} cases");
}
