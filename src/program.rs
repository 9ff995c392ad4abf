//! Programs: reading files, loading modules, finding the function to call; with messages for what is wrong.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use bytecode_spec::encoding::MAGIC;
use bytecode_spec::limits::MAX_MODULE_BYTES;
use strata::{Engine, Error, ExportKind, FuncIndex, FuncType, Module};

use crate::failure::{Failure, REFUSED, color, did_you_mean, printable};

/// How WebAssembly modules begin: magic, then a version of four bytes.
const WASM_MAGIC: [u8; 4] = *b"\0asm";
const WASM_HEADER_BYTES: usize = 8;
/// The module that programs for WASI import from.
const WASI: &str = "wasi_snapshot_preview1";
/// What a program's function is called when none is named, the first one that is exported: `_start` is where
/// WebAssembly programs with a start-up routine of their own begin.
const ENTRIES: [&str; 2] = ["main", "_start"];
/// As `ENTRIES`, of programs for WASI: their `main` is a function of C that the start-up routine calls.
const WASI_ENTRIES: [&str; 2] = ["_start", "main"];
/// The function that a program for WASI without `_start` wants to be called before any other.
pub(crate) const INITIALIZE: &str = "_initialize";

/// The name of a file in messages; that of standard input for `-`.
pub(crate) fn name_of(file: &Path) -> String {
    if is_standard_input(file) { "<stdin>".to_owned() } else { file.display().to_string() }
}

/// Whether `-` was given for a file.
pub(crate) fn is_standard_input(file: &Path) -> bool {
    file == "-"
}

/// Reads and loads a program, in any of its forms.
pub(crate) fn load(engine: &Engine, file: &Path) -> Result<Module, Failure> {
    let name = name_of(file);
    let bytes = read(file).map_err(|error| Failure::refused(&name, describe(&error)))?;
    check_content(&bytes).map_err(|what| Failure::refused(&name, what))?;
    match Module::named(engine, &name, &bytes) {
        Ok(module) => Ok(module),
        // Of a text: the place is in the module that it stands for, which nobody has seen.
        Err(Error::Wasm(error)) if !bytes.starts_with(&WASM_MAGIC) => {
            let (what, offset) = (error.message, error.offset);
            Err(Failure::refused(&name, format_args!("{what}, at byte {offset:#x} in binary form")))
        }
        Err(error) => Err(refusal(&name, error)),
    }
}

/// Reads a text.
pub(crate) fn read_text(file: &Path) -> Result<String, Failure> {
    let name = name_of(file);
    let bytes = read(file).map_err(|error| Failure::refused(&name, describe(&error)))?;
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Failure::refused(
            &name,
            format_args!("is not text in UTF-8 (see byte {at}); check that it is the right file"),
        )
    })
}

fn read(file: &Path) -> io::Result<Vec<u8>> {
    // One byte more than a module may have, so that what is larger is noticed: a device may never end.
    let most = MAX_MODULE_BYTES as u64 + 1;
    if is_standard_input(file) {
        let mut bytes = Vec::new();
        io::stdin().lock().take(most).read_to_end(&mut bytes)?;
        return Ok(bytes);
    }
    let file = File::open(file)?;
    let mut bytes = Vec::with_capacity(file.metadata()?.len().min(most) as usize + 1);
    file.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// What went wrong with a file, and the remedy.
pub(crate) fn describe(error: &io::Error) -> String {
    #[expect(clippy::wildcard_enum_match_arm, reason = "others explain themselves, as far as that goes")]
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file; check the path".to_owned(),
        io::ErrorKind::IsADirectory => "is a directory; name a file in it".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied; change its permissions".to_owned(),
        _ => error.to_string(),
    }
}

