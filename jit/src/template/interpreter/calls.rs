//! Calls and returns of the generated interpreter. Between interpreted functions they change the frame and the pc and use no native
//! stack; machine code of functions is called natively, by the frame convention, and calls the interpreter so.
//!
//! An activation of the interpreter, from its native entry to its return, has a native frame, with the frame of the function
//! that it was entered for: where that returns, so does the interpreter.

use bytecode_spec::{Kind, isa};

use super::parts::{ANY_ARGUMENTS, RESULT, SEVERAL_RESULTS};
use super::{Exit, Fetched};
use crate::abi::{self, Helper};
use crate::template::buffer::Label;
use crate::template::convention::{self, leave_to_entry, memory_of_context, own_instance};
use crate::template::masm::Value::{Imm, Mem, Reg};
use crate::template::masm::Width::{W32, W64};
use crate::template::masm::{Access, Addr, Cond, Gpr, IntOp, Masm, Test};
use crate::template::operands::Lane;

/// Bytes of the native frame. Its first word is the frame that the interpreter was entered for.
const NATIVE: i32 = 32;
/// Where it keeps a record while a helper runs.
const RECORD: i32 = 8;
/// Where it keeps the accumulators.
const ACCUMULATOR: i32 = 16;
/// See [`ACCUMULATOR`].
const FLOAT_ACCUMULATOR: i32 = 24;

const fn is(cond: Cond, a: crate::template::masm::Int, b: crate::template::masm::Int) -> Test {
    Test { cond, width: W64, a, b }
}

/// Where the operands of a call through a record are.
struct Lists {
    args: Lane,
    /// A tail call has no results.
    results: Option<Lane>,
    first: Lane,
}

impl Fetched {
    /// The register with the callee's frame. It, and the third scratch register with its version, is what calls end with.
    fn callee<M: Masm>() -> Gpr {
        M::ROLES.interpreter.fetched[3]
    }

    /// Whether the frame in a register is the one that the interpreter was entered for.
    fn is_entry<M: Masm>(frame: Gpr) -> Test {
        is(Cond::Eq, Reg(frame), Mem(Addr::at(M::ROLES.stack, 0)))
    }

    /// Calls a helper's stub at a branch, whose target may find something in the accumulators.
    fn helper_at_branch<M: Masm>(m: &mut M, helper: Helper) {
        let (stack, roles) = (M::ROLES.stack, M::ROLES.interpreter);
        m.store_slot(Addr::at(stack, ACCUMULATOR), Reg(roles.accumulator));
        m.store_float(W64, Addr::at(stack, FLOAT_ACCUMULATOR), roles.float_accumulator);
        Self::helper(m, helper);
        m.mov(roles.accumulator, Mem(Addr::at(stack, ACCUMULATOR)));
        m.fmov(roles.float_accumulator, Mem(Addr::at(stack, FLOAT_ACCUMULATOR)));
    }

    /// The place behind the current frame, in the callee's register.
    fn behind<M: Masm>(m: &mut M) {
        let callee = Self::callee::<M>();
        m.mov(callee, Mem(M::ROLES.in_frame(M::ROLES.frame, abi::frame::VERSION)));
        m.load(Access::U32, callee, Addr::at(callee, abi::version::FRAME_WORDS));
        m.lea(W64, callee, Addr::indexed(M::ROLES.frame, callee, 3));
    }

    /// The slot of the function that a call names, in the first of `scratch`; the image has its distance from the first slot.
    fn slot_of<M: Masm>(&self, m: &mut M, func: Lane) {
        let slot = M::ROLES.scratch[0];
        m.load(Access::U32, slot, self.word::<M>(func));
        m.int(IntOp::Add, W64, slot, Reg(slot), Mem(Addr::at(M::ROLES.context, abi::instance::SLOTS)));
    }

    /// The version of that slot's function, in the last of `scratch`; if there is none yet, one is made, and all begins again
    /// at `again`.
    fn version_of<M: Masm>(&mut self, m: &mut M, again: Label) {
        let [slot, _, version] = M::ROLES.scratch;
        let make = m.buffer().label();
        m.mov(version, Mem(Addr::at(slot, abi::slot::VERSION)));
        m.jump_if(is(Cond::Eq, Reg(version), Imm(0)), make);
        self.exits.push((make, Exit::Version { again }));
    }

