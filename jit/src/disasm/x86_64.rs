//! x86-64, in Intel's syntax.

use iced_x86::{
    Decoder, DecoderOptions, Formatter, Instruction, IntelFormatter, Mnemonic, OpKind, Register,
    SymbolResolver, SymbolResult,
};

use super::{Decoded, Effect, Symbols, Syntax};
use crate::template::masm::Gpr;

pub(super) const SYNTAX: Syntax = Syntax { machine: "x86_64", gpr, fpr, decode };

const GPRS: [&str; 16] = [
    "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14",
    "r15",
];

fn gpr(number: u8) -> String {
    GPRS[usize::from(number)].to_owned()
}

fn fpr(number: u8) -> String {
    format!("xmm{number}")
}

fn decode(bytes: &[u8], offset: u32, symbol: Symbols<'_>) -> Decoded {
    let mut decoder = Decoder::with_ip(64, bytes, offset.into(), DecoderOptions::NONE);
    let instruction = decoder.decode();
    if instruction.is_invalid() {
        return Decoded::bad(1);
    }
    Decoded {
        bytes: instruction.len(),
        text: text(&instruction, symbol),
        address: address(&instruction),
        effect: effect(&instruction),
    }
}

fn text(instruction: &Instruction, symbol: Symbols<'_>) -> String {
    let symbols = target(instruction).map(|target| {
        Box::new(Symbol { address: target, name: symbol(target as u32) }) as Box<dyn SymbolResolver>
    });
    let mut formatter = IntelFormatter::with_options(symbols, None);
    let options = formatter.options_mut();
    options.set_hex_prefix("0x");
    options.set_hex_suffix("");
    options.set_uppercase_hex(false);
    // Numbers that are added or compared are signed; those that are moved may be anything.
    options.set_signed_immediate_operands(instruction.mnemonic() != Mnemonic::Mov);
    options.set_space_after_operand_separator(true);
    options.set_show_branch_size(false);
    let mut text = String::new();
    formatter.format(instruction, &mut text);
    text
}

/// The place that the code names.
#[derive(Debug)]
struct Symbol {
    address: u64,
    name: String,
}

impl SymbolResolver for Symbol {
    fn symbol(
        &mut self,
        _: &Instruction,
        _: u32,
        _: Option<u32>,
        address: u64,
        _: u32,
    ) -> Option<SymbolResult<'_>> {
        (address == self.address).then(|| SymbolResult::with_str(address, &self.name))
    }
}

/// The place that a branch goes to, or that a distance leads to.
fn target(instruction: &Instruction) -> Option<u64> {
    if instruction.is_ip_rel_memory_operand() {
        return Some(instruction.ip_rel_memory_address());
    }
    (instruction.op0_kind() == OpKind::NearBranch64).then(|| instruction.near_branch64())
}

fn number(register: Register) -> Option<Gpr> {
    let full = register.full_register();
    full.is_gpr64().then(|| Gpr(full.number() as u8))
}

fn address(instruction: &Instruction) -> Option<(Gpr, i64)> {
    let plain = instruction.memory_index() == Register::None && !instruction.is_ip_rel_memory_operand();
    if let Some(sum) = added(instruction) {
        return Some(sum);
    }
    let base = number(instruction.memory_base()).filter(|_| plain)?;
    Some((base, instruction.memory_displacement64() as i64))
}

/// What an instruction adds to a register of 64 bits.
fn added(instruction: &Instruction) -> Option<(Gpr, i64)> {
    let is_constant = matches!(instruction.op1_kind(), OpKind::Immediate8to64 | OpKind::Immediate32to64);
    let register = (instruction.op0_kind() == OpKind::Register).then(|| instruction.op0_register())?;
    (instruction.mnemonic() == Mnemonic::Add && is_constant)
        .then(|| Some((number(register)?, instruction.immediate(1) as i64)))?
}

fn effect(instruction: &Instruction) -> Effect {
    if instruction.mnemonic() == Mnemonic::Call {
        return Effect::Call;
    }
    let dst = (instruction.op0_kind() == OpKind::Register).then(|| instruction.op0_register());
    let Some((register, dst)) = dst.and_then(|register| Some((register, number(register)?))) else {
        return Effect::None;
    };
    let reads_memory = instruction.op1_kind() == OpKind::Memory && register.is_gpr64();
    #[expect(clippy::wildcard_enum_match_arm, reason = "of all instructions of the machine, three matter")]
    match instruction.mnemonic() {
        Mnemonic::Mov if reads_memory => Effect::Load(dst),
        Mnemonic::Lea if reads_memory => Effect::Address(dst),
        Mnemonic::Add if added(instruction).is_some() => Effect::Address(dst),
        // These read their first operand only.
        Mnemonic::Cmp | Mnemonic::Test | Mnemonic::Push => Effect::None,
        _ => Effect::Other(dst),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(bytes: &[u8]) -> Decoded {
        decode(bytes, 0x20, &|target| format!("at_{target:x}"))
    }

    #[test]
    fn instructions_have_texts_addresses_and_effects() {
        // mov rcx, [r15+16]
        let load = decoded(&[0x49, 0x8b, 0x4f, 0x10, 0xcc]);
        assert_eq!((load.text.as_str(), load.bytes), ("mov rcx, [r15+0x10]", 4));
        assert_eq!((load.address, load.effect), (Some((Gpr(15), 16)), Effect::Load(Gpr(1))));
        // lea rax, [rax-8]
        let sum = decoded(&[0x48, 0x8d, 0x40, 0xf8]);
        assert_eq!((sum.text.as_str(), sum.effect), ("lea rax, [rax-8]", Effect::Address(Gpr(0))));
        assert_eq!(sum.address, Some((Gpr(0), -8)));
        // add rax, 8
        let sum = decoded(&[0x48, 0x83, 0xc0, 0x08]);
        assert_eq!((sum.address, sum.effect), (Some((Gpr(0), 8)), Effect::Address(Gpr(0))));
        // mov eax, [r14+rcx*4]
        let indexed = decoded(&[0x41, 0x8b, 0x04, 0x8e]);
        assert_eq!((indexed.address, indexed.effect), (None, Effect::Other(Gpr(0))));
    }

    #[test]
    fn targets_have_names() {
        // jne +14, two bytes at 0x20
        assert_eq!(decoded(&[0x75, 0x0e]).text, "jne at_30");
        // mov rax, [rip-39], seven bytes at 0x20
        assert_eq!(decoded(&[0x48, 0x8b, 0x05, 0xd9, 0xff, 0xff, 0xff]).text, "mov rax, [at_0]");
        // A number that looks like an address of the code is none.
        assert_eq!(decoded(&[0xb8, 0x20, 0, 0, 0]).text, "mov eax, 0x20");
        assert_eq!(decoded(&[0x83, 0xc0, 0xff]).text, "add eax, -1");
    }

    #[test]
    fn bytes_that_are_no_instruction_are_told() {
        assert_eq!(decoded(&[0x06]), Decoded::bad(1));
        assert_eq!(decoded(&[0x48]), Decoded::bad(1));
    }
}
