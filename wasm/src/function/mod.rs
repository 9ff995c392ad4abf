//! Functions: one pass from the operand stack to typed registers, validating as it goes.
//!
//! Locals are the first registers, operands get temporaries (see [`stack`]). Each WebAssembly instruction is validated by
//! `wasmparser`, then translated at once; the latest instructions may be taken back to make one of two (see [`code`],
//! [`fuse`]). Time and memory are linear in the size of the function.

mod registers;
mod code;
mod stack;
mod operators;
mod fuse;
mod moves;
mod control;

use bytecode_spec::limits::MAX_REGISTERS;
use bytecode_spec::{
    DataIndex, ElemIndex, FuncIndex, Function, GlobalIndex, LineEntry, Pc, Reg, RegisterNames, SourceIndex,
    TableIndex, TypeDef, TypeIndex, ValType,
};
use wasmparser::{
    BlockType, FrameKind, FrameStack, FuncToValidate, FuncValidator, FuncValidatorAllocations, FunctionBody,
    Ieee32, Ieee64, ValidatorResources, VisitOperator,
};

use self::code::{Code, Label};
use self::control::{Frame, Signature};
use self::registers::Registers;
use self::stack::Entry;
use crate::error::TranslateError;
use crate::lines::Lines;
use crate::module::heap_type;
use crate::types::val_type;

/// What functions refer to.
#[derive(Debug, Default)]
pub(crate) struct Declarations {
    /// Types of all functions, imported ones first.
    pub(crate) funcs: Vec<TypeIndex>,
    pub(crate) imported_funcs: u32,
    /// Types of the elements of all tables.
    pub(crate) tables: Vec<ValType>,
    /// Types of all globals.
    pub(crate) globals: Vec<ValType>,
}

/// The most registers that the frames of a function may name for values that branches carry. Compilers stay far below; what
/// is above was made to use up memory.
const MAX_TARGETS: usize = 1 << 22;

#[cold]
fn too_large(offset: u64) -> TranslateError {
    let message = "the module would become much larger than it is when translated; its functions have too many locals, \
                   arguments, results or branches with values for their size";
    TranslateError::new(offset, message)
}

/// Translates functions, one after the other; most fields are empty between them.
pub(crate) struct FunctionTranslator<'m> {
    declared: &'m Declarations,
    types: &'m [TypeDef],
    /// Words that the function's code may have.
    budget: usize,
    code: Code,
    /// Where operators come from, if that is known, and the line table of the function.
    lines: Option<Lines>,
    line_entries: Vec<LineEntry>,
    registers: Registers,
    stack: Vec<Entry>,
    /// How many operands on the stack need the value of each local.
    uses: Vec<u32>,
    /// So many operands from the bottom are constants or have registers that do not change.
    saved: usize,
    frames: Vec<Frame>,
    /// How many of them are loops.
    loops: usize,
    /// Constants that loops need, and the registers that hold them.
    pool: Vec<(ValType, u64, Reg)>,
    /// Registers of the values that branches to frames carry.
    targets: Vec<Reg>,
    /// Parameters of open `if`s, for their other branch.
    held: Vec<Entry>,
    /// Whether control reaches the next instruction.
    reachable: bool,
    /// How many frames were opened in code that is not reached.
    dead_frames: usize,
    /// Scratch: registers of arguments, temporaries of constants among them, depths of a branch table and the blocks on
    /// the way to its frames, moves.
    regs: Vec<Reg>,
    constants: Vec<Reg>,
    depths: Vec<u32>,
    edges: Vec<Label>,
    moves: moves::Scratch,
}

