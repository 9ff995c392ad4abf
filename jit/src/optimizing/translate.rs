//! The walk over the bytecode: blocks, branches, and what is neither arithmetic, nor memory, nor a call.

use std::collections::BTreeMap;
use std::mem;
use std::rc::Rc;

use ahash::{AHashMap, AHashSet};
use bytecode_spec::isa::{self, OpRow, Visitor, Words, visit};
use bytecode_spec::{Effect, FuncIndex, Function, Op, Pc, Reg, TrapCause, ValType};
use cranelift_codegen::ir::condcodes::{CondCode, FloatCC, IntCC};
use cranelift_codegen::ir::types::I64;
use cranelift_codegen::ir::{AliasRegion, AliasRegionData, Block, Inst, InstBuilder, SourceLoc, Value};
use cranelift_codegen::isa::TargetFrontendConfig;
use cranelift_frontend::FunctionBuilder;

use super::calls::Signatures;
use super::constants::constants;
use super::exits::State;
use super::graph::Graph;
use super::safepoint;
use super::values::{Invariant, Region, type_of};
use super::{CallSite, CallTargets, Edge, Entry, Exit, Reason, Refusal, Request, Target, Word};
use crate::abi::{self, Place};

/// What a function becomes.
pub(super) struct Translator<'a, 'f> {
    pub(super) b: FunctionBuilder<'f>,
    pub(super) request: &'a Request,
    pub(super) target: Target,
    /// The function that is translated now.
    pub(super) scope: Scope<'a>,
    /// The functions that it is inlined in, the outermost first.
    pub(super) outer: Vec<Scope<'a>>,
    /// Words of bytecode that were inlined.
    pub(super) inlined_words: usize,
    /// Variables that were declared.
    pub(super) variables: u32,
    /// Whether the function whose code it is calls anything.
    pub(super) calls_others: bool,
    pub(super) regions: [AliasRegion; 5],
    /// The instance context.
    pub(super) context: Value,
    /// An instruction that does nothing, behind values that are the same in all of the code.
    pub(super) first: Inst,
    pub(super) invariants: AHashMap<Invariant, Value>,
    /// Where memory is at addresses that were used since the block began.
    pub(super) places: AHashMap<Value, Value>,
    /// What source locations stand for: places of instructions.
    pub(super) locations: Vec<u64>,
    /// Locations of accesses to memory, ascending.
    pub(super) accesses: Vec<u32>,
    pub(super) exits: Vec<Exit>,
    pub(super) countdowns: u32,
    /// Blocks, to be filled, that are left by side exits of these numbers, and the states that they leave behind.
    pub(super) leaving: BTreeMap<State, Vec<(Block, u32)>>,
    /// How many operations of their block come before values.
    pub(super) heights: AHashMap<Value, u32>,
    /// Values that are needed beside what is computed from them.
    pub(super) needed: AHashSet<Value>,
    /// Where the loop of the current block goes on in a copy of the block.
    pub(super) next_copy: Option<Block>,
    /// Instructions in copies of blocks.
    pub(super) copied: u32,
    /// Whether a function of the module was called since the block began: its entry is a safepoint.
    pub(super) polled: bool,
    /// Where traps go, with what [`abi::trap`] says.
    pub(super) raised: Option<Block>,
    /// Where statuses of helpers go.
    pub(super) stopped: Option<Block>,
    /// Blocks of ways that are left out, to be filled.
    ways: Vec<(Block, Pc, Reason)>,
    pub(super) signatures: Signatures,
    /// What became of calls so far.
    pub(super) calls: Vec<CallSite>,
}

/// A function in the course of its translation.
pub(super) struct Scope<'a> {
    pub(super) function: &'a Function,
    pub(super) code: &'a [u64],
    pub(super) costs: &'a [u32],
    pub(super) frame_words: u32,
    pub(super) targets: &'a [CallTargets],
    /// Registers that are never anything else.
    pub(super) constants: Vec<Option<u64>>,
    /// Whether registers are in the frame from the start, and are never written: all of them, if activations enter in a loop, but for those
    /// that its code writes.
    pub(super) in_frame: Vec<bool>,
    pub(super) graph: Rc<Graph>,
    /// The current instruction.
    pub(super) pc: usize,
    blocks: Vec<Option<Block>>,
    /// For each block, edges whose branches do not stand yet.
    missing: Vec<u32>,
    /// The variable that its first register is.
    pub(super) first_variable: u32,
    /// Bytes from the pinned frame to its own.
    pub(super) offset: i32,
    /// Which function of the module it is, if it is inlined,
    pub(super) inlined: Option<FuncIndex>,
    /// and which of the call's targets.
    pub(super) target: u32,
    /// Where it returns to, if it is inlined.
    pub(super) done: Option<Block>,
    /// Where it goes on if only what it does before an early return is inlined.
    pub(super) rest: Option<Block>,
}

