//! A function version and its executable image.

mod tier_up;

use std::cell::UnsafeCell;
use std::ops::Range;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};

use bytecode_spec::isa::{self, LANES_PER_WORD, Words};
use bytecode_spec::{Effect, FuncIndex, Function, Kind, Op, Pc, liveness};

use strata_jit::abi;
use strata_jit::abi::place::MAX_TARGETS;
use strata_jit::template::interpreter::Source;

use super::{CodeObject, CodeSlot, LoadedModule, Optimized, Way};
use crate::frames::{Frame, HEADER_WORDS, Place};
use crate::native::SharedCode;
use crate::tiering::policy::{FIRST_COUNTED, Refusal};
use crate::trap::Tier;

/// With fuel, the bit of the opcode's lane that marks instructions where a basic block starts.
pub(crate) const BLOCK_START: u16 = 1 << 15;
const _: () = assert!(Op::ALL.len() < BLOCK_START as usize);

/// One version of a function as tier 0 runs it. It gets an image for the interpreter that its engine runs code in, unless it has
/// machine code before it is called. In an engine with the generated interpreter it gets one for the portable interpreter too when an
/// instance needs that.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Version {
    /// First word of the generated interpreter's image; null until that is made.
    image: AtomicPtr<u64>,
    /// Entry of its machine code, or null.
    pub(crate) native_entry: AtomicPtr<u8>,
    /// First of `costs`.
    first_cost: *const u32,
    /// First of the generated image's `leaders`; null until that is made.
    first_leader: AtomicPtr<u16>,
    /// Words from this frame's registers to those of the next frame, whose header lies between; also what the registers
    /// need, results of an entry frame included.
    pub(crate) frame_words: u32,
    /// Registers that may be read before they are written, as a range that covers them: cleared at entry.
    pub(crate) clear: Range<u32>,
    /// Number of parameters.
    pub(crate) params: u32,
    /// Number of results.
    pub(crate) results: u32,
    /// How often the function was entered, while profiled.
    pub(crate) calls: AtomicU32,
    /// After so many calls the policy is asked about it.
    pub(crate) ask_at: AtomicU32,
    /// The slot that it is the version of.
    pub(crate) slot: *const CodeSlot,
    /// The same as `native`, with entries wherever optimized code is left.
    landing: OnceLock<Result<CodeObject, Refusal>>,
    /// Its optimized code.
    pub(crate) optimized: Optimized,
    /// Calls that code of the template compiler has counted.
    template_calls: AtomicU32,
    /// Back edges that it has.
    template_back_edges: AtomicU32,
    /// How many calls, and back edges, it counts until it asks next.
    armed: [AtomicU32; 2],
    /// First word of the portable interpreter's image; null until that is made.
    portable: AtomicPtr<u64>,
    /// Its machine code, or why there is none to be had.
    native: OnceLock<Result<CodeObject, Refusal>>,
    /// With fuel: for each word where a basic block starts, the block's instructions.
    pub(crate) costs: Box<[u32]>,
    /// Targets of indirect calls; feedback words hold indices into it.
    pub(crate) targets: Box<[TargetCounts]>,
    /// Counts of branch tables, one for each target; feedback words hold the first one's index.
    pub(crate) table_counts: Box<[AtomicU32]>,
    pub(crate) func: FuncIndex,
    /// The module that owns this version.
    pub(crate) module: *const LoadedModule,
    generated: OnceLock<Generated>,
    portable_image: OnceLock<Box<Image>>,
}

/// What the generated interpreter runs.
#[derive(Debug)]
struct Generated {
    image: Box<Image>,
    /// With fuel: for each word where a basic block starts, the handler of the instruction.
    leaders: Box<[u16]>,
}

/// Code with feedback, which any thread may record: 32-bit halves, relaxed, lost counts allowed.
type Image = [UnsafeCell<u64>];