    pub(super) fn call_defined<M: Masm>(&mut self, m: &mut M) {
        let [_, second, version] = M::ROLES.scratch;
        let (frame, context, pc) = (M::ROLES.frame, M::ROLES.context, M::ROLES.interpreter.pc);
        let callee = Self::callee::<M>();
        let [half_frame, func, length] = isa::Call::LANES;
        let again = m.buffer().label();
        m.buffer().bind(again);
        self.slot_of(m, func);
        self.version_of(m, again);
        // The image has half the words of the frame and the instruction's length in place of those of its lists.
        m.load(Access::U16, second, self.word::<M>(half_frame));
        m.lea(W64, callee, Addr::indexed(frame, second, 3));
        m.lea(W64, callee, Addr::indexed(callee, second, 3));
        m.store_slot(M::ROLES.in_frame(callee, abi::frame::CALLER), Reg(frame));
        m.load(Access::U16, second, self.word::<M>(length));
        m.lea(W64, second, Addr { disp: self.offset, ..Addr::indexed(pc, second, 3) });
        m.store_slot(M::ROLES.in_frame(callee, abi::frame::RETURN_PC), Reg(second));
        m.store_slot(M::ROLES.in_frame(callee, abi::frame::VERSION), Reg(version));
        m.store_slot(M::ROLES.in_frame(callee, abi::frame::INSTANCE), Reg(context));
        const FIRST: Lane = 5;
        if self.part.kind == ANY_ARGUMENTS {
            let [from, to, end, _] = M::ROLES.interpreter.fetched;
            m.load(Access::U32, end, Addr::at(version, abi::version::PARAMS));
            self.pass(m, FIRST, [from, to, end]);
        } else {
            let [value, ..] = M::ROLES.interpreter.fetched;
            for i in 0..self.part.kind {
                m.load(Access::U16, value, self.word::<M>(FIRST + i));
                m.mov(value, Mem(M::ROLES.register(frame, value)));
                m.store_slot(M::ROLES.in_frame(callee, i32::from(i) * 8), Reg(value));
            }
        }
        self.start(m);
        self.goes_on = false;
    }

    /// Copies registers of a list, so many as the last register says, to the place behind the frame.
    fn pass<M: Masm>(&self, m: &mut M, first: Lane, [from, to, end]: [Gpr; 3]) {
        let (frame, value) = (M::ROLES.frame, M::ROLES.scratch[1]);
        let (again, done) = (m.buffer().label(), m.buffer().label());
        m.lea(W64, from, self.word::<M>(first));
        m.lea(W64, end, Addr::indexed(from, end, 1));
        m.lea(W64, to, M::ROLES.in_frame(Self::callee::<M>(), 0));
        m.buffer().bind(again);
        m.jump_if(is(Cond::GeU, Reg(from), Reg(end)), done);
        m.load(Access::U16, value, Addr::at(from, 0));
        m.mov(value, Mem(M::ROLES.register(frame, value)));
        m.store_slot(Addr::at(to, 0), Reg(value));
        m.lea(W64, from, Addr::at(from, 2));
        m.lea(W64, to, Addr::at(to, 8));
        m.jump(again);
        m.buffer().bind(done);
    }

    /// Copies what was put behind the frame into its first registers; what [`pass`](Self::pass) has left in these registers.
    fn replace<M: Masm>(m: &mut M, [from, to, end]: [Gpr; 3]) {
        let value = M::ROLES.scratch[1];
        let (again, done) = (m.buffer().label(), m.buffer().label());
        m.mov(end, Reg(to));
        m.lea(W64, from, M::ROLES.in_frame(Self::callee::<M>(), 0));
        m.lea(W64, to, M::ROLES.in_frame(M::ROLES.frame, 0));
        m.buffer().bind(again);
        m.jump_if(is(Cond::GeU, Reg(from), Reg(end)), done);
        m.mov(value, Mem(Addr::at(from, 0)));
        m.store_slot(Addr::at(to, 0), Reg(value));
        m.lea(W64, from, Addr::at(from, 8));
        m.lea(W64, to, Addr::at(to, 8));
        m.jump(again);
        m.buffer().bind(done);
    }

