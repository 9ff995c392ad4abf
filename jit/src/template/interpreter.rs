//! Tier 0: an interpreter of handlers that the templates make, one for each form of an opcode and for common sequences of them.
//!
//! Operands come from the instruction stream. An *image* of a function's code has, in place of opcodes, where their handlers
//! are: in units of eight bytes from the first. A handler ends by going to the next one. The last result is also in an
//! accumulator, one for integers and one for floats; which handlers take an operand from there is chosen when an image is made: those
//! that find it there whichever way control comes. Code outside enters functions at their start only. Sequences change the first instruction's word only, so what goes to one in
//! the middle finds it.
//!
//! A handler is generated when an image first has it: a process pays for those that its programs use, and they lie close together.
//!
//! Frames are those of all tiers. See `calls` for how it is entered and left, and `sequences` for how these were chosen.

mod calls;
mod image;
mod nodes;
mod operands;
mod parts;
mod sequences;

use std::ops::Range;

use bytecode_spec::isa::visit;
use bytecode_spec::{Op, ShapeKind, TrapCause};

pub use self::image::{Source, Step};
pub use self::parts::Part;

use super::buffer::{Label, Reach};
use super::masm::Value::{Imm, Mem, Reg};
use super::masm::Width::W64;
use super::masm::{Access, Addr, Cond, IntOp, Masm, Test};
use super::operands::Lane;
use super::stubs::{Boundary, stop_at};
use super::templates::Translation;
use crate::abi::{self, Status};

/// The handlers, and how images are made for them.
#[derive(Debug)]
pub struct Interpreter<M> {
    masm: M,
    driver: Fetched,
    /// Where machine code calls a function to be interpreted; an entry of the frame convention.
    pub entry: u32,
    /// Where handlers start: what [`HANDLERS`](abi::HANDLERS) is for.
    pub handlers: u32,
    /// Where an instruction that faulted goes on, its address in the first scratch register.
    pub fault: u32,
    /// Of parts by their numbers, and of sequences behind them; `None` if not generated yet.
    made: Box<[Option<Handler>]>,
    /// How many are generated.
    count: usize,
    /// What charges for a basic block, and then goes to the handler that is kept apart.
    charge: u16,
    scratch: image::Scratch,
}

/// The handler of one instruction.
#[derive(Clone, Copy, Debug)]
struct Handler {
    /// Where it starts, in units of eight bytes.
    start: u16,
    /// So many bytes, from the start to where it goes on, run at any place; 0 if they do not.
    movable: u8,
    leaves: Leaves,
}

/// What a handler leaves in the accumulators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leaves {
    /// What was there before.
    Same,
    /// An integer or reference, the register that the lane names; the float is as before.
    Int(Lane),
    /// A float, the same way.
    Float(Lane),
    /// Nothing.
    Nothing,
}

/// Code out of line; offsets are of the instruction that it belongs to, in bytes from the current pc.
#[derive(Clone, Copy, Debug)]
enum Exit {
    /// Something asks for attention; `resume` follows, with nothing in scratch registers.
    Poll { offset: i32, resume: Label },
    /// The slot in the first of `scratch` has no version yet.
    Version { again: Label },
    /// An indirect call calls the function of the record in the last of `scratch`, which is not the one that it called first.
    Target { offset: i32, resume: Label },
    /// A call of the record in the last of `scratch`, which has no slot; and the lane of the number of its results.
    Call { offset: i32, results: Lane },
    /// A tail call of one.
    TailCall { offset: i32 },
}

/// What handlers share; see `calls`.
#[derive(Clone, Copy, Debug)]
struct Shared {
    start: Label,
    unmade: Label,
    asked: Label,
    counted: Label,
    clear: Label,
    native: Label,
    returned: Label,
    results: Label,
    switched: Label,
    leave: Label,
    leave_one: Label,
    hot: Label,
    trapped: Label,
}

/// The driver of the templates: operands are fetched.
#[derive(Debug)]
struct Fetched {
    /// Whether calls, branches and call targets are counted.
    profile: bool,
    part: Part,
    /// Of the part's instruction from the pc, in bytes: 0 but in the middle of a sequence.
    offset: i32,
    /// Lanes whose fields are in the registers for fetched ones, and how many.
    fetched: [Lane; 4],
    used: usize,
    leaves: Leaves,
    /// Whether control goes on behind the part.
    goes_on: bool,
    shared: Shared,
    exits: Vec<(Label, Exit)>,
    /// Where traps go, by the instruction's offset and the cause.
    traps: Vec<(Label, (i32, TrapCause))>,
    /// So many of them have code.
    bound_traps: usize,
    known: Known,
}

