//! Runs the cases in files: `tests/cases/*/*.sasm`, and a case for each bug there was in `tests/regressions`. How cases
//! are written is in `strata_testing::filetest`.

use std::path::{Path, PathBuf};
use std::{fs, io};

use libtest_mimic::{Arguments, Trial};
use strata_testing::filetest;

fn main() -> io::Result<()> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let mut files = Vec::new();
    for folder in ["cases", "regressions"] {
        find(&tests.join(folder), &mut files)?;
    }
    files.sort();
    let trials = files.into_iter().map(|path| {
        let name = path.strip_prefix(&tests).unwrap_or(&path).with_extension("");
        Trial::test(name.to_string_lossy(), move || filetest::check(&path).map_err(Into::into))
    });
    libtest_mimic::run(&Arguments::from_args(), trials.collect()).exit();
}

fn find(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            find(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "sasm") {
            files.push(path);
        }
    }
    Ok(())
}
