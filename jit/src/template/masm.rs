//! The macro assembler: machine ideas only, one implementation per machine.
//!
//! Methods take *operands*, not registers: the machine file folds a memory or immediate operand where the machine can, and
//! goes through its own scratch register where it cannot. No method leaves anything in flags for another one: a comparison
//! is always part of the instruction that uses it.
//!
//! Registers hold values as slots do: 32-bit ones with the upper half zero, and a method of width 32 leaves it so.

use super::buffer::{Buffer, Label};

/// A general register, by the machine's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gpr(pub u8);

/// A float register, by the machine's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fpr(pub u8);

/// `base + (index << shift) + disp`; all 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addr {
    /// Register.
    pub base: Gpr,
    /// Register and shift, 0 to 3.
    pub index: Option<(Gpr, u8)>,
    /// Bytes.
    pub disp: i32,
}

impl Addr {
    /// `base + disp`.
    #[inline(always)]
    pub const fn at(base: Gpr, disp: i32) -> Addr {
        Addr { base, index: None, disp }
    }

    /// `base + (index << shift)`.
    #[inline(always)]
    pub const fn indexed(base: Gpr, index: Gpr, shift: u8) -> Addr {
        Addr { base, index: Some((index, shift)), disp: 0 }
    }
}

/// Something an instruction can read. An immediate has the bits of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<R> {
    /// A register.
    Reg(R),
    /// Eight bytes of memory.
    Mem(Addr),
    /// A constant.
    Imm(u64),
}

/// An integer or reference operand.
pub type Int = Value<Gpr>;
/// A float operand.
pub type Float = Value<Fpr>;

/// Bits of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// 32.
    W32,
    /// 64.
    W64,
}

/// `a op b` on integers; counts of shifts are taken modulo the width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "named after what they do")]
pub enum IntOp {
    Add,
    Sub,
    Mul,
    And,
    Or,
    Xor,
    Shl,
    ShrS,
    ShrU,
    Rotl,
    Rotr,
}

impl IntOp {
    /// Whether the operands may change places.
    #[inline(always)]
    pub const fn commutes(self) -> bool {
        matches!(self, IntOp::Add | IntOp::Mul | IntOp::And | IntOp::Or | IntOp::Xor)
    }
}

/// `op a` on integers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "named after what they do")]
pub enum IntUnary {
    Clz,
    Ctz,
    /// Only with [`Feature::Popcnt`].
    Popcnt,
    /// Sign-extends the low 8 bits to the width.
    Extend8,
    /// Sign-extends the low 16 bits to the width.
    Extend16,
    /// Sign-extends the low 32 bits to 64.
    Extend32,
    /// Clears the upper half.
    Wrap,
}

/// A quotient or remainder; the caller has excluded what traps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "named after what they do")]
pub enum DivideOp {
    DivS,
    DivU,
    /// The caller has excluded a divisor of -1.
    RemS,
    RemU,
}

/// `a op b` on floats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "named after what they do")]
pub enum FloatOp {
    Add,
    Sub,
    Mul,
    Div,
    Min,
    Max,
    /// The magnitude of `a` with the sign of `b`.
    Copysign,
}

/// `op a` on floats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "named after what they do")]
pub enum FloatUnary {
    Sqrt,
    Abs,
    Neg,
    /// Rounds up; only with [`Feature::Rounding`], as all four.
    Ceil,
    /// Rounds down.
    Floor,
    /// Rounds towards zero.
    Trunc,
    /// Rounds to the nearest integer, ties to the even one.
    Nearest,
}

/// What not every machine of an architecture has; what needs it is done by a helper where it is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feature {
    /// Counting set bits.
    Popcnt,
    /// Rounding floats to integers.
    Rounding,
}

/// The integer that a conversion starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FromInt {
    /// From a signed integer of 32 bits.
    S32,
    /// From an unsigned integer of 32 bits.
    U32,
    /// From a signed integer of 64 bits.
    S64,
    /// From an unsigned integer of 64 bits.
    U64,
}