/// Code that many handlers have, as far as it runs at any place, by what it depends on.
#[derive(Debug, Default)]
struct Known {
    /// Of going on, by the words behind.
    next: Places,
    /// Of taking a branch forwards and backwards, by where the target is, in halves of words.
    taken: [Places; 2],
    /// Of counting that one was not taken, by the word of its counts.
    not_taken: Places,
    /// Where polls of taken branches go when something asks for attention, by where the target is.
    polls: [Option<Label>; 32],
}

type Places = [Option<Range<u32>>; 32];

impl<M: Boundary> Interpreter<M> {
    /// The most bytes that the code has.
    pub const MAX_BYTES: usize = 1 << 18;

    /// An interpreter that counts, or does not count, calls, branches and call targets; no handlers yet.
    pub fn new(mut masm: M, profile: bool) -> Interpreter<M> {
        let m = &mut masm;
        m.buffer().reset(0, Self::MAX_BYTES, Reach::Near);
        let mut label = || m.buffer().label();
        let shared = Shared {
            start: label(),
            unmade: label(),
            asked: label(),
            counted: label(),
            clear: label(),
            native: label(),
            returned: label(),
            results: label(),
            switched: label(),
            leave: label(),
            leave_one: label(),
            hot: label(),
            trapped: label(),
        };
        let mut driver = Fetched {
            profile,
            part: Part { op: Op::Nop, kind: 0, held: 0 },
            offset: 0,
            fetched: [0; 4],
            used: 0,
            leaves: Leaves::Same,
            goes_on: true,
            shared,
            exits: Vec::new(),
            traps: Vec::new(),
            bound_traps: 0,
            known: Known::default(),
        };
        let entry = driver.entry(m);
        driver.shared(m);
        m.align(16);
        let fault = m.buffer().position();
        m.store_slot(Addr::at(M::ROLES.interpreter.store, abi::store::PC), Reg(M::ROLES.interpreter.pc));
        stop_at(m, Status::Faulted);
        m.align(16);
        let handlers = m.buffer().position();
        let made = vec![None; nodes::COUNT].into_boxed_slice();
        let scratch = image::Scratch::default();
        let mut interpreter =
            Interpreter { masm, driver, entry, handlers, fault, made, count: 0, charge: 0, scratch };
        interpreter.charge = interpreter.begin();
        interpreter.driver.charge(&mut interpreter.masm);
        interpreter.finish();
        interpreter
    }

    /// Generates all handlers that are not there yet.
    pub fn complete(&mut self) {
        // What is out of line comes soon, so that the distance to it is known to those that follow.
        const TOGETHER: usize = 32;
        for node in 0..nodes::COUNT {
            self.handler(node);
            if node % TOGETHER == 0 {
                self.finish();
            }
        }
        self.finish();
    }

    /// All code so far, to which more is only added. It has no relocations and runs at any address that is a multiple of 16.
    pub fn bytes(&mut self) -> &[u8] {
        self.masm.buffer().bytes()
    }

    /// How many handlers there are so far.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The handlers of an opcode: those of its forms, and those of sequences that begin with it; and where their code lies, if it was
    /// not there before.
    pub fn handlers_of(&mut self, op: Op) -> Vec<(Vec<Part>, Range<u32>)> {
        let all = (0..nodes::COUNT).map(|node| (node, nodes::parts(node)));
        let found = all.filter(|(_, parts)| parts[0].op == op).map(|(node, parts)| {
            self.masm.align(16);
            let start = self.masm.buffer().position();
            self.generate(node);
            self.masm.align(16);
            (parts, start..self.masm.buffer().position())
        });
        let found = found.collect();
        self.finish();
        found
    }

    /// How many words behind the instruction whose handler ran lies the one that the machine instruction at an offset belongs to,
    /// if that may fault.
    pub fn fault_at(&mut self, offset: u32) -> Option<u32> {
        // What handlers note as a place is in words from the first instruction that they are for.
        let faults = self.masm.buffer().faults();
        let place = faults.binary_search_by_key(&offset, |&(offset, _)| offset).ok()?;
        Some(faults[place].1.0)
    }