impl<'a> Scope<'a> {
    pub(super) fn new(
        function: &'a Function,
        costs: &'a [u32],
        frame_words: u32,
        targets: &'a [CallTargets],
        graph: Rc<Graph>,
    ) -> Scope<'a> {
        let count = graph.reached().last().map_or(0, |(block, ..)| block + 1);
        Scope {
            function,
            code: &function.code,
            costs,
            frame_words,
            targets,
            constants: constants(function),
            in_frame: vec![false; function.registers.len()],
            graph,
            pc: 0,
            blocks: vec![None; count],
            missing: vec![0; count],
            first_variable: 0,
            offset: 0,
            inlined: None,
            target: 0,
            done: None,
            rest: None,
        }
    }
}

impl Scope<'_> {
    /// The row of the current instruction.
    pub(super) fn row(&self) -> &'static OpRow {
        OpRow::of(&self.code[self.pc..])
    }
}

/// What a translation tells besides the intermediate form.
pub(super) struct Translated {
    pub(super) locations: Vec<u64>,
    pub(super) accesses: Vec<u32>,
    pub(super) exits: Vec<Exit>,
    pub(super) countdowns: u32,
    /// Instructions of the bytecode, those of inlined functions included.
    pub(super) instructions: u32,
    pub(super) calls: Vec<CallSite>,
}

/// Translates a function.
pub(super) fn translate(
    mut b: FunctionBuilder<'_>,
    request: &Request,
    target: Target,
    frontend: TargetFrontendConfig,
) -> Result<Translated, Refusal> {
    let graph = Rc::new(Graph::new(&request.function, request.entry, &request.never, &request.counts)?);
    let regions =
        [Region::Frame, Region::Store, Region::Memory, Region::Globals, Region::Tables].map(|region| {
            let data = AliasRegionData { user_id: region as u32, description: format!("{region:?}").into() };
            b.func.dfg.alias_regions.insert(data)
        });
    let entry = b.create_block();
    b.append_block_params_for_function_params(entry);
    b.switch_to_block(entry);
    b.seal_block(entry);
    let context = b.block_params(entry)[0];
    let first = b.ins().nop();
    let mut calls_others = false;
    isa::each_row(&request.function.code, |_, row, _, _| calls_others |= row.calls);
    let mut t = Translator {
        b,
        request,
        target,
        scope: Scope::new(&request.function, &request.costs, request.frame_words, &request.targets, graph),
        outer: Vec::new(),
        inlined_words: 0,
        variables: 0,
        calls_others,
        regions,
        context,
        first,
        invariants: AHashMap::new(),
        places: AHashMap::new(),
        locations: Vec::new(),
        accesses: Vec::new(),
        exits: Vec::new(),
        countdowns: 0,
        leaving: BTreeMap::new(),
        heights: AHashMap::new(),
        needed: AHashSet::new(),
        next_copy: None,
        copied: 0,
        polled: false,
        raised: None,
        stopped: None,
        ways: Vec::new(),
        signatures: Signatures::default(),
        calls: Vec::new(),
    };
    t.declare(&request.function.registers);
    t.enter(entry);
    t.body();
    t.finish();
    let Translator { b, locations, accesses, exits, countdowns, copied, calls, .. } = t;
    b.finalize(frontend);
    let instructions = locations.len() as u32 - copied;
    Ok(Translated { locations, accesses, exits, countdowns, instructions, calls })
}

impl Translator<'_, '_> {
    /// Declares variables for the registers of a function.
    pub(super) fn declare(&mut self, registers: &[ValType]) {
        registers.iter().for_each(|&ty| _ = self.b.declare_var(type_of(ty)));
        self.variables += registers.len() as u32;
    }