impl<'m> FunctionTranslator<'m> {
    /// A translator of the functions of a module that declares all this.
    pub(crate) fn new(
        declared: &'m Declarations,
        types: &'m [TypeDef],
        lines: Option<Lines>,
    ) -> FunctionTranslator<'m> {
        FunctionTranslator {
            declared,
            types,
            budget: 0,
            code: Code::default(),
            lines,
            line_entries: Vec::new(),
            registers: Registers::default(),
            stack: Vec::new(),
            uses: Vec::new(),
            saved: 0,
            frames: Vec::new(),
            loops: 0,
            pool: Vec::new(),
            targets: Vec::new(),
            held: Vec::new(),
            reachable: true,
            dead_frames: 0,
            regs: Vec::new(),
            constants: Vec::new(),
            depths: Vec::new(),
            edges: Vec::new(),
            moves: moves::Scratch::default(),
        }
    }

    /// Validates and translates a function.
    pub(crate) fn translate(
        &mut self,
        function: FuncToValidate<ValidatorResources>,
        body: &FunctionBody<'_>,
        allocations: &mut FuncValidatorAllocations,
        budget: &mut usize,
    ) -> Result<Function, TranslateError> {
        self.budget = *budget;
        let ty = TypeIndex(function.ty);
        let mut validator = function.into_validator(std::mem::take(allocations));
        self.begin(ty);
        let mut reader = body.get_binary_reader();
        reader.set_features(crate::FEATURES);
        for _ in 0..reader.read_var_u32()? {
            let offset = reader.original_position();
            let count = reader.read_var_u32()?;
            let ty = reader.read()?;
            validator.define_locals(offset, count, ty)?;
            self.registers.declare(count as usize, val_type(ty, offset)?);
        }
        self.begin_code(ty);
        let mut visitor = Visitor { validator, translator: self, offset: 0 };
        while !reader.eof() {
            visitor.offset = reader.original_position();
            reader.visit_operator(&mut visitor)??;
            visitor.translator.check(visitor.validator.operand_stack_height(), visitor.offset)?;
            if visitor.translator.lines.is_some() {
                visitor.translator.note_line(visitor.offset);
            }
        }
        reader.finish_expression(&visitor)?;
        *allocations = visitor.validator.into_allocations();
        let used = self.code.words.len() + self.registers.types().len() / 2;
        *budget = budget.checked_sub(used).ok_or_else(|| too_large(body.range().start))?;
        Ok(Function {
            name: String::new(),
            ty,
            registers: self.registers.types().to_vec(),
            register_names: RegisterNames::new(),
            code: self.finish_code(),
            lines: self.line_entries.iter().copied().collect(),
        })
    }

    /// Gives the instructions that the operator at `offset` was translated to its line.
    #[inline(never)]
    fn note_line(&mut self, offset: u64) {
        let Some(lines) = &mut self.lines else { return };
        let from = self.code.changed_from();
        // These were taken back.
        while self.line_entries.last().is_some_and(|entry| entry.pc.index() >= from) {
            self.line_entries.pop();
        }
        if from < self.code.here() {
            let (source, line) = lines.at(offset);
            let before =
                self.line_entries.last().map_or((SourceIndex(0), 0), |last| (last.source, last.line));
            if (source, line) != before {
                self.line_entries.push(LineEntry { pc: Pc(from as u32), source, line });
            }
        }
    }

    /// The code, with constants that loops need in front of it. Branches say how far they go, not where.
    fn finish_code(&mut self) -> Vec<u64> {
        let body = std::mem::take(&mut self.code.words);
        for (ty, bits, reg) in std::mem::take(&mut self.pool) {
            self.define_const(reg, ty, bits);
        }
        // These have the line that the function starts with.
        let constants = self.code.words.len() as u32;
        self.line_entries
            .iter_mut()
            .filter(|entry| entry.pc != Pc(0))
            .for_each(|entry| entry.pc.0 += constants);
        let code = [&self.code.words[..], &body[..]].concat();
        self.code.words = body;
        code
    }
}

impl FunctionTranslator<'_> {
    fn begin(&mut self, ty: TypeIndex) {
        self.code.clear();
        self.line_entries.clear();
        self.registers.clear();
        self.stack.clear();
        self.saved = 0;
        self.frames.clear();
        self.loops = 0;
        self.pool.clear();
        self.targets.clear();
        self.held.clear();
        self.reachable = true;
        self.dead_frames = 0;
        let types = self.types;
        for &param in &types[ty.index()].ty.params {
            self.registers.declare(1, param);
        }
    }

    fn begin_code(&mut self, ty: TypeIndex) {
        let locals = self.registers.locals();
        self.uses.clear();
        self.uses.resize(locals, 0);
        self.enter_function(ty);
    }

    /// Whether all fits the machine so far.
    #[inline(always)]
    fn check(&self, operands: u32, offset: u64) -> Result<(), TranslateError> {
        // Code that is never reached can have operands, too: validation keeps their types.
        if self.registers.exhausted || operands as usize > MAX_REGISTERS {
            let message = format!(
                "the function needs more than {MAX_REGISTERS} registers for its locals and operands; split it"
            );
            return Err(TranslateError::new(offset, message));
        }
        if self.targets.len() + self.held.len() > MAX_TARGETS {
            return Err(TranslateError::new(
                offset,
                "the blocks of the function carry too many values; split it",
            ));
        }
        if self.code.words.len() > self.budget {
            return Err(too_large(offset));
        }
        Ok(())
    }

    fn signature(&self, ty: BlockType, offset: u64) -> Result<Signature, TranslateError> {
        Ok(match ty {
            BlockType::Empty => Signature::Empty,
            BlockType::Type(ty) => Signature::Result(val_type(ty, offset)?),
            BlockType::FuncType(index) => Signature::Type(TypeIndex(index)),
        })
    }
}

