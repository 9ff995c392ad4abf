//! Machine code of functions in text, between the bytecode that it is made of.

use std::fmt::Write;

use bytecode_spec::{FuncIndex, Op, Reg};
use strata_asm::{FunctionText, FunctionTexts};
use strata_jit::disasm::{Line, Listing, Target};
use strata_jit::maps::Part;
use strata_jit::optimizing::{Cranelift, Entry, Explained};

use crate::code::Version;
use crate::error::Error;
use crate::frames::{Place, function_at};
use crate::module::Module;
use crate::native;
use crate::trap::Tier;

/// Where comments begin.
const COMMENT_COLUMN: usize = 44;

impl Module {
    /// The machine code that a tier makes of a function of the module, as text between the bytecode that it is made of. For
    /// [`Target::Host`] it is the code that the engine would run, whether or not it has machine code of the function yet.
    ///
    /// Machine instructions have their offsets, in hexadecimal, from the start of the code object, whose first bytes are no
    /// code. Comments tell what operands in memory are. Behind the code of all instructions comes what it jumps to when
    /// something is out of the ordinary: `pc3.poll` belongs to the instruction at 3, and `pc3+0a` is so many bytes, in
    /// hexadecimal, behind the start of its code.
    ///
    /// The text is for people; it may change with any version.
    ///
    /// # Errors
    ///
    /// [`Error::NoListing`] when the module does not define the function, or the tier has no machine code, or none of this
    /// function or for the target.
    ///
    /// ```
    /// # use strata::*;
    /// let engine = Engine::default();
    /// let module = Module::new(&engine, "func @sum(%a: i64, %b: i64) -> i64 {\n %a = add.i64 %a, %b\n ret %a\n}")?;
    /// let listing = module.listing(FuncIndex(0), Tier::Template, Target::X86_64)?;
    /// let lines: Vec<&str> = listing.lines().skip_while(|line| !line.starts_with("pc0")).take(3).collect();
    /// assert!(lines[0].contains("%a = add.i64 %a, %b"));
    /// assert!(lines[1].contains("mov rax, [rbp-0x60]") && lines[1].ends_with("; %a"));
    /// assert!(lines[2].contains("add rax, [rbp-0x58]") && lines[2].ends_with("; %b"));
    /// # Ok::<(), Error>(())
    /// ```
    pub fn listing(&self, func: FuncIndex, tier: Tier, target: Target) -> Result<String, Error> {
        self.listing_in(&mut FunctionTexts::new(self.verified()), func, tier, target)
    }

    /// The [listings](Self::listing) of all functions that the module defines, in their order, each made when it is asked for: less work
    /// than one by one, since what the module's things are called is found out once.
    ///
    /// ```
    /// # use strata::*;
    /// let engine = Engine::default();
    /// let module = Module::new(&engine, "func @f() {\n ret\n}\nfunc @g() {\n ret\n}")?;
    /// let heads = module.listings(Tier::Template, Target::X86_64).map(|(_, listing)| {
    ///     Ok(listing?.lines().next().unwrap_or_default().to_owned())
    /// });
    /// assert_eq!(heads.collect::<Result<Vec<_>, Error>>()?, ["func @f()", "func @g()"]);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn listings(
        &self,
        tier: Tier,
        target: Target,
    ) -> impl Iterator<Item = (FuncIndex, Result<String, Error>)> {
        let mut texts = FunctionTexts::new(self.verified());
        self.functions().map(move |func| (func, self.listing_in(&mut texts, func, tier, target)))
    }

    fn listing_in(
        &self,
        texts: &mut FunctionTexts<'_>,
        func: FuncIndex,
        tier: Tier,
        target: Target,
    ) -> Result<String, Error> {
        let refused = |why: &str| Error::NoListing { func: self.describe(func), why: why.to_owned() };
        let Some(text) = texts.of(func) else {
            return Err(refused(if func.0 < self.verified().spaces().imported_funcs {
                "it is imported, its code is not in this module"
            } else {
                "the module does not have it"
            }));
        };
        match tier {
            Tier::Template if target.is_known() => {
                let version = Version::new(&self.0, func);
                let name = |reg: Reg| text.registers[reg.index()].clone();
                let listing = target
                    .list_template(&native::request(&version), name)
                    .map_err(|refusal| refused(&refusal.to_string()))?;
                Ok(print(&text, tier, &listing))
            }
            Tier::Template => Err(refused("there is no compiler for this machine; name another target")),
            Tier::Optimizing => {
                let explained = self.explain_for(func, target)?;
                Ok(print_optimized(self, self.0.uncalled_version(func), &text, target, &explained))
            }
            Tier::Interpreter => {
                Err(refused("the interpreter runs an image of its bytecode; take tier template"))
            }
            Tier::Portable => Err(refused("the portable interpreter runs bytecode; take tier template")),
        }
    }

    /// The intermediate form of the optimizing compiler for a function of the module, before and after it is optimized, by how the
    /// function ran so far. The text is for people; it may change with any version.
    ///
    /// # Errors
    ///
    /// As for [`listing`](Self::listing).
    ///
    /// ```
    /// # use strata::*;
    /// let engine = Engine::default();
    /// let module = Module::new(&engine, "func @sum(%a: i64, %b: i64) -> i64 {\n %a = add.i64 %a, %b\n ret %a\n}")?;
    /// let [before, _] = module.clif(FuncIndex(0), Target::X86_64)?;
    /// assert!(before.contains("iadd"));
    /// # Ok::<(), Error>(())
    /// ```
    pub fn clif(&self, func: FuncIndex, target: Target) -> Result<[String; 2], Error> {
        Ok(self.explain_for(func, target)?.clif)
    }

    fn explain_for(&self, func: FuncIndex, target: Target) -> Result<Explained, Error> {
        let refused = |why: &str| Error::NoListing { func: self.describe(func), why: why.to_owned() };
        let machine = target
            .optimized()
            .ok_or_else(|| refused("there is no compiler for this machine; name another target"))?;
        if self.verified().function(func).is_none() {
            return Err(refused("the module does not define it"));
        }
        let version = self.0.uncalled_version(func);
        Cranelift::new(machine, true)
            .explain(&version.optimizing_request(Entry::Start))
            .map_err(|refusal| refused(&refusal.to_string()))
    }

    fn describe(&self, func: FuncIndex) -> String {
        let is_there = func.index() < self.verified().spaces().funcs.len();
        if is_there { self.verified().func_name(func) } else { format!("function {}", func.0) }
    }
}

