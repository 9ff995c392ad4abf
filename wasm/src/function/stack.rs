//! The operand stack, on paper: what each operand is and where it lies.
//!
//! An operand is not copied when it is pushed. A local stands on the stack as itself until it is about to be set, or
//! control flow could set it: then its value moves to a temporary of its own. Constants stay constants. Sums of addresses
//! wait for the load or store that can compute them on the way.

use bytecode_spec::isa::{Binary, BinaryImm, Const, Move, RefNull};
use bytecode_spec::{Op, Reg, ValType};

use super::FunctionTranslator;

/// An operand on the stack.
#[derive(Clone, Copy, Debug)]
pub(super) enum Entry {
    /// The value that a register has; the register belongs to a local, or to a block.
    Shared(Reg),
    /// A temporary of its own.
    Own(Reg),
    /// A constant; the bits it has in a register.
    Const(ValType, u64),
    /// `base + (index << shift)`, an `i32` that has not been computed; without a base, the shift is not zero.
    Sum { base: Base, index: Part, shift: u8 },
}

/// What an index is added to.
#[derive(Clone, Copy, Debug)]
pub(super) enum Base {
    None,
    Const(u32),
    Reg(Part),
}

impl Base {
    /// The register that it needs.
    #[inline(always)]
    pub(super) fn part(self) -> Option<Part> {
        match self {
            Base::None | Base::Const(_) => None,
            Base::Reg(part) => Some(part),
        }
    }
}

/// A register that an operand needs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    pub(super) reg: Reg,
    /// Whether it is a temporary of the operand's own.
    pub(super) own: bool,
}

/// So many constants, for each level of loops around their first use, have registers of their own. Each costs an instruction
/// whenever the function is called, which a loop within a loop earns back sooner.
const POOL_PER_LOOP: usize = 16;
/// So many have, however deep.
const POOL: usize = 64;

/// So many operands are looked through one by one for a local that is set.
const FEW: usize = 32;