/// Validates each instruction, then translates it.
struct Visitor<'t, 'm> {
    validator: FuncValidator<ValidatorResources>,
    translator: &'t mut FunctionTranslator<'m>,
    /// Where the instruction stands.
    offset: u64,
}

impl FrameStack for Visitor<'_, '_> {
    #[inline(always)]
    fn current_frame(&self) -> Option<FrameKind> {
        self.validator.get_control_frame(0).map(|frame| frame.kind)
    }
}

macro_rules! visit {
    ($(@$proposal:ident $op:ident $({ $($arg:ident: $ty:ty),* })? => $visit:ident ($($arity:tt)*))*) => {
        $( visit! { @one $proposal $visit $($($arg: $ty),*)? } )*
    };
    (@one mvp $visit:ident $($arg:ident: $ty:ty),*) => { visit! { @translate $visit $($arg: $ty),* } };
    (@one sign_extension $visit:ident $($arg:ident: $ty:ty),*) => { visit! { @translate $visit $($arg: $ty),* } };
    (@one saturating_float_to_int $visit:ident $($arg:ident: $ty:ty),*) => {
        visit! { @translate $visit $($arg: $ty),* }
    };
    (@one bulk_memory $visit:ident $($arg:ident: $ty:ty),*) => { visit! { @translate $visit $($arg: $ty),* } };
    (@one reference_types $visit:ident $($arg:ident: $ty:ty),*) => { visit! { @translate $visit $($arg: $ty),* } };
    (@one tail_call $visit:ident $($arg:ident: $ty:ty),*) => { visit! { @translate $visit $($arg: $ty),* } };
    // Validation refuses these, and says which proposal they need.
    (@one $proposal:ident $visit:ident $($arg:ident: $ty:ty),*) => {
        fn $visit(&mut self $(, $arg: $ty)*) -> Self::Output {
            self.validator.visitor(self.offset).$visit($($arg),*)?;
            Err(TranslateError::unsupported(self.offset, stringify!($proposal)))
        }
    };
    (@translate $visit:ident $($arg:ident: $ty:ty),*) => {
        #[inline]
        fn $visit(&mut self $(, $arg: $ty)*) -> Self::Output {
            self.validator.visitor(self.offset).$visit($($arg.clone()),*)?;
            visit! { @call self $visit $($arg),* }
        }
    };
    // These follow control also where it does not go.
    (@call $self:ident visit_block $ty:ident) => {{
        let signature = $self.translator.signature($ty, $self.offset)?;
        $self.translator.block(signature);
        Ok(())
    }};
    (@call $self:ident visit_loop $ty:ident) => {{
        let signature = $self.translator.signature($ty, $self.offset)?;
        $self.translator.loop_(signature);
        Ok(())
    }};
    (@call $self:ident visit_if $ty:ident) => {{
        let signature = $self.translator.signature($ty, $self.offset)?;
        $self.translator.if_(signature);
        Ok(())
    }};
    (@call $self:ident visit_else) => {{
        $self.translator.else_();
        Ok(())
    }};
    (@call $self:ident visit_end) => {{
        $self.translator.end();
        Ok(())
    }};
    // These can fail.
    (@call $self:ident visit_br_table $targets:ident) => {
        if $self.translator.reachable { Ok($self.translator.br_table(&$targets)?) } else { Ok(()) }
    };
    (@call $self:ident visit_ref_null $ty:ident) => {{
        let ty = heap_type($ty, $self.offset)?;
        if $self.translator.reachable {
            $self.translator.constant(ty, 0);
        }
        Ok(())
    }};
    (@call $self:ident $visit:ident $($arg:ident),*) => {{
        if $self.translator.reachable {
            $self.translator.$visit($($arg),*);
        }
        Ok(())
    }};
}