    /// The handler of a node, which is generated if it is not there.
    #[inline]
    fn handler(&mut self, node: usize) -> Handler {
        self.made[node].unwrap_or_else(|| self.generate(node))
    }

    #[inline(never)]
    fn generate(&mut self, node: usize) -> Handler {
        let start = self.begin();
        self.body(node);
        let Interpreter { masm: m, driver, .. } = self;
        let movable =
            if driver.goes_on { m.buffer().movable_since(self.handlers + 8 * u32::from(start)) } else { 0 };
        driver.end(m);
        let handler = Handler { start, movable: u8::try_from(movable).unwrap_or(0), leaves: driver.leaves };
        self.made[node] = Some(handler);
        self.count += 1;
        handler
    }

    /// Emits what the handler of a node does before it goes on.
    fn body(&mut self, node: usize) {
        let (before, last) = nodes::end(node);
        if let Some(before) = before {
            match self.made[before] {
                Some(Handler { start, movable, .. }) if movable > 0 => {
                    let start = self.handlers + 8 * u32::from(start);
                    self.masm.buffer().repeat(start..start + u32::from(movable));
                }
                _ => self.body(before),
            }
        }
        self.driver.offset = before.map_or(0, nodes::length);
        self.driver.part(&mut self.masm, last);
    }

    /// Where the next handler starts, in units of eight bytes from the first.
    fn begin(&mut self) -> u16 {
        self.masm.align(16);
        let offset = (self.masm.buffer().position() - self.handlers) / 8;
        u16::try_from(offset).expect("handlers are within reach")
    }

    /// Completes the code of the handlers so far.
    fn finish(&mut self) {
        let Interpreter { masm: m, driver, .. } = self;
        driver.out_of_line(m);
        let is_linked = m.buffer().link(M::patch);
        debug_assert!(is_linked, "all is near");
    }
}

impl Fetched {
    /// Emits what an instruction does before the next one.
    #[inline(always)]
    fn part<M: Masm>(&mut self, m: &mut M, part: Part) {
        self.part = part;
        self.used = 0;
        self.leaves = Leaves::Same;
        self.goes_on = true;
        // The visitor reads no operands: it is the driver that knows where they are.
        let ((), _) = visit(part.op, [0; 16].as_slice(), &mut Translation { m, o: self });
    }

    /// Goes on behind the last instruction.
    #[inline(always)]
    fn end<M: Masm>(&mut self, m: &mut M) {
        let info = self.part.op.info();
        if self.goes_on {
            self.offset += i32::from(info.fixed_words) * 8;
            self.next(m);
        }
        if matches!(info.shape, ShapeKind::Call | ShapeKind::CallImport | ShapeKind::CallIndirect) {
            self.leaves = Leaves::Nothing;
        }
    }

    /// Charges for the basic block that starts at the pc, and goes to its first instruction's handler.
    fn charge<M: Masm>(&mut self, m: &mut M) {
        let [first, place, version] = M::ROLES.scratch;
        let [left, ..] = M::ROLES.interpreter.fetched;
        let (pc, store) = (M::ROLES.interpreter.pc, M::ROLES.interpreter.store);
        self.offset = 0;
        m.mov(version, Mem(M::ROLES.in_frame(M::ROLES.frame, abi::frame::VERSION)));
        m.mov(place, Reg(pc));
        m.int(IntOp::Sub, W64, place, Reg(place), Mem(Addr::at(version, abi::version::IMAGE)));
        m.int(IntOp::ShrU, W64, place, Reg(place), Imm(1));
        m.mov(first, Mem(Addr::at(version, abi::version::COSTS)));
        m.load(Access::U32, first, Addr::indexed(first, place, 0));
        let fuel = Addr::at(store, abi::store::FUEL);
        m.mov(left, Mem(fuel));
        let short = Test { cond: Cond::LtU, width: W64, a: Reg(left), b: Reg(first) };
        super::operands::Operands::trap_if(self, m, short, TrapCause::OutOfFuel);
        m.int(IntOp::Sub, W64, left, Reg(left), Reg(first));
        m.store_slot(fuel, Reg(left));
        m.int(IntOp::ShrU, W64, place, Reg(place), Imm(1));
        m.mov(first, Mem(Addr::at(version, abi::version::LEADERS)));
        m.load(Access::U16, first, Addr::indexed(first, place, 0));
        Self::go_to(m, first);
    }
}