    /// What comes before the function's own code.
    fn enter(&mut self, entry: Block) {
        match self.request.entry {
            Entry::Start => {
                self.prologue();
                let params = Place::of(self.request.ty.params.iter().copied());
                // Behind context and slot.
                let mut next = 2;
                for (i, (_, place)) in params.enumerate() {
                    if place == Place::Frame {
                        self.load_register(Reg(i as u16));
                    } else {
                        let value = self.b.block_params(entry)[next];
                        next += 1;
                        self.set(Reg(i as u16), value);
                    }
                }
            }
            Entry::Loop(head) => {
                let graph = Rc::clone(&self.scope.graph);
                self.scope.in_frame = graph.unwritten(self.scope.function);
                graph.live_in(graph.block_at(head)).for_each(|reg| self.load_register(reg));
            }
        }
    }

    /// The code of the current function, from the current place on.
    pub(super) fn body(&mut self) {
        let graph = Rc::clone(&self.scope.graph);
        let here = self.b.current_block();
        let first = graph.first();
        let cold = graph.cold();
        for (block, _, edges) in graph.reached() {
            // Where nothing goes back to the start, it goes on in the same block.
            let is_here = block == first && edges == 1;
            self.scope.blocks[block] = if is_here { here } else { Some(self.new_block(cold[block])) };
            self.scope.missing[block] = edges;
        }
        let to = self.reached(first);
        if here != Some(to) {
            self.b.ins().jump(to, &[]);
            self.arrive(first);
        }
        for (block, pc, _) in graph.reached() {
            self.block(block, pc);
        }
    }

    /// Tests that there is room for the frame and that nothing asks for attention.
    fn prologue(&mut self) {
        let frame = self.frame();
        let version = self.word(Word::Version);
        self.store_word(Region::Frame, version, frame, abi::frame::VERSION);
        let beyond_room = self.frame_bytes() - abi::store::ROOM;
        let end = self.plus(frame, beyond_room.max(0).into());
        let store = self.store_context();
        let limit = self.load_word(Region::Store, store, abi::store::ENTRY_LIMIT);
        let is_short = self.b.ins().icmp(IntCC::UnsignedGreaterThan, end, limit);
        let (asked, resume) = (self.new_block(true), self.new_block(false));
        let test_native = self.new_block(false);
        self.b.ins().brif(is_short, asked, &[], test_native, &[]);
        self.start(test_native);
        let stack = self.b.ins().get_stack_pointer(I64);
        let limit = self.load_word(Region::Store, store, abi::store::NATIVE_LIMIT);
        let is_short = self.b.ins().icmp(IntCC::UnsignedLessThan, stack, limit);
        self.b.ins().brif(is_short, asked, &[], resume, &[]);
        self.start(asked);
        let nowhere = self.constant(ValType::I64, 0);
        self.poll_at(nowhere, safepoint::ON_ENTRY);
        self.b.ins().jump(resume, &[]);
        self.start(resume);
    }

    fn block(&mut self, block: usize, start: Pc) {
        let mut here = self.reached(block);
        if self.b.current_block() != Some(here) {
            self.b.switch_to_block(here);
        }
        let copies = self.copies(start);
        self.places.clear();
        let mut before = None;
        for copy in 1..=copies {
            self.next_copy = (copy < copies).then(|| self.new_block(false));
            let locations = self.locations.len();
            self.instructions(start);
            let next = self.next_copy.take();
            if let Some(before) = before.replace(here) {
                self.copied += (self.locations.len() - locations) as u32;
                self.pack_divisions(before, here);
            }
            if let Some(next) = next {
                self.start(next);
                here = next;
            }
        }
        let graph = Rc::clone(&self.scope.graph);
        graph.successors(block).for_each(|to| self.arrive(to));
    }

    /// The instructions of the block that starts there.
    fn instructions(&mut self, start: Pc) {
        self.polled = false;
        self.scope.pc = start.index();
        loop {
            let place = self.place_here();
            self.locations.push(place);
            self.b.set_srcloc(SourceLoc::new(self.locations.len() as u32 - 1));
            if let Some(&cost) = self.scope.costs.get(self.scope.pc)
                && cost > 0
            {
                self.charge(cost);
            }
            let code = &self.scope.code[self.scope.pc..];
            let op = Op::from_code(code.lane(0)).expect("verified");
            let ((), length) = visit(op, code, self);
            self.scope.pc += length;
            if op.info().has_targets || op.info().effects.has(Effect::Ends) {
                break;
            }
            let next = Pc(self.scope.pc as u32);
            if self.scope.graph.starts_at(next) {
                let to = self.reached(self.scope.graph.block_at(next));
                self.b.ins().jump(to, &[]);
                break;
            }
        }
    }

