//! What lies at an address: followed from the registers with fixed roles through loads, by the offsets of [`abi`].

use bytecode_spec::{FuncIndex, Reg};

use super::{Decoded, Effect};
use crate::abi::{self, Helper};
use crate::template::compile::Request;
use crate::template::masm::{Gpr, Roles};

/// What a register points to, if it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pointer {
    Unknown,
    Frame,
    /// The frame of a function that is called.
    NextFrame,
    Instance,
    Store,
    Helpers,
    MemoryRecord,
    Globals,
    Global(i64),
    Tables,
    TableRecord,
    Slots,
    Slot,
    Records,
    Record,
}

/// What all registers point to.
pub(super) struct Pointers<'a> {
    roles: &'a Roles,
    request: &'a Request<'a>,
    name: &'a dyn Fn(Reg) -> String,
    registers: i64,
    known: [Pointer; 32],
}

impl<'a> Pointers<'a> {
    pub(super) fn new(
        roles: &'a Roles,
        request: &'a Request<'a>,
        name: &'a dyn Fn(Reg) -> String,
    ) -> Pointers<'a> {
        let registers = request.module.function(request.func).map_or(0, |function| function.registers.len());
        Pointers { roles, request, name, registers: registers as i64, known: [Pointer::Unknown; 32] }
    }

    /// Nothing is known but the fixed roles: control may have come from anywhere.
    pub(super) fn forget(&mut self) {
        self.known = [Pointer::Unknown; 32];
        self.known[usize::from(self.roles.frame.0)] = Pointer::Frame;
        self.known[usize::from(self.roles.context.0)] = Pointer::Instance;
    }

    /// What is known at the entry: besides those, where its frame and slot are.
    pub(super) fn enter(&mut self) {
        self.forget();
        let [slot, frame, _] = self.roles.scratch;
        self.known[usize::from(slot.0)] = Pointer::Slot;
        self.known[usize::from(frame.0)] = Pointer::Frame;
    }

    /// What the instruction's address is of; takes note of what it does.
    pub(super) fn see(&mut self, decoded: &Decoded) -> String {
        let (comment, found) = match decoded.address {
            Some((base, disp)) => self.at(self.known[usize::from(base.0)], disp),
            None => (String::new(), Pointer::Unknown),
        };
        match decoded.effect {
            Effect::None => {}
            Effect::Load(dst) => self.set(dst, found),
            Effect::Address(dst) => {
                let (base, disp) = decoded.address.unwrap_or((dst, 0));
                let (comment, found) = self.moved(self.known[usize::from(base.0)], disp);
                self.set(dst, found);
                return comment;
            }
            Effect::Other(dst) => self.set(dst, Pointer::Unknown),
            Effect::Call => self.forget(),
        }
        comment
    }

    fn set(&mut self, dst: Gpr, pointer: Pointer) {
        // The fixed roles are never left.
        if dst != self.roles.context && dst != self.roles.frame {
            self.known[usize::from(dst.0)] = pointer;
        }
    }

    /// What lies behind a pointer, and what it points to in turn.
    fn at(&self, pointer: Pointer, disp: i64) -> (String, Pointer) {
        use abi::{instance, memory, record, slot, store, table};
        let (offset, bias) = (disp as i32, i64::from(self.roles.frame_bias));
        let (name, found) = match pointer {
            Pointer::Frame => return (self.in_frame(disp + bias), Pointer::Unknown),
            Pointer::NextFrame => return (in_next_frame(disp + bias), Pointer::Unknown),
            Pointer::Unknown => ("", Pointer::Unknown),
            Pointer::Instance => match offset {
                instance::STORE => ("store", Pointer::Store),
                instance::MEMORY => ("memory", Pointer::MemoryRecord),
                instance::GLOBALS => ("globals", Pointer::Globals),
                instance::TABLES => ("tables", Pointer::Tables),
                instance::SLOTS => ("slots", Pointer::Slots),
                instance::RECORDS => ("records", Pointer::Records),
                instance::SIGNATURES => ("signatures", Pointer::Unknown),
                instance::CALL_RECORD => ("call record", Pointer::Unknown),
                instance::LOOP_SAFEPOINT => ("loop safepoint", Pointer::Unknown),
                instance::ATTEND => ("attend", Pointer::Unknown),
                _ => ("", Pointer::Unknown),
            },
            Pointer::Store => match offset {
                store::POLL => ("store.poll", Pointer::Unknown),
                store::FUEL => ("store.fuel", Pointer::Unknown),
                store::ENTRY_LIMIT => ("store.entry limit", Pointer::Unknown),
                store::NATIVE_LIMIT => ("store.native limit", Pointer::Unknown),
                store::SEGMENT => ("store.segment", Pointer::Unknown),
                store::TRAP_FRAME => ("store.trap frame", Pointer::Unknown),
                store::TRAP => ("store.trap", Pointer::Unknown),
                store::HELPERS => ("store.helpers", Pointer::Helpers),
                _ => ("", Pointer::Unknown),
            },
            Pointer::Helpers => (helper(disp), Pointer::Unknown),
            Pointer::MemoryRecord => match offset {
                memory::BASE => ("memory.base", Pointer::Unknown),
                memory::LEN => ("memory.length", Pointer::Unknown),
                _ => ("", Pointer::Unknown),
            },
            Pointer::Globals => return (format!("cell of global {}", disp / 8), Pointer::Global(disp / 8)),
            Pointer::Global(index) if disp == 0 => return (format!("global {index}"), Pointer::Unknown),
            Pointer::Global(_) => ("", Pointer::Unknown),
            Pointer::Tables => return (format!("table {}", disp / 8), Pointer::TableRecord),
            Pointer::TableRecord => match offset {
                table::BASE => ("table.base", Pointer::Unknown),
                table::LEN => ("table.length", Pointer::Unknown),
                _ => ("", Pointer::Unknown),
            },
            Pointer::Slots => {
                let within = disp.rem_euclid(i64::from(slot::SIZE));
                let (name, _) = self.moved(pointer, disp - within);
                return (format!("{name}.{}", in_slot(within as i32)), Pointer::Unknown);
            }
            Pointer::Slot => return (format!("slot.{}", in_slot(offset)), Pointer::Unknown),
            Pointer::Records => return (format!("record {}", disp / 8), Pointer::Record),
            Pointer::Record => match offset {
                record::SLOT => ("record.slot", Pointer::Slot),
                record::INSTANCE => ("record.instance", Pointer::Instance),
                record::SIGNATURE => ("record.signature", Pointer::Unknown),
                _ => ("", Pointer::Unknown),
            },
        };
        (name.to_owned(), found)
    }

    /// What a sum of a pointer and a number is.
    fn moved(&self, pointer: Pointer, disp: i64) -> (String, Pointer) {
        match pointer {
            Pointer::Frame if disp == i64::from(self.request.frame_words) * 8 => {
                ("next frame".to_owned(), Pointer::NextFrame)
            }
            Pointer::Slots => {
                let index = (disp / i64::from(abi::slot::SIZE)) as u32;
                let func = FuncIndex(self.request.module.spaces().imported_funcs + index);
                (format!("slot of {}", self.request.module.func_name(func)), Pointer::Slot)
            }
            _ if disp == 0 => (String::new(), pointer),
            Pointer::Unknown
            | Pointer::Frame
            | Pointer::NextFrame
            | Pointer::Instance
            | Pointer::Store
            | Pointer::Helpers
            | Pointer::MemoryRecord
            | Pointer::Globals
            | Pointer::Global(_)
            | Pointer::Tables
            | Pointer::TableRecord
            | Pointer::Slot
            | Pointer::Records
            | Pointer::Record => (String::new(), Pointer::Unknown),
        }
    }

    fn in_frame(&self, disp: i64) -> String {
        let next = disp - i64::from(self.request.frame_words) * 8;
        if next >= -i64::from(abi::frame::HEADER) {
            return in_next_frame(next);
        }
        match header(disp) {
            Some(name) => format!("frame.{name}"),
            None if disp < 0 => String::new(),
            None if disp / 8 < self.registers => (self.name)(Reg((disp / 8) as u16)),
            None => format!("frame[{}]", disp / 8),
        }
    }
}

fn in_next_frame(disp: i64) -> String {
    match header(disp) {
        Some(name) => format!("next.{name}"),
        None if disp >= 0 => format!("next[{}]", disp / 8),
        None => String::new(),
    }
}

fn header(disp: i64) -> Option<&'static str> {
    use abi::frame;
    match i32::try_from(disp).ok()? {
        frame::CALLER => Some("caller"),
        frame::RETURN_PC => Some("return pc"),
        frame::VERSION => Some("version"),
        frame::INSTANCE => Some("instance"),
        _ => None,
    }
}

fn helper(disp: i64) -> &'static str {
    Helper::ALL.into_iter().find(|helper| i64::from(helper.stub()) == disp).map_or("", Helper::name)
}

/// What a word of a slot is called.
fn in_slot(offset: i32) -> &'static str {
    use abi::slot;
    match offset {
        slot::ENTRY => "entry",
        slot::REGISTER_ENTRY => "register entry",
        slot::CALLS_LEFT => "calls left",
        slot::BACK_EDGES_LEFT => "back edges left",
        _ => "version",
    }
}