/// The integer that a conversion leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "named after sign and bits")]
pub enum ToInt {
    S32,
    U32,
    S64,
    U64,
}

/// How a value lies in linear memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(
    missing_docs,
    reason = "named after sign and bits in memory, and bits in the register where it matters"
)]
pub enum Access {
    U8,
    S8W32,
    S8W64,
    U16,
    S16W32,
    S16W64,
    U32,
    S32W64,
    U64,
}

/// How two integers compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "named after the comparison")]
pub enum Cond {
    Eq,
    Ne,
    LtS,
    GeS,
    GtS,
    LeS,
    LtU,
    GeU,
    GtU,
    LeU,
    /// `a & b != 0`.
    Any,
    /// `a & b == 0`.
    None,
}

impl Cond {
    /// The comparison that is true when this one is not.
    pub const fn inverse(self) -> Cond {
        match self {
            Cond::Eq => Cond::Ne,
            Cond::Ne => Cond::Eq,
            Cond::LtS => Cond::GeS,
            Cond::GeS => Cond::LtS,
            Cond::GtS => Cond::LeS,
            Cond::LeS => Cond::GtS,
            Cond::LtU => Cond::GeU,
            Cond::GeU => Cond::LtU,
            Cond::GtU => Cond::LeU,
            Cond::LeU => Cond::GtU,
            Cond::Any => Cond::None,
            Cond::None => Cond::Any,
        }
    }
}

/// How two floats compare; the negated ones are true when either is a NaN, the others but `Ne` are not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "named after the comparison")]
pub enum FloatCond {
    Eq,
    Ne,
    Lt,
    Gt,
    Le,
    Ge,
    NotLt,
    NotGt,
    NotLe,
    NotGe,
}

/// A comparison of integers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Test {
    /// How.
    pub cond: Cond,
    /// How many bits.
    pub width: Width,
    /// Left operand.
    pub a: Int,
    /// Right operand.
    pub b: Int,
}

impl Test {
    /// The comparison that is true when this one is not.
    pub const fn inverse(self) -> Test {
        Test { cond: self.cond.inverse(), ..self }
    }
}

/// A comparison of floats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FloatTest {
    /// How.
    pub cond: FloatCond,
    /// How many bits.
    pub width: Width,
    /// Left operand.
    pub a: Float,
    /// Right operand.
    pub b: Float,
}

impl FloatTest {
    /// The comparison that is true when this one is not.
    pub const fn inverse(self) -> FloatTest {
        let cond = match self.cond {
            FloatCond::Eq => FloatCond::Ne,
            FloatCond::Ne => FloatCond::Eq,
            FloatCond::Lt => FloatCond::NotLt,
            FloatCond::NotLt => FloatCond::Lt,
            FloatCond::Gt => FloatCond::NotGt,
            FloatCond::NotGt => FloatCond::Gt,
            FloatCond::Le => FloatCond::NotLe,
            FloatCond::NotLe => FloatCond::Le,
            FloatCond::Ge => FloatCond::NotGe,
            FloatCond::NotGe => FloatCond::Ge,
        };
        FloatTest { cond, ..self }
    }
}

/// Fixed roles of machine registers.
#[derive(Debug)]
pub struct Roles {
    /// The current frame. A function is called with its own in the second of `scratch`, and its caller's here, which it keeps.
    pub frame: Gpr,
    /// So many bytes behind register 0 is where that points to, and where all pointers to frames do that only generated code uses: as
    /// many as bring the most registers within the reach of short displacements.
    pub frame_bias: i32,
    /// Bytes of a code object before the entry of its function: see [`object`](crate::abi::object).
    pub entry: u32,
    /// The instance context.
    pub context: Gpr,
    /// Where the instance's memory starts.
    pub memory: Gpr,
    /// The native stack pointer; only to be compared.
    pub stack: Gpr,
    /// For templates and drivers; the first also takes results that have no register of their own. The machine file uses
    /// none of them but where a method's documentation says so.
    pub scratch: [Gpr; 3],
    /// Likewise, for floats.
    pub float_scratch: [Fpr; 2],
    /// Registers that hold a function's hottest registers; with the floats, fewer than 64. None of them is one of `scratch` or
    /// `float_scratch`.
    pub pins: &'static [Gpr],
    /// Likewise, for floats.
    pub float_pins: &'static [Fpr],
    /// What the generated interpreter has besides, of the pins' registers.
    pub interpreter: InterpreterRoles,
}

