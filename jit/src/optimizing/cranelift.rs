//! From the intermediate form to machine code.

use cranelift_codegen::binemit::Reloc;
use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::ir::{ExternalName, Function};
use cranelift_codegen::isa::{self, OwnedTargetIsa};
use cranelift_codegen::settings::{self, Configurable};
use cranelift_codegen::{CompiledCode, Context, FinalizedRelocTarget};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};

use super::addresses;
use super::align::{back_edges, skew};
use super::calls::signature_of;
use super::memory::CODES;
use super::safepoint;
use super::translate::{Translated, translate};
use super::{Entry, OptimizedCode, Optimizer, Refusal, Request, Word};
use crate::abi::{self, place::MAX_FIRST_WORDS};
use crate::template::aarch64::Aarch64;
use crate::template::masm::Masm;
use crate::template::x86_64::X86_64;

/// Words of bytecode beyond which a function is not compiled.
const MAX_WORDS: usize = 40_000;
const _: () = assert!(MAX_WORDS <= MAX_FIRST_WORDS, "places name their instructions");
/// Instructions of the intermediate form beyond which it is not: the code generator, which nothing stops, takes 2 to 3 us for each.
const MAX_INSTRUCTIONS: usize = 250_000;
/// Registers beyond which it is not.
const MAX_REGISTERS: usize = 4096;
/// Bytes that a native frame may have: entries only test for what all frames need.
const MAX_NATIVE_FRAME: u32 = 16 << 10;

/// The machine that code is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// x86-64, and what the processor has beyond SSE2.
    X86_64 {
        /// SSE 4.1, and all before it.
        sse41: bool,
        /// Counts of bits.
        popcnt: bool,
        /// Counts of leading and trailing zeros, and shifts by any register.
        bmi: bool,
        /// Instructions with three operands for floats.
        avx: bool,
    },
    /// aarch64.
    Aarch64,
}

impl Target {
    /// A processor that has all that code can use.
    pub const X86_64: Target = Target::X86_64 { sse41: true, popcnt: true, bmi: true, avx: true };

    /// The machine that this runs on, if code can be made for it.
    pub fn of_host() -> Option<Target> {
        #[cfg(target_arch = "x86_64")]
        return Some(Target::X86_64 {
            sse41: std::is_x86_feature_detected!("sse4.1"),
            popcnt: std::is_x86_feature_detected!("popcnt"),
            bmi: std::is_x86_feature_detected!("bmi1")
                && std::is_x86_feature_detected!("bmi2")
                && std::is_x86_feature_detected!("lzcnt"),
            avx: std::is_x86_feature_detected!("avx"),
        });
        #[cfg(target_arch = "aarch64")]
        return Some(Target::Aarch64);
        #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
        return None;
    }

    /// See [`Roles::frame_bias`](crate::template::masm::Roles::frame_bias).
    pub(super) fn frame_bias(self) -> i32 {
        match self {
            Target::X86_64 { .. } => X86_64::ROLES.frame_bias,
            Target::Aarch64 => Aarch64::ROLES.frame_bias,
        }
    }

    /// Whether floats are rounded by an instruction; without one, the code generator would call a library.
    pub(super) fn rounds(self) -> bool {
        match self {
            Target::X86_64 { sse41, .. } => sse41,
            Target::Aarch64 => true,
        }
    }

