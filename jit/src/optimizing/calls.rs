//! Calls: of functions by their slots, through records, and of helpers.

use bytecode_spec::isa::{self, List, OpRow};
use bytecode_spec::{FuncIndex, Reg, TableIndex, TrapCause, TypeIndex, ValType};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{I32, I64};
use cranelift_codegen::ir::{AbiParam, Block, BlockArg, InstBuilder, SigRef, Signature, Value};
use cranelift_codegen::isa::CallConv;

use super::Reason;
use super::translate::Translator;
use super::values::{Region, type_of};
use crate::abi::{self, Helper, Place};

/// Signatures that were named before.
#[derive(Default)]
pub(super) struct Signatures {
    functions: Vec<(Vec<ValType>, SigRef)>,
    helper: Option<SigRef>,
}

/// The signature of functions with these parameters, by the register convention.
pub(super) fn signature_of(params: &[ValType]) -> Signature {
    let mut signature = Signature::new(CallConv::Tail);
    signature.params.extend([AbiParam::new(I64), AbiParam::new(I64)]);
    let in_registers = Place::of(params.iter().copied()).filter(|&(_, place)| place != Place::Frame);
    signature.params.extend(in_registers.map(|(ty, _)| AbiParam::new(type_of(ty))));
    signature.returns.push(AbiParam::new(I64));
    signature
}

/// The signature of helpers' functions: the frame, and two arguments.
pub(super) fn helper_signature() -> Signature {
    let mut signature = Signature::new(CallConv::SystemV);
    signature.params.extend([AbiParam::new(I64); 3]);
    signature.returns.push(AbiParam::new(I64));
    signature
}

impl Translator<'_, '_> {
    pub(super) fn signature(&mut self, params: &[ValType]) -> SigRef {
        if let Some((_, known)) = self.signatures.functions.iter().find(|(types, _)| types == params) {
            return *known;
        }
        let signature = self.b.import_signature(signature_of(params));
        self.signatures.functions.push((params.to_vec(), signature));
        signature
    }

    /// Calls a helper's function with the frame and up to two arguments; what it needs is in the frame.
    pub(super) fn helper(&mut self, helper: Helper, args: &[Value]) -> Value {
        let signature = match self.signatures.helper {
            Some(signature) => signature,
            None => *self.signatures.helper.insert(self.b.import_signature(helper_signature())),
        };
        let function = self.in_helpers(helper.function());
        let registers = self.registers();
        let mut all = [registers; 3];
        all[1..=args.len()].copy_from_slice(args);
        let call = self.b.ins().call_indirect(signature, function, &all);
        self.b.inst_results(call)[0]
    }

    /// What the current instruction is named by.
    pub(super) fn place_here(&self) -> u64 {
        self.place_of(self.scope.pc)
    }

    /// What an instruction of the current function is named by. What is inlined of one that only returns early neither stops nor is left,
    /// so it goes by its call: the function may be large.
    pub(super) fn place_of(&self, pc: usize) -> u64 {
        let calls = self.outer.iter().map(|scope| (scope.target, scope.pc));
        let mut path = calls.chain(self.scope.rest.is_none().then_some((self.scope.target, pc)));
        let (_, outermost) = path.next().expect("there is the current function");
        path.fold(abi::place::optimized(outermost as u32), |call, (target, pc)| {
            abi::place::inlined(call, target, pc as u32)
        })
    }

    pub(super) fn site(&mut self) -> Value {
        let place = self.place_here();
        self.constant(ValType::I64, place)
    }

