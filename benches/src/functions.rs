//! Functions of a module as the template compiler takes them.

use std::hint::black_box;
use std::ops::Range;

use bytecode_spec::liveness::registers_to_clear;
use bytecode_spec::{FuncIndex, Function, VerifiedModule};
use strata_jit::template::compile::{Compiler, Request};
use strata_jit::template::masm::Masm;

use crate::generated::instructions_of;

/// Some functions of a module.
pub struct Functions<'m> {
    module: &'m VerifiedModule,
    /// With the registers that must be cleared, which is found out when a function is first called.
    pub chosen: Vec<(FuncIndex, Range<u32>)>,
}

impl<'m> Functions<'m> {
    /// The functions that a module defines, and that are chosen.
    pub fn of(module: &'m VerifiedModule, choose: impl Fn(&Function) -> bool) -> Functions<'m> {
        let imported = module.spaces().imported_funcs;
        let functions = (imported..).map(FuncIndex).zip(&module.functions);
        let clear = |func, function| registers_to_clear(function, module.func_type(func).params.len());
        let chosen = functions.filter(|(_, function)| choose(function));
        let chosen = chosen.map(|(func, function)| (func, clear(func, function))).collect();
        Functions { module, chosen }
    }

    /// How many instructions they have.
    pub fn instructions(&self) -> usize {
        let functions = self.chosen.iter().filter_map(|&(func, _)| self.module.function(func));
        functions.map(instructions_of).sum()
    }

    /// Compiles them; gives the bytes of all code.
    ///
    /// # Panics
    ///
    /// When one of them is so large that it stays in the interpreter.
    pub fn compile<M: Masm>(&self, compiler: &mut Compiler<M>) -> usize {
        let mut bytes = 0;
        for (func, clear) in &self.chosen {
            let func = *func;
            let function = self.module.function(func).expect("the module defines it");
            let request = Request {
                module: self.module,
                func,
                // The runtime's number is not known here: its frames have headers.
                frame_words: function.registers.len() as u32 + 4,
                clear: clear.clone(),
                switches: false,
                costs: &[],
                counts: false,
                landing: false,
            };
            let code = compiler.compile(&request).expect("the functions are small");
            bytes += black_box(code).bytes.len();
        }
        bytes
    }
}
