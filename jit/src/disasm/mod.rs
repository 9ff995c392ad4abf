//! Machine code as text, by the parts of the function that it is of, with what memory operands are as comments.
//!
//! Each machine has a file with its syntax, around a disassembler made elsewhere; nothing here decodes anything. Read in this
//! order: this file, `x86_64`, `aarch64`, `pointers` (what is at an address).

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "of all instructions and operands of the machine, few matter"
)]
mod aarch64;
mod pointers;
mod x86_64;

use bytecode_spec::{Op, Reg};

use self::pointers::Pointers;
use crate::abi;
use crate::maps::{self, CodeMap, CompiledCode, Home};
use crate::optimizing;
use crate::template::aarch64::Aarch64;
use crate::template::compile::{Compiler, Refusal, Request};
use crate::template::host::Machine;
use crate::template::interpreter::{Interpreter, Part};
use crate::template::masm::{Gpr, Masm};
use crate::template::stubs::Boundary;
use crate::template::x86_64::X86_64;

/// A machine to make code for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Target {
    /// The processor that this runs on; see [`is_known`](Self::is_known).
    Host,
    /// An x86-64 processor that has all that code can use.
    X86_64,
    /// An aarch64 processor.
    Aarch64,
}

/// The syntax of the host's machine.
const HOST: &Syntax = if cfg!(target_arch = "aarch64") { &aarch64::SYNTAX } else { &x86_64::SYNTAX };

impl Target {
    /// Whether there is a compiler for it, which only of the host is not certain.
    pub const fn is_known(self) -> bool {
        match self {
            Target::Host => cfg!(any(target_arch = "x86_64", target_arch = "aarch64")),
            Target::X86_64 | Target::Aarch64 => true,
        }
    }

    /// Compiles a function with the template compiler and disassembles it. Its registers are called what `name` says.
    ///
    /// # Errors
    ///
    /// When the compiler refuses.
    pub fn list_template(
        self,
        request: &Request<'_>,
        name: impl Fn(Reg) -> String,
    ) -> Result<Listing, Refusal> {
        // One line a machine.
        match self {
            Target::Host => list(Machine::of_host(), HOST, request, &name),
            Target::X86_64 => list(X86_64::complete(), &x86_64::SYNTAX, request, &name),
            Target::Aarch64 => list(Aarch64::complete(), &aarch64::SYNTAX, request, &name),
        }
    }
}

impl Target {
    /// Generates the interpreter and disassembles the handlers of an opcode: those of its forms, and those of sequences that begin
    /// with it.
    pub fn list_handlers(self, op: Op, profile: bool) -> HandlerListing {
        match self {
            Target::Host => list_handlers(Machine::of_host(), HOST, op, profile),
            Target::X86_64 => list_handlers(X86_64::complete(), &x86_64::SYNTAX, op, profile),
            Target::Aarch64 => list_handlers(Aarch64::complete(), &aarch64::SYNTAX, op, profile),
        }
    }

    /// The machine as the optimizing compiler knows it; `None` if it does not.
    pub fn optimized(self) -> Option<optimizing::Target> {
        match self {
            Target::Host => optimizing::Target::of_host(),
            Target::X86_64 => Some(optimizing::Target::X86_64),
            Target::Aarch64 => Some(optimizing::Target::Aarch64),
        }
    }

    /// The machine's name, and the instructions in a piece of optimized code that starts at an offset. Targets of branches are offsets.
    pub fn list_optimized(self, code: &[u8], start: u32) -> (&'static str, Vec<Line>) {
        let syntax = match self {
            Target::Host => HOST,
            Target::X86_64 => &x86_64::SYNTAX,
            Target::Aarch64 => &aarch64::SYNTAX,
        };
        let (mut lines, mut at) = (Vec::new(), 0);
        while at < code.len() {
            let offset = start + at as u32;
            let decoded = (syntax.decode)(&code[at..], offset, &|target| format!("at_{target:04x}"));
            at += decoded.bytes;
            lines.push(Line { offset, text: decoded.text, comment: String::new() });
        }
        merge_padding(&mut lines);
        (syntax.machine, lines)
    }
}

/// Handlers of the generated interpreter in text. Offsets are from the start of all its code.
#[derive(Clone, Debug)]
pub struct HandlerListing {
    /// The machine's name.
    pub machine: &'static str,
    /// What machine registers hold.
    pub registers: Vec<(&'static str, String)>,
    /// What a handler is for, and its code.
    pub handlers: Vec<(String, Vec<Line>)>,
}

fn list_handlers<M: Boundary>(masm: M, syntax: &Syntax, op: Op, profile: bool) -> HandlerListing {
    let mut interpreter = Interpreter::new(masm, profile);
    let handlers = interpreter.handlers_of(op);
    let code = interpreter.bytes();
    let handlers = handlers.into_iter().map(|(parts, range)| {
        let names: Vec<String> = parts.iter().map(Part::to_string).collect();
        let symbol = |target: u32| match target.checked_sub(range.start) {
            Some(distance) if target < range.end => format!("+{distance:02x}"),
            _ => "elsewhere".to_owned(),
        };
        let mut lines = Vec::new();
        let mut offset = range.start;
        while offset < range.end {
            let bytes = &code[offset as usize..range.end as usize];
            let decoded = (syntax.decode)(bytes, offset, &symbol);
            lines.push(Line { offset, text: decoded.text, comment: String::new() });
            offset += decoded.bytes as u32;
        }
        merge_padding(&mut lines);
        (names.join("; "), lines)
    });
    let roles = M::ROLES;
    let registers = vec![
        ("pc", (syntax.gpr)(roles.interpreter.pc.0)),
        ("handlers", (syntax.gpr)(roles.interpreter.handlers.0)),
        ("frame", (syntax.gpr)(roles.frame.0)),
        ("memory", (syntax.gpr)(roles.memory.0)),
        ("context", (syntax.gpr)(roles.context.0)),
        ("store", (syntax.gpr)(roles.interpreter.store.0)),
        ("accumulators", (syntax.gpr)(roles.interpreter.accumulator.0)),
        ("and", (syntax.fpr)(roles.interpreter.float_accumulator.0)),
    ];
    HandlerListing { machine: syntax.machine, registers, handlers: handlers.collect() }
}

/// A function's machine code in text. Offsets are from the start of the code object.
#[derive(Clone, Debug)]
pub struct Listing {
    /// The machine's name.
    pub machine: &'static str,
    /// Bytes of the code object.
    pub bytes: usize,
    /// Registers that live in machine registers, and the names of those, the hottest first.
    pub pins: Vec<(Reg, String)>,
    /// The parts in their order.
    pub parts: Vec<(maps::Part, Vec<Line>)>,
}

/// A machine instruction, or a piece of data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Where it is.
    pub offset: u32,
    /// What it is; `(bad)` when it is no instruction.
    pub text: String,
    /// What its operand in memory is, as far as that can be told; or nothing.
    pub comment: String,
}