impl Roles {
    /// The place in a frame at a distance from its register 0.
    #[inline(always)]
    pub const fn in_frame(&self, frame: Gpr, offset: i32) -> Addr {
        Addr::at(frame, offset - self.frame_bias)
    }

    /// The register of a frame that `index` names.
    #[inline(always)]
    pub const fn register(&self, frame: Gpr, index: Gpr) -> Addr {
        Addr { disp: -self.frame_bias, ..Addr::indexed(frame, index, 3) }
    }
}

/// Registers of the generated interpreter. What the runtime's functions leave alone, it need not read again behind them.
#[derive(Debug)]
pub struct InterpreterRoles {
    /// The current instruction; kept by the runtime's functions.
    pub pc: Gpr,
    /// Where handlers are; kept by the runtime's functions.
    pub handlers: Gpr,
    /// The store context.
    pub store: Gpr,
    /// The last integer or reference that was computed.
    pub accumulator: Gpr,
    /// The last float.
    pub float_accumulator: Fpr,
    /// For what is fetched from the instruction stream.
    pub fetched: [Gpr; 4],
}

/// A machine, as templates see it.
///
/// `dst` may be any of the operands' registers. Methods that say so clobber `scratch[0]`.
pub trait Masm {
    /// Who is who.
    const ROLES: Roles;

    /// Whether the machine that code is made for has something.
    fn has(&self, feature: Feature) -> bool;

    /// Where code goes.
    fn buffer(&mut self) -> &mut Buffer;

    /// `dst = from`.
    fn mov(&mut self, dst: Gpr, from: Int);
    /// `dst = from`; a slot's 64 bits.
    fn fmov(&mut self, dst: Fpr, from: Float);
    /// Eight bytes at `at` = `from`; what is not in a register may clobber `scratch[0]`, in which `at` is not then.
    fn store_slot(&mut self, at: Addr, from: Int);
    /// So many times eight bytes from `first` on, which has no index, = 0, at least once; clobbers the first of `float_scratch`.
    fn clear_slots(&mut self, first: Addr, count: u32);
    /// `dst` = the value at `at`. This and the three methods below say [`Buffer::access`] before the one instruction that
    /// reads or writes.
    fn load(&mut self, access: Access, dst: Gpr, at: Addr);
    /// The value at `at` = the low bits of `from`.
    fn store(&mut self, access: Access, at: Addr, from: Gpr);
    /// `dst` = the float at `at`.
    fn load_float(&mut self, width: Width, dst: Fpr, at: Addr);
    /// The float at `at` = `from`.
    fn store_float(&mut self, width: Width, at: Addr, from: Fpr);
    /// `dst` = the address, modulo the width.
    fn lea(&mut self, width: Width, dst: Gpr, at: Addr);