    /// The row of the current instruction.
    pub(super) fn row_here(&self) -> &'static OpRow {
        self.scope.row()
    }

    /// Goes on unless a helper has said to stop.
    pub(super) fn stop_if(&mut self, status: Value) {
        let (stopped, next) = (self.stopped(), self.new_block(false));
        self.b.ins().brif(status, stopped, &[BlockArg::Value(status)], next, &[]);
        self.start(next);
    }

    /// Lets a helper do what the current instruction does.
    pub(super) fn by_helper(&mut self) {
        let (row, words) = (self.row_here(), &self.scope.code[self.scope.pc..]);
        let frame = self.frame();
        row.uses(words).for_each(|reg| self.store_register(reg, frame));
        let site = self.site();
        let status = self.helper(Helper::Step, &[site]);
        self.stop_if(status);
        row.defs(words).for_each(|reg| self.load_register(reg));
    }

    /// A list of the current instruction.
    pub(super) fn regs(&self, list: List) -> Vec<Reg> {
        list.regs(&self.scope.code[self.scope.pc..]).collect()
    }

    fn slot_of(&mut self, func: FuncIndex, context: Value) -> Value {
        // Read anew: in code that calls, there are few registers to keep it in.
        let slots = self.load_word(Region::Store, context, abi::instance::SLOTS);
        let index = (func.0 - self.request.imported_funcs) as i32;
        self.plus(slots, i64::from(index * abi::slot::SIZE))
    }

    /// Where calls by the register convention go.
    fn entry_of(&mut self, slot: Value) -> Value {
        // Code is replaced at any time.
        self.load_word(Region::Store, slot, abi::slot::REGISTER_ENTRY)
    }

    /// Writes the header of a frame at `callee`, but for what the callee does.
    fn link(&mut self, frame: Value, callee: i32, instance: Value) {
        self.store_word(Region::Frame, frame, frame, callee + abi::frame::CALLER);
        let return_pc = self.site();
        self.store_word(Region::Frame, return_pc, frame, callee + abi::frame::RETURN_PC);
        self.store_word(Region::Frame, instance, frame, callee + abi::frame::INSTANCE);
    }

    /// Arguments for machine registers, behind context and slot; others go to a frame, at `callee`.
    fn pass(
        &mut self,
        args: &[Reg],
        context: Value,
        slot: Value,
        frame: Value,
        callee: i32,
    ) -> (SigRef, Vec<Value>) {
        let types: Vec<ValType> = args.iter().map(|&reg| self.type_of(reg)).collect();
        let signature = self.signature(&types);
        let mut values = vec![context, slot];
        for (i, (ty, place)) in Place::of(types.iter().copied()).enumerate() {
            let value = self.get(args[i]);
            if place == Place::Frame {
                self.store_slot(Region::Frame, value, ty, frame, callee + i as i32 * 8);
            } else {
                values.push(value);
            }
        }
        (signature, values)
    }

    /// Calls a function by its slot, from which its entry is; gives the first result's bits.
    fn call_slot(&mut self, slot: Value, entry: Value, context: Value, args: &[Reg]) -> Value {
        let (frame, callee) = (self.frame(), self.callee());
        let (signature, values) = self.pass(args, context, slot, frame, callee);
        self.link(frame, callee, context);
        let next = self.plus(frame, i64::from(callee));
        self.b.ins().set_pinned_reg(next);
        let call = self.b.ins().call_indirect(signature, entry, &values);
        let bits = self.b.inst_results(call)[0];
        // The callee has left its frame where it was.
        let next = self.b.ins().get_pinned_reg(I64);
        let frame = self.plus(next, -i64::from(callee));
        self.b.ins().set_pinned_reg(frame);
        bits
    }

    /// Takes the results of a call.
    fn take_results(&mut self, bits: Value, results: &[Reg]) {
        let Some((&first, others)) = results.split_first() else { return };
        let value = self.value_of_bits(bits, self.type_of(first));
        self.set(first, value);
        let (frame, callee) = (self.frame(), self.callee());
        for (i, &reg) in others.iter().enumerate() {
            let value = self.load_slot(Region::Frame, self.type_of(reg), frame, callee + (i as i32 + 1) * 8);
            self.set(reg, value);
        }
    }

    pub(super) fn call(&mut self, i: isa::Call) {
        let (args, results) = (self.regs(i.args), self.regs(i.results));
        match self.offer(i.func, false) {
            Some(offer) => {
                let done = self.block_for(&results);
                self.inline(offer, 0, &args, &results, done);
                self.join(done, &results);
            }
            None => {
                self.call_func(i.func, &args, &results);
                self.polled = true;
            }
        }
    }

    /// Functions that the call mostly calls are compiled in place, behind tests for whether it does.
    pub(super) fn call_indirect(&mut self, i: isa::CallIndirect) {
        let (args, results) = (self.regs(i.args), self.regs(i.results));
        let record = self.record_at(i.index, i.table);
        let pc = self.scope.pc;
        let targets = self.scope.targets.iter().find(|targets| targets.pc.index() == pc);
        let mut done = None;
        for &(number, func) in targets.iter().flat_map(|targets| &targets.functions) {
            let Some(offer) = self.offer(func, true) else { continue };
            let done = *done.get_or_insert_with(|| self.block_for(&results));
            // It is of this instance, so it has the same context.
            let expected = self.element(abi::instance::RECORDS, func.0);
            let (is_it, other) = (self.new_block(false), self.new_block(false));
            let mut differs = self.b.ins().icmp(IntCC::NotEqual, record, expected);
            if let Some(is_due) = self.count_down() {
                differs = self.b.ins().bor(differs, is_due);
            }
            self.b.ins().brif(differs, other, &[], is_it, &[]);
            self.start(is_it);
            self.inline(offer, number, &args, &results, done);
            self.start(other);
        }
        self.check_record(record, i.ty);
        self.call_record(record, &args, &results);
        if let Some(done) = done {
            self.leave_for(done, &results);
            self.join(done, &results);
        }
    }

    /// A block that takes the values of registers.
    fn block_for(&mut self, regs: &[Reg]) -> Block {
        let block = self.new_block(false);
        for &reg in regs {
            let ty = type_of(self.type_of(reg));
            self.b.append_block_param(block, ty);
        }
        block
    }

    /// Goes to such a block with the values of registers, which may be other ones.
    pub(super) fn leave_for(&mut self, block: Block, regs: &[Reg]) {
        let values: Vec<BlockArg> = regs.iter().map(|&reg| BlockArg::Value(self.get(reg))).collect();
        self.b.ins().jump(block, &values);
    }

    /// Goes on in such a block, that nothing else will go to.
    fn join(&mut self, block: Block, regs: &[Reg]) {
        self.start(block);
        for (n, &reg) in regs.iter().enumerate() {
            let value = self.b.block_params(block)[n];
            self.set(reg, value);
        }
        // What is known of one way is not known of the others.
        self.places.clear();
        self.polled = false;
    }

    /// Calls a function of the module.
    pub(super) fn call_func(&mut self, func: FuncIndex, args: &[Reg], results: &[Reg]) {
        let context = self.context_in_frame();
        let slot = self.slot_of(func, context);
        let entry = self.entry_of(slot);
        let bits = self.call_slot(slot, entry, context, args);
        self.take_results(bits, results);
    }

    pub(super) fn call_record(&mut self, record: Value, args: &[Reg], results: &[Reg]) {
        // Not to be moved in front of a test for null. (The same for the instance.)
        let slot = self.load_word(Region::Tables, record, abi::record::SLOT);
        let [with_slot, by_slot, by_helper, done] = [(); 4].map(|()| self.new_block(false));
        self.b.append_block_param(done, I64);
        self.b.ins().brif(slot, with_slot, &[], by_helper, &[]);

        // A function of another module has no entry of this convention before something of that module is optimized.
        self.start(with_slot);
        let entry = self.entry_of(slot);
        self.b.ins().brif(entry, by_slot, &[], by_helper, &[]);

        self.start(by_slot);
        let instance = self.load_word(Region::Tables, record, abi::record::INSTANCE);
        let bits = self.call_slot(slot, entry, instance, args);
        self.b.ins().jump(done, &[BlockArg::Value(bits)]);

        self.start(by_helper);
        let (frame, callee) = (self.frame(), self.callee());
        for (i, &reg) in args.iter().enumerate() {
            let value = self.get(reg);
            self.store_slot(Region::Frame, value, self.type_of(reg), frame, callee + i as i32 * 8);
        }
        let context = self.context_in_frame();
        self.link(frame, callee, context);
        let site = self.site();
        let status = self.helper(Helper::Call, &[site, record]);
        self.stop_if(status);
        let frame = self.frame();
        let bits = self.load_word(Region::Frame, frame, callee);
        self.b.ins().jump(done, &[BlockArg::Value(bits)]);

        self.start(done);
        let bits = self.b.block_params(done)[0];
        self.take_results(bits, results);
    }

    /// The record at an index of a table, or null.
    pub(super) fn record_at(&mut self, index: Reg, table: TableIndex) -> Value {
        let index = self.get(index);
        let place = self.table_place(table, index);
        self.load_word(Region::Tables, place, 0)
    }

    /// Traps unless a record is there, and of a function of that type.
    pub(super) fn check_record(&mut self, record: Value, ty: TypeIndex) {
        let is_null = self.is(record, 0);
        self.trap_if(is_null, TrapCause::IndirectCallToNull);
        let signatures = self.load_constant(self.context, abi::instance::SIGNATURES);
        let expected = self.load_constant_of(I32, signatures, ty.0 as i32 * 4);
        let flags = self.flags(Region::Tables);
        let found = self.b.ins().load(I32, flags, record, abi::record::SIGNATURE);
        let differs = self.b.ins().icmp(IntCC::NotEqual, expected, found);
        self.trap_if(differs, TrapCause::IndirectCallTypeMismatch);
    }

    pub(super) fn tail_call(&mut self, i: isa::TailCall) {
        self.poll();
        let context = self.context_in_frame();
        let slot = self.slot_of(i.func, context);
        let entry = self.entry_of(slot);
        self.replace_by(slot, entry, context, i.args);
    }

    pub(super) fn tail_call_record(&mut self, record: Value, args: List) {
        let slot = self.load_word(Region::Tables, record, abi::record::SLOT);
        let none = self.is(slot, 0);
        self.exit_if(none, Reason::TailCall);
        let entry = self.entry_of(slot);
        let none = self.is(entry, 0);
        self.exit_if(none, Reason::TailCall);
        let instance = self.load_word(Region::Tables, record, abi::record::INSTANCE);
        let frame = self.frame();
        self.store_word(Region::Frame, instance, frame, abi::frame::INSTANCE);
        self.replace_by(slot, entry, instance, args);
    }

    fn replace_by(&mut self, slot: Value, entry: Value, context: Value, args: List) {
        let args = self.regs(args);
        let frame = self.frame();
        let (signature, values) = self.pass(&args, context, slot, frame, 0);
        self.b.ins().return_call_indirect(signature, entry, &values);
    }

    pub(super) fn ret(&mut self, values: List) {
        let values = self.regs(values);
        if let Some(done) = self.scope.done {
            return self.leave_for(done, &values);
        }
        let bits = match values.first() {
            Some(&first) => {
                let value = self.get(first);
                self.bits_of(value, self.type_of(first))
            }
            None => self.constant(ValType::I64, 0),
        };
        if values.len() > 1 {
            let frame = self.frame();
            for (i, &reg) in values.iter().enumerate().skip(1) {
                let value = self.get(reg);
                self.store_slot(Region::Frame, value, self.type_of(reg), frame, i as i32 * 8);
            }
        }
        self.b.ins().return_(&[bits]);
    }
}
