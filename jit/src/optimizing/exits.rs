//! What leaves the code: traps, statuses of helpers, and side exits.

use std::mem;
use std::rc::Rc;

use bytecode_spec::{Pc, Reg, TrapCause, ValType};
use cranelift_codegen::ir::types::{I32, I64};
use cranelift_codegen::ir::{
    Block, BlockArg, ExternalName, GlobalValueData, InstBuilder, UserExternalName, Value,
};

use super::translate::{Scope, Translator};
use super::values::Region;
use super::{Exit, Reason, Word};
use crate::abi::{self, Helper};
use cranelift_frontend::Variable;

/// What a side exit leaves behind. Exits with equal ones share a block, with the exit as its parameter: there is little else to each.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct State {
    /// Registers that are written to frames, of functions from the outermost to the innermost, ascending.
    live: Vec<Live>,
    /// Fuel that is given back.
    refund: u32,
}

/// A register that is written to its frame.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Live {
    /// Bytes from the registers of the frame that is pinned.
    offset: i32,
    ty: ValType,
    /// The bits that it always has, or its variable.
    value: Result<u64, u32>,
}

/// What names of symbols stand for, by their namespaces.
const VERSION: u32 = 0;
const EXIT: u32 = 1;
const COUNTDOWN: u32 = 2;

impl Live {
    /// `None` if it is there.
    fn of(scope: &Scope<'_>, reg: Reg) -> Option<Live> {
        (!scope.in_frame[reg.index()]).then(|| Live {
            offset: scope.offset + i32::from(reg.0) * 8,
            ty: scope.function.registers[reg.index()],
            value: scope.constants[reg.index()].ok_or(scope.first_variable + u32::from(reg.0)),
        })
    }
}

impl Word {
    /// The word that a symbol's name stands for.
    pub(super) fn of_name(name: &UserExternalName) -> Word {
        match name.namespace {
            VERSION => Word::Version,
            EXIT => Word::Exit(name.index),
            _ => Word::Countdown(name.index),
        }
    }

    fn name(self) -> UserExternalName {
        match self {
            Word::Version => UserExternalName::new(VERSION, 0),
            Word::Exit(exit) => UserExternalName::new(EXIT, exit),
            Word::Countdown(countdown) => UserExternalName::new(COUNTDOWN, countdown),
        }
    }
}

impl Translator<'_, '_> {
    /// A word that is known when the code is installed.
    pub(super) fn word(&mut self, word: Word) -> Value {
        let name = ExternalName::user(self.b.func.declare_imported_user_function(word.name()));
        let data = GlobalValueData::Symbol { name, offset: 0.into(), colocated: false, tls: false };
        let symbol = self.b.create_global_value(data);
        self.b.ins().symbol_value(I64, symbol)
    }

    /// Traps at the current instruction.
    pub(super) fn trap(&mut self, cause: TrapCause) {
        let word = self.trap_word(cause);
        let raised = self.raised();
        self.b.ins().jump(raised, &[BlockArg::Value(word)]);
    }

    /// The same if a condition is not zero.
    pub(super) fn trap_if(&mut self, condition: Value, cause: TrapCause) {
        let (trapped, next) = (self.new_block(true), self.new_block(false));
        self.b.ins().brif(condition, trapped, &[], next, &[]);
        self.start(trapped);
        self.trap(cause);
        self.start(next);
    }

    fn trap_word(&mut self, cause: TrapCause) -> Value {
        let word = abi::trap::at(self.place_here(), cause.code());
        self.constant(ValType::I64, word)
    }

    /// The block that all traps go to.
    fn raised(&mut self) -> Block {
        if self.raised.is_none() {
            self.raised = Some(self.shared_block());
        }
        self.raised.expect("just made")
    }

    /// The block that statuses go to which helpers gave.
    pub(super) fn stopped(&mut self) -> Block {
        if self.stopped.is_none() {
            self.stopped = Some(self.shared_block());
        }
        self.stopped.expect("just made")
    }

    fn shared_block(&mut self) -> Block {
        let block = self.new_block(true);
        self.b.append_block_param(block, I64);
        block
    }

    /// Fills the blocks that several places go to.
    pub(super) fn finish(&mut self) {
        self.finish_exits();
        for (block, helper) in [(self.raised, Helper::Raise), (self.stopped, Helper::Stop)] {
            if let Some(block) = block {
                self.start(block);
                let what = self.b.block_params(block)[0];
                self.leave_to(helper, what);
            }
        }
    }

    /// Ends the activation's code by going to a stub.
    fn leave_to(&mut self, helper: Helper, what: Value) {
        let stub = self.in_helpers(helper.stub());
        let signature = self.signature(&[]);
        let context = self.context_in_frame();
        self.b.ins().return_call_indirect(signature, stub, &[context, what]);
    }

