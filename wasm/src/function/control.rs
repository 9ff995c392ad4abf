//! Blocks, branches and calls.
//!
//! A block's values get registers of their own, its *targets*, with the first branch that carries values; a block whose end
//! is only reached by falling through needs none, and no moves. Code that cannot be reached is not translated.

use std::ops::Range;

use bytecode_spec::isa::{
    BranchTable, Call, CallImport, CallIndirect, Jump, Ret, TailCall, TailCallImport, TailCallIndirect, Trap,
};
use bytecode_spec::{FuncIndex, Op, Reg, TableIndex, TrapCause, TypeIndex, ValType};

use super::FunctionTranslator;
use super::code::Label;
use super::fuse::Condition;
use super::stack::{Entry, Part};

/// Parameters and results of a block.
#[derive(Clone, Copy, Debug)]
pub(super) enum Signature {
    /// Neither.
    Empty,
    /// One result.
    Result(ValType),
    /// Those of a function type.
    Type(TypeIndex),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FrameKind {
    Function,
    Block,
    Loop,
    If,
    Else,
}

/// No place in a list.
const NONE: u32 = u32::MAX;

/// A block that has not ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    kind: FrameKind,
    signature: Signature,
    /// Operands below its parameters.
    height: u32,
    /// Its end, or the first word of a loop.
    end: Label,
    /// A loop's first word.
    start: u32,
    /// Where an `if` goes when its condition is false.
    otherwise: Label,
    /// The first of its targets in `FunctionTranslator::targets`, if they were chosen.
    targets: u32,
    /// The first of the parameters of an `if` in `FunctionTranslator::held`.
    held: u32,
}