/// The contract with the generated interpreter.
const _: () = {
    use std::mem::offset_of;
    assert!(offset_of!(Version, image) == abi::version::IMAGE as usize);
    assert!(offset_of!(Version, native_entry) == abi::version::NATIVE_ENTRY as usize);
    assert!(offset_of!(Version, first_cost) == abi::version::COSTS as usize);
    assert!(offset_of!(Version, first_leader) == abi::version::LEADERS as usize);
    assert!(offset_of!(Version, frame_words) == abi::version::FRAME_WORDS as usize);
    assert!(offset_of!(Version, clear.start) == abi::version::CLEAR_START as usize);
    assert!(offset_of!(Version, clear.end) == abi::version::CLEAR_END as usize);
    assert!(offset_of!(Version, params) == abi::version::PARAMS as usize);
    assert!(offset_of!(Version, results) == abi::version::RESULTS as usize);
    assert!(offset_of!(Version, calls) == abi::version::CALLS as usize);
    assert!(offset_of!(Version, ask_at) == abi::version::ASK_AT as usize);
    assert!(offset_of!(Version, slot) == abi::version::SLOT as usize);
    assert!(offset_of!(TargetCounts, functions) == abi::targets::FIRST as usize);
    assert!(offset_of!(TargetCounts, counts) == abi::targets::COUNT as usize);
};

// SAFETY: opcodes and operands are never written once an image is made; feedback is only accessed by 32-bit atomics. The
// module pointer is to the owner, which is `Sync`; the others are to what the version owns.
unsafe impl Sync for Version {}
// SAFETY: as above; nothing belongs to a thread.
unsafe impl Send for Version {}

/// What an indirect call has called: up to four functions, and how often others.
#[repr(C)]
#[derive(Debug, Default)]
pub(crate) struct TargetCounts {
    /// Identities of the functions (see [`FuncRecord`](crate::context::FuncRecord): module and index), plus one; 0 for
    /// a free place.
    pub(crate) functions: [AtomicU64; 4],
    pub(crate) counts: [AtomicU32; 4],
    /// Calls of functions beyond the four: more than none makes the call megamorphic.
    pub(crate) others: AtomicU32,
    /// Functions of the module that were offered to be inlined, plus one; 0 for a free place. A function stays at its place, by the number of
    /// which optimized code names it.
    offered: [AtomicU32; MAX_TARGETS],
}

impl TargetCounts {
    /// Counts a call of the function of that identity.
    pub(crate) fn record(&self, function: u64) {
        for (place, count) in self.functions.iter().zip(&self.counts) {
            let known = place.load(Ordering::Relaxed);
            if known == 0 {
                place.store(function + 1, Ordering::Relaxed);
            }
            if known == function + 1 || known == 0 {
                return bump(count);
            }
        }
        bump(&self.others);
    }

    /// Functions by their identities, and how often each was called.
    pub(crate) fn seen(&self) -> impl Iterator<Item = (u64, u32)> {
        let known = self.functions.iter().zip(&self.counts);
        let known = known.map(|(f, n)| (f.load(Ordering::Relaxed), n.load(Ordering::Relaxed)));
        known.filter(|&(f, _)| f != 0).map(|(f, n)| (f - 1, n))
    }

    /// The number of a function among those that were offered to be inlined; `None` if there are too many others.
    pub(crate) fn offer(&self, func: FuncIndex) -> Option<u32> {
        let wanted = func.0 + 1;
        let place = self.offered.iter().position(|place| {
            let found = place.compare_exchange(0, wanted, Ordering::Relaxed, Ordering::Relaxed);
            found.is_ok() || found == Err(wanted)
        });
        place.map(|place| place as u32)
    }

    /// The function that was offered by that number.
    fn offered(&self, number: u32) -> FuncIndex {
        FuncIndex(self.offered[number as usize].load(Ordering::Relaxed) - 1)
    }
}

