//! Where a template's operands come from. Drivers implement it: tier 1 knows them when it compiles; a generated interpreter
//! fetches them from the instruction stream.

use bytecode_spec::TrapCause;

use super::buffer::Label;
use super::masm::{Float, FloatTest, Fpr, Gpr, Int, Masm, Test, Value, Width};

/// An operand, by the lane of its fixed part; see `LANES` of the shapes.
pub type Lane = u8;

/// A driver. Reading an operand may emit a fetch, which may use scratch registers as said there; nothing else.
pub trait Operands<M: Masm> {
    /// An integer or reference register that is read.
    fn int(&mut self, m: &mut M, lane: Lane) -> Int;
    /// Whether the first scratch register holds it too, since it has just been computed.
    fn is_at_hand(&mut self, _: &mut M, _: Lane) -> bool {
        false
    }
    /// An integer or reference register that is read, from there if it is at hand: for the first operand of a method, which is read
    /// before anything is clobbered.
    fn first_int(&mut self, m: &mut M, lane: Lane) -> Int {
        if self.is_at_hand(m, lane) { Value::Reg(M::ROLES.scratch[0]) } else { self.int(m, lane) }
    }
    /// A float register that is read.
    fn float(&mut self, m: &mut M, lane: Lane) -> Float;
    /// Whether a register, of any type, is a float that only methods for floats may read or write.
    fn is_float(&self, lane: Lane) -> bool;
    /// Where to compute a result; [`define`](Self::define) follows once it is there.
    fn result(&mut self, lane: Lane) -> Gpr;
    /// The result is there, in the register that [`result`](Self::result) gave.
    fn define(&mut self, m: &mut M, lane: Lane, result: Gpr);
    /// As [`result`](Self::result), for floats.
    fn float_result(&mut self, lane: Lane) -> Fpr;
    /// As [`define`](Self::define), for floats, in the register that [`float_result`](Self::float_result) gave.
    fn float_define(&mut self, m: &mut M, lane: Lane, result: Fpr);
    /// A constant of 64 bits.
    fn imm64(&mut self, m: &mut M, lane: Lane) -> Int;
    /// A constant of 32 bits, sign-extended to the width.
    fn imm32(&mut self, m: &mut M, lane: Lane, width: Width) -> Int;
    /// An unsigned field of one or two lanes, an offset or an index: in a register, or an immediate.
    fn field(&mut self, m: &mut M, lane: Lane, lanes: u8) -> Int;
    /// How far an index is shifted, 0 to 3: an immediate; or what as a count of a shift means that.
    fn shift(&mut self, lane: Lane) -> Int;

    /// Goes to the instruction that a target names.
    fn jump(&mut self, m: &mut M, target: Lane);
    /// Goes to the instruction that a target names if the test is true.
    fn branch(&mut self, m: &mut M, test: Test, target: Lane);
    /// The same for floats.
    fn branch_float(&mut self, m: &mut M, test: FloatTest, target: Lane);
    /// Goes to the target of the list that a register names, or to the last.
    fn branch_table(&mut self, m: &mut M, index: Lane);
    /// Traps with the cause that a field names.
    fn trap_named(&mut self, m: &mut M, lane: Lane);
    /// Traps.
    fn trap(&mut self, m: &mut M, cause: TrapCause);
    /// Traps if the test is true.
    fn trap_if(&mut self, m: &mut M, test: Test, cause: TrapCause);
    /// The same for floats.
    fn trap_if_float(&mut self, m: &mut M, test: FloatTest, cause: TrapCause);
    /// Notes that the load or store of linear memory that is emitted next may fault.
    fn may_fault(&mut self, m: &mut M);
    /// A label within the instruction.
    fn label(&mut self, m: &mut M) -> Label {
        m.buffer().near_label()
    }

    /// Lets a helper do what the instruction does, on the frame.
    fn by_helper(&mut self, m: &mut M);
    /// A safepoint before the instruction.
    fn poll(&mut self, m: &mut M);
    /// Calls a function of the module.
    fn call(&mut self, m: &mut M);
    /// Calls one in place of this one.
    fn tail_call(&mut self, m: &mut M);
    /// Calls the function of a record, which is in the last of `scratch`.
    fn call_record(&mut self, m: &mut M);
    /// Calls it in place of this one.
    fn tail_call_record(&mut self, m: &mut M);
    /// Returns.
    fn ret(&mut self, m: &mut M);
}
