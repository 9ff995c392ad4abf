//! Tier 0: an interpreter of handlers that the templates make, one for each form of an opcode and for common sequences of them.
//!
//! Operands come from the instruction stream. An *image* of a function's code has, in place of opcodes, where their handlers
//! are: in units of eight bytes from the first. A handler ends by going to the next one. The last result is also in an
//! accumulator, one for integers and one for floats; which handlers take an operand from there is chosen when an image is made: those
//! that find it there whichever way control comes. Code outside enters functions at their start only. Sequences change the first instruction's word only, so what goes to one in
//! the middle finds it.
//!
//! Frames are those of all tiers. See `calls` for how it is entered and left, and `sequences` for how these were chosen.

mod calls;
mod image;
mod operands;
mod parts;
mod sequences;

use std::ops::Range;

use bytecode_spec::isa::visit;
use bytecode_spec::{Op, Pc, ShapeKind, TrapCause};

pub use self::image::{Source, Step};
pub use self::parts::Part;

use self::image::Sequences;
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
pub struct Interpreter {
    /// All code. It has no relocations and runs at any address that is a multiple of 16.
    pub bytes: Vec<u8>,
    /// Where machine code calls a function to be interpreted; an entry of the frame convention.
    pub entry: u32,
    /// Where handlers start: what [`HANDLERS`](abi::HANDLERS) is for.
    pub handlers: u32,
    /// Where an instruction that faulted goes on, its address in the first scratch register.
    pub fault: u32,
    /// Offsets of instructions that may fault, ascending, and words from what the handler is for to what faults.
    faults: Vec<(u32, Pc)>,
    /// By the numbers of [`Part`]s.
    handler_of: Vec<Handler>,
    sequences: Sequences,
    /// What charges for a basic block, and then goes to the handler that is kept apart.
    charge: u16,
    /// Where the code of each part and sequence starts, in their order, and where that of the last one ends.
    starts: Vec<u32>,
}

/// The handler of one instruction.
#[derive(Clone, Copy, Debug)]
struct Handler {
    /// In units of eight bytes.
    offset: u16,
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
}

/// More bytes than the code has.
const ROOM: usize = 1 << 18;

impl Interpreter {
    /// Generates an interpreter that counts, or does not count, calls, branches and call targets.
    pub fn generate<M: Boundary>(mut masm: M, profile: bool) -> Interpreter {
        let m = &mut masm;
        m.buffer().reset(0, Reach::Near);
        m.buffer().make_room(ROOM);
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
        let mut o = Fetched {
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
        };
        let entry = o.entry(m);
        o.shared(m);
        m.align(16);
        let fault = m.buffer().position();
        m.store_slot(Addr::at(M::ROLES.interpreter.store, abi::store::PC), Reg(M::ROLES.interpreter.pc));
        stop_at(m, Status::Faulted);

        m.align(16);
        let handlers = m.buffer().position();
        let mut starts = Vec::with_capacity(Part::COUNT + sequences::SEQUENCES.len() + 1);
        let mut begin = |m: &mut M| {
            m.align(16);
            starts.push(m.buffer().position());
            ((m.buffer().position() - handlers) / 8) as u16
        };
        let mut handler_of = Vec::with_capacity(Part::COUNT);
        for part in Part::all() {
            let offset = begin(m);
            o.handler(m, &[part]);
            handler_of.push(Handler { offset, leaves: o.leaves });
        }
        let mut sequences = Sequences::default();
        for sequence in sequences::SEQUENCES {
            let parts = sequence.iter().map(|&(op, kind, held)| Part { op, kind, held });
            let parts: smallvec::SmallVec<[Part; 4]> = parts.collect();
            let offset = begin(m);
            o.handler(m, &parts);
            sequences.add(&parts, offset);
        }
        sequences.finish();
        let charge = begin(m);
        o.charge(m);
        starts.push(m.buffer().position());
        debug_assert!(m.buffer().position() - handlers < 8 << 16, "handlers are within reach");
        o.out_of_line(m);
        let is_linked = m.buffer().link(M::patch);
        debug_assert!(is_linked, "all is near");
        let faults = m.buffer().faults();
        let bytes = m.buffer().take_bytes();
        Interpreter { bytes, entry, handlers, fault, faults, handler_of, sequences, charge, starts }
    }

    /// The handlers of an opcode: those of its forms, and those of sequences that begin with it; and where their code lies.
    pub fn handlers_of(&self, op: Op) -> impl Iterator<Item = (Vec<Part>, Range<u32>)> {
        let single = Part::all().map(|part| vec![part]);
        let sequences = sequences::SEQUENCES.iter().map(|parts| {
            parts.iter().map(|&(op, kind, held)| Part { op, kind, held }).collect::<Vec<Part>>()
        });
        let ranges = self.starts.windows(2).map(|pair| pair[0]..pair[1]);
        single.chain(sequences).zip(ranges).filter(move |(parts, _)| parts[0].op == op)
    }

    /// How many words behind the instruction whose handler ran lies the one that the machine instruction at an offset belongs to,
    /// if that may fault.
    pub fn fault_at(&self, offset: u32) -> Option<u32> {
        let place = self.faults.binary_search_by_key(&offset, |&(offset, _)| offset).ok()?;
        Some(self.faults[place].1.0)
    }
}

impl Fetched {
    /// Emits the handler of a sequence.
    fn handler<M: Masm>(&mut self, m: &mut M, parts: &[Part]) {
        self.offset = 0;
        for &part in parts {
            self.part = part;
            self.used = 0;
            self.leaves = Leaves::Same;
            self.goes_on = true;
            // The visitor reads no operands: it is the driver that knows where they are.
            let ((), _) = visit(part.op, [0; 16].as_slice(), &mut Translation { m, o: self });
            self.offset += i32::from(part.op.info().fixed_words) * 8;
        }
        if self.goes_on {
            Self::next(m, self.offset);
        }
        if matches!(
            self.part.op.info().shape,
            ShapeKind::Call | ShapeKind::CallImport | ShapeKind::CallIndirect
        ) {
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