    pub(super) fn isa(self, verify: bool) -> OwnedTargetIsa {
        const KNOWN: &str = "the code generator knows it";
        let mut flags = settings::builder();
        for (name, value) in [
            ("opt_level", "speed"),
            ("enable_pinned_reg", "true"),
            ("preserve_frame_pointers", "true"),
            ("unwind_info", "false"),
            // Where loops are.
            ("machine_code_cfg_info", "true"),
            ("enable_verifier", if verify { "true" } else { "false" }),
            // Indices are of programs that may do what they like within their own memory.
            ("enable_heap_access_spectre_mitigation", "false"),
            ("enable_table_access_spectre_mitigation", "false"),
        ] {
            flags.set(name, value).expect(KNOWN);
        }
        let name = match self {
            Target::X86_64 { .. } => "x86_64-unknown-linux-gnu",
            Target::Aarch64 => "aarch64-unknown-linux-gnu",
        };
        let mut builder = isa::lookup_by_name(name).expect(KNOWN);
        if let Target::X86_64 { sse41, popcnt, bmi, avx } = self {
            let features: [(bool, &[&str]); 4] = [
                (sse41, &["has_ssse3", "has_cmpxchg16b", "has_sse3", "has_sse41"]),
                (popcnt, &["has_popcnt"]),
                (bmi, &["has_bmi1", "has_bmi2", "has_lzcnt"]),
                (sse41 && avx, &["has_sse42", "has_avx"]),
            ];
            for name in features.iter().filter(|(has, _)| *has).flat_map(|(_, names)| *names) {
                builder.enable(name).expect(KNOWN);
            }
        }
        builder.finish(settings::Flags::new(flags)).expect(KNOWN)
    }
}

/// The optimizing compiler; its memory is used for one function after the other.
pub struct Cranelift {
    target: Target,
    isa: OwnedTargetIsa,
    context: Context,
    builder: FunctionBuilderContext,
}

impl std::fmt::Debug for Cranelift {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cranelift").field("target", &self.target).finish_non_exhaustive()
    }
}

impl Cranelift {
    /// A compiler for a machine. If it is to `verify`, the code generator checks the intermediate form before it uses it.
    pub fn new(target: Target, verify: bool) -> Cranelift {
        Cranelift {
            target,
            isa: target.isa(verify),
            context: Context::new(),
            builder: FunctionBuilderContext::new(),
        }
    }

    /// Translates a function into the context.
    fn translate(&mut self, request: &Request) -> Result<Translated, Refusal> {
        let function = &request.function;
        if function.code.len() > MAX_WORDS || function.registers.len() > MAX_REGISTERS {
            return Err(Refusal::TooLarge);
        }
        self.context.clear();
        self.context.func.signature = match request.entry {
            Entry::Start => signature_of(&request.ty.params),
            Entry::Loop(_) => signature_of(&[]),
        };
        let builder = FunctionBuilder::new(&mut self.context.func, &mut self.builder);
        let translated = translate(builder, request, self.target, self.isa.frontend_config())?;
        if self.context.func.dfg.num_insts() > MAX_INSTRUCTIONS {
            return Err(Refusal::TooLarge);
        }
        addresses::widen(&mut self.context);
        Ok(translated)
    }
}

/// What the compiler did with a function, for people.
#[derive(Clone, Debug)]
pub struct Explained {
    /// The code.
    pub code: OptimizedCode,
    /// Where code of bytecode instructions starts, ascending, by their [places](crate::abi::place). `None` for what belongs to no
    /// instruction.
    pub places: Vec<(u32, Option<u64>)>,
    /// The intermediate form, before and after the code generator has optimized it.
    pub clif: [String; 2],
}

impl Cranelift {
    /// Compiles a function and tells how.
    ///
    /// # Errors
    ///
    /// As for [`Optimizer::optimize`].
    pub fn explain(&mut self, request: &Request) -> Result<Explained, Refusal> {
        self.translate(request)?;
        let before = self.context.func.display().to_string();
        let (code, locations) = self.generate(request, &|| false)?;
        let after = self.context.func.display().to_string();
        let compiled = self.context.compiled_code().expect("just compiled");
        let mut places = Vec::new();
        let mut end = 0;
        for range in compiled.buffer.get_srclocs_sorted() {
            if range.start > end || places.is_empty() && range.start > 0 {
                places.push((end, None));
            }
            let place = locations.get(range.loc.bits() as usize).copied();
            if places.last().is_none_or(|&(_, last)| last != place) {
                places.push((range.start, place));
            }
            end = range.end;
        }
        if end < code.bytes.len() as u32 {
            places.push((end, None));
        }
        Ok(Explained { code, places, clif: [before, after] })
    }