    /// Goes on at the start of a function.
    fn start<M: Masm>(&mut self, m: &mut M) {
        let [_, second, version] = M::ROLES.scratch;
        let (callee, store) = (Self::callee::<M>(), M::ROLES.interpreter.store);
        let native = Mem(Addr::at(version, abi::version::NATIVE_ENTRY));
        m.jump_if(is(Cond::Ne, native, Imm(0)), self.shared.native);
        m.load(Access::U32, second, Addr::at(version, abi::version::FRAME_WORDS));
        m.lea(W64, second, Addr { disp: -abi::store::ROOM, ..Addr::indexed(callee, second, 3) });
        let limit = Mem(Addr::at(store, abi::store::ENTRY_LIMIT));
        m.jump_if(is(Cond::GtU, Reg(second), limit), self.shared.asked);
        self.count_call(m);
        self.clear_and_begin(m);
    }

    fn count_call<M: Masm>(&self, m: &mut M) {
        if self.profile {
            let [_, calls, version] = M::ROLES.scratch;
            m.count(calls, Addr::at(version, abi::version::CALLS));
            let ask_at = Mem(Addr::at(version, abi::version::ASK_AT));
            m.jump_if(Test { cond: Cond::Eq, width: W32, a: Reg(calls), b: ask_at }, self.shared.counted);
        }
    }

    fn clear_and_begin<M: Masm>(&self, m: &mut M) {
        let [_, second, version] = M::ROLES.scratch;
        m.load(Access::U32, second, Addr::at(version, abi::version::CLEAR_START));
        let end = Mem(Addr::at(version, abi::version::CLEAR_END));
        m.jump_if(Test { cond: Cond::LtU, width: W32, a: Reg(second), b: end }, self.shared.clear);
        Self::begin(m);
    }

    fn begin<M: Masm>(m: &mut M) {
        let version = M::ROLES.scratch[2];
        m.mov(M::ROLES.frame, Reg(Self::callee::<M>()));
        m.mov(M::ROLES.interpreter.pc, Mem(Addr::at(version, abi::version::IMAGE)));
        Self::dispatch(m);
    }

    /// Lets the profile know what an indirect call calls; the record is in the last of `scratch`.
    fn count_target<M: Masm>(&mut self, m: &mut M) {
        let Some(feedback) = self.operand(Kind::Feedback).filter(|_| self.profile) else { return };
        let [targets, identity, record] = M::ROLES.scratch;
        let (other, resume) = (m.buffer().label(), m.buffer().label());
        m.mov(targets, Mem(self.word::<M>(feedback)));
        m.mov(identity, Mem(Addr::at(record, abi::record::IDENTITY)));
        m.lea(W64, identity, Addr::at(identity, 1));
        m.jump_if(is(Cond::Ne, Reg(identity), Mem(Addr::at(targets, abi::targets::FIRST))), other);
        m.count(identity, Addr::at(targets, abi::targets::COUNT));
        m.buffer().bind(resume);
        self.exits.push((other, Exit::Target { offset: self.offset, resume }));
    }

    fn lists(&self) -> Lists {
        let args = self.operand(Kind::Uses).expect("a call has arguments");
        Lists { args, results: self.operand(Kind::Defs), first: self.part.op.info().fixed_lanes }
    }

    pub(super) fn call_by_record<M: Masm>(&mut self, m: &mut M) {
        let [slot, second, record] = M::ROLES.scratch;
        let [from, to, end, callee] = M::ROLES.interpreter.fetched;
        let (frame, pc) = (M::ROLES.frame, M::ROLES.interpreter.pc);
        let Lists { args, results, first } = self.lists();
        let results = results.expect("a call that comes back");
        self.count_target(m);
        Self::behind(m);
        m.load(Access::U16, end, self.word::<M>(args));
        m.load(Access::U16, second, self.word::<M>(results));
        // Lanes of the instruction, in words.
        m.lea(W64, second, Addr { disp: i32::from(first) + 3, ..Addr::indexed(second, end, 0) });
        m.int(IntOp::ShrU, W64, second, Reg(second), Imm(2));
        m.lea(W64, second, Addr { disp: self.offset, ..Addr::indexed(pc, second, 3) });
        m.store_slot(M::ROLES.in_frame(callee, abi::frame::RETURN_PC), Reg(second));
        m.store_slot(M::ROLES.in_frame(callee, abi::frame::CALLER), Reg(frame));
        self.pass(m, first, [from, to, end]);
        m.mov(slot, Mem(Addr::at(record, abi::record::SLOT)));
        let host = m.buffer().label();
        m.jump_if(is(Cond::Eq, Reg(slot), Imm(0)), host);
        self.exits.push((host, Exit::Call { offset: self.offset, results }));
        self.start_record(m, callee);
    }

