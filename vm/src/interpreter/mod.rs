//! The portable interpreter: a loop around a match whose arms are expanded from the opcode table.
//!
//! It runs on the frames that all tiers share and reaches everything through the instance context. It is the reference
//! for the other tiers: the meaning of numeric rows comes from [`semantics`], that of others from [`helpers`] or from
//! the arms here. It never uses the native stack for calls between functions of modules; only a host function that calls
//! back in nests another run.
//!
//! Invariant: `fp`, `pc` and `instance` always are those of the innermost frame, `base` and `len` those of its memory.
//! Whatever may change a memory's size or the frame's instance is followed by a reload.

mod helpers;
mod host_call;

use std::sync::atomic::{AtomicU32, Ordering};

use bytecode_spec::isa::{self, Words};
use bytecode_spec::meaning::{Meaning, meaning};
use bytecode_spec::slot::{Outcome, Slot};
use bytecode_spec::{Kind, Op, Pc, TrapCause, for_each_shape, semantics};

pub(crate) use host_call::{call_host_directly, enter_host, tail_call_host};

use crate::code::{BLOCK_START, Version, bump};
use crate::context::{FuncRecord, InstanceContext, POLL_INTERRUPT, StoreContext};
use crate::error::Error;
use crate::frames::{Frame, Place};
use crate::native;
use crate::tiering::policy::{BACK_EDGES, Event};

/// Why a run stopped before its end.
#[derive(Debug)]
pub(crate) enum Stop {
    /// A trap at the current instruction.
    Trap(TrapCause),
    /// A host function failed.
    Host(Box<Error>),
}

impl From<TrapCause> for Stop {
    fn from(cause: TrapCause) -> Stop {
        Stop::Trap(cause)
    }
}

/// A stop, and where it was.
#[derive(Debug)]
pub(crate) struct Stopped {
    pub(crate) stop: Stop,
    pub(crate) frame: Frame,
    pub(crate) place: Place,
}

/// How a run ended, if not by a stop.
#[derive(Debug)]
pub(crate) enum Ended {
    /// The function returned: results are in the first registers of its frame.
    Returned,
    /// It was replaced by a function with machine code, which the frame is now of.
    Replaced(*const Version),
}

/// An instruction in an image.
#[derive(Clone, Copy)]
pub(crate) struct Code(pub(crate) *const u64);

impl Words for Code {
    #[inline(always)]
    fn lane(self, lane: usize) -> u16 {
        // SAFETY: made of an instruction in a verified function's image; `read` asks for its own lanes only.
        unsafe { *self.0.cast::<u16>().add(lane) }
    }

    #[inline(always)]
    fn half(self, lane: usize) -> u32 {
        // SAFETY: as for `lane`; the lane is aligned to 2.
        unsafe { *self.0.cast::<u16>().add(lane).cast::<u32>() }
    }

    #[inline(always)]
    fn word(self, lane: usize) -> u64 {
        // SAFETY: as for `lane`; the lane is aligned to 4.
        unsafe { *self.0.cast::<u16>().add(lane).cast::<u64>() }
    }
}

#[cfg(not(target_endian = "little"))]
compile_error!("images are read by 16-bit loads of little-endian words");

/// `N` bytes of memory at `address`, or `None` out of bounds.
///
/// # Safety
///
/// `len` bytes at `base` are readable.
#[inline(always)]
unsafe fn read_memory<const N: usize>(base: *const u8, len: usize, address: u64) -> Option<[u8; N]> {
    // `address` is below 2^33, so this does not overflow.
    // SAFETY: `N` bytes at `address` lie within the memory, as just tested.
    (address + N as u64 <= len as u64).then(|| unsafe { *base.add(address as usize).cast::<[u8; N]>() })
}

/// Writes `bytes` at `address`; `None` out of bounds.
///
/// # Safety
///
/// `len` bytes at `base` are writable.
#[inline(always)]
unsafe fn write_memory<const N: usize>(
    base: *mut u8,
    len: usize,
    address: u64,
    bytes: [u8; N],
) -> Option<()> {
    // SAFETY: as for `read_memory`.
    (address + N as u64 <= len as u64)
        .then(|| unsafe { *base.add(address as usize).cast::<[u8; N]>() = bytes })
}