/// Adds one, stopping at the top; a concurrent count may be lost.
#[inline(always)]
pub(crate) fn bump(count: &AtomicU32) {
    count.store(count.load(Ordering::Relaxed).saturating_add(1), Ordering::Relaxed);
}

impl Version {
    pub(crate) fn new(module: &LoadedModule, func: FuncIndex) -> Version {
        let function = module.module.function(func).expect("defined functions have slots");
        let ty = module.module.func_type(func);
        let profile = module.engine.config().profile;
        let costs = if module.engine.config().fuel { block_costs(function) } else { Box::default() };
        let [targets, table_counts] = if profile { feedback_places(&function.code) } else { [0; 2] };
        Version {
            image: AtomicPtr::default(),
            native_entry: AtomicPtr::default(),
            first_cost: costs.as_ptr(),
            first_leader: AtomicPtr::default(),
            frame_words: (HEADER_WORDS + function.registers.len().max(ty.results.len()).next_multiple_of(2))
                as u32,
            clear: liveness::registers_to_clear(function, ty.params.len()),
            params: ty.params.len() as u32,
            results: ty.results.len() as u32,
            calls: AtomicU32::new(0),
            ask_at: AtomicU32::new(0),
            slot: module.slot(func),
            landing: OnceLock::new(),
            optimized: Optimized::default(),
            template_calls: AtomicU32::new(0),
            template_back_edges: AtomicU32::new(0),
            armed: FIRST_COUNTED.map(AtomicU32::new),
            portable: AtomicPtr::default(),
            native: OnceLock::new(),
            costs,
            targets: (0..targets).map(|_| TargetCounts::default()).collect(),
            table_counts: (0..table_counts).map(|_| AtomicU32::new(0)).collect(),
            func,
            module,
            generated: OnceLock::new(),
            portable_image: OnceLock::new(),
        }
    }

    /// Makes the image that calls run in as long as there is no machine code.
    pub(crate) fn prepare(&self) {
        match self.loaded().engine.shared_code() {
            Some(shared) => {
                let generated = self.generated.get_or_init(|| self.generated(shared));
                self.first_leader.store(generated.leaders.as_ptr().cast_mut(), Ordering::Relaxed);
                self.image.store(generated.image.as_ptr().cast_mut().cast(), Ordering::Release);
            }
            None => _ = self.entry(),
        }
    }

    /// The image for the generated interpreter.
    fn generated(&self, shared: &SharedCode) -> Generated {
        let mut words = self.function().code.clone();
        let source = Source {
            module: &self.loaded().module,
            func: self.func,
            frame_words: self.frame_words,
            costs: &self.costs,
        };
        let leaders = shared.prepare(&source, &mut words);
        self.each_feedback(|word, place| {
            words[word] = match place {
                SidePlace::Targets(i) => std::ptr::from_ref(&self.targets[i]).addr() as u64,
                SidePlace::Table(i) => self.table_counts[i..].as_ptr().addr() as u64,
            };
        });
        Generated { image: words.into_iter().map(UnsafeCell::new).collect(), leaders }
    }

    /// First word of the portable interpreter's image, which is made when it is first asked for.
    #[inline(always)]
    pub(crate) fn entry(&self) -> *const u64 {
        let entry = self.portable.load(Ordering::Acquire);
        if entry.is_null() { self.prepare_portable() } else { entry }
    }

    #[cold]
    #[inline(never)]
    fn prepare_portable(&self) -> *const u64 {
        let image = self.portable_image.get_or_init(|| {
            let mut words = self.function().code.clone();
            self.each_feedback(|word, place| {
                words[word] = match place {
                    SidePlace::Targets(i) | SidePlace::Table(i) => i as u64,
                };
            });
            for (word, &cost) in words.iter_mut().zip(&self.costs) {
                if cost > 0 {
                    *word |= u64::from(BLOCK_START);
                }
            }
            words.into_iter().map(UnsafeCell::new).collect()
        });
        let entry = image.as_ptr().cast_mut().cast();
        self.portable.store(entry, Ordering::Release);
        entry
    }

