//! The registers of a function: its locals, then temporaries, which are used again as soon as they are free.

use bytecode_spec::limits::MAX_REGISTERS;
use bytecode_spec::{Reg, ValType};

#[derive(Debug, Default)]
pub(super) struct Registers {
    types: Vec<ValType>,
    /// Parameters and other locals.
    locals: usize,
    /// Free temporaries of each type; the one freed last is taken first.
    free: [Vec<Reg>; ValType::ALL.len()],
    /// A register of each type that is never written, if there is one: it is zero or null.
    zero: [Option<Reg>; ValType::ALL.len()],
    /// Whether more registers were needed than there can be.
    pub(super) exhausted: bool,
}

impl Registers {
    pub(super) fn clear(&mut self) {
        self.types.clear();
        self.locals = 0;
        self.free.iter_mut().for_each(Vec::clear);
        self.zero = Default::default();
        self.exhausted = false;
    }

    /// Declares `count` locals.
    pub(super) fn declare(&mut self, count: usize, ty: ValType) {
        if self.types.len() + count > MAX_REGISTERS {
            self.exhausted = true;
            return;
        }
        self.types.resize(self.types.len() + count, ty);
        self.locals = self.types.len();
    }

    pub(super) fn types(&self) -> &[ValType] {
        &self.types
    }

    /// How many registers are locals.
    pub(super) fn locals(&self) -> usize {
        self.locals
    }

    #[inline(always)]
    pub(super) fn is_local(&self, reg: Reg) -> bool {
        reg.index() < self.locals
    }

    #[inline(always)]
    pub(super) fn ty(&self, reg: Reg) -> ValType {
        self.types[reg.index()]
    }

    /// Takes a temporary. When there are no more, `exhausted` is set and what is given must not be run.
    #[inline(always)]
    pub(super) fn take(&mut self, ty: ValType) -> Reg {
        match self.free[ty as usize].pop() {
            Some(reg) => reg,
            None => self.add(ty),
        }
    }

    /// A new register, which is never given back.
    #[inline(never)]
    pub(super) fn add(&mut self, ty: ValType) -> Reg {
        if self.types.len() >= MAX_REGISTERS {
            self.exhausted = true;
            return Reg(0);
        }
        self.types.push(ty);
        Reg(self.types.len() as u16 - 1)
    }

    /// Gives a temporary back.
    #[inline(always)]
    pub(super) fn give(&mut self, reg: Reg) {
        let ty = self.ty(reg);
        self.free[ty as usize].push(reg);
    }

    /// A register of that type that holds zero or null.
    pub(super) fn zero(&mut self, ty: ValType) -> Reg {
        if let Some(reg) = self.zero[ty as usize] {
            return reg;
        }
        let reg = self.add(ty);
        self.zero[ty as usize] = Some(reg);
        reg
    }
}