/// Runs the function in `frame`, an entry frame, from the instruction at `pc` to its return: results are then in its first
/// registers.
///
/// `PROFILE` records calls, branches and targets; `FUEL` charges for basic blocks.
///
/// # Safety
///
/// The frame's header is written, its registers hold arguments of the function's type and zeros, and it ends below the
/// stack's limit. The instance and its store are this thread's to use, and no reference to what they own is alive.
pub(crate) unsafe fn run<const PROFILE: bool, const FUEL: bool>(
    frame: Frame,
    pc: Pc,
) -> Result<Ended, Stopped> {
    // SAFETY: by contract.
    unsafe { execute::<PROFILE, FUEL, false>(frame, pc.0) }
}

/// Where the branch at `pc` of the function in `frame` goes, if it is taken and not a table.
///
/// # Safety
///
/// As for [`step`].
pub(crate) unsafe fn target_of_branch(frame: Frame, pc: u32) -> Option<Pc> {
    // SAFETY: by contract, the frame has the registers that the verified instruction names.
    unsafe {
        let code = Code((*frame.version()).function().code.as_ptr().add(pc as usize));
        let op = Op::from_code(code.lane(0))?;
        let (mut inputs, mut displacement) = (Vec::new(), None);
        for operand in op.info().operands() {
            let lane = usize::from(operand.lane);
            if operand.kind == Kind::Use {
                inputs.push(*frame.0.add(usize::from(code.lane(lane))));
            } else if operand.kind == Kind::Imm32 {
                // Of 64 bits or, its upper half left alone, of 32.
                inputs.push(code.half(lane) as i32 as i64 as u64);
            } else if operand.kind == Kind::Target {
                displacement = Some(code.half(lane) as i32);
            }
        }
        let is_taken = match meaning(op) {
            Meaning::Test(test) => test(&inputs),
            Meaning::Other => op == Op::Jump,
            Meaning::Value(_) | Meaning::Load(..) | Meaning::Store(_) => false,
        };
        let target = |displacement: i32| Pc((i64::from(pc) + i64::from(displacement)) as u32);
        displacement.filter(|_| is_taken).map(target)
    }
}

/// Does what the instruction at `pc` of the function in `frame` does; one that does not change what runs next.
///
/// # Safety
///
/// As for [`run`], in the middle of the function.
pub(crate) unsafe fn step(frame: Frame, pc: u32) -> Result<(), Stopped> {
    // SAFETY: by contract.
    unsafe { execute::<false, false, true>(frame, pc).map(|_| ()) }
}