    /// A word of the table of helpers. It is wanted where the code hardly ever is, so it must not be read before.
    pub(super) fn in_helpers(&mut self, offset: i32) -> Value {
        let store = self.store_context();
        let table = self.load_word(Region::Store, store, abi::store::HELPERS);
        self.load_word(Region::Store, table, offset)
    }

    /// Goes on in another tier, at the current instruction, if a word is not zero.
    pub(super) fn exit_if(&mut self, word: Value, reason: Reason) {
        let (out, next) = (self.new_block(true), self.new_block(false));
        self.b.ins().brif(word, out, &[], next, &[]);
        self.start(out);
        self.exit_here(reason);
        self.start(next);
    }

    /// Goes on in another tier, at the current instruction, which is the last of its block.
    pub(super) fn exit_here(&mut self, reason: Reason) {
        let graph = Rc::clone(&self.scope.graph);
        let mut live = Vec::new();
        live.extend(self.row_here().uses(&self.scope.code[self.scope.pc..]));
        for to in graph.all_successors(Pc(self.scope.pc as u32)) {
            live.extend(graph.live_in(to));
        }
        live.sort_unstable_by_key(|reg| reg.0);
        live.dedup();
        // The block that starts here is charged for again.
        let refund = self.scope.costs.get(self.scope.pc).copied().unwrap_or(0);
        self.leave_by(Exit { place: self.place_here(), reason }, &live, refund);
    }

    /// Goes on in another tier, at the start of a block.
    pub(super) fn exit(&mut self, pc: Pc, reason: Reason) {
        let graph = Rc::clone(&self.scope.graph);
        let live: Vec<Reg> = graph.live_in(graph.block_at(pc)).collect();
        self.leave_by(Exit { place: self.place_of(pc.index()), reason }, &live, 0);
    }

    /// Under stress, leaves by a side exit at the current instruction every so many times.
    pub(super) fn stress(&mut self) {
        if let Some(is_due) = self.count_down() {
            self.exit_if(is_due, Reason::Stress);
        }
    }

    /// Under stress, whether this is one of every so many times that control comes here.
    pub(super) fn count_down(&mut self) -> Option<Value> {
        if self.request.stress == 0 {
            return None;
        }
        let countdown = self.word(Word::Countdown(self.countdowns));
        self.countdowns += 1;
        let flags = self.flags(Region::Store);
        let left = self.b.ins().load(I32, flags, countdown, 0);
        let left = self.plus(left, -1);
        let is_due = self.is(left, 0);
        let again = self.constant(ValType::I32, u64::from(self.request.stress));
        let next = self.b.ins().select(is_due, again, left);
        self.b.ins().store(flags, next, countdown, 0);
        Some(is_due)
    }

    /// Leaves with these registers of the current function, and what the others need behind their calls.
    fn leave_by(&mut self, exit: Exit, live: &[Reg], refund: u32) {
        let mut all = Vec::new();
        for scope in &self.outer {
            let words = &scope.code[scope.pc..];
            let mut behind = scope.graph.live_behind(scope.code, Pc(scope.pc as u32));
            scope.row().defs(words).for_each(|reg| _ = behind.remove(&reg));
            all.extend(behind.into_iter().filter_map(|reg| Live::of(scope, reg)));
        }
        all.extend(live.iter().filter_map(|&reg| Live::of(&self.scope, reg)));
        let block = self.b.current_block().expect("the exit is in one");
        let number = self.exits.len() as u32;
        self.exits.push(exit);
        self.leaving.entry(State { live: all, refund }).or_default().push((block, number));
    }

    /// Fills the blocks that are left by side exits.
    fn finish_exits(&mut self) {
        for (state, blocks) in mem::take(&mut self.leaving) {
            let shared = (blocks.len() > 1).then(|| self.shared_block());
            let mut exit = None;
            for (block, number) in blocks {
                self.b.switch_to_block(block);
                let word = self.word(Word::Exit(number));
                match shared {
                    Some(shared) => _ = self.b.ins().jump(shared, &[BlockArg::Value(word)]),
                    None => exit = Some(word),
                }
            }
            if let Some(shared) = shared {
                self.start(shared);
                exit = Some(self.b.block_params(shared)[0]);
            }
            self.leave(&state, exit.expect("there is a block"));
        }
    }

    /// Leaves by a side exit.
    fn leave(&mut self, state: &State, exit: Value) {
        let frame = self.frame();
        for &Live { offset, ty, value } in &state.live {
            let value = match value {
                Ok(bits) => self.constant(ty, bits),
                Err(variable) => self.b.use_var(Variable::from_u32(variable)),
            };
            self.store_slot(Region::Frame, value, ty, frame, offset);
        }
        if state.refund > 0 {
            let store = self.store_context();
            let fuel = self.load_word(Region::Store, store, abi::store::FUEL);
            let fuel = self.plus(fuel, i64::from(state.refund));
            self.store_word(Region::Store, fuel, store, abi::store::FUEL);
        }
        self.leave_to(Helper::Exit, exit);
    }
}
