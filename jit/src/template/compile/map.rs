//! What the code of a function consists of, read from the labels that its compilation leaves behind: compiling costs nothing more.

use bytecode_spec::Pc;

use super::{Compiler, Driver, Exit, Refusal, Request, Shared};
use crate::abi;
use crate::maps::{CodeMap, CompiledCode, Part};
use crate::template::buffer::Label;
use crate::template::masm::Masm;
use crate::template::pins::{Homes, each_instruction};

impl<M: Masm> Compiler<M> {
    /// As [`compile`](Self::compile), and tells what is where.
    ///
    /// # Errors
    ///
    /// See [`Refusal`].
    pub fn compile_with_map(&mut self, request: &Request<'_>) -> Result<(CompiledCode, CodeMap), Refusal> {
        let code = self.compile(request)?;
        let map = if !request.module.back_edges(request.func).is_empty() {
            self.looping.map(&mut self.masm, &code)
        } else {
            self.straight.map(&mut self.masm, &code)
        };
        Ok((code, map))
    }
}

impl<H: Homes> Driver<H> {
    /// Of the function that was compiled last.
    fn map<M: Masm>(&self, m: &mut M, code: &CompiledCode) -> CodeMap {
        let o = self;
        let mut at = |label: Label| m.buffer().position_of(label).expect("the code is complete");
        let mut parts =
            vec![(abi::object::ATTENTION as u32, Part::Poll(None)), (M::ROLES.entry, Part::Entry)];
        each_instruction(o.instructions(), |pc, _, _| {
            let pc = pc as u32;
            parts.push((at(Label(pc)), Part::Instruction(Pc(pc))));
        });
        parts.extend(code.entries.iter().map(|&(head, offset)| (offset, Part::LoopEntry(head))));
        let place = |pc: u32| (pc != abi::trap::ON_ENTRY).then_some(Pc(pc));
        parts.extend(o.exits.iter().map(|&(label, exit)| match exit {
            Exit::Trap { pc, cause } => (at(label), Part::Trap(place(pc), cause)),
            Exit::Poll { pc, .. } => (at(label), Part::Poll(place(pc))),
            Exit::Hot { pc, .. } => (at(label), Part::Hot(place(pc))),
            Exit::TailCall { pc } => (at(label), Part::Call(Pc(pc))),
        }));
        parts.extend(o.trapped.map(|label| (at(label), Part::Trapped)));
        parts.extend(o.shared.iter().map(|&(label, shared)| match shared {
            Shared::Helper(helper) => (at(label), Part::Shared(Some(helper))),
            Shared::Reload => (at(label), Part::Shared(None)),
        }));
        parts.extend(o.tables.iter().map(|&(label, count)| (at(label), Part::Table(count))));
        parts.sort_by_key(|&(offset, _)| offset);
        let pins = o.pins.pinned().iter().map(|&reg| (reg, o.pins.home(reg))).collect();
        CodeMap { parts, pins }
    }
}
