//! One template a shape, for every driver and every machine. What has none here is done by a helper.

mod branches;
mod calls;
mod memory;
mod numeric;

use bytecode_spec::isa::{self, Const, Fixed, Move, Select, Visitor};

pub(super) use branches::*;
pub(super) use calls::*;
pub(super) use memory::*;
pub(crate) use numeric::range;
pub(super) use numeric::*;

use super::masm::Value::{Imm, Mem, Reg};
use super::masm::Width::W32;
use super::masm::{Access, Addr, Cond, Float, Gpr, Int, Masm, Test, Width};
use super::operands::Operands;

/// The visitor that takes each instruction to its template.
pub(super) struct Translation<'t, M, O> {
    pub(super) m: &'t mut M,
    pub(super) o: &'t mut O,
}

/// The same with all of a template in one place, for [`visit_apart`](isa::visit_apart).
pub(super) struct Inlined<'t, M, O>(pub(super) Translation<'t, M, O>);

impl<M, O: AsRef<Fixed>> AsRef<Fixed> for Inlined<'_, M, O> {
    #[inline(always)]
    fn as_ref(&self) -> &Fixed {
        (*self.0.o).as_ref()
    }
}

macro_rules! translations {
    ($($visit:ident $op:ident $shape:ident => |$m:ident, $o:ident, $name:pat_param| $template:expr;)*) => {
        impl<M: Masm, O: Operands<M>> Visitor for Translation<'_, M, O> {
            type Output = ();
            $(
                #[inline]
                fn $visit(&mut self, op: isa::$op, _: isa::$shape) {
                    let (Translation { m: $m, o: $o }, $name) = (self, op);
                    $template
                }
            )*
        }

        impl<M: Masm, O: Operands<M>> Visitor for Inlined<'_, M, O> {
            type Output = ();
            $(
                #[inline(always)]
                fn $visit(&mut self, op: isa::$op, _: isa::$shape) {
                    let (Translation { m: $m, o: $o }, $name) = (&mut self.0, op);
                    $template
                }
            )*
        }
    };
}

translations! {
    visit_nop NopOp Nop => |_m, _o, _| ();
    visit_trap TrapOp Trap => |m, o, _| o.trap_named(m, isa::Trap::LANES[0]);
    visit_move MoveOp Move => |m, o, _| copy(*m, *o);
    visit_const ConstOp Const => |m, o, _| constant(*m, *o);
    visit_unary UnaryOp Unary => |m, o, op| unary(*m, *o, op);
    visit_binary BinaryOp Binary => |m, o, op| binary(*m, *o, op);
    visit_binary_imm BinaryImmOp BinaryImm => |m, o, op| binary_imm(*m, *o, op);
    visit_select SelectOp Select => |m, o, _| select(*m, *o);
    visit_jump JumpOp Jump => |m, o, _| jump(*m, *o);
    visit_branch_unary BranchUnaryOp BranchUnary => |m, o, op| branch_unary(*m, *o, op);
    visit_branch BranchOp Branch => |m, o, op| branch(*m, *o, op);
    visit_branch_imm BranchImmOp BranchImm => |m, o, op| branch_imm(*m, *o, op);
    visit_branch_table BranchTableOp BranchTable => |m, o, _| o.branch_table(*m, isa::BranchTable::LANES[0]);
    visit_load LoadOp Load => |m, o, op| load(*m, *o, op);
    visit_load_indexed LoadIndexedOp LoadIndexed => |m, o, op| load_indexed(*m, *o, op);
    visit_store StoreOp Store => |m, o, op| store(*m, *o, op);
    visit_store_indexed StoreIndexedOp StoreIndexed => |m, o, op| store_indexed(*m, *o, op);
    visit_memory_size MemorySizeOp MemorySize => |m, o, _| memory_size(*m, *o);
    visit_memory_grow MemoryGrowOp MemoryGrow => |m, o, _| o.by_helper(*m);
    visit_memory_fill MemoryFillOp MemoryFill => |m, o, _| o.by_helper(*m);
    visit_memory_copy MemoryCopyOp MemoryCopy => |m, o, _| o.by_helper(*m);
    visit_memory_init MemoryInitOp MemoryInit => |m, o, _| o.by_helper(*m);
    visit_data_drop DataDropOp DataDrop => |m, o, _| o.by_helper(*m);
    visit_table_get TableGetOp TableGet => |m, o, _| table_get(*m, *o);
    visit_table_set TableSetOp TableSet => |m, o, _| table_set(*m, *o);
    visit_table_size TableSizeOp TableSize => |m, o, _| table_size(*m, *o);
    visit_table_grow TableGrowOp TableGrow => |m, o, _| o.by_helper(*m);
    visit_table_fill TableFillOp TableFill => |m, o, _| o.by_helper(*m);
    visit_table_copy TableCopyOp TableCopy => |m, o, _| o.by_helper(*m);
    visit_table_init TableInitOp TableInit => |m, o, _| o.by_helper(*m);
    visit_elem_drop ElemDropOp ElemDrop => |m, o, _| o.by_helper(*m);
    visit_ref_null RefNullOp RefNull => |m, o, _| ref_null(*m, *o);
    visit_ref_is_null RefIsNullOp RefIsNull => |m, o, _| ref_is_null(*m, *o);
    visit_ref_func RefFuncOp RefFunc => |m, o, _| ref_func(*m, *o);
    visit_global_get GlobalGetOp GlobalGet => |m, o, _| global_get(*m, *o);
    visit_global_set GlobalSetOp GlobalSet => |m, o, _| global_set(*m, *o);
    visit_call CallOp Call => |m, o, _| o.call(*m);
    visit_call_import CallImportOp CallImport => |m, o, _| call_import(*m, *o);
    visit_call_indirect CallIndirectOp CallIndirect => |m, o, _| call_indirect(*m, *o);
    visit_tail_call TailCallOp TailCall => |m, o, _| o.tail_call(*m);
    visit_tail_call_import TailCallImportOp TailCallImport => |m, o, _| tail_call_import(*m, *o);
    visit_tail_call_indirect TailCallIndirectOp TailCallIndirect => |m, o, _| tail_call_indirect(*m, *o);
    visit_ret RetOp Ret => |m, o, _| o.ret(*m);
}