    /// The tier that runs the image with the byte at `address`, or behind the end of which it is.
    pub(crate) fn tier_at(&self, address: usize) -> Tier {
        if self.is_generated(address) { Tier::Interpreter } else { Tier::Portable }
    }

    /// Whether an address is in the generated interpreter's image, or behind its end.
    fn is_generated(&self, address: usize) -> bool {
        self.generated.get().is_some_and(|Generated { image, .. }| {
            address.checked_sub(image.as_ptr().addr()).is_some_and(|offset| offset <= 8 * image.len())
        })
    }

    /// The word of code that the byte at `address` in an image belongs to.
    fn word_at(&self, address: usize) -> usize {
        let image =
            if self.is_generated(address) { self.image.load(Ordering::Acquire) } else { self.entry() };
        (address - image.addr()) / size_of::<u64>()
    }

    /// The instruction that machine code names so: see [`abi::place`].
    pub(crate) fn pc_named(&self, place: u64) -> Pc {
        match Place::named(place) {
            Place::Pc(pc, _) | Place::Inlined { pc, .. } => pc,
            Place::At(address) | Place::Behind(address) => Pc(self.word_at(address.addr()) as u32),
        }
    }

    /// What the indirect call at a place in the generated interpreter's image has called.
    ///
    /// # Safety
    ///
    /// There is one, and the engine profiles.
    pub(crate) unsafe fn targets_at(&self, place: u64) -> &TargetCounts {
        let pc = self.pc_named(place);
        let feedback = feedback_word(&self.function().code[pc.index()..]).expect("an indirect call");
        let image = &self.generated.get().expect("it is run").image;
        // SAFETY: feedback of indirect calls points to one of `targets`, and is never written.
        unsafe { &*(*image[pc.index() + feedback].get() as *const TargetCounts) }
    }

    /// The function that is inlined, as that target of the call, at the call at `pc`.
    pub(crate) fn inlined_at(&self, pc: Pc, target: u32) -> FuncIndex {
        let words = &self.function().code[pc.index()..];
        if Op::from_code(words.lane(0)) == Some(Op::Call) {
            return isa::Call::read(words).0.func;
        }
        let mut inlined = None;
        self.each_indirect_call(|at, counts| {
            if at == pc {
                inlined = Some(counts.offered(target));
            }
        });
        inlined.expect("functions are inlined at calls alone")
    }

    /// Calls `visit` with each indirect call that is profiled, and what it has called.
    pub(crate) fn each_indirect_call(&self, mut visit: impl FnMut(Pc, &TargetCounts)) {
        let (code, mut all) = (&self.function().code, self.targets.iter());
        each_instruction(code, |pc, op, _| {
            let is_indirect = op.info().effects.has(Effect::Calls) && feedback_word(&code[pc..]).is_some();
            if let Some(counts) = is_indirect.then(|| all.next()).flatten() {
                visit(Pc(pc as u32), counts);
            }
        });
    }

    /// What a fault at an address of the function's code belongs to.
    pub(crate) fn fault_at(&self, address: usize) -> Option<Place> {
        let template = [self.native(), self.landing()];
        let found = template.into_iter().flatten().find_map(|code| code.fault_at(address));
        let found = found.map(|pc| Place::Pc(pc, Tier::Template));
        found.or_else(|| self.optimized.fault_at(address))
    }

    /// Where an activation goes on in machine code at the head of a loop, and with which slot; in optimized code, if there is some.
    pub(crate) fn entry_at(&self, head: Pc) -> Option<(*const u8, *const CodeSlot)> {
        if let Way::In(slot) = self.optimized.enter(head) {
            // SAFETY: the slot is one of optimized code, all of which is kept as long as the version.
            return Some((unsafe { (*slot).entry.load(Ordering::Acquire) }, slot));
        }
        Some((self.native()?.entry_at(head)?, self.slot))
    }