    /// One more of the branches to a block stands.
    fn arrive(&mut self, block: usize) {
        self.scope.missing[block] -= 1;
        if self.scope.missing[block] == 0 {
            let block = self.reached(block);
            self.b.seal_block(block);
        }
    }

    fn reached(&self, block: usize) -> Block {
        self.scope.blocks[block].expect("reached")
    }

    /// Goes on in a block that nothing else will go to.
    pub(super) fn start(&mut self, block: Block) {
        self.b.switch_to_block(block);
        self.b.seal_block(block);
    }

    /// A block that is laid out apart if it `is_cold`, or the current one is.
    pub(super) fn new_block(&mut self, is_cold: bool) -> Block {
        let block = self.b.create_block();
        if is_cold || self.b.current_block().is_some_and(|here| self.b.func.layout.is_cold(here)) {
            self.b.set_cold_block(block);
        }
        block
    }

    fn charge(&mut self, cost: u32) {
        let store = self.store_context();
        let fuel = self.load_word(Region::Store, store, abi::store::FUEL);
        let cost = self.constant(ValType::I64, u64::from(cost));
        let is_short = self.b.ins().icmp(IntCC::UnsignedLessThan, fuel, cost);
        self.trap_if(is_short, TrapCause::OutOfFuel);
        let left = self.b.ins().isub(fuel, cost);
        self.store_word(Region::Store, left, store, abi::store::FUEL);
    }

    /// Where a branch goes.
    fn target(&self, displacement: i32) -> Pc {
        Pc((self.scope.pc as i64 + i64::from(displacement)) as u32)
    }

    /// Goes to one of two places.
    fn branch(&mut self, condition: Condition, displacement: i32) {
        match self.next_copy {
            // The last copy polls.
            Some(_) => self.stress(),
            None => self.poll_if_backward(displacement),
        }
        let op = Op::from_code(self.scope.code[self.scope.pc..].lane(0)).expect("verified");
        let length = usize::from(op.info().fixed_words);
        let from = Pc(self.scope.pc as u32);
        let taken = Edge { from, to: self.target(displacement) };
        let not_taken = Edge { from, to: Pc((self.scope.pc + length) as u32) };
        let (mut to, next) = (self.way(taken), self.way(not_taken));
        if let Some(copy) = self.next_copy {
            to = copy;
        }
        // What leaves the code, or a loop, comes first, or the code generator moves nothing out of the loop, and lays it out within it. So does
        // what seldom runs.
        let graph = &self.scope.graph;
        let is_cold = |block| self.b.func.layout.is_cold(block);
        let order = |edge: Edge, to| (graph.why_not(edge).is_some(), graph.is_loop_left(edge), is_cold(to));
        if order(not_taken, next) > order(taken, to) {
            let value = self.truth(condition.inverse());
            self.b.ins().brif(value, next, &[], to, &[]);
        } else {
            let value = self.truth(condition);
            self.b.ins().brif(value, to, &[], next, &[]);
        }
        self.leave_by_ways();
    }

    /// The block of a way that a branch may go.
    fn way(&mut self, edge: Edge) -> Block {
        let Some(reason) = self.scope.graph.why_not(edge) else {
            return self.reached(self.scope.graph.block_at(edge.to));
        };
        if let Some(rest) = self.scope.rest {
            return rest;
        }
        let block = self.new_block(true);
        self.ways.push((block, edge.to, reason));
        block
    }

    /// Lets ways that are left out be side exits.
    fn leave_by_ways(&mut self) {
        for (block, to, reason) in mem::take(&mut self.ways) {
            self.start(block);
            self.exit(to, reason);
        }
    }

    /// Not zero if the condition is true.
    pub(super) fn truth(&mut self, condition: Condition) -> Value {
        match condition {
            Condition::Int(cc, a, b) => self.b.ins().icmp(cc, a, b),
            Condition::Float(cc, a, b) => self.b.ins().fcmp(cc, a, b),
            Condition::Any(a, b) => self.b.ins().band(a, b),
            Condition::None(a, b) => {
                let both = self.b.ins().band(a, b);
                self.is(both, 0)
            }
        }
    }
}

