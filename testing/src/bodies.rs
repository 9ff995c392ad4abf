//! One function for each fuzz target, which the tests call too. Each takes any bytes and panics when something is wrong.

use bytecode_spec::{VerifiedModule, encoding, verify as verify_module};
use strata_asm::{assemble as assemble_text, assemble_bytes, disassemble};

use crate::choices::Choices;
use crate::{differential, generate, hostile, mutate, validity, wasm};

/// Reads bytes as a module in binary form; what is valid is round-tripped and run.
pub fn decode(bytes: &[u8]) {
    if let Ok(module) = encoding::decode(bytes)
        && let Ok(module) = verify_module(module)
    {
        round_trips(&module);
        hostile::run(&module);
    }
}

/// Breaks a random module, its code or its declarations; what is still valid is round-tripped and run.
pub fn verify(bytes: &[u8]) {
    verify_changed(&mut Choices::from_bytes(bytes));
}

/// As [`verify`], with any decisions. Whether the module was still valid.
///
/// # Panics
///
/// Also when the verifier's verdict on the code differs from the naive one.
pub fn verify_changed(choices: &mut Choices<'_>) -> bool {
    let mut module = (*generate::program(choices)).clone();
    let declarations = choices.percent(20);
    if declarations {
        mutate::declarations(choices, &mut module);
    }
    for _ in 0..1 + choices.below(3) {
        mutate::code(choices, &mut module);
    }
    let naive = (!declarations).then(|| validity::code_is_valid(&module));
    let verified = verify_module(module);
    if let Some(naive) = naive {
        match &verified {
            Ok(module) => assert!(naive, "invalid code was accepted:\n{}", disassemble(module)),
            Err(errors) => assert!(!naive, "valid code was refused: {errors}"),
        }
    }
    let Ok(module) = verified else { return false };
    round_trips(&module);
    hostile::run(&module);
    true
}

/// Assembles bytes as text; what is a program is round-tripped.
pub fn assemble(bytes: &[u8]) {
    match assemble_bytes("fuzz.sasm", bytes) {
        Ok(module) => round_trips(&module),
        Err(errors) => {
            assert!(errors.iter().len() > 0 || errors.total() > 0, "errors are never none");
            assert!(!errors.render(false).is_empty());
        }
    }
}

/// Makes a random module and takes it through both forms and back.
pub fn round_trip(bytes: &[u8]) {
    round_trips(&generate::program(&mut Choices::from_bytes(bytes)));
}

/// Runs a random program in every configuration and in the reference.
pub fn run(bytes: &[u8]) {
    differential::check(&mut Choices::from_bytes(bytes));
}

/// Reads bytes as a WebAssembly module; what is translated is valid, and is round-tripped and run. Whether it
/// was.
///
/// # Panics
///
/// Also when it is refused without a reason or a place.
pub fn translate(bytes: &[u8]) -> bool {
    match strata_wasm::translate(bytes) {
        Ok(module) => {
            let module = verify_module(module)
                .unwrap_or_else(|errors| panic!("a translated module is not valid: {errors}"));
            round_trips(&module);
            hostile::run(&module);
            true
        }
        Err(error) => {
            assert!(!error.message.is_empty() && error.offset <= bytes.len() as u64, "{error:?}");
            false
        }
    }
}

/// Makes a WebAssembly module of any bytes and compares Strata, in every configuration, with another engine.
pub fn wasm_differential(bytes: &[u8]) {
    wasm::check(bytes);
}

/// Takes a module through both forms and back.
///
/// # Panics
///
/// When another module comes back.
pub fn round_trips(module: &VerifiedModule) {
    let encoded = encoding::encode(module);
    let decoded = encoding::decode(&encoded).unwrap_or_else(|error| panic!("decode(encode(m)): {error}"));
    assert!(decoded == **module, "decode(encode(m)) differs from m:\n{}", disassemble(module));
    let text = disassemble(module);
    let assembled = assemble_text("other.sasm", &text)
        .unwrap_or_else(|errors| panic!("assemble(disassemble(m)):\n{}\n{text}", errors.render(false)));
    assert!(*assembled == **module, "assemble(disassemble(m)) differs from m:\n{text}");
    assert_eq!(disassemble(&assembled), text, "disassemble is not stable");
}