    /// The function's machine code of the template compiler, if it has any.
    pub(crate) fn native(&self) -> Option<&CodeObject> {
        self.native.get()?.as_ref().ok()
    }

    /// The same with entries wherever optimized code is left, if there is that.
    fn landing(&self) -> Option<&CodeObject> {
        self.landing.get()?.as_ref().ok()
    }

    /// Why it lacks code that it was to have.
    pub(crate) fn refusal(&self) -> Option<Refusal> {
        let native = self.native.get().and_then(|code| code.as_ref().err().copied());
        native.or_else(|| self.optimized.refusal())
    }

    /// Clears the registers of a new frame that must be.
    ///
    /// # Safety
    ///
    /// The frame has room for the function's registers.
    #[inline(always)]
    pub(crate) unsafe fn clear(&self, frame: Frame) {
        if self.clear.start < self.clear.end {
            // SAFETY: by contract; the range lies within the registers.
            unsafe { frame.0.add(self.clear.start as usize).write_bytes(0, self.clear.len()) };
        }
    }

    /// Calls `visit` with the word of feedback of each indirect call and branch table, and its place in the side tables.
    fn each_feedback(&self, mut visit: impl FnMut(usize, SidePlace)) {
        if self.loaded().engine.config().profile {
            each_side_place(&self.function().code, |word, place, _| visit(word, place));
        }
    }

    /// The instruction behind one.
    pub(crate) fn behind(&self, pc: Pc) -> Pc {
        Pc((pc.index() + self.length_at(pc.index())) as u32)
    }

    fn length_at(&self, pc: usize) -> usize {
        let code = &self.function().code[pc..];
        Op::from_code(code.lane(0)).and_then(|op| op.info().length(code)).expect("verified")
    }

    /// The function in its module.
    pub(crate) fn function(&self) -> &Function {
        self.loaded().module.function(self.func).expect("defined functions have slots")
    }

    /// The module that the function belongs to.
    pub(crate) fn loaded(&self) -> &LoadedModule {
        // SAFETY: the module owns this version, so it outlives `self`.
        unsafe { &*self.module }
    }

    /// The instruction that the byte at `address` in the image belongs to.
    pub(crate) fn pc_of(&self, address: usize) -> Pc {
        let word = self.word_at(address);
        let (mut pc, mut next) = (0, 0);
        while next <= word {
            pc = next;
            next += self.length_at(pc);
        }
        Pc(pc as u32)
    }

    /// The two 32-bit counts of the branch whose feedback is at a word.
    pub(crate) fn counts(&self, word: usize) -> [u32; 2] {
        let generated = self.generated.get().map(|generated| &*generated.image);
        let images = [generated, self.portable_image.get().map(|image| &**image)];
        let in_image = |image: &Image, half| {
            let Some(word) = image.get(word) else { return 0 };
            // SAFETY: a feedback word is only accessed as two atomic halves, by all.
            unsafe { (*word.get().cast::<AtomicU32>().add(half)).load(Ordering::Relaxed) }
        };
        [0, 1].map(|half| {
            let counts = images.iter().flatten().map(|image| in_image(image, half));
            counts.fold(0, u32::saturating_add)
        })
    }
}

/// A place in a version's side tables.
#[derive(Clone, Copy)]
enum SidePlace {
    /// In `targets`.
    Targets(usize),
    /// The first of several in `table_counts`.
    Table(usize),
}

/// Which word of an instruction is its feedback.
fn feedback_word(words: &[u64]) -> Option<usize> {
    let op = Op::from_code(words.lane(0)).expect("verified");
    let feedback = op.info().operands().iter().find(|o| o.kind == Kind::Feedback)?;
    Some(usize::from(feedback.lane) / LANES_PER_WORD)
}