/// What a branch tests.
#[derive(Clone, Copy)]
pub(super) enum Condition {
    Int(IntCC, Value, Value),
    Float(FloatCC, Value, Value),
    /// `a & b != 0`.
    Any(Value, Value),
    /// `a & b == 0`.
    None(Value, Value),
}

impl Condition {
    fn inverse(self) -> Condition {
        match self {
            Condition::Int(cc, a, b) => Condition::Int(cc.complement(), a, b),
            Condition::Float(cc, a, b) => Condition::Float(cc.complement(), a, b),
            Condition::Any(a, b) => Condition::None(a, b),
            Condition::None(a, b) => Condition::Any(a, b),
        }
    }
}

macro_rules! by_helper {
    ($($visit:ident $op:ident $shape:ident)*) => { $(
        fn $visit(&mut self, _: isa::$op, _: isa::$shape) {
            self.by_helper();
        }
    )* };
}

impl Visitor for Translator<'_, '_> {
    type Output = ();

    by_helper! {
        visit_memory_grow MemoryGrowOp MemoryGrow
        visit_memory_fill MemoryFillOp MemoryFill
        visit_memory_copy MemoryCopyOp MemoryCopy
        visit_memory_init MemoryInitOp MemoryInit
        visit_data_drop DataDropOp DataDrop
        visit_table_grow TableGrowOp TableGrow
        visit_table_fill TableFillOp TableFill
        visit_table_copy TableCopyOp TableCopy
        visit_table_init TableInitOp TableInit
        visit_elem_drop ElemDropOp ElemDrop
    }

    fn visit_nop(&mut self, _: isa::NopOp, _: isa::Nop) {}

    fn visit_trap(&mut self, _: isa::TrapOp, i: isa::Trap) {
        self.trap(TrapCause::from_code(i.cause).expect("verified"));
    }

    fn visit_move(&mut self, _: isa::MoveOp, i: isa::Move) {
        let value = self.get(i.src);
        self.set(i.dst, value);
    }

    fn visit_const(&mut self, _: isa::ConstOp, i: isa::Const) {
        let value = self.constant(self.type_of(i.dst), i.value);
        self.set(i.dst, value);
    }

    fn visit_unary(&mut self, op: isa::UnaryOp, i: isa::Unary) {
        self.unary(op, i);
    }

    fn visit_binary(&mut self, op: isa::BinaryOp, i: isa::Binary) {
        self.binary(op, i);
    }

    fn visit_binary_imm(&mut self, op: isa::BinaryImmOp, i: isa::BinaryImm) {
        self.binary_imm(op, i);
    }

    fn visit_select(&mut self, _: isa::SelectOp, i: isa::Select) {
        let (a, b, condition) = (self.get(i.a), self.get(i.b), self.get(i.cond));
        let value = self.b.ins().select(condition, a, b);
        self.set(i.dst, value);
    }

    fn visit_jump(&mut self, _: isa::JumpOp, i: isa::Jump) {
        self.poll_if_backward(i.target);
        let to = self.reached(self.scope.graph.block_at(self.target(i.target)));
        self.b.ins().jump(to, &[]);
    }

    fn visit_branch_unary(&mut self, op: isa::BranchUnaryOp, i: isa::BranchUnary) {
        let (a, zero) = (self.get(i.a), self.constant(ValType::I32, 0));
        let cc = match op {
            isa::BranchUnaryOp::BrNez => IntCC::NotEqual,
            isa::BranchUnaryOp::BrEqz => IntCC::Equal,
        };
        self.branch(Condition::Int(cc, a, zero), i.target);
    }

    fn visit_branch(&mut self, op: isa::BranchOp, i: isa::Branch) {
        let condition = self.condition(op, i.a, i.b);
        self.branch(condition, i.target);
    }

    fn visit_branch_imm(&mut self, op: isa::BranchImmOp, i: isa::BranchImm) {
        let condition = self.condition_imm(op, i.a, i.b);
        self.branch(condition, i.target);
    }