    fn generate(
        &mut self,
        request: &Request,
        is_late: &dyn Fn() -> bool,
    ) -> Result<(OptimizedCode, Vec<u64>), Refusal> {
        let in_time = || if is_late() { Err(Refusal::TooSlow) } else { Ok(()) };
        let translated =
            self.translate(request).inspect_err(|_| self.builder = FunctionBuilderContext::new())?;
        in_time()?;
        self.context
            .compile(&*self.isa, &mut ControlPlane::default())
            .map_err(|error| Refusal::Failed(error.inner.to_string()))?;
        in_time()?;
        let code = self.context.compiled_code().expect("just compiled");
        let native_frame = code.buffer.frame_layout().map_or(0, |layout| layout.frame_to_fp_offset);
        if native_frame > MAX_NATIVE_FRAME {
            return Err(Refusal::TooLarge);
        }
        let bytes = code.code_buffer().to_vec();
        let back_edges = back_edges(self.target, &bytes, &code.bb_starts);
        let skew = skew(&code.bb_starts, &back_edges, bytes.len() as u32, code.buffer.alignment);
        let made = OptimizedCode {
            bytes,
            skew,
            faults: faults(code, &translated),
            polls: polls(code, &translated, self.target)?,
            words: words(code, &self.context.func)?,
            exits: translated.exits,
            countdowns: translated.countdowns,
            instructions: translated.instructions,
            calls: translated.calls,
        };
        Ok((made, translated.locations))
    }
}

impl Optimizer for Cranelift {
    fn optimize(&mut self, request: &Request, is_late: &dyn Fn() -> bool) -> Result<OptimizedCode, Refusal> {
        self.generate(request, is_late).map(|(code, _)| code)
    }
}

/// Which access each instruction that may fault belongs to. The code generator may have put a load into an instruction that uses
/// its value, and says whose instruction that is: the access is the last one at or before that with the code that it was given.
fn faults(code: &CompiledCode, translated: &Translated) -> Vec<(u32, u64)> {
    let accesses = &translated.accesses;
    let places = code.buffer.get_srclocs_sorted();
    let traps = code.buffer.traps().iter();
    let faults = traps.filter_map(|trap| {
        let number = usize::from(trap.code.as_raw().get());
        if number > CODES {
            return None;
        }
        let place = places.partition_point(|place| place.start <= trap.offset).checked_sub(1)?;
        let location = places[place].loc.bits();
        let before = accesses.partition_point(|&access| access <= location);
        let access = (0..before).rev().find(|place| place % CODES + 1 == number)?;
        Some((trap.offset, translated.locations[accesses[access] as usize]))
    });
    faults.collect()
}

/// Where polls end, and before which instruction each is.
fn polls(code: &CompiledCode, translated: &Translated, target: Target) -> Result<Vec<(u32, u64)>, Refusal> {
    let bytes = code.code_buffer();
    let traps = code.buffer.traps().iter();
    let polls = traps.filter_map(|trap| {
        let place = match trap.code.as_raw().get() {
            safepoint::POLL => {
                let places = code.buffer.get_srclocs_sorted();
                let place = places.partition_point(|place| place.start <= trap.offset).checked_sub(1)?;
                translated.locations[places[place].loc.bits() as usize]
            }
            safepoint::ON_ENTRY => abi::place::template(abi::trap::ON_ENTRY),
            _ => return None,
        };
        let start = bytes[trap.offset as usize..].first_chunk();
        let length = start.and_then(|&start| target.poll_length(start));
        let end = length.map(|length| (trap.offset + length as u32, place));
        Some(end.ok_or_else(|| Refusal::Failed("it writes a poll in another way".to_owned())))
    });
    polls.collect()
}

/// The words that code asks for; there is nothing else that depends on where it is.
fn words(code: &CompiledCode, function: &Function) -> Result<Vec<(u32, Word)>, Refusal> {
    let words = code.buffer.relocs().iter().map(|relocation| {
        let word = match (&relocation.kind, &relocation.target) {
            (Reloc::Abs8, FinalizedRelocTarget::ExternalName(ExternalName::User(name))) => {
                Word::of_name(&function.params.user_named_funcs()[*name])
            }
            _ => return Err(Refusal::Failed(format!("the code needs {:?}", relocation.target))),
        };
        Ok((relocation.offset, word))
    });
    words.collect()
}