#[inline(always)]
pub(super) fn copy<M: Masm>(m: &mut M, o: &mut impl Operands<M>) {
    let [dst, src] = Move::LANES;
    if o.is_float(dst) {
        let from = o.float(m, src);
        let result = o.float_result(dst);
        m.fmov(result, from);
        o.float_define(m, dst, result);
    } else {
        let from = o.int(m, src);
        let result = o.result(dst);
        m.mov(result, from);
        o.define(m, dst, result);
    }
}

#[inline(always)]
pub(super) fn constant<M: Masm>(m: &mut M, o: &mut impl Operands<M>) {
    let [dst, value] = Const::LANES;
    let value = o.imm64(m, value);
    if o.is_float(dst) {
        let result = o.float_result(dst);
        m.fmov(result, as_float(value));
        o.float_define(m, dst, result);
    } else {
        let result = o.result(dst);
        m.mov(result, value);
        o.define(m, dst, result);
    }
}

#[inline(always)]
pub(super) fn select<M: Masm>(m: &mut M, o: &mut impl Operands<M>) {
    let [dst, a, b, cond] = Select::LANES;
    if o.is_float(dst) {
        let condition = o.int(m, cond);
        let (a, b) = (o.float(m, a), o.float(m, b));
        let result = o.float_result(dst);
        // The operands are read before the result, which may be one of them, is written.
        let chosen = M::ROLES.float_scratch[1];
        let done = o.label(m);
        m.fmov(chosen, a);
        m.jump_if(Test { cond: Cond::Ne, width: W32, a: condition, b: Imm(0) }, done);
        m.fmov(chosen, b);
        m.buffer().bind(done);
        m.fmov(result, Reg(chosen));
        return o.float_define(m, dst, result);
    }
    let condition = o.int(m, cond);
    let (a, b) = (o.int(m, a), o.int(m, b));
    let result = o.result(dst);
    m.select(condition, result, a, b);
    o.define(m, dst, result);
}

/// An operand that is not in a register, for a float instruction.
#[inline(always)]
fn as_float(operand: Int) -> Float {
    match operand {
        Imm(bits) => Imm(bits),
        Mem(at) => Mem(at),
        Reg(_) => unreachable!("constants are immediates or in memory"),
    }
}

/// An operand of so many bits in a register: its own, or a scratch register.
#[inline(always)]
fn in_register<M: Masm>(m: &mut M, width: Width, operand: Int, scratch: Gpr) -> Gpr {
    match operand {
        Reg(r) => return r,
        // Beside an index, not all machines have it.
        Mem(at) if width == W32 && at.index.is_none() => m.load(Access::U32, scratch, at),
        Mem(_) | Imm(_) => m.mov(scratch, operand),
    }
    scratch
}

/// Element `index`, a field, of `1 << shift` bytes each.
#[inline(always)]
fn element(base: Gpr, index: Int, shift: u8) -> Addr {
    match index {
        Imm(index) => Addr::at(base, (index << shift) as i32),
        Reg(index) => Addr::indexed(base, index, shift),
        Mem(_) => unreachable!("fields are immediates or in registers"),
    }
}
