//! aarch64.

use yaxpeax_arch::{Decoder, U8Reader};
use yaxpeax_arm::armv8::a64::{InstDecoder, Instruction, Opcode, Operand, SizeCode};

use super::{Decoded, Effect, Symbols, Syntax};
use crate::template::masm::Gpr;

pub(super) const SYNTAX: Syntax = Syntax { machine: "aarch64", gpr, fpr, decode };

/// Bytes of every instruction.
const BYTES: usize = 4;

fn gpr(number: u8) -> String {
    format!("x{number}")
}

fn fpr(number: u8) -> String {
    format!("d{number}")
}

fn decode(bytes: &[u8], offset: u32, symbol: Symbols<'_>) -> Decoded {
    let Ok(instruction) = InstDecoder::default().decode(&mut U8Reader::new(bytes)) else {
        return Decoded::bad(BYTES.min(bytes.len()));
    };
    Decoded {
        bytes: BYTES,
        text: text(&instruction, offset, symbol),
        address: address(&instruction),
        effect: effect(&instruction),
    }
}

fn text(instruction: &Instruction, offset: u32, symbol: Symbols<'_>) -> String {
    let mut text = instruction.to_string();
    for operand in &instruction.operands {
        if let Operand::PCOffset(distance) = *operand {
            let target = i64::from(offset) + distance;
            text = text.replace(&operand.to_string(), &symbol(target as u32));
        }
    }
    text
}

fn general(operand: Operand) -> Option<Gpr> {
    match operand {
        // Register 31 is none, or the stack pointer, which nobody asks for.
        Operand::Register(_, number) | Operand::RegisterOrSP(_, number) => Some(Gpr(number as u8)),
        _ => None,
    }
}

fn address(instruction: &Instruction) -> Option<(Gpr, i64)> {
    let [_, base, number, _] = instruction.operands;
    let sign = match instruction.opcode {
        Opcode::ADD => 1,
        Opcode::SUB => -1,
        _ => 0,
    };
    let amount = match number {
        Operand::Immediate(amount) => Some(i64::from(amount)),
        Operand::ImmShift(amount, shift) => Some(i64::from(amount) << shift),
        _ => None,
    };
    if let (1 | -1, Some(base), Some(amount)) = (sign, general(base), amount) {
        return Some((base, sign * amount));
    }
    instruction.operands.iter().find_map(|operand| match *operand {
        Operand::RegPreIndex(base, disp, false) => Some((Gpr(base as u8), disp.into())),
        _ => None,
    })
}

fn effect(instruction: &Instruction) -> Effect {
    let [dst, ..] = instruction.operands;
    let is_wide = matches!(dst, Operand::Register(SizeCode::X, _) | Operand::RegisterOrSP(SizeCode::X, _));
    let Some(dst) = general(dst) else {
        return Effect::None;
    };
    match instruction.opcode {
        Opcode::BLR | Opcode::BL => Effect::Call,
        Opcode::LDR | Opcode::LDUR if is_wide && address(instruction).is_some() => Effect::Load(dst),
        Opcode::ADD | Opcode::SUB if is_wide && address(instruction).is_some() => Effect::Address(dst),
        // These read their first operand only.
        Opcode::STR
        | Opcode::STUR
        | Opcode::STP
        | Opcode::BR
        | Opcode::CBZ
        | Opcode::CBNZ
        | Opcode::TBZ
        | Opcode::TBNZ => Effect::None,
        _ => Effect::Other(dst),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(word: u32) -> Decoded {
        decode(&word.to_le_bytes(), 0x20, &|target| format!("at_{target:x}"))
    }

    #[test]
    fn instructions_have_texts_addresses_and_effects() {
        let load = decoded(0xf940_0a61);
        assert_eq!((load.text.as_str(), load.bytes), ("ldr x1, [x19, #0x10]", 4));
        assert_eq!((load.address, load.effect), (Some((Gpr(19), 16)), Effect::Load(Gpr(1))));
        let below = decoded(0xf81f_0261);
        assert_eq!((below.text.as_str(), below.effect), ("stur x1, [x19, #-0x10]", Effect::None));
        assert_eq!(below.address, Some((Gpr(19), -16)));
        let sum = decoded(0x9101_0273);
        assert_eq!((sum.text.as_str(), sum.effect), ("add x19, x19, #0x40", Effect::Address(Gpr(19))));
        assert_eq!(sum.address, Some((Gpr(19), 64)));
        let difference = decoded(0xd101_0273);
        assert_eq!((difference.address, difference.effect), (Some((Gpr(19), -64)), Effect::Address(Gpr(19))));
        let of_registers = decoded(0x8b02_0020);
        assert_eq!(
            (of_registers.text.as_str(), of_registers.effect),
            ("add x0, x1, x2", Effect::Other(Gpr(0)))
        );
        assert_eq!(of_registers.address, None);
        let narrow = decoded(0xb940_0261);
        assert_eq!((narrow.text.as_str(), narrow.effect), ("ldr w1, [x19]", Effect::Other(Gpr(1))));
        assert_eq!(decoded(0xd63f_0200).effect, Effect::Call);
    }

    #[test]
    fn targets_have_names() {
        assert_eq!(decoded(0x5400_0080).text, "b.eq at_30");
        assert_eq!(decoded(0x17ff_fffc).text, "b at_10");
        assert_eq!(decoded(0xb400_0041).text, "cbz x1, at_28");
        assert_eq!(decoded(0x1000_0081).text, "adr x1, at_30");
        assert_eq!(decoded(0x58ff_ff01).text, "ldr x1, at_0");
    }

    #[test]
    fn bytes_that_are_no_instruction_are_told() {
        assert_eq!(decoded(0xffff_ffff), Decoded::bad(4));
        assert_eq!(decode(&[0x20, 0x03], 0, &|_| String::new()), Decoded::bad(2));
    }
}