    /// `dst = a op b`; may clobber the first two of `scratch`.
    fn int(&mut self, op: IntOp, width: Width, dst: Gpr, a: Int, b: Int);
    /// `dst = op a`; may clobber the first two of `scratch`.
    fn int_unary(&mut self, op: IntUnary, width: Width, dst: Gpr, a: Int);
    /// `dst = a op b`, with `b` in none of `scratch` but the second; may clobber the others.
    fn divide(&mut self, op: DivideOp, width: Width, dst: Gpr, a: Int, b: Gpr);
    /// `dst = a op b`; may clobber the first two of `scratch` and the last of `float_scratch`. (The same for the methods below.)
    fn float(&mut self, op: FloatOp, width: Width, dst: Fpr, a: Float, b: Float);
    /// `dst = op a`.
    fn float_unary(&mut self, op: FloatUnary, width: Width, dst: Fpr, a: Float);
    /// `dst` = the nearest float of `width`.
    fn float_from_int(&mut self, from: FromInt, width: Width, dst: Fpr, a: Int);
    /// `dst` = the nearest float of the other width than `from`.
    fn float_from_float(&mut self, from: Width, dst: Fpr, a: Float);
    /// `dst` = the integer, rounded towards zero. If it `saturates`, NaN gives 0 and what is beyond the range its nearest end; if
    /// not, the caller has excluded both. `dst` may be `scratch[0]`; may clobber the first two of `scratch` and all of
    /// `float_scratch`.
    fn int_from_float(&mut self, to: ToInt, from: Width, dst: Gpr, a: Float, saturates: bool);
    /// `dst` = the bits.
    fn float_from_bits(&mut self, dst: Fpr, a: Gpr);
    /// `dst` = the bits.
    fn bits_from_float(&mut self, dst: Gpr, a: Fpr);
    /// `dst` = 1 if the test is true, else 0; may clobber the first two of `scratch`.
    fn set(&mut self, test: Test, dst: Gpr);
    /// `dst` = 1 if the test is true, else 0; may clobber the first two of `scratch` and all of `float_scratch`.
    fn set_float(&mut self, test: FloatTest, dst: Gpr);
    /// `dst = a` if `condition`, of 32 bits, is not zero, else `b`; may clobber `scratch[0]`, which none of the operands is.
    fn select(&mut self, condition: Int, dst: Gpr, a: Int, b: Int);

    /// Goes to `to`.
    fn jump(&mut self, to: Label);
    /// Goes to `to` if the test is true; may clobber `scratch[0]` if an operand is an immediate, or both are in memory, and the second of
    /// `scratch` if the first operand is in the first and the other a large immediate.
    fn jump_if(&mut self, test: Test, to: Label);
    /// Goes to `to` if the test is true; may clobber `scratch[0]` if an operand is an immediate, and all of `float_scratch`.
    fn jump_if_float(&mut self, test: FloatTest, to: Label);
    /// Goes to the label in `table`, which follows the code, that `index` names; clobbers the first two of `scratch`.
    fn jump_table(&mut self, index: Gpr, table: Label);
    /// Appends the distance from `table` to `to`, four bytes of a table.
    fn table_entry(&mut self, table: Label, to: Label);

    /// Goes to the code at an address.
    fn jump_to(&mut self, address: Gpr);
    /// `dst` = the 32 bits at `at`, plus one unless all are set; and so are those at `at` then.
    fn count(&mut self, dst: Gpr, at: Addr);
    /// The 32 bits at `at`, minus one; goes to `zero` if that leaves none.
    fn count_down(&mut self, at: Addr, zero: Label);

    /// Start of what others call: a native frame, with the frame's register.
    fn enter(&mut self);
    /// Returns from it, with the frame's register as it was.
    fn leave(&mut self);
    /// Ends it by going to the code whose address is at `at`, not based on the frame, with the frame's register as it was.
    fn leave_to(&mut self, at: Addr);
    /// Calls the code whose address is at `at`.
    fn call(&mut self, at: Addr);
    /// Calls code of this function, which starts with `enter` and ends with `leave`.
    fn call_label(&mut self, to: Label);
    /// `dst` = eight bytes of the code object, at a distance of `offset` from its start.
    fn load_literal(&mut self, dst: Gpr, offset: i32);

    /// Appends what does nothing until the position is a multiple of `to`, of 16 at most.
    fn align(&mut self, to: usize);

    /// Lets the branch whose distance is at `site` go to `target`; both are offsets. False when it does not reach that far.
    fn patch(code: &mut [u8], site: u32, kind: u8, target: u32) -> bool;
}