/// [`run`], or with `STEP`, [`step`].
///
/// # Safety
///
/// As for these.
unsafe fn execute<const PROFILE: bool, const FUEL: bool, const STEP: bool>(
    frame: Frame,
    start: u32,
) -> Result<Ended, Stopped> {
    // SAFETY: the verifier bounded every register by the function's registers, for which every
    // frame has room; every branch by the code; every index by the module's parts, which the instance has as many of;
    // and gave lists the lengths of the signatures. Contexts and records live as long as the store.
    unsafe {
        let mut fp = frame.0;
        let mut instance = frame.instance();
        let entry_version = frame.version();
        let mut pc;
        let store: *const StoreContext = (*instance).store;
        let (mut base, mut len) = memory_of(instance);

        // Registers.
        macro_rules! get {
            ($reg:expr) => {
                Slot::from_slot(*fp.add($reg.index()))
            };
        }
        macro_rules! raw {
            ($reg:expr) => {
                *fp.add($reg.index())
            };
        }
        macro_rules! set {
            ($reg:expr, $value:expr) => {
                *fp.add($reg.index()) = Slot::into_slot($value)
            };
        }

        let code = if STEP { (*entry_version).function().code.as_ptr() } else { (*entry_version).entry() };
        pc = code.add(start as usize);
        if PROFILE && start == 0 {
            count_call(entry_version);
        }
        // How often the branch was taken that went to the head of a loop, if machine code may go on from here.
        let mut hot = NOT_HOT;
        loop {
            // Why to leave the loop: a stop, or `None` when something asks for attention before the instruction at `pc`.
            let stop: Option<Stop> = 'run: {
                macro_rules! trap {
                    ($cause:ident) => {
                        break 'run Some(Stop::Trap(TrapCause::$cause))
                    };
                }
                macro_rules! attempt {
                    ($result:expr) => {
                        match $result {
                            Ok(value) => value,
                            Err(stop) => break 'run Some(Stop::from(stop)),
                        }
                    };
                }
                // A safepoint, before the instruction at `pc` has done anything. A call from here would cost registers in
                // every arm, so the work is done outside of the loop, and the instruction tried again. Any taken branch polls,
                // not just a backward one: a test for that would cost more.
                macro_rules! poll {
                    () => {
                        if (*store).poll.load(Ordering::Relaxed) != 0 {
                            break 'run None;
                        }
                    };
                }
                macro_rules! count {
                    ($feedback:expr, $half:literal) => {
                        if PROFILE {
                            bump(&*pc.cast::<u16>().add($feedback as usize).cast::<AtomicU32>().add($half));
                        }
                    };
                }
                // A taken branch; in between, `$count` records it.
                macro_rules! jump {
                    ($target:expr, $count:expr) => {{
                        let target: i32 = $target;
                        poll!();
                        $count;
                        pc = pc.offset(target as isize);
                    }};
                }
                // A taken branch whose own count tells when a loop is hot.
                macro_rules! hot_jump {
                    ($target:expr, $feedback:expr) => {{
                        let target: i32 = $target;
                        poll!();
                        let mut taken = NOT_HOT;
                        if PROFILE {
                            let count = &*pc.cast::<u16>().add($feedback as usize).cast::<AtomicU32>();
                            bump(count);
                            taken = count.load(Ordering::Relaxed);
                        }
                        pc = pc.offset(target as isize);
                        if PROFILE && target <= 0 && taken % BACK_EDGES == 1 {
                            hot = taken;
                            break 'run None;
                        }
                    }};
                }
                macro_rules! branch {
                    ($taken:expr, $operands:ident, $length:ident) => {
                        if $taken {
                            hot_jump!($operands.target, $operands.feedback);
                        } else {
                            count!($operands.feedback, 1);
                            pc = pc.add($length);
                        }
                    };
                }
                macro_rules! reload {
                    () => {
                        (base, len) = memory_of(instance)
                    };
                }
                macro_rules! switch_to {
                    ($instance:expr) => {
                        let next = $instance;
                        if next != instance {
                            instance = next;
                            reload!();
                        }
                    };
                }
                // Goes on at the start of a function whose frame is now at `fp`.
                macro_rules! start {
                    ($version:ident) => {
                        pc = (*$version).entry();
                        if PROFILE {
                            count_call($version);
                        }
                    };
                }
                macro_rules! enter {
                    ($version:expr, $instance:expr, $args:expr, $results:expr, $length:expr) => {{
                        let version: *const Version = $version;
                        let callee = Frame(fp.add((*Frame(fp).version()).frame_words as usize));
                        if callee.0.add((*version).frame_words as usize) > (*store).stack_limit.get() {
                            trap!(StackOverflow);
                        }
                        poll!();
                        pass(
                            $args.len,
                            move |i| raw!($args.reg(Code(pc), i)),
                            move |i| callee.0.add(i as usize),
                        );
                        let callee_instance: *const InstanceContext = $instance;
                        callee.set_link(Frame(fp), pc.add($length));
                        callee.set_code(version, callee_instance);
                        if native::has_code(version, callee_instance) {
                            native::enter(callee, version)?;
                            for i in 0..$results.len {
                                raw!($results.reg(Code(pc), i)) = *callee.0.add(i as usize);
                            }
                            reload!();
                            pc = pc.add($length);
                        } else {
                            (*version).clear(callee);
                            switch_to!(callee_instance);
                            fp = callee.0;
                            start!(version);
                        }
                    }};
                }
                // The frame of this function becomes that of the next. Arguments go through free stack, since they may be
                // registers that other arguments replace.
                macro_rules! replace {
                    ($version:expr, $instance:expr, $args:expr) => {{
                        let version: *const Version = $version;
                        let spare = fp.add((*Frame(fp).version()).frame_words as usize);
                        if fp.add((*version).frame_words as usize) > (*store).stack_limit.get() {
                            trap!(StackOverflow);
                        }
                        poll!();
                        pass(
                            $args.len,
                            move |i| raw!($args.reg(Code(pc), i)),
                            move |i| spare.add(i as usize),
                        );
                        std::ptr::copy(spare, fp, $args.len as usize);
                        switch_to!($instance);
                        Frame(fp).set_code(version, instance);
                        if native::has_code(version, instance) {
                            // Where this run's own function is replaced, whoever runs it goes on: tail calls take no space.
                            if fp == frame.0 {
                                return Ok(Ended::Replaced(version));
                            }
                            native::enter(Frame(fp), version)?;
                            let from = fp;
                            give_back!((*version).results, move |n| *from.add(n as usize));
                        } else {
                            (*version).clear(Frame(fp));
                            start!(version);
                        }
                    }};
                }
                macro_rules! call_record {
                    ($record:expr, $operands:ident, $length:ident) => {{
                        let record: *const FuncRecord = $record;
                        if (*record).slot.is_null() {
                            attempt!(host_call::call_host(
                                record,
                                Frame(fp),
                                pc,
                                $operands.args,
                                $operands.results
                            ));
                            reload!();
                            pc = pc.add($length);
                        } else {
                            enter!(
                                version_of(record),
                                (*record).instance,
                                $operands.args,
                                $operands.results,
                                $length
                            );
                        }
                    }};
                }
                macro_rules! tail_call_record {
                    ($record:expr, $operands:ident) => {{
                        let record: *const FuncRecord = $record;
                        if (*record).slot.is_null() {
                            let values = attempt!(host_call::tail_call_host(
                                record,
                                Frame(fp),
                                pc,
                                pc.add(1),
                                $operands.args
                            ));
                            reload!();
                            give_back!(values.len() as u32, |i| values[i as usize]);
                        } else {
                            replace!(version_of(record), (*record).instance, $operands.args);
                        }
                    }};
                }
                // Returns `count` values to the caller, whose result registers are the lanes just before the return pc.
                macro_rules! give_back {
                    ($count:expr, $value:expr) => {{
                        let (count, value): (u32, _) = ($count, $value);
                        if fp == frame.0 {
                            let spare = fp.add((*Frame(fp).version()).frame_words as usize);
                            (0..count).for_each(|i| *spare.add(i as usize) = value(i));
                            std::ptr::copy(spare, fp, count as usize);
                            return Ok(Ended::Returned);
                        }
                        let return_pc = Frame(fp).return_pc();
                        let caller = Frame(fp).caller();
                        let registers = return_pc.cast::<u16>().sub(count as usize);
                        switch_to!(caller.instance());
                        pass(count, value, move |i| caller.0.add(usize::from(*registers.add(i as usize))));
                        fp = caller.0;
                        pc = return_pc;
                    }};
                }

                // One macro a shape: the arm of any row of it.
                macro_rules! Nop {
                    ($meaning:ident) => {{
                        let (isa::Nop {}, length) = isa::Nop::read(Code(pc));
                        pc = pc.add(length);
                    }};
                }
                macro_rules! Trap {
                    ($meaning:ident) => {{
                        let (i, _) = isa::Trap::read(Code(pc));
                        break 'run Some(Stop::Trap(TrapCause::from_code(i.cause).expect("verified")));
                    }};
                }
                macro_rules! Move {
                    ($meaning:ident) => {{
                        let (i, length) = isa::Move::read(Code(pc));
                        raw!(i.dst) = raw!(i.src);
                        pc = pc.add(length);
                    }};
                }
                macro_rules! Const {
                    ($meaning:ident) => {{
                        let (i, length) = isa::Const::read(Code(pc));
                        raw!(i.dst) = i.value;
                        pc = pc.add(length);
                    }};
                }
                macro_rules! Unary {
                    ($meaning:ident) => {{
                        let (i, length) = isa::Unary::read(Code(pc));
                        raw!(i.dst) = attempt!(semantics::$meaning(get!(i.a)).outcome());
                        pc = pc.add(length);
                    }};
                }
                macro_rules! Binary {
                    ($meaning:ident) => {{
                        let (i, length) = isa::Binary::read(Code(pc));
                        raw!(i.dst) = attempt!(semantics::$meaning(get!(i.a), get!(i.b)).outcome());
                        pc = pc.add(length);
                    }};
                }
                macro_rules! BinaryImm {
                    ($meaning:ident) => {{
                        let (i, length) = isa::BinaryImm::read(Code(pc));
                        let value = semantics::$meaning(get!(i.a), Slot::from_slot(i.b));
                        raw!(i.dst) = attempt!(value.outcome());
                        pc = pc.add(length);
                    }};
                }
                macro_rules! Select {
                    ($meaning:ident) => {{
                        let (i, length) = isa::Select::read(Code(pc));
                        let (a, b) = (raw!(i.a), raw!(i.b));
                        raw!(i.dst) = if raw!(i.cond) != 0 { a } else { b };
                        pc = pc.add(length);
                    }};
                }
                macro_rules! Jump {
                    ($meaning:ident) => {{
                        let (i, _) = isa::Jump::read(Code(pc));
                        hot_jump!(i.target, i.feedback);
                    }};
                }
                macro_rules! BranchUnary {
                    ($meaning:ident) => {{
                        let (i, length) = isa::BranchUnary::read(Code(pc));
                        branch!(semantics::$meaning(get!(i.a)), i, length);
                    }};
                }
                macro_rules! Branch {
                    ($meaning:ident) => {{
                        let (i, length) = isa::Branch::read(Code(pc));
                        branch!(semantics::$meaning(get!(i.a), get!(i.b)), i, length);
                    }};
                }
                macro_rules! BranchImm {
                    ($meaning:ident) => {{
                        let (i, length) = isa::BranchImm::read(Code(pc));
                        branch!(semantics::$meaning(get!(i.a), i.b.into()), i, length);
                    }};
                }
                macro_rules! BranchTable {
                    ($meaning:ident) => {{
                        let (i, _) = isa::BranchTable::read(Code(pc));
                        let index: i32 = get!(i.index);
                        let index = (index as u32).min(i.targets.len - 1);
                        jump!(
                            i.targets.target(Code(pc), index),
                            if PROFILE {
                                let first = Code(pc).word(i.feedback as usize) as usize;
                                bump(&(*Frame(fp).version()).table_counts[first + index as usize]);
                            }
                        );
                    }};
                }
                macro_rules! load {
                    ($shape:ident, $meaning:ident, |$i:ident| $address:expr) => {{
                        let ($i, length) = isa::$shape::read(Code(pc));
                        let Some(bytes) = read_memory(base, len, $address) else { trap!(MemoryOutOfBounds) };
                        set!($i.dst, semantics::$meaning(bytes));
                        pc = pc.add(length);
                    }};
                }
                macro_rules! store {
                    ($shape:ident, $meaning:ident, |$i:ident| $address:expr) => {{
                        let ($i, length) = isa::$shape::read(Code(pc));
                        let bytes = semantics::$meaning(get!($i.value));
                        let Some(()) = write_memory(base, len, $address, bytes) else {
                            trap!(MemoryOutOfBounds)
                        };
                        pc = pc.add(length);
                    }};
                }
                macro_rules! Load {
                    ($meaning:ident) => {
                        load!(Load, $meaning, |i| semantics::effective_address(get!(i.addr), i.offset))
                    };
                }
                macro_rules! Store {
                    ($meaning:ident) => {
                        store!(Store, $meaning, |i| semantics::effective_address(get!(i.addr), i.offset))
                    };
                }
                macro_rules! indexed {
                    ($i:ident) => {
                        semantics::indexed_address(get!($i.base), get!($i.index), $i.shift.into(), $i.offset)
                    };
                }
                macro_rules! LoadIndexed {
                    ($meaning:ident) => {
                        load!(LoadIndexed, $meaning, |i| indexed!(i))
                    };
                }
                macro_rules! StoreIndexed {
                    ($meaning:ident) => {
                        store!(StoreIndexed, $meaning, |i| indexed!(i))
                    };
                }
                macro_rules! MemorySize {
                    ($meaning:ident) => {{
                        let (i, length) = isa::MemorySize::read(Code(pc));
                        set!(i.dst, (*(*instance).memory).pages() as i32);
                        pc = pc.add(length);
                    }};
                }
                macro_rules! MemoryGrow {
                    ($meaning:ident) => {{
                        let (i, length) = isa::MemoryGrow::read(Code(pc));
                        let delta: i32 = get!(i.delta);
                        let old = (*(*instance).memory).grow(delta as u32);
                        set!(i.dst, old.map_or(-1, |pages| pages as i32));
                        reload!();
                        pc = pc.add(length);
                    }};
                }
                // Shapes whose only row is a helper's work.
                macro_rules! by_helper {
                    ($shape:ident, $meaning:ident) => {{
                        let (i, length) = isa::$shape::read(Code(pc));
                        attempt!(helpers::$meaning(&*instance, fp, i));
                        pc = pc.add(length);
                    }};
                }
                macro_rules! MemoryFill {
                    ($meaning:ident) => {
                        by_helper!(MemoryFill, $meaning)
                    };
                }
                macro_rules! MemoryCopy {
                    ($meaning:ident) => {
                        by_helper!(MemoryCopy, $meaning)
                    };
                }
                macro_rules! MemoryInit {
                    ($meaning:ident) => {
                        by_helper!(MemoryInit, $meaning)
                    };
                }
                macro_rules! DataDrop {
                    ($meaning:ident) => {
                        by_helper!(DataDrop, $meaning)
                    };
                }
                macro_rules! TableGet {
                    ($meaning:ident) => {
                        by_helper!(TableGet, $meaning)
                    };
                }
                macro_rules! TableSet {
                    ($meaning:ident) => {
                        by_helper!(TableSet, $meaning)
                    };
                }
                macro_rules! TableSize {
                    ($meaning:ident) => {
                        by_helper!(TableSize, $meaning)
                    };
                }
                macro_rules! TableGrow {
                    ($meaning:ident) => {
                        by_helper!(TableGrow, $meaning)
                    };
                }
                macro_rules! TableFill {
                    ($meaning:ident) => {
                        by_helper!(TableFill, $meaning)
                    };
                }
                macro_rules! TableCopy {
                    ($meaning:ident) => {
                        by_helper!(TableCopy, $meaning)
                    };
                }
                macro_rules! TableInit {
                    ($meaning:ident) => {
                        by_helper!(TableInit, $meaning)
                    };
                }
                macro_rules! ElemDrop {
                    ($meaning:ident) => {
                        by_helper!(ElemDrop, $meaning)
                    };
                }
                macro_rules! RefNull {
                    ($meaning:ident) => {{
                        let (i, length) = isa::RefNull::read(Code(pc));
                        raw!(i.dst) = 0;
                        pc = pc.add(length);
                    }};
                }
                macro_rules! RefIsNull {
                    ($meaning:ident) => {{
                        let (i, length) = isa::RefIsNull::read(Code(pc));
                        set!(i.dst, raw!(i.a) == 0);
                        pc = pc.add(length);
                    }};
                }
                macro_rules! RefFunc {
                    ($meaning:ident) => {{
                        let (i, length) = isa::RefFunc::read(Code(pc));
                        raw!(i.dst) = *(*instance).records.add(i.func.index()) as u64;
                        pc = pc.add(length);
                    }};
                }
                macro_rules! GlobalGet {
                    ($meaning:ident) => {{
                        let (i, length) = isa::GlobalGet::read(Code(pc));
                        raw!(i.dst) = *(**(*instance).globals.add(i.global.index())).get();
                        pc = pc.add(length);
                    }};
                }
                macro_rules! GlobalSet {
                    ($meaning:ident) => {{
                        let (i, length) = isa::GlobalSet::read(Code(pc));
                        *(**(*instance).globals.add(i.global.index())).get() = raw!(i.value);
                        pc = pc.add(length);
                    }};
                }
                macro_rules! Call {
                    ($meaning:ident) => {{
                        let (i, length) = isa::Call::read(Code(pc));
                        enter!(defined_version(instance, i.func), instance, i.args, i.results, length);
                    }};
                }
                macro_rules! CallImport {
                    ($meaning:ident) => {{
                        let (i, length) = isa::CallImport::read(Code(pc));
                        call_record!(*(*instance).records.add(i.func.index()), i, length);
                    }};
                }
                macro_rules! indirect {
                    ($i:ident) => {{
                        let index: i32 = get!($i.index);
                        let record =
                            attempt!(helpers::indirect_callee(&*instance, $i.table, index as u32, $i.ty));
                        if PROFILE {
                            let counts = Code(pc).word($i.feedback as usize) as usize;
                            (*Frame(fp).version()).targets[counts].record((*record).identity());
                        }
                        record
                    }};
                }
                macro_rules! CallIndirect {
                    ($meaning:ident) => {{
                        let (i, length) = isa::CallIndirect::read(Code(pc));
                        call_record!(indirect!(i), i, length);
                    }};
                }
                macro_rules! TailCall {
                    ($meaning:ident) => {{
                        let (i, _) = isa::TailCall::read(Code(pc));
                        replace!(defined_version(instance, i.func), instance, i.args);
                    }};
                }
                macro_rules! TailCallImport {
                    ($meaning:ident) => {{
                        let (i, _) = isa::TailCallImport::read(Code(pc));
                        tail_call_record!(*(*instance).records.add(i.func.index()), i);
                    }};
                }
                macro_rules! TailCallIndirect {
                    ($meaning:ident) => {{
                        let (i, _) = isa::TailCallIndirect::read(Code(pc));
                        tail_call_record!(indirect!(i), i);
                    }};
                }
                macro_rules! Ret {
                    ($meaning:ident) => {{
                        let (i, _) = isa::Ret::read(Code(pc));
                        let (from, code) = (fp, Code(pc));
                        give_back!(i.values.len, move |n| *from.add(i.values.reg(code, n).index()));
                    }};
                }

                macro_rules! run_table {
                ($(
                    $(#[doc = $shape_doc:literal])*
                    $shape:ident($shape_op:ident) $visit:ident { $($field:ident: $kind:ident),* } $syntax:literal {
                        $(
                            $(#[doc = $doc:literal])*
                            $code:literal $op:ident $mnemonic:literal
                            ($($input:ident),*) -> ($($output:ident),*) [$($effect:ident)*] = $meaning:ident;
                        )*
                    }
                )*) => {
                    loop {
                        let mut code = *pc.cast::<u16>();
                        if FUEL && code & BLOCK_START != 0 {
                            attempt!(charge(store, Frame(fp), pc));
                            code &= !BLOCK_START;
                        }
                        // SAFETY: the verifier accepts nothing but opcodes of the table.
                        match std::mem::transmute::<u16, Op>(code) { $($(
                            Op::$op => $shape!($meaning),
                        )*)* }
                        if STEP {
                            return Ok(Ended::Returned);
                        }
                    }
                };
            }

                if PROFILE && hot != NOT_HOT {
                    let version = Frame(fp).version();
                    if native::enter_at(Frame(fp), version, pc, std::mem::replace(&mut hot, NOT_HOT))? {
                        let from = fp;
                        give_back!((*version).results, move |n| *from.add(n as usize));
                    }
                } else if !STEP {
                    poll!();
                }
                for_each_shape!(run_table)
            };
            let stop = match stop {
                Some(stop) => stop,
                None if hot != NOT_HOT => continue,
                None => match safepoint(store) {
                    Ok(()) => continue,
                    Err(cause) => Stop::Trap(cause),
                },
            };
            return Err(Stopped { stop, frame: Frame(fp), place: Place::At(pc) });
        }
    }
}

/// Writes `count` values to their places: a single one, the usual number, without a loop.
///
/// # Safety
///
/// The places are writable.
#[inline(always)]
unsafe fn pass(count: u32, value: impl Fn(u32) -> u64, place: impl Fn(u32) -> *mut u64) {
    #[inline(never)]
    unsafe fn several(count: u32, value: impl Fn(u32) -> u64, place: impl Fn(u32) -> *mut u64) {
        for i in 0..count {
            // SAFETY: by contract.
            unsafe { *place(i) = value(i) };
        }
    }
    // SAFETY: by contract.
    unsafe {
        if count == 1 {
            *place(0) = value(0);
        } else {
            several(count, value, place);
        }
    }
}

/// Where the instance's memory is, and its length.
#[inline(always)]
unsafe fn memory_of(instance: *const InstanceContext) -> (*mut u8, usize) {
    // SAFETY: contexts lead to a memory record, if only to an empty one.
    unsafe { ((*(*instance).memory).base.get(), (*(*instance).memory).len.get()) }
}

/// The version of a function defined in the instance's module.
#[inline(always)]
unsafe fn defined_version(
    instance: *const InstanceContext,
    func: bytecode_spec::FuncIndex,
) -> *const Version {
    // SAFETY: the verifier accepts defined functions only; there is a slot for each.
    unsafe {
        let slot = (*instance).slots.add(func.index() - (*instance).imported_funcs as usize);
        let version = (*slot).version.load(Ordering::Acquire);
        if version.is_null() { (*(*instance).module).version(func) } else { version }
    }
}

/// The version of the function that a record of an instance's function names.
#[inline(always)]
pub(crate) unsafe fn version_of(record: *const FuncRecord) -> *const Version {
    // SAFETY: the caller has seen that it is no host function's.
    unsafe {
        let version = (*(*record).slot).version.load(Ordering::Acquire);
        if version.is_null() {
            let func = bytecode_spec::FuncIndex((*record).index);
            (*(*(*record).instance).module).version(func)
        } else {
            version
        }
    }
}

/// No count of back edges for which the policy is asked.
const NOT_HOT: u32 = 0;

/// Counts a call, and asks the policy where it has said so.
///
/// # Safety
///
/// The version is one that runs.
#[inline(always)]
unsafe fn count_call(version: *const Version) {
    // SAFETY: by contract.
    let version = unsafe { &*version };
    bump(&version.calls);
    let calls = version.calls.load(Ordering::Relaxed);
    if calls == version.ask_at.load(Ordering::Relaxed) {
        version.ask(Event::Calls(calls), None);
    }
}

/// Charges for the basic block that starts at `pc`.
#[inline(always)]
unsafe fn charge(store: *const StoreContext, frame: Frame, pc: *const u64) -> Result<(), TrapCause> {
    // SAFETY: `pc` is a leader in the image of the frame's version.
    let cost = unsafe {
        let version = &*frame.version();
        version.costs[pc.offset_from(version.entry()) as usize]
    };
    // SAFETY: the store outlives its frames.
    let fuel = unsafe { &(*store).fuel };
    fuel.set(fuel.get().checked_sub(cost.into()).ok_or(TrapCause::OutOfFuel)?);
    Ok(())
}

/// Something asked for attention.
#[cold]
#[inline(never)]
unsafe fn safepoint(store: *const StoreContext) -> Result<(), TrapCause> {
    // SAFETY: the store outlives its frames.
    let reasons = unsafe { (*store).take_poll() };
    if reasons & POLL_INTERRUPT != 0 { Err(TrapCause::Interrupted) } else { Ok(()) }
}