/// Tells what is neither text nor binary form apart from what only has mistakes.
fn check_content(bytes: &[u8]) -> Result<(), String> {
    if bytes.starts_with(&MAGIC) {
        return Ok(());
    }
    if bytes.len() > MAX_MODULE_BYTES {
        return Err(format!("has more than {MAX_MODULE_BYTES} bytes; split it into modules"));
    }
    if !bytes.is_empty() && MAGIC.starts_with(bytes) {
        return Err(format!("byte {}: the module is cut off here; copy or assemble it again", bytes.len()));
    }
    if bytes.starts_with(&WASM_MAGIC) && bytes.len() >= WASM_HEADER_BYTES {
        return Ok(());
    }
    if !bytes.is_empty() && (WASM_MAGIC.starts_with(bytes) || bytes.starts_with(&WASM_MAGIC)) {
        return Err(format!(
            "byte {:#x}: the WebAssembly module is cut off here; copy or compile it again",
            bytes.len()
        ));
    }
    match std::str::from_utf8(bytes) {
        Ok(_) => Ok(()),
        Err(error) => Err(format!(
            "is not a program: not Strata's binary form, which starts with 7F 53 42 43, nor WebAssembly's, which starts \
             with 00 61 73 6D, nor text in UTF-8 (see byte {}); check that it is the right file",
            error.valid_up_to()
        )),
    }
}

/// What a program is refused for, in the words of the command: remedies are options, not calls of the library.
pub(crate) fn refusal(file: &str, error: Error) -> Failure {
    #[expect(clippy::wildcard_enum_match_arm, reason = "others explain themselves")]
    match error {
        Error::Assemble(diagnostics) => {
            Failure::Rendered { status: REFUSED, text: diagnostics.render(color()) }
        }
        Error::Verify(errors) => {
            let lines: Vec<String> = errors.0.iter().map(|error| format!("{file}: {error}")).collect();
            Failure::Message { status: REFUSED, text: lines.join("\n") }
        }
        // Its first line tells what is wrong, the others show where.
        Error::Wat(error) => {
            Failure::Rendered { status: REFUSED, text: printable(&format!("strata: {error}")) }
        }
        Error::UnknownImport { module, field, wanted, .. } if module == crate::env::MODULE => {
            let near = did_you_mean(&field, crate::env::names());
            let near = if !wanted.starts_with("func") {
                "; \"env\" has functions only, the program is to bring its own"
            } else if near.is_empty() {
                "; see strata run --help"
            } else {
                &near
            };
            Failure::refused(
                file,
                format_args!("imports {wanted} \"env\" \"{field}\", which \"env\" lacks{near}"),
            )
        }
        Error::UnknownImport { module, field, wanted, .. } => {
            let what = format!("imports {wanted} \"{module}\" \"{field}\"");
            let why = match (module.as_str(), cfg!(feature = "wasi")) {
                (WASI, true) => "WASI preview 1 has no such function",
                (WASI, false) => "this build does not have WASI, build it with the feature `wasi`",
                (other, true) if other.starts_with("wasi") => {
                    "there is only WASI preview 1, \"wasi_snapshot_preview1\"; compile it for wasm32-wasi or wasm32-wasip1"
                }
                (_, true) => {
                    "there are only the modules \"env\" and \"wasi_snapshot_preview1\", see strata run --help"
                }
                (_, false) => "there is only the module \"env\", see strata run --help",
            };
            Failure::refused(file, format_args!("{what}; {why}"))
        }
        Error::ImportType { module, field, wanted, found, .. } => {
            let what = format!("imports {wanted} \"{module}\" \"{field}\"");
            Failure::refused(file, format_args!("{what}, which is {found}; change the import"))
        }
        Error::Limit { kind: "memory", asked, unit, limit } => {
            let why = if limit > 0 {
                format!("allowed are {limit}; raise --max-memory")
            } else {
                "which the system does not have".to_owned()
            };
            Failure::refused(file, format_args!("asks for a memory of {asked} {unit}, {why}"))
        }
        error => Failure::refused(file, error),
    }
}

/// The function to call when none is named: see [`ENTRIES`]; the first of them when there is none.
pub(crate) fn entry(module: &Module) -> &'static str {
    let entries = if imports_wasi(module) { WASI_ENTRIES } else { ENTRIES };
    entries.into_iter().find(|name| module.exported_func(name).is_some()).unwrap_or(ENTRIES[0])
}

