//! Mistakes and what is said of them: each `errors/*.sasm` beside its `.txt`, which `BLESS=1` rewrites.

use std::fs;
use std::path::{Path, PathBuf};

use strata_asm::assemble;

#[test]
fn mistakes_are_reported_as_expected() {
    let mut cases: Vec<PathBuf> = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/errors"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "sasm"))
        .collect();
    cases.sort();
    assert!(cases.len() >= 30, "{} cases", cases.len());
    let mut wrong = Vec::new();
    for path in cases {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).unwrap();
        let Err(errors) = assemble(&name, &text) else { panic!("{name} has no mistake") };
        assert_places(&name, &text, &errors);
        let found = errors.render(false);
        let expected = path.with_extension("txt");
        if std::env::var_os("BLESS").is_some() {
            fs::write(&expected, &found).unwrap();
        } else if fs::read_to_string(&expected).unwrap_or_default() != found {
            wrong.push(format!("{name}:\n{found}"));
        }
    }
    assert!(wrong.is_empty(), "not as expected; BLESS=1 accepts:\n{}", wrong.join("\n"));
}

/// Lines and columns are those of the spans, in order, and every line of the plain form starts with them.
fn assert_places(name: &str, text: &str, errors: &strata_asm::Diagnostics) {
    assert!(errors.iter().len() > 0 && errors.total() >= errors.iter().len());
    assert!(errors.iter().map(|d| d.span.start).is_sorted());
    for (diagnostic, line) in errors.iter().zip(errors.to_string().lines()) {
        let before = &text[..diagnostic.span.start];
        assert_eq!(before.matches('\n').count() + 1, diagnostic.line as usize);
        assert_eq!(
            before.lines().last().filter(|_| !before.ends_with('\n')).unwrap_or("").chars().count() + 1,
            diagnostic.column as usize
        );
        let start = format!("{name}:{}:{}: {}", diagnostic.line, diagnostic.column, diagnostic.message);
        assert!(line.starts_with(&start), "{line}");
    }
}