    /// Goes on at the start of a record's function with the frame in that register; the slot is in the first of `scratch`.
    fn start_record<M: Masm>(&mut self, m: &mut M, callee: Gpr) {
        let [slot, _, record] = M::ROLES.scratch;
        let (context, version) = (M::ROLES.context, record);
        m.mov(context, Mem(Addr::at(record, abi::record::INSTANCE)));
        m.store_slot(M::ROLES.in_frame(callee, abi::frame::INSTANCE), Reg(context));
        memory_of_context(m);
        m.mov(version, Mem(Addr::at(slot, abi::slot::VERSION)));
        m.jump_if(is(Cond::Eq, Reg(version), Imm(0)), self.shared.unmade);
        m.jump(self.shared.start);
        self.goes_on = false;
    }

    pub(super) fn tail_call_defined<M: Masm>(&mut self, m: &mut M) {
        let [_, _, version] = M::ROLES.scratch;
        let [from, to, end, callee] = M::ROLES.interpreter.fetched;
        let [args, func] = isa::TailCall::LANES;
        const FIRST: Lane = 4;
        let again = m.buffer().label();
        m.buffer().bind(again);
        crate::template::operands::Operands::poll(self, m);
        self.slot_of(m, func);
        self.version_of(m, again);
        Self::behind(m);
        m.load(Access::U16, end, self.word::<M>(args));
        self.pass(m, FIRST, [from, to, end]);
        Self::replace(m, [from, to, end]);
        m.store_slot(M::ROLES.in_frame(M::ROLES.frame, abi::frame::VERSION), Reg(version));
        m.mov(callee, Reg(M::ROLES.frame));
        m.jump(self.shared.start);
        self.goes_on = false;
    }

    pub(super) fn tail_call_by_record<M: Masm>(&mut self, m: &mut M) {
        let [slot, _, record] = M::ROLES.scratch;
        let [from, to, end, callee] = M::ROLES.interpreter.fetched;
        let Lists { args, first, .. } = self.lists();
        self.count_target(m);
        let host = m.buffer().label();
        m.jump_if(is(Cond::Eq, Mem(Addr::at(record, abi::record::SLOT)), Imm(0)), host);
        self.exits.push((host, Exit::TailCall { offset: self.offset }));
        Self::behind(m);
        m.load(Access::U16, end, self.word::<M>(args));
        self.pass(m, first, [from, to, end]);
        Self::replace(m, [from, to, end]);
        m.mov(callee, Reg(M::ROLES.frame));
        m.mov(slot, Mem(Addr::at(record, abi::record::SLOT)));
        self.start_record(m, callee);
    }