/// Calls `visit` with the word of feedback of each indirect call and branch table, its place in the side tables, and how many it
/// has there.
fn each_side_place(code: &[u64], mut visit: impl FnMut(usize, SidePlace, usize)) {
    let (mut targets, mut tables) = (0, 0);
    isa::each_row(code, |pc, row, words, _| {
        // Calls and branch tables are the ones with lists.
        if row.words > 0 {
            return;
        }
        let Some(word) = feedback_word(words) else { return };
        if row.has_targets() {
            let listed = words.half(isa::BranchTable::LANES[1].into()) as usize;
            visit(pc + word, SidePlace::Table(tables), listed);
            tables += listed;
        } else {
            visit(pc + word, SidePlace::Targets(targets), 1);
            targets += 1;
        }
    });
}

/// How many places in each side table a function has.
fn feedback_places(code: &[u64]) -> [usize; 2] {
    let mut places = [0; 2];
    each_side_place(code, |_, place, count| match place {
        SidePlace::Targets(_) => places[0] += count,
        SidePlace::Table(_) => places[1] += count,
    });
    places
}

/// For each word where a basic block starts, how many instructions the block has.
fn block_costs(function: &Function) -> Box<[u32]> {
    let code = function.code.as_slice();
    let mut costs = vec![0; code.len()].into_boxed_slice();
    let mut leaders = vec![false; code.len() + 1];
    leaders[0] = true;
    each_instruction(code, |pc, op, next| {
        let mut ends_block = op.info().effects.has(Effect::Ends) || op.info().effects.has(Effect::Calls);
        liveness::for_each_target(&code[pc..], |displacement| {
            leaders[(pc as i64 + i64::from(displacement)) as usize] = true;
            ends_block = true;
        });
        leaders[next] |= ends_block;
    });
    let mut leader = 0;
    each_instruction(code, |pc, _, _| {
        if leaders[pc] {
            leader = pc;
        }
        costs[leader] += 1;
    });
    costs
}

/// Calls `visit` with each instruction's pc, opcode and the pc behind it.
pub(crate) fn each_instruction(code: &[u64], mut visit: impl FnMut(usize, Op, usize)) {
    let mut pc = 0;
    while pc < code.len() {
        let op = Op::from_code(code[pc..].lane(0)).expect("verified");
        let next = pc + op.info().length(&code[pc..]).expect("verified");
        visit(pc, op, next);
        pc = next;
    }
}

#[cfg(test)]
mod tests {
    use bytecode_spec::FuncIndex;

    use crate::{Config, Engine, Linker, Module, Store, TierMode};

    /// Whether a function has an image for the generated interpreter once it was called; `None` where no memory may be executable.
    fn has_image(tier: TierMode, compiled_before: bool) -> Option<bool> {
        let engine = Engine::new(Config::new().tier(tier));
        engine.shared_code()?;
        let module = Module::new(&engine, "func @f(%n: i32) -> i32 export {\n%n = add.i32 %n, 1\nret %n\n}");
        let module = module.unwrap();
        if compiled_before {
            assert!(module.compile_all() > 0);
        }
        let mut store = Store::new(&engine, ());
        let instance = Linker::new(&engine).instantiate(&mut store, &module).unwrap();
        assert_eq!(instance.typed_func::<i32, i32>(&store, "f").unwrap().call(&mut store, 1).unwrap(), 2);
        let version = module.0.called_version(FuncIndex(0)).expect("it was called");
        Some(version.generated.get().is_some())
    }

    #[test]
    fn only_what_is_interpreted_gets_an_image() {
        if has_image(TierMode::Interpreter, false).is_none() {
            return;
        }
        assert_eq!(has_image(TierMode::Interpreter, false), Some(true));
        assert_eq!(has_image(TierMode::Auto, false), Some(true));
        assert_eq!(has_image(TierMode::Auto, true), Some(false));
        assert_eq!(has_image(TierMode::Template, false), Some(false));
    }
}