impl FunctionTranslator<'_> {
    fn params(&self, signature: Signature) -> &[ValType] {
        match signature {
            Signature::Empty | Signature::Result(_) => &[],
            Signature::Type(ty) => &self.types[ty.index()].ty.params,
        }
    }

    fn results(&self, signature: Signature) -> &[ValType] {
        match signature {
            Signature::Empty => &[],
            Signature::Result(ty) => std::slice::from_ref(&ValType::ALL[ty as usize]),
            Signature::Type(ty) => &self.types[ty.index()].ty.results,
        }
    }

    /// Types of the values that a branch to a frame carries.
    fn label_types(&self, frame: &Frame) -> &[ValType] {
        if frame.kind == FrameKind::Loop {
            self.params(frame.signature)
        } else {
            self.results(frame.signature)
        }
    }

    pub(super) fn enter_function(&mut self, ty: TypeIndex) {
        self.enter(FrameKind::Function, Signature::Type(ty), 0);
    }

    /// Opens a frame whose parameters are the topmost operands.
    fn enter(&mut self, kind: FrameKind, signature: Signature, params: usize) {
        let height = (self.stack.len() - params) as u32;
        let start = self.code.here() as u32;
        let (end, otherwise) = (Label::UNUSED, Label::UNUSED);
        let held = self.held.len() as u32;
        self.frames.push(Frame { kind, signature, height, end, start, otherwise, targets: NONE, held });
    }

    fn frame_at(&self, depth: u32) -> usize {
        self.frames.len() - 1 - depth as usize
    }

    /// The registers of the values that branches to a frame carry.
    fn targets(&mut self, frame: usize) -> Range<usize> {
        let count = self.label_types(&self.frames[frame]).len();
        if count == 0 {
            return 0..0;
        }
        if self.frames[frame].targets == NONE {
            self.frames[frame].targets = self.targets.len() as u32;
            for i in 0..count {
                let ty = self.label_types(&self.frames[frame])[i];
                let reg = self.registers.take(ty);
                self.targets.push(reg);
            }
        }
        let first = self.frames[frame].targets as usize;
        first..first + count
    }

    /// Opens a frame in code that is not translated.
    fn enter_dead(&mut self) -> bool {
        if !self.reachable {
            self.dead_frames += 1;
        }
        !self.reachable
    }

    pub(super) fn block(&mut self, signature: Signature) {
        if self.enter_dead() {
            return;
        }
        self.save_all();
        self.enter(FrameKind::Block, signature, self.params(signature).len());
    }

    pub(super) fn loop_(&mut self, signature: Signature) {
        if self.enter_dead() {
            return;
        }
        self.save_all();
        let params = self.params(signature).len();
        // Parameters live in registers of their own, which branches back write.
        let first = self.targets.len();
        for place in self.stack.len() - params..self.stack.len() {
            let entry = self.stack[place];
            let reg = match entry {
                Entry::Own(reg) => reg,
                Entry::Const(..) | Entry::Shared(_) | Entry::Sum { .. } => {
                    let ty = self.type_of(entry);
                    let reg = self.registers.take(ty);
                    self.compute_into(reg, entry);
                    reg
                }
            };
            self.stack[place] = Entry::Own(reg);
            self.targets.push(reg);
        }
        self.code.enter();
        self.loops += 1;
        self.enter(FrameKind::Loop, signature, params);
        if params > 0 {
            self.frames.last_mut().expect("just entered").targets = first as u32;
        }
    }

    pub(super) fn if_(&mut self, signature: Signature) {
        if self.enter_dead() {
            return;
        }
        let condition = self.pop();
        // Saving emits nothing in the common case, so that a comparison is still the latest instruction.
        self.save_all();
        let params = self.params(signature).len();
        self.enter(FrameKind::If, signature, params);
        let frame = self.frames.len() - 1;
        let condition = self.condition(condition);
        match condition {
            Condition::Always => {}
            Condition::Never => {
                self.code.emit(|code| Jump::encode(code, Op::Jump, 0, ()));
                self.code.branch_to(&mut self.frames[frame].otherwise);
            }
            Condition::When(test) => {
                self.emit_branch(test.inverse());
                self.code.branch_to(&mut self.frames[frame].otherwise);
            }
        }
        // The other branch needs the parameters as they are: this one only looks at them.
        for place in self.stack.len() - params..self.stack.len() {
            let entry = self.stack[place];
            self.held.push(entry);
            if let Entry::Own(reg) = entry {
                self.stack[place] = Entry::Shared(reg);
            }
        }
        if let Condition::Never = condition {
            self.stop();
        }
    }

    pub(super) fn else_(&mut self) {
        if self.dead_frames > 0 {
            return;
        }
        let index = self.frames.len() - 1;
        if self.reachable {
            self.branch_to_end(index);
        }
        self.frames[index].kind = FrameKind::Else;
        self.begin_otherwise(index);
    }

    /// Goes to the end of the innermost frame with its results.
    fn branch_to_end(&mut self, index: usize) {
        let targets = self.targets(index);
        self.move_to(targets);
        self.code.emit(|code| Jump::encode(code, Op::Jump, 0, ()));
        self.code.branch_to(&mut self.frames[index].end);
    }

    /// Starts the branch that is taken when the condition is false, with the parameters on the stack.
    fn begin_otherwise(&mut self, index: usize) {
        let Frame { height, otherwise, held, .. } = self.frames[index];
        self.truncate(height as usize);
        self.code.bind(otherwise);
        self.reachable = otherwise.is_used();
        for i in held as usize..self.held.len() {
            let entry = self.held[i];
            self.push(entry);
        }
        self.held.truncate(held as usize);
        self.saved = self.stack.len();
        if !self.reachable {
            self.truncate(height as usize);
        }
    }

    pub(super) fn end(&mut self) {
        if self.dead_frames > 0 {
            self.dead_frames -= 1;
            return;
        }
        let index = self.frames.len() - 1;
        let frame = self.frames[index];
        match frame.kind {
            FrameKind::Function => return self.end_function(frame),
            FrameKind::If => {
                // Without results both branches fall into the same place.
                let falls = self.reachable && self.results(frame.signature).is_empty();
                if self.reachable && !falls {
                    self.branch_to_end(index);
                }
                self.begin_otherwise(index);
                self.reachable |= falls;
            }
            FrameKind::Loop => self.loops -= 1,
            FrameKind::Block | FrameKind::Else => {}
        }
        self.end_block(index);
    }

    /// Ends a frame, whose results are the topmost operands if its end is reached by falling through.
    fn end_block(&mut self, index: usize) {
        let frame = self.frames[index];
        let joins = frame.kind != FrameKind::Loop && frame.end.is_used();
        if joins {
            let targets = self.targets(index);
            if self.reachable {
                self.move_to(targets.clone());
            }
            self.truncate(frame.height as usize);
            self.code.bind(frame.end);
            self.reachable = true;
            for i in targets {
                let reg = self.targets[i];
                self.push(Entry::Own(reg));
            }
        }
        self.frames.pop();
    }

    fn end_function(&mut self, frame: Frame) {
        if frame.end.is_used() {
            // Only functions without results are left by branches to their end.
            self.truncate(0);
            self.code.bind(frame.end);
            self.reachable = true;
        }
        if self.reachable {
            self.return_values();
        }
        self.frames.pop();
    }

    /// Ends reachable code: nothing is translated until its frame ends.
    fn stop(&mut self) {
        let height = self.frames.last().expect("inside a frame").height;
        self.truncate(height as usize);
        self.reachable = false;
    }

    pub(super) fn unreachable(&mut self) {
        self.code.emit(|code| Trap::encode(code, Op::Trap, TrapCause::Unreachable));
        self.stop();
    }

    /// Returns the topmost operands, which stay on the stack.
    fn return_values(&mut self) {
        let count = self.results(self.frames[0].signature).len();
        let regs = self.read_operands(count);
        self.code.emit(|code| Ret::encode(code, Op::Ret, &regs));
        self.regs = regs;
    }

    /// Registers that hold the topmost operands, which stay on the stack. The list is to be given back to `regs`.
    fn read_operands(&mut self, count: usize) -> Vec<Reg> {
        let mut regs = std::mem::take(&mut self.regs);
        regs.clear();
        for place in self.stack.len() - count..self.stack.len() {
            self.save_sum(place);
            let entry = self.stack[place];
            let part = self.part(entry);
            if let Entry::Const(..) = entry
                && part.own
            {
                self.constants.push(part.reg);
            }
            regs.push(part.reg);
        }
        // Constants were loaded for the instruction that follows at once.
        while let Some(reg) = self.constants.pop() {
            self.registers.give(reg);
        }
        regs
    }

    /// Computes an operand that is a sum.
    fn save_sum(&mut self, place: usize) {
        if let Entry::Sum { .. } = self.stack[place] {
            self.save(place);
        }
    }

    fn save_sums(&mut self, count: usize) {
        for place in self.stack.len() - count..self.stack.len() {
            self.save_sum(place);
        }
    }

    /// Whether a branch to a frame is a return with values.
    fn returns_values(&self, frame: usize) -> bool {
        frame == 0 && !self.results(self.frames[0].signature).is_empty()
    }

    /// Lets the latest instruction, a branch, go to a frame.
    fn branch_to_frame(&mut self, frame: usize) {
        let frame = &mut self.frames[frame];
        if frame.kind == FrameKind::Loop {
            self.code.branch_back(frame.start as usize);
        } else {
            self.code.branch_to(&mut frame.end);
        }
    }

    /// Goes to a frame with the topmost operands, which stay on the stack.
    fn go(&mut self, frame: usize) {
        if self.returns_values(frame) {
            return self.return_values();
        }
        let targets = self.targets(frame);
        self.move_to(targets);
        self.code.emit(|code| Jump::encode(code, Op::Jump, 0, ()));
        self.branch_to_frame(frame);
    }

    pub(super) fn br(&mut self, depth: u32) {
        let frame = self.frame_at(depth);
        self.save_sums(self.label_types(&self.frames[frame]).len());
        self.go(frame);
        self.stop();
    }

    pub(super) fn br_if(&mut self, depth: u32) {
        let condition = self.pop();
        let frame = self.frame_at(depth);
        let count = self.label_types(&self.frames[frame]).len();
        self.save_sums(count);
        match self.condition(condition) {
            Condition::Never => {}
            Condition::Always => self.br(depth),
            Condition::When(test) => {
                if !self.returns_values(frame) {
                    let targets = self.targets(frame);
                    if self.are_in(targets) {
                        self.emit_branch(test);
                        return self.branch_to_frame(frame);
                    }
                }
                // Values are moved only where the branch is taken.
                let mut over = Label::UNUSED;
                self.emit_branch(test.inverse());
                self.code.branch_to(&mut over);
                self.go(frame);
                self.code.bind(over);
            }
        }
    }

    pub(super) fn br_table(&mut self, targets: &wasmparser::BrTable<'_>) -> Result<(), wasmparser::Error> {
        let index = self.pop_part();
        let count = self.label_types(&self.frames[self.frame_at(targets.default())]).len();
        self.save_sums(count);
        self.release(index);
        let mut depths = std::mem::take(&mut self.depths);
        depths.clear();
        for depth in targets.targets() {
            depths.push(depth?);
        }
        depths.push(targets.default());

        let table = self.code.here();
        // The displacements follow.
        let displacements = vec![0; depths.len()];
        self.code.emit(|code| BranchTable::encode(code, Op::BrTable, index.reg, &displacements, ()));
        // Where values are carried, each frame that is gone to gets a block on the way, which moves them.
        let mut edges = std::mem::take(&mut self.edges);
        for (element, &depth) in depths.iter().enumerate() {
            let frame = self.frame_at(depth);
            if count > 0 {
                if edges.len() <= frame {
                    edges.resize(frame + 1, Label::UNUSED);
                }
                self.code.table_to(table, element, &mut edges[frame]);
            } else if self.frames[frame].kind == FrameKind::Loop {
                self.code.table_back(table, element, self.frames[frame].start as usize);
            } else {
                self.code.table_to(table, element, &mut self.frames[frame].end);
            }
        }
        if count > 0 {
            for &depth in &depths {
                let frame = self.frame_at(depth);
                let edge = std::mem::replace(&mut edges[frame], Label::UNUSED);
                if edge.is_used() {
                    self.code.bind(edge);
                    // One that is refused for its size must not take it all first.
                    if self.code.here() <= self.budget {
                        self.go(frame);
                    }
                }
            }
        }
        (self.edges, self.depths) = (edges, depths);
        self.stop();
        Ok(())
    }

    pub(super) fn return_(&mut self) {
        self.return_values();
        self.stop();
    }

    /// Pops arguments and gives their registers, to be given back to `regs`.
    fn arguments(&mut self, count: usize) -> Vec<Reg> {
        let regs = self.read_operands(count);
        self.truncate(self.stack.len() - count);
        regs
    }

    /// Emits a call of a function of type `ty` with these arguments and pushes its results.
    fn call_with(
        &mut self,
        ty: TypeIndex,
        args: Vec<Reg>,
        encode: impl FnOnce(&mut Vec<u64>, &[Reg], &[Reg]),
    ) {
        let types = self.types;
        let results = &types[ty.index()].ty.results;
        if let [result] = results[..] {
            let dst = self.push_result(result);
            self.code.define_last(dst, |code| encode(code, &args, &[dst]));
        } else {
            let dsts: smallvec::SmallVec<[Reg; 4]> = results.iter().map(|&ty| self.push_result(ty)).collect();
            self.code.emit(|code| encode(code, &args, &dsts));
        }
        self.regs = args;
    }

    pub(super) fn call(&mut self, func: FuncIndex) {
        let ty = self.declared.funcs[func.index()];
        let args = self.arguments(self.types[ty.index()].ty.params.len());
        if func.0 < self.declared.imported_funcs {
            self.call_with(ty, args, |code, args, results| {
                CallImport::encode(code, Op::CallImport, args, func, results);
            });
        } else {
            self.call_with(ty, args, |code, args, results| Call::encode(code, Op::Call, args, func, results));
        }
    }

    pub(super) fn call_indirect(&mut self, ty: TypeIndex, table: TableIndex) {
        let (index, args) = self.index_and_arguments(ty);
        self.call_with(ty, args, |code, args, results| {
            CallIndirect::encode(code, Op::CallIndirect, index.reg, args, results, ty, table, ());
        });
    }

    /// Pops what an indirect call takes. The index is read by the instruction that follows at once.
    fn index_and_arguments(&mut self, ty: TypeIndex) -> (Part, Vec<Reg>) {
        let index = self.pop_part();
        let args = self.arguments(self.types[ty.index()].ty.params.len());
        self.release(index);
        (index, args)
    }

    pub(super) fn return_call(&mut self, func: FuncIndex) {
        let ty = self.declared.funcs[func.index()];
        let args = self.arguments(self.types[ty.index()].ty.params.len());
        if func.0 < self.declared.imported_funcs {
            self.code.emit(|code| TailCallImport::encode(code, Op::TailCallImport, &args, func));
        } else {
            self.code.emit(|code| TailCall::encode(code, Op::TailCall, &args, func));
        }
        self.regs = args;
        self.stop();
    }

    pub(super) fn return_call_indirect(&mut self, ty: TypeIndex, table: TableIndex) {
        let (index, args) = self.index_and_arguments(ty);
        self.code.emit(|code| {
            TailCallIndirect::encode(code, Op::TailCallIndirect, index.reg, &args, ty, table, ());
        });
        self.regs = args;
        self.stop();
    }
}