    pub(super) fn give_results<M: Masm>(&mut self, m: &mut M) {
        let frame = M::ROLES.frame;
        let (pc, accumulator) = (M::ROLES.interpreter.pc, M::ROLES.interpreter.accumulator);
        let [result, ..] = M::ROLES.interpreter.fetched;
        let back = |m: &mut M| {
            m.mov(pc, Mem(M::ROLES.in_frame(frame, abi::frame::RETURN_PC)));
            m.mov(frame, Mem(M::ROLES.in_frame(frame, abi::frame::CALLER)));
        };
        match self.part.kind {
            0 => {
                m.jump_if(Self::is_entry::<M>(frame), self.shared.leave);
                back(m);
            }
            1 => {
                let value = crate::template::operands::Operands::int(self, m, RESULT);
                m.mov(accumulator, value);
                m.jump_if(Self::is_entry::<M>(frame), self.shared.leave_one);
                back(m);
                m.load(Access::U16, result, Addr::at(pc, -2));
                m.store_slot(M::ROLES.register(frame, result), Reg(accumulator));
            }
            _ => {
                debug_assert_eq!(self.part.kind, SEVERAL_RESULTS);
                // They go behind the frame first: some may lie where others are to be.
                let [from, to, end, _] = M::ROLES.interpreter.fetched;
                let [values] = isa::Ret::LANES;
                Self::behind(m);
                m.load(Access::U16, end, self.word::<M>(values));
                self.pass(m, RESULT, [from, to, end]);
                Self::replace(m, [from, to, end]);
                m.mov(M::ROLES.scratch[0], Mem(M::ROLES.in_frame(frame, 0)));
                m.jump(self.shared.returned);
                self.goes_on = false;
                return;
            }
        }
        let own = Mem(M::ROLES.in_frame(frame, abi::frame::INSTANCE));
        m.jump_if(is(Cond::Ne, Reg(M::ROLES.context), own), self.shared.switched);
        Self::dispatch(m);
        self.goes_on = false;
    }

    /// The native entry; gives where it is.
    pub(super) fn entry<M: Masm>(&mut self, m: &mut M) -> u32 {
        let [slot, second, version] = M::ROLES.scratch;
        let (frame, context, stack) = (M::ROLES.frame, M::ROLES.context, M::ROLES.stack);
        let roles = M::ROLES.interpreter;
        m.align(16);
        let entry = m.buffer().position();
        convention::enter(m);
        m.lea(W64, stack, Addr::at(stack, -NATIVE));
        m.store_slot(Addr::at(stack, 0), Reg(frame));
        m.mov(roles.store, Mem(Addr::at(context, abi::instance::STORE)));
        Self::handlers(m);
        m.mov(Self::callee::<M>(), Reg(frame));
        m.mov(version, Mem(Addr::at(slot, abi::slot::VERSION)));
        m.jump_if(is(Cond::Eq, Reg(version), Imm(0)), self.shared.unmade);
        m.buffer().bind(self.shared.start);
        m.store_slot(M::ROLES.in_frame(Self::callee::<M>(), abi::frame::VERSION), Reg(version));
        let limit = Mem(Addr::at(roles.store, abi::store::NATIVE_LIMIT));
        m.jump_if(is(Cond::LtU, Reg(stack), limit), self.shared.asked);
        self.start(m);

        // A function that was never called: its slot is in the first of `scratch`, its frame, with its instance, in the callee's.
        m.buffer().bind(self.shared.unmade);
        m.mov(frame, Reg(Self::callee::<M>()));
        m.mov(second, Reg(slot));
        Self::helper(m, Helper::Version);
        m.mov(version, Reg(slot));
        m.mov(Self::callee::<M>(), Reg(frame));
        m.jump(self.shared.start);
        entry
    }

    /// Where the handlers are.
    fn handlers<M: Masm>(m: &mut M) {
        let roles = M::ROLES.interpreter;
        m.mov(roles.handlers, Mem(Addr::at(roles.store, abi::store::HELPERS)));
        m.mov(roles.handlers, Mem(Addr::at(roles.handlers, abi::HANDLERS)));
    }