impl FunctionTranslator<'_> {
    #[inline(always)]
    pub(super) fn push(&mut self, entry: Entry) {
        self.stack.push(entry);
    }

    /// Pushes a local; its uses are counted.
    #[inline(always)]
    pub(super) fn push_local(&mut self, local: Reg) {
        self.uses[local.index()] += 1;
        self.stack.push(Entry::Shared(local));
    }

    /// A temporary of its own for a result, which is pushed.
    #[inline(always)]
    pub(super) fn push_result(&mut self, ty: ValType) -> Reg {
        let reg = self.registers.take(ty);
        self.stack.push(Entry::Own(reg));
        reg
    }

    /// Takes the topmost operand off; its temporaries are still its own.
    #[inline(always)]
    pub(super) fn pop(&mut self) -> Entry {
        let entry = self.stack.pop().expect("validated code does not pop an empty stack");
        self.saved = self.saved.min(self.stack.len());
        match entry {
            Entry::Own(_) | Entry::Const(..) => {}
            Entry::Shared(reg) => self.unuse(reg),
            Entry::Sum { base, index, .. } => {
                base.part()
                    .into_iter()
                    .chain([index])
                    .filter(|part| !part.own)
                    .for_each(|part| self.unuse(part.reg));
            }
        }
        entry
    }

    #[inline(always)]
    fn unuse(&mut self, reg: Reg) {
        if self.registers.is_local(reg) {
            self.uses[reg.index()] -= 1;
        }
    }

    /// The type of an operand.
    pub(super) fn type_of(&self, entry: Entry) -> ValType {
        match entry {
            Entry::Shared(reg) | Entry::Own(reg) => self.registers.ty(reg),
            Entry::Const(ty, _) => ty,
            Entry::Sum { .. } => ValType::I32,
        }
    }

    /// Brings an operand that was popped into a register.
    #[inline(always)]
    pub(super) fn part(&mut self, entry: Entry) -> Part {
        match entry {
            Entry::Shared(reg) => Part { reg, own: false },
            Entry::Own(reg) => Part { reg, own: true },
            Entry::Const(..) | Entry::Sum { .. } => self.compute(entry),
        }
    }

    fn compute(&mut self, entry: Entry) -> Part {
        let reg = match entry {
            Entry::Shared(reg) => return Part { reg, own: false },
            Entry::Own(reg) => return Part { reg, own: true },
            Entry::Const(ty, bits) => {
                if let Some(reg) = self.lasting_constant(ty, bits) {
                    return Part { reg, own: false };
                }
                self.registers.take(ty)
            }
            // Into one of its own temporaries if it has one; the instruction reads before it writes.
            Entry::Sum { base, index, .. } => match (base.part(), index) {
                (Some(base), index) if base.own => {
                    if index.own {
                        // Given back before it is read, which nothing notices: nothing is taken until then.
                        self.registers.give(index.reg);
                    }
                    base.reg
                }
                (_, index) if index.own => index.reg,
                _ => self.registers.take(ValType::I32),
            },
        };
        self.compute_into(reg, entry);
        Part { reg, own: true }
    }

    /// A register that holds a constant for as long as the function runs: for zero, and for what a loop needs.
    pub(super) fn lasting_constant(&mut self, ty: ValType, bits: u64) -> Option<Reg> {
        if bits == 0 {
            return Some(self.registers.zero(ty));
        }
        if self.loops == 0 {
            return None;
        }
        self.pooled(ty, bits)
    }

    /// The register of the pool that holds a constant; it is set on entry to the function.
    fn pooled(&mut self, ty: ValType, bits: u64) -> Option<Reg> {
        if let Some(&(.., reg)) = self.pool.iter().find(|(t, b, _)| (*t, *b) == (ty, bits)) {
            return Some(reg);
        }
        if self.pool.len() >= POOL.min(self.loops * POOL_PER_LOOP) {
            return None;
        }
        let reg = self.registers.add(ty);
        self.pool.push((ty, bits, reg));
        Some(reg)
    }

    /// Emits what puts an operand's value into `dst`, which may be one of the operand's registers. Its temporaries stay its
    /// own.
    pub(super) fn compute_into(&mut self, dst: Reg, entry: Entry) {
        match entry {
            Entry::Shared(src) | Entry::Own(src) => {
                if src != dst {
                    self.code.define(dst, |code| Move::encode(code, Op::Move, dst, src));
                }
            }
            Entry::Const(ty, bits) => self.define_const(dst, ty, bits),
            Entry::Sum { base, index, shift } => {
                let index = match (base, shift) {
                    (_, 0) => index.reg,
                    (Base::None, _) => return self.shift(dst, index.reg, shift),
                    // The shifted index goes where nothing is lost.
                    (Base::Const(_), _) => {
                        self.shift(dst, index.reg, shift);
                        dst
                    }
                    (Base::Reg(_), _) if index.own => {
                        self.shift(index.reg, index.reg, shift);
                        index.reg
                    }
                    (Base::Reg(_), _) => {
                        let shifted = self.registers.take(ValType::I32);
                        self.shift(shifted, index.reg, shift);
                        self.registers.give(shifted);
                        shifted
                    }
                };
                match base {
                    Base::None => {}
                    Base::Const(bits) => self
                        .code
                        .define(dst, |code| BinaryImm::encode(code, Op::AddI32Imm, dst, index, bits.into())),
                    Base::Reg(base) => {
                        self.code.define(dst, |code| Binary::encode(code, Op::AddI32, dst, base.reg, index));
                    }
                }
            }
        }
    }

    fn shift(&mut self, dst: Reg, index: Reg, shift: u8) {
        self.code.define(dst, |code| BinaryImm::encode(code, Op::ShlI32Imm, dst, index, shift.into()));
    }

    pub(super) fn define_const(&mut self, dst: Reg, ty: ValType, bits: u64) {
        let op = match ty {
            ValType::I32 => Op::ConstI32,
            ValType::I64 => Op::ConstI64,
            ValType::F32 => Op::ConstF32,
            ValType::F64 => Op::ConstF64,
            // The only constant of these types is null.
            ValType::FuncRef | ValType::ExternRef => {
                return self.code.define(dst, |code| RefNull::encode(code, Op::RefNull, dst));
            }
        };
        self.code.define(dst, |code| Const::encode(code, op, dst, bits));
    }

    /// Pops an operand into a register.
    #[inline(always)]
    pub(super) fn pop_part(&mut self) -> Part {
        let entry = self.pop();
        self.part(entry)
    }

    /// Gives back the temporary of an operand that was read.
    #[inline(always)]
    pub(super) fn release(&mut self, part: Part) {
        if part.own {
            self.registers.give(part.reg);
        }
    }

    /// Gives back the temporaries of an operand that was popped.
    pub(super) fn release_entry(&mut self, entry: Entry) {
        match entry {
            Entry::Own(reg) => self.registers.give(reg),
            Entry::Shared(_) | Entry::Const(..) => {}
            Entry::Sum { base, index, .. } => {
                base.part().into_iter().chain([index]).for_each(|part| self.release(part));
            }
        }
    }

    /// Takes operands off until `height` are left.
    pub(super) fn truncate(&mut self, height: usize) {
        while self.stack.len() > height {
            let entry = self.pop();
            self.release_entry(entry);
        }
    }

    /// Keeps the values that operands have of a local which is about to be set.
    #[inline(always)]
    pub(super) fn preserve(&mut self, local: Reg) {
        if self.uses[local.index()] > 0 {
            self.preserve_used(local);
        }
    }

    #[inline(never)]
    fn preserve_used(&mut self, local: Reg) {
        let lowest = self.stack.len().saturating_sub(FEW).max(self.saved);
        for place in (lowest..self.stack.len()).rev() {
            let needs = match self.stack[place] {
                Entry::Shared(reg) => reg == local,
                Entry::Sum { base, index, .. } => {
                    base.part().into_iter().chain([index]).any(|part| !part.own && part.reg == local)
                }
                Entry::Own(_) | Entry::Const(..) => false,
            };
            if needs {
                self.save(place);
                if self.uses[local.index()] == 0 {
                    return;
                }
            }
        }
        // Each operand is saved once, so that this stays linear however many there are.
        self.save_all();
    }

    /// Gives an operand a temporary of its own, unless it is a constant.
    pub(super) fn save(&mut self, place: usize) {
        let entry = self.stack[place];
        match entry {
            Entry::Own(_) | Entry::Const(..) => {}
            Entry::Shared(reg) => {
                self.unuse(reg);
                let ty = self.registers.ty(reg);
                let own = self.registers.take(ty);
                self.compute_into(own, entry);
                self.stack[place] = Entry::Own(own);
            }
            Entry::Sum { base, index, .. } => {
                base.part()
                    .into_iter()
                    .chain([index])
                    .filter(|part| !part.own)
                    .for_each(|part| self.unuse(part.reg));
                self.stack[place] = Entry::Own(self.compute(entry).reg);
            }
        }
    }

    /// Saves all operands: what follows may run any number of times, or not at all.
    #[inline(always)]
    pub(super) fn save_all(&mut self) {
        while self.saved < self.stack.len() {
            self.save(self.saved);
            self.saved += 1;
        }
    }
}