/// How the code of a machine is read and written.
struct Syntax {
    machine: &'static str,
    gpr: fn(u8) -> String,
    fpr: fn(u8) -> String,
    /// The instruction at the start of `bytes`, which are at an offset; never none of a byte or more. Targets of branches are
    /// called what the function says.
    decode: fn(bytes: &[u8], offset: u32, symbol: Symbols<'_>) -> Decoded,
}

/// What a place in the code is called, by its offset.
type Symbols<'a> = &'a dyn Fn(u32) -> String;

/// A machine instruction in text.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Decoded {
    bytes: usize,
    text: String,
    /// Base and displacement of an operand in memory, or of a sum.
    address: Option<(Gpr, i64)>,
    effect: Effect,
}

impl Decoded {
    /// Bytes that are no instruction.
    fn bad(bytes: usize) -> Decoded {
        Decoded { bytes, text: "(bad)".to_owned(), address: None, effect: Effect::None }
    }
}

/// What an instruction does to registers, as far as it matters for what they point to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    None,
    /// Sets a register to eight bytes at the address.
    Load(Gpr),
    /// Sets a register to the address.
    Address(Gpr),
    /// Sets a register to something else.
    Other(Gpr),
    /// Calls.
    Call,
}

fn list<M: Masm>(
    masm: M,
    syntax: &Syntax,
    request: &Request<'_>,
    name: &dyn Fn(Reg) -> String,
) -> Result<Listing, Refusal> {
    let (code, map) = Compiler::new(masm).compile_with_map(request)?;
    let mut pointers = Pointers::new(&M::ROLES, request, name);
    let ends = map.parts.iter().skip(1).map(|&(start, _)| start).chain([code.bytes.len() as u32]);
    let parts = map.parts.iter().zip(ends).map(|(&(start, part), end)| {
        if part == maps::Part::Entry {
            pointers.enter()
        } else {
            pointers.forget()
        }
        let mut lines = Vec::new();
        let mut offset = start;
        if let maps::Part::Table(entries) = part {
            lines.extend((0..entries).map(|i| table_entry(&code, &map, start, i)));
            offset += entries * 4;
        }
        while offset < end {
            let bytes = &code.bytes[offset as usize..end as usize];
            let decoded = (syntax.decode)(bytes, offset, &|target| symbol(&map, target));
            let comment = pointers.see(&decoded);
            lines.push(Line { offset, text: decoded.text, comment });
            offset += decoded.bytes as u32;
        }
        merge_padding(&mut lines);
        (part, lines)
    });
    let parts = parts.collect();
    let pins = map.pins.iter().filter_map(|&(reg, home)| match home {
        Home::Gpr(gpr) => Some((reg, (syntax.gpr)(gpr.0))),
        Home::Fpr(fpr) => Some((reg, (syntax.fpr)(fpr.0))),
        Home::Slot => None,
    });
    Ok(Listing { machine: syntax.machine, bytes: code.bytes.len(), pins: pins.collect(), parts })
}

/// Makes one line of what fills a part up to the next one's alignment.
fn merge_padding(lines: &mut Vec<Line>) {
    let filling = lines.iter().rev().take_while(|line| line.text.starts_with("nop")).count();
    lines.truncate(lines.len() - filling.saturating_sub(1));
    if let (1.., Some(first)) = (filling, lines.last_mut()) {
        *first = Line { offset: first.offset, text: "align".to_owned(), comment: String::new() };
    }
}

/// What a place in the code is called: the part that it is in, and the distance from its start.
fn symbol(map: &CodeMap, offset: u32) -> String {
    // Of several parts at one place all but the last are empty.
    let next = map.parts.partition_point(|&(start, _)| start <= offset);
    match next.checked_sub(1).map(|i| map.parts[i]) {
        Some((start, part)) if start == offset => part.to_string(),
        Some((start, part)) => format!("{part}+{:02x}", offset - start),
        None if offset == abi::object::VERSION as u32 => "object.version".to_owned(),
        None => format!("object+{offset:02x}"),
    }
}

fn table_entry(code: &CompiledCode, map: &CodeMap, table: u32, i: u32) -> Line {
    let offset = table + 4 * i;
    let place = offset as usize..offset as usize + 4;
    let distance = u32::from_le_bytes(code.bytes[place].try_into().expect("four bytes"));
    let text = format!("{} - table", symbol(map, table.wrapping_add(distance)));
    Line { offset, text, comment: String::new() }
}