    /// What handlers go to.
    pub(super) fn shared<M: Masm>(&mut self, m: &mut M) {
        let [first, second, third] = M::ROLES.scratch;
        let (frame, stack) = (M::ROLES.frame, M::ROLES.stack);
        let roles = M::ROLES.interpreter;
        let callee = Self::callee::<M>();

        // The stack is short, or something asks for attention, before the start of a function.
        m.buffer().bind(self.shared.asked);
        m.mov(frame, Reg(callee));
        m.mov(second, Imm(abi::place::template(abi::trap::ON_ENTRY)));
        Self::helper(m, Helper::Safepoint);
        let read_again = |m: &mut M| {
            m.mov(third, Mem(M::ROLES.in_frame(frame, abi::frame::VERSION)));
            m.mov(callee, Reg(frame));
        };
        read_again(m);
        self.count_call(m);
        self.clear_and_begin(m);

        // The policy is to look at a function that is called.
        m.buffer().bind(self.shared.counted);
        m.mov(frame, Reg(callee));
        m.mov(second, Imm(abi::place::template(abi::trap::ON_ENTRY)));
        Self::helper(m, Helper::Look);
        read_again(m);
        self.clear_and_begin(m);

        m.buffer().bind(self.shared.clear);
        let again = m.buffer().label();
        m.buffer().bind(again);
        m.store_slot(M::ROLES.register(callee, second), Imm(0));
        m.int(IntOp::Add, W64, second, Reg(second), Imm(1));
        let end = Mem(Addr::at(third, abi::version::CLEAR_END));
        m.jump_if(Test { cond: Cond::LtU, width: W32, a: Reg(second), b: end }, again);
        Self::begin(m);

        // A function that has machine code. The function that the interpreter was entered for it replaces.
        m.buffer().bind(self.shared.native);
        m.mov(frame, Reg(callee));
        m.mov(first, Mem(Addr::at(third, abi::version::SLOT)));
        Self::go_native(m, Addr::at(third, abi::version::NATIVE_ENTRY));

        // The function of the frame has returned: its results are the first registers, but the first of them may be in `scratch[0]`
        // alone.
        m.buffer().bind(self.shared.returned);
        m.store_slot(M::ROLES.in_frame(frame, 0), Reg(first));
        m.mov(roles.store, Mem(Addr::at(M::ROLES.context, abi::instance::STORE)));
        Self::handlers(m);
        m.jump_if(Self::is_entry::<M>(frame), self.shared.leave);
        m.mov(second, Mem(M::ROLES.in_frame(frame, abi::frame::VERSION)));
        m.load(Access::U32, second, Addr::at(second, abi::version::RESULTS));
        m.buffer().bind(self.shared.results);
        self.take_results(m);

        m.buffer().bind(self.shared.switched);
        own_instance(m);
        Self::dispatch(m);

        m.buffer().bind(self.shared.leave_one);
        m.mov(first, Reg(roles.accumulator));
        m.store_slot(M::ROLES.in_frame(frame, 0), Reg(first));
        m.buffer().bind(self.shared.leave);
        m.lea(W64, stack, Addr::at(stack, NATIVE));
        m.leave();

        // A branch went to the head of a hot loop.
        m.buffer().bind(self.shared.hot);
        let go_on = m.buffer().label();
        m.mov(second, Reg(roles.pc));
        Self::helper_at_branch(m, Helper::Look);
        m.jump_if(is(Cond::Eq, Reg(first), Imm(0)), go_on);
        Self::go_native(m, Addr::at(roles.store, abi::store::TARGET));
        m.jump(self.shared.returned);
        m.buffer().bind(go_on);
        Self::dispatch(m);

        // Cause and place are in the first two of `scratch`.
        m.buffer().bind(self.shared.trapped);
        m.int(IntOp::Shl, W64, second, Reg(second), Imm(abi::trap::CAUSE_BITS.into()));
        m.lea(W64, first, Addr::indexed(first, second, 0));
        m.mov(second, Mem(Addr::at(roles.store, abi::store::HELPERS)));
        m.mov(second, Mem(Addr::at(second, Helper::Trap.stub())));
        m.jump_to(second);
    }

    /// Goes to an entry, at a place that is not based on the second of `scratch`, with the current frame: in place of this activation, if
    /// that was entered for it; otherwise by a call.
    fn go_native<M: Masm>(m: &mut M, entry: Addr) {
        let (frame, own, stack) = (M::ROLES.frame, M::ROLES.scratch[1], M::ROLES.stack);
        let call = m.buffer().label();
        m.jump_if(Self::is_entry::<M>(frame).inverse(), call);
        m.lea(W64, stack, Addr::at(stack, NATIVE));
        leave_to_entry(m, entry);
        m.buffer().bind(call);
        m.mov(own, Reg(frame));
        m.mov(frame, Mem(M::ROLES.in_frame(own, abi::frame::CALLER)));
        m.call(entry);
        Self::behind(m);
        m.mov(frame, Reg(Self::callee::<M>()));
    }