impl<'a> VisitOperator<'a> for Visitor<'_, '_> {
    type Output = Result<(), TranslateError>;

    wasmparser::for_each_visit_operator!(visit);
}

/// Instructions by `wasmparser`'s names, with indices as types. Numeric ones are in `operators`.
impl FunctionTranslator<'_> {
    fn visit_unreachable(&mut self) {
        self.unreachable();
    }

    fn visit_nop(&mut self) {
        let _ = self;
    }

    fn visit_br(&mut self, depth: u32) {
        self.br(depth);
    }

    fn visit_br_if(&mut self, depth: u32) {
        self.br_if(depth);
    }

    fn visit_return(&mut self) {
        self.return_();
    }

    fn visit_call(&mut self, func: u32) {
        self.call(FuncIndex(func));
    }

    fn visit_call_indirect(&mut self, ty: u32, table: u32) {
        self.call_indirect(TypeIndex(ty), TableIndex(table));
    }

    fn visit_return_call(&mut self, func: u32) {
        self.return_call(FuncIndex(func));
    }

    fn visit_return_call_indirect(&mut self, ty: u32, table: u32) {
        self.return_call_indirect(TypeIndex(ty), TableIndex(table));
    }

    fn visit_drop(&mut self) {
        self.drop_();
    }

    fn visit_select(&mut self) {
        self.select();
    }

    fn visit_typed_select(&mut self, _: wasmparser::ValType) {
        self.select();
    }

    fn visit_typed_select_multi(&mut self, _: Vec<wasmparser::ValType>) {
        unreachable!("validation refuses a select of several values");
    }

    fn visit_local_get(&mut self, local: u32) {
        self.local_get(local);
    }

    fn visit_local_set(&mut self, local: u32) {
        self.local_set(local);
    }

    fn visit_local_tee(&mut self, local: u32) {
        self.local_tee(local);
    }

    fn visit_global_get(&mut self, global: u32) {
        self.global_get(GlobalIndex(global));
    }

    fn visit_global_set(&mut self, global: u32) {
        self.global_set(GlobalIndex(global));
    }

    fn visit_i32_const(&mut self, value: i32) {
        self.constant(ValType::I32, u64::from(value as u32));
    }

    fn visit_i64_const(&mut self, value: i64) {
        self.constant(ValType::I64, value as u64);
    }

    fn visit_f32_const(&mut self, value: Ieee32) {
        self.constant(ValType::F32, value.bits().into());
    }

    fn visit_f64_const(&mut self, value: Ieee64) {
        self.constant(ValType::F64, value.bits());
    }

    fn visit_memory_size(&mut self, _: u32) {
        self.memory_size();
    }

    fn visit_memory_grow(&mut self, _: u32) {
        self.memory_grow();
    }

    fn visit_memory_init(&mut self, data: u32, _: u32) {
        self.memory_init(DataIndex(data));
    }

    fn visit_data_drop(&mut self, data: u32) {
        self.data_drop(DataIndex(data));
    }

    fn visit_memory_copy(&mut self, _: u32, _: u32) {
        self.memory_copy();
    }

    fn visit_memory_fill(&mut self, _: u32) {
        self.memory_fill();
    }

    fn visit_table_init(&mut self, elem: u32, table: u32) {
        self.table_init(TableIndex(table), ElemIndex(elem));
    }

    fn visit_elem_drop(&mut self, elem: u32) {
        self.elem_drop(ElemIndex(elem));
    }

    fn visit_table_copy(&mut self, to: u32, from: u32) {
        self.table_copy(TableIndex(to), TableIndex(from));
    }

    fn visit_table_fill(&mut self, table: u32) {
        self.table_fill(TableIndex(table));
    }

    fn visit_table_get(&mut self, table: u32) {
        self.table_get(TableIndex(table));
    }

    fn visit_table_set(&mut self, table: u32) {
        self.table_set(TableIndex(table));
    }

    fn visit_table_grow(&mut self, table: u32) {
        self.table_grow(TableIndex(table));
    }

    fn visit_table_size(&mut self, table: u32) {
        self.table_size(TableIndex(table));
    }

    fn visit_ref_is_null(&mut self) {
        self.ref_is_null();
    }

    fn visit_ref_func(&mut self, func: u32) {
        self.ref_func(FuncIndex(func));
    }
}
