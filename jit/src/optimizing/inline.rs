//! Calls of small functions of the module, compiled in place.
//!
//! An inlined function has a frame where a call would have put it, but nothing is there as long as nobody looks: its header is
//! written before it calls in turn, or where it traps. It has no side exits, so no other tier has to go on in it.

use std::rc::Rc;

use bytecode_spec::isa::{self, OpRow, Words, each_row};
use bytecode_spec::{FuncIndex, Function, Op, Pc, Reg, ShapeKind, liveness};
use cranelift_codegen::ir::{BlockArg, InstBuilder, types::I64};
use serde::{Deserialize, Serialize};

use super::graph::Graph;
use super::translate::{Scope, Translator};
use super::values::{Region, type_of};
use super::{Entry, Word};
use crate::abi;

/// Words of code that an inlined function has, at most.
const MAX_WORDS: usize = 64;
/// Words of code that may be inlined into a function, and how many times as much as it has itself.
const BUDGET: [usize; 2] = [160, 4];
/// Functions that are inlined into each other, at most.
pub(super) const MAX_DEPTH: usize = 3;

/// A function that may be inlined.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Callee {
    /// Its index.
    pub func: FuncIndex,
    /// The function.
    pub function: Function,
    /// Words from its frame's registers to those of the next frame.
    pub frame_words: u32,
    /// See [`Request::costs`](super::Request::costs).
    pub costs: Vec<u32>,
}

/// A function in the code of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inlined {
    /// The one that calls it, by its place in [`OptimizedCode::inlined`](super::OptimizedCode::inlined) from 1; 0 for the function itself.
    pub caller: u32,
    /// The call.
    pub call: Pc,
    /// The function.
    pub func: FuncIndex,
    /// Words from the registers of the function whose code it is to its own.
    pub frame: u32,
}

impl Callee {
    /// Whether it is worth it, and possible, to inline a function.
    pub fn fits(function: &Function) -> bool {
        let mut fits = function.code.len() <= MAX_WORDS && function.registers.len() <= MAX_WORDS;
        if fits {
            each_row(&function.code, |_, row, words, _| fits &= is_inlinable(row, words));
        }
        fits
    }
}

fn is_inlinable(row: OpRow, words: &[u64]) -> bool {
    let op = Op::from_code(words.lane(0)).expect("verified");
    let mut is_forward = true;
    liveness::for_each_target(words, |displacement| is_forward &= displacement > 0);
    let is_simple = !matches!(
        op.info().shape,
        ShapeKind::MemoryGrow
            | ShapeKind::MemoryFill
            | ShapeKind::MemoryCopy
            | ShapeKind::MemoryInit
            | ShapeKind::DataDrop
            | ShapeKind::TableGrow
            | ShapeKind::TableFill
            | ShapeKind::TableCopy
            | ShapeKind::TableInit
            | ShapeKind::ElemDrop
    );
    is_forward && is_simple && !(row.calls && row.ends)
}

impl Translator<'_, '_> {
    /// The most bytes that frames of inlined functions may take.
    pub(super) fn inlined_frames(&self) -> i32 {
        let largest = self.request.callees.iter().map(|callee| callee.frame_words).max().unwrap_or(0);
        largest as i32 * 8 * MAX_DEPTH as i32
    }

    /// Compiles a call in place, if the function may be inlined.
    pub(super) fn inline(&mut self, i: isa::Call, args: &[Reg], results: &[Reg]) -> bool {
        let request = self.request;
        let callee = request.callees.iter().find(|callee| callee.func == i.func);
        let Some(callee) = callee.filter(|_| self.outer.len() < MAX_DEPTH) else { return false };
        let budget = BUDGET[0].max(BUDGET[1] * request.function.code.len().min(BUDGET[0]));
        if self.inlined_words + callee.function.code.len() > budget {
            return false;
        }
        let Ok(graph) = Graph::new(&callee.function, Entry::Start, &[]) else { return false };
        self.inlined_words += callee.function.code.len();
        let values: Vec<_> = args.iter().map(|&reg| self.get(reg)).collect();
        let done = self.b.create_block();
        for &reg in results {
            let ty = type_of(self.type_of(reg));
            self.b.append_block_param(done, ty);
        }
        let first_variable = self.variables;
        self.declare(&callee.function.registers);
        let offset = self.scope.offset + self.frame_bytes();
        self.inlined.push(Inlined {
            caller: self.scope.number,
            call: Pc(self.scope.pc as u32),
            func: callee.func,
            frame: (offset / 8) as u32,
        });
        let mut scope = Scope::new(&callee.function, &callee.costs, callee.frame_words, Rc::new(graph));
        scope.first_variable = first_variable;
        scope.offset = offset;
        scope.number = self.inlined.len() as u32;
        scope.done = Some(done);
        self.outer.push(std::mem::replace(&mut self.scope, scope));

        for (i, &value) in values.iter().enumerate() {
            self.set(Reg(i as u16), value);
        }
        // In a loop, they still have what the last call left there.
        let graph = Rc::clone(&self.scope.graph);
        for reg in graph.live_in(0).filter(|reg| reg.index() >= values.len()) {
            let zero = self.constant(self.type_of(reg), 0);
            self.set(reg, zero);
        }
        let mut calls = false;
        each_row(&callee.function.code, |_, row, _, _| calls |= row.calls);
        if calls {
            self.keep_headers();
        }
        self.body();
        let scope = self.outer.pop().expect("pushed above");
        self.scope = scope;
        self.b.switch_to_block(done);
        self.b.seal_block(done);
        for (n, &reg) in results.iter().enumerate() {
            let value = self.b.block_params(done)[n];
            self.set(reg, value);
        }
        true
    }

    /// Writes the headers of inlined functions' frames, up to the current one, that are not there yet.
    pub(super) fn write_headers(&mut self) {
        let mut missing: Vec<usize> = Vec::new();
        for depth in 1..=self.outer.len() {
            let scope = self.outer.get(depth).unwrap_or(&self.scope);
            if !scope.has_header {
                missing.push(depth);
            }
        }
        let pinned = self.b.ins().get_pinned_reg(I64);
        for depth in missing {
            let caller = &self.outer[depth - 1];
            let (caller_at, return_pc) = (caller.offset, abi::place::optimized(caller.pc as u32));
            let scope = self.outer.get(depth).unwrap_or(&self.scope);
            let (at, func) = (scope.offset, self.inlined[scope.number as usize - 1].func);
            let caller = self.b.ins().iadd_imm_s(pinned, i64::from(caller_at));
            let version = self.word(Word::VersionOf(func));
            self.store_word(Region::Frame, caller, pinned, at + abi::frame::CALLER);
            let return_pc = self.b.ins().iconst(I64, return_pc as i64);
            self.store_word(Region::Frame, return_pc, pinned, at + abi::frame::RETURN_PC);
            self.store_word(Region::Frame, version, pinned, at + abi::frame::VERSION);
            self.store_word(Region::Frame, self.context, pinned, at + abi::frame::INSTANCE);
        }
    }

    /// The same at the start of the current function, for all that it does.
    fn keep_headers(&mut self) {
        self.write_headers();
        self.scope.has_header = true;
    }

    /// Returns from an inlined function.
    pub(super) fn ret_inlined(&mut self, done: cranelift_codegen::ir::Block, values: &[Reg]) {
        let values: Vec<BlockArg> = values.iter().map(|&reg| BlockArg::Value(self.get(reg))).collect();
        self.b.ins().jump(done, &values);
    }
}