    /// Puts so many results of the frame, the first of which is in the first of `scratch`, into the caller's registers, and goes
    /// on there. The registers are named by the lanes before the return pc.
    fn take_results<M: Masm>(&mut self, m: &mut M) {
        let [first, count, value] = M::ROLES.scratch;
        let frame = M::ROLES.frame;
        let (pc, accumulator) = (M::ROLES.interpreter.pc, M::ROLES.interpreter.accumulator);
        let [caller, lanes, index, _] = M::ROLES.interpreter.fetched;
        let (again, done) = (m.buffer().label(), m.buffer().label());
        m.mov(pc, Mem(M::ROLES.in_frame(frame, abi::frame::RETURN_PC)));
        m.mov(caller, Mem(M::ROLES.in_frame(frame, abi::frame::CALLER)));
        m.mov(accumulator, Reg(first));
        m.int(IntOp::Shl, W64, count, Reg(count), Imm(1));
        m.mov(lanes, Reg(pc));
        m.int(IntOp::Sub, W64, lanes, Reg(lanes), Reg(count));
        m.buffer().bind(again);
        m.jump_if(is(Cond::GeU, Reg(lanes), Reg(pc)), done);
        m.load(Access::U16, index, Addr::at(lanes, 0));
        m.mov(value, Mem(M::ROLES.in_frame(frame, 0)));
        m.store_slot(M::ROLES.register(caller, index), Reg(value));
        m.lea(W64, frame, Addr::at(frame, 8));
        m.lea(W64, lanes, Addr::at(lanes, 2));
        m.jump(again);
        m.buffer().bind(done);
        m.mov(frame, Reg(caller));
        own_instance(m);
        Self::dispatch(m);
    }

    /// Emits what handlers jump to when something is out of the ordinary.
    pub(super) fn out_of_line<M: Masm>(&mut self, m: &mut M) {
        let [first, second, third] = M::ROLES.scratch;
        let (frame, stack) = (M::ROLES.frame, M::ROLES.stack);
        let pc = M::ROLES.interpreter.pc;
        while let Some((label, exit)) = self.exits.pop() {
            m.buffer().bind(label);
            let place = |m: &mut M, offset| m.lea(W64, second, Addr::at(pc, offset));
            match exit {
                Exit::Poll { offset, resume } => {
                    place(m, offset);
                    Self::helper_at_branch(m, Helper::Safepoint);
                    m.jump(resume);
                }
                Exit::Version { again } => {
                    m.mov(second, Reg(first));
                    Self::helper(m, Helper::Version);
                    m.jump(again);
                }
                Exit::Target { offset, resume } => {
                    m.store_slot(Addr::at(stack, RECORD), Reg(third));
                    place(m, offset);
                    Self::helper(m, Helper::Target);
                    m.mov(third, Mem(Addr::at(stack, RECORD)));
                    m.jump(resume);
                }
                Exit::Call { offset, results } => {
                    place(m, offset);
                    Self::helper(m, Helper::Call);
                    m.load(Access::U16, second, Addr::at(pc, offset + 2 * i32::from(results)));
                    Self::behind(m);
                    m.mov(frame, Reg(Self::callee::<M>()));
                    m.mov(first, Mem(M::ROLES.in_frame(frame, 0)));
                    m.jump(self.shared.results);
                }
                Exit::TailCall { offset } => {
                    place(m, offset);
                    Self::helper(m, Helper::TailCall);
                    let returned = m.buffer().label();
                    m.jump_if(is(Cond::Eq, Reg(first), Imm(0)), returned);
                    // Of an instance that the portable interpreter runs.
                    own_instance(m);
                    m.mov(third, Mem(Addr::at(M::ROLES.interpreter.store, abi::store::HELPERS)));
                    Self::go_native(m, Addr::at(third, Helper::Interpret.stub()));
                    m.jump(self.shared.returned);
                    m.buffer().bind(returned);
                    m.mov(first, Mem(M::ROLES.in_frame(frame, 0)));
                    m.jump(self.shared.returned);
                }
            }
        }
        for &(label, (offset, cause)) in
            &self.traps[std::mem::replace(&mut self.bound_traps, self.traps.len())..]
        {
            m.buffer().bind(label);
            m.lea(W64, second, Addr::at(pc, offset));
            m.mov(first, Imm(cause.code().into()));
            m.jump(self.shared.trapped);
        }
    }
}