/// Whether [`INITIALIZE`] is to be called before that function.
pub(crate) fn wants_initialization(module: &Module, function: &str) -> bool {
    let takes_and_gives_nothing = |ty: &FuncType| ty.params.is_empty() && ty.results.is_empty();
    imports_wasi(module)
        && ![INITIALIZE, WASI_ENTRIES[0]].contains(&function)
        && module.exported_func(INITIALIZE).is_some_and(takes_and_gives_nothing)
}

/// Whether it is a program for WASI.
pub(crate) fn imports_wasi(module: &Module) -> bool {
    module.verified().imports.iter().any(|import| import.module == WASI)
}

/// The type of the function that is exported under that name.
pub(crate) fn exported<'m>(module: &'m Module, file: &str, name: &str) -> Result<&'m FuncType, Failure> {
    if let Some(ty) = module.exported_func(name) {
        return Ok(ty);
    }
    let functions =
        || module.exports().filter_map(|(name, kind)| matches!(kind, ExportKind::Func(_)).then_some(name));
    let near = did_you_mean(name, functions());
    let remedy = if functions().next().is_none() {
        "; export a function to call it".to_owned()
    } else if near.is_empty() {
        let some: Vec<String> = functions().take(8).map(|name| format!("\"{name}\"")).collect();
        let more = if functions().nth(8).is_some() { ", …" } else { "" };
        format!("; call one of {}{more} with --invoke", some.join(", "))
    } else {
        near
    };
    Err(Failure::refused(file, format_args!("exports no function \"{name}\"{remedy}")))
}

/// The function that is meant: exports come before functions' own names, these before indices.
pub(crate) fn find_func(module: &Module, wanted: &str) -> Result<FuncIndex, String> {
    let exports = || {
        module.exports().filter_map(|(name, kind)| match kind {
            ExportKind::Func(func) => Some((name, func)),
            ExportKind::Table(_) | ExportKind::Memory(_) | ExportKind::Global(_) => None,
        })
    };
    if let Some((_, func)) = exports().find(|&(name, _)| name == wanted) {
        return Ok(func);
    }
    let verified = module.verified();
    let imports = verified.imported_funcs().map(|(import, _)| import.name.as_str());
    let names = imports.chain(verified.functions.iter().map(|function| function.name.as_str()));
    let names: Vec<(u32, &str)> = (0..).zip(names).collect();
    let own = wanted.strip_prefix('@').unwrap_or(wanted);
    let called: Vec<u32> =
        names.iter().filter(|&&(_, name)| name == own && !own.is_empty()).map(|&(index, _)| index).collect();
    match (called.as_slice(), own.parse::<u32>()) {
        (&[index], _) => Ok(FuncIndex(index)),
        ([], Ok(index)) if (index as usize) < names.len() => Ok(FuncIndex(index)),
        ([], Ok(index)) => Err(format!("has no function {index}; it has {}", names.len())),
        ([], Err(_)) => {
            let mut known: Vec<&str> = exports().map(|(name, _)| name).collect();
            known.extend(names.iter().map(|&(_, name)| name).filter(|name| !name.is_empty()));
            Err(format!("has no function \"{wanted}\"{}", remedy(own, &known)))
        }
        (several, _) => {
            let indices: Vec<String> = several.iter().map(u32::to_string).collect();
            let indices = indices.join(", ");
            Err(format!("has several functions \"{own}\"; name one by its index: {indices}"))
        }
    }
}

/// What to write in place of a name that is not there.
fn remedy(wanted: &str, known: &[&str]) -> String {
    const SHOWN: usize = 8;
    let near = did_you_mean(wanted, known.iter().copied());
    if !near.is_empty() {
        return near;
    }
    let mut distinct: Vec<&str> = Vec::new();
    for name in known {
        if distinct.len() <= SHOWN && !distinct.contains(name) {
            distinct.push(name);
        }
    }
    let some: Vec<String> = distinct.iter().take(SHOWN).map(|name| format!("\"{name}\"")).collect();
    let more = if distinct.len() > SHOWN { ", …" } else { "" };
    if some.is_empty() {
        "; name one by its index".to_owned()
    } else {
        format!("; there are {}{more}", some.join(", "))
    }
}