/// The handlers that the generated interpreter has for an opcode, as text: those of its forms, and those of sequences of instructions
/// that begin with it, for engines that [profile](crate::Config::profile) or do not.
///
/// The text is for people; it may change with any version.
///
/// ```
/// use strata::{Op, Target, handler_listing};
/// let listing = handler_listing(Op::AddI32, Target::X86_64, false);
/// let lines: Vec<&str> = listing.lines().skip_while(|line| !line.starts_with("add.i32:")).collect();
/// assert!(lines[1].contains("movzx r8d, word ptr [r13+6]"), "{listing}");
/// ```
pub fn handler_listing(op: Op, target: Target, profile: bool) -> String {
    let listing = target.list_handlers(op, profile);
    let registers = listing.registers.iter().map(|(what, register)| format!("{what} {register}"));
    let registers: Vec<String> = registers.collect();
    let mut out = format!("; {}, {}\n; {}\n", Tier::Interpreter, listing.machine, registers.join(", "));
    for (name, lines) in &listing.handlers {
        push(&mut out, format_args!("\n{name}:\n"));
        lines.iter().for_each(|line| print_line(&mut out, line));
    }
    out
}

fn print(text: &FunctionText, tier: Tier, listing: &Listing) -> String {
    let mut out = format!("{}\n; {tier}, {}, {} bytes\n", text.head, listing.machine, listing.bytes);
    let pins = listing.pins.iter().map(|(reg, place)| format!("{} {place}", text.registers[reg.index()]));
    let pins: Vec<String> = pins.collect();
    if !pins.is_empty() {
        push(&mut out, format_args!("; pinned: {}\n", pins.join(", ")));
    }
    let mut in_line = true;
    for (part, lines) in &listing.parts {
        let was_in_line = in_line;
        in_line = matches!(part, Part::Entry | Part::Instruction(_));
        if *part == Part::Entry || in_line != was_in_line {
            out.push('\n');
        }
        heading(&mut out, text, *part);
        lines.iter().for_each(|line| print_line(&mut out, line));
    }
    out
}

/// Optimized code between the bytecode that it is made of, in the order of the code.
fn print_optimized(
    module: &Module,
    version: &Version,
    text: &FunctionText,
    target: Target,
    explained: &Explained,
) -> String {
    let bytes = explained.code.bytes.as_slice();
    let (machine, _) = target.list_optimized(&[], 0);
    let mut out = format!("{}\n; {}, {machine}, {} bytes\n", text.head, Tier::Optimizing, bytes.len());
    let ends = explained.places.iter().skip(1).map(|&(start, _)| start).chain([bytes.len() as u32]);
    for (&(start, place), end) in explained.places.iter().zip(ends) {
        match place {
            None => push(&mut out, format_args!("\n")),
            Some(place) => match Place::named(place) {
                place @ Place::Inlined { pc, .. } => {
                    let (inlined, _) = function_at(version, place);
                    push(
                        &mut out,
                        format_args!("{}:pc{}:\n", module.verified().func_name(inlined.func), pc.0),
                    );
                }
                place @ (Place::At(_) | Place::Behind(_) | Place::Pc(..)) => {
                    heading(&mut out, text, Part::Instruction(place.pc(version)))
                }
            },
        }
        let (_, lines) = target.list_optimized(&bytes[start as usize..end as usize], start);
        lines.iter().for_each(|line| print_line(&mut out, line));
    }
    out
}

/// The part's name, and for an instruction what it is; labels and declarations come before it.
fn heading(out: &mut String, text: &FunctionText, part: Part) {
    let instruction = match part {
        Part::Instruction(pc) => text.instructions.binary_search_by_key(&pc, |&(pc, _)| pc).ok(),
        Part::Entry
        | Part::LoopEntry(_)
        | Part::Trap(..)
        | Part::Poll(_)
        | Part::Hot(_)
        | Part::Call(_)
        | Part::Trapped
        | Part::Shared(_)
        | Part::Table(_) => None,
    };
    let Some((_, statements)) = instruction.map(|i| &text.instructions[i]) else {
        return push(out, format_args!("{part}:\n"));
    };
    let (before, instruction) = statements.rsplit_once('\n').unwrap_or(("", statements));
    before.lines().for_each(|line| push(out, format_args!("{line}\n")));
    push(out, format_args!("{part}: {instruction}\n"));
}

fn print_line(out: &mut String, line: &Line) {
    let code = format!("  {:04x}  {}", line.offset, line.text);
    if line.comment.is_empty() {
        push(out, format_args!("{code}\n"));
    } else {
        push(out, format_args!("{code:COMMENT_COLUMN$}; {}\n", line.comment));
    }
}

fn push(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("a string takes all");
}