    fn visit_branch_table(&mut self, _: isa::BranchTableOp, i: isa::BranchTable) {
        let code = &self.scope.code[self.scope.pc..];
        let targets: Vec<i32> = (0..i.targets.len).map(|n| i.targets.target(code, n)).collect();
        self.poll_if_backward(targets.iter().copied().min().unwrap_or(0));
        let index = self.get(i.index);
        let from = Pc(self.scope.pc as u32);
        let mut blocks: Vec<Block> = Vec::with_capacity(targets.len());
        for (n, &displacement) in targets.iter().enumerate() {
            let same = targets[..n].iter().position(|&other| other == displacement);
            blocks.push(match same {
                Some(same) => blocks[same],
                None => self.way(Edge { from, to: self.target(displacement) }),
            });
        }
        self.go_by_index(index, &blocks);
        self.leave_by_ways();
    }

    fn visit_load(&mut self, op: isa::LoadOp, i: isa::Load) {
        self.load(op, i);
    }

    fn visit_load_indexed(&mut self, op: isa::LoadIndexedOp, i: isa::LoadIndexed) {
        self.load_indexed(op, i);
    }

    fn visit_store(&mut self, op: isa::StoreOp, i: isa::Store) {
        self.store(op, i);
    }

    fn visit_store_indexed(&mut self, op: isa::StoreIndexedOp, i: isa::StoreIndexed) {
        self.store_indexed(op, i);
    }

    fn visit_memory_size(&mut self, _: isa::MemorySizeOp, i: isa::MemorySize) {
        self.memory_size(i);
    }

    fn visit_table_get(&mut self, _: isa::TableGetOp, i: isa::TableGet) {
        self.table_get(i);
    }

    fn visit_table_set(&mut self, _: isa::TableSetOp, i: isa::TableSet) {
        self.table_set(i);
    }

    fn visit_table_size(&mut self, _: isa::TableSizeOp, i: isa::TableSize) {
        self.table_size(i);
    }

    fn visit_ref_null(&mut self, _: isa::RefNullOp, i: isa::RefNull) {
        let null = self.constant(ValType::I64, 0);
        self.set(i.dst, null);
    }

    fn visit_ref_is_null(&mut self, _: isa::RefIsNullOp, i: isa::RefIsNull) {
        let a = self.get(i.a);
        let is_null = self.is(a, 0);
        self.set_truth(i.dst, is_null);
    }

    fn visit_ref_func(&mut self, _: isa::RefFuncOp, i: isa::RefFunc) {
        let record = self.element(abi::instance::RECORDS, i.func.0);
        self.set(i.dst, record);
    }

    fn visit_global_get(&mut self, _: isa::GlobalGetOp, i: isa::GlobalGet) {
        let cell = self.element(abi::instance::GLOBALS, i.global.0);
        let value = self.load_slot(Region::Globals, self.type_of(i.dst), cell, 0);
        self.set(i.dst, value);
    }

    fn visit_global_set(&mut self, _: isa::GlobalSetOp, i: isa::GlobalSet) {
        let cell = self.element(abi::instance::GLOBALS, i.global.0);
        let value = self.get(i.value);
        self.store_slot(Region::Globals, value, self.type_of(i.value), cell, 0);
    }

    fn visit_call(&mut self, _: isa::CallOp, i: isa::Call) {
        self.call(i);
    }

    fn visit_call_import(&mut self, _: isa::CallImportOp, i: isa::CallImport) {
        let record = self.element(abi::instance::RECORDS, i.func.0);
        let (args, results) = (self.regs(i.args), self.regs(i.results));
        self.call_record(record, &args, &results);
    }

    fn visit_call_indirect(&mut self, _: isa::CallIndirectOp, i: isa::CallIndirect) {
        self.call_indirect(i);
    }

    fn visit_tail_call(&mut self, _: isa::TailCallOp, i: isa::TailCall) {
        self.tail_call(i);
    }

    fn visit_tail_call_import(&mut self, _: isa::TailCallImportOp, i: isa::TailCallImport) {
        self.poll();
        let record = self.element(abi::instance::RECORDS, i.func.0);
        self.tail_call_record(record, i.args);
    }

    fn visit_tail_call_indirect(&mut self, _: isa::TailCallIndirectOp, i: isa::TailCallIndirect) {
        self.poll();
        let record = self.record_at(i.index, i.table);
        self.check_record(record, i.ty);
        self.tail_call_record(record, i.args);
    }

    fn visit_ret(&mut self, _: isa::RetOp, i: isa::Ret) {
        self.ret(i.values);
    }
}
