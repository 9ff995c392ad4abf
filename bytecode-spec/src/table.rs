//! THE table: every shape and every opcode of the machine, once.
//!
//! A *shape* is a list of operands and how they are written; a *row* is an opcode of that shape: code, name,
//! mnemonic, types of its inputs and outputs in the order of the operands, effects, and the name of its meaning
//! (a function of [`semantics`](crate::semantics) for numeric and memory rows, a routine of the tier for others).
//!
//! Everything else follows from it: the enums, encoding and decoding, the verifier's typing rules, the manual, the
//! assembler's and printer's syntax, the interpreter's arms, the compilers' visitor and the generated tests.
//!
//! Rules of the table:
//! - Codes are dense and never change their meaning; a new opcode takes the next free code.
//! - Rows may share a mnemonic where their operands tell them apart (register or constant, plain or indexed
//!   address, defined or imported function).
//! - Operands are laid out in the order given; see [`layout`](crate::isa::layout). Lists come last.
//! - Types: `T` stands for one type, the same wherever it occurs in an instruction (and that of the global named);
//!   `R` likewise for a reference type (and that of the table or element segment named).
//! - Effects: `Pure`; `Reads` and `Writes` of the instance's state; `Traps`; `Calls`; `Safepoint` (polls when it goes
//!   backwards, or on entry to the callee); `Ends` (control does not go on to the next instruction).

/// Calls `callback!` with the whole table: `for_each_shape!(callback)`, or `for_each_shape!(callback, tokens…)` to
/// have `tokens…;` put in front.
#[macro_export]
macro_rules! for_each_shape {
    ($callback:ident $(, $($context:tt)*)?) => {
        $callback! {
            $($($context)*;)?

            /// No operands, no effect.
            Nop(NopOp) visit_nop {  } "{op}" {
                /// Does nothing.
                0 Nop "nop" () -> () [Pure] = nop;
            }

            /// Stops the program.
            Trap(TrapOp) visit_trap { cause: Cause } "{op} {cause}" {
                /// Traps with the cause named, such as `unreachable`.
                1 Trap "trap" () -> () [Traps Ends] = trap;
            }

            /// `dst = src`, of any one type.
            Move(MoveOp) visit_move { dst: Def, src: Use } "{dst} = {op} {src}" {
                /// Copies a register of any type.
                2 Move "move" (T) -> (T) [Pure] = move;
            }

            /// `dst = value`.
            Const(ConstOp) visit_const { dst: Def, value: Imm64 } "{dst} = {op} {value}" {
                /// The constant.
                3 ConstI32 "const.i32" (I32) -> (I32) [Pure] = constant;
                /// The constant.
                4 ConstI64 "const.i64" (I64) -> (I64) [Pure] = constant;
                /// The constant.
                5 ConstF32 "const.f32" (F32) -> (F32) [Pure] = constant;
                /// The constant.
                6 ConstF64 "const.f64" (F64) -> (F64) [Pure] = constant;
            }

            /// `dst = op a`.
            Unary(UnaryOp) visit_unary { dst: Def, a: Use } "{dst} = {op} {a}" {
                /// Number of leading zero bits; the width for zero.
                7 ClzI32 "clz.i32" (I32) -> (I32) [Pure] = i32_clz;
                /// Number of trailing zero bits; the width for zero.
                8 CtzI32 "ctz.i32" (I32) -> (I32) [Pure] = i32_ctz;
                /// Number of one bits.
                9 PopcntI32 "popcnt.i32" (I32) -> (I32) [Pure] = i32_popcnt;
                /// Sign-extends the low 8 bits.
                10 Extend8SI32 "extend8_s.i32" (I32) -> (I32) [Pure] = i32_extend8_s;
                /// Sign-extends the low 16 bits.
                11 Extend16SI32 "extend16_s.i32" (I32) -> (I32) [Pure] = i32_extend16_s;
                /// 1 if zero, else 0.
                12 EqzI32 "eqz.i32" (I32) -> (I32) [Pure] = i32_eqz;
                /// Number of leading zero bits; the width for zero.
                13 ClzI64 "clz.i64" (I64) -> (I64) [Pure] = i64_clz;
                /// Number of trailing zero bits; the width for zero.
                14 CtzI64 "ctz.i64" (I64) -> (I64) [Pure] = i64_ctz;
                /// Number of one bits.
                15 PopcntI64 "popcnt.i64" (I64) -> (I64) [Pure] = i64_popcnt;
                /// Sign-extends the low 8 bits.
                16 Extend8SI64 "extend8_s.i64" (I64) -> (I64) [Pure] = i64_extend8_s;
                /// Sign-extends the low 16 bits.
                17 Extend16SI64 "extend16_s.i64" (I64) -> (I64) [Pure] = i64_extend16_s;
                /// Sign-extends the low 32 bits.
                18 Extend32SI64 "extend32_s.i64" (I64) -> (I64) [Pure] = i64_extend32_s;
                /// 1 if zero, else 0.
                19 EqzI64 "eqz.i64" (I64) -> (I32) [Pure] = i64_eqz;
                /// Clears the sign bit.
                20 AbsF32 "abs.f32" (F32) -> (F32) [Pure] = f32_abs;
                /// Flips the sign bit.
                21 NegF32 "neg.f32" (F32) -> (F32) [Pure] = f32_neg;
                /// Rounds towards positive infinity.
                22 CeilF32 "ceil.f32" (F32) -> (F32) [Pure] = f32_ceil;
                /// Rounds towards negative infinity.
                23 FloorF32 "floor.f32" (F32) -> (F32) [Pure] = f32_floor;
                /// Rounds towards zero.
                24 TruncF32 "trunc.f32" (F32) -> (F32) [Pure] = f32_trunc;
                /// Rounds to the nearest integer, ties to even.
                25 NearestF32 "nearest.f32" (F32) -> (F32) [Pure] = f32_nearest;
                /// Square root.
                26 SqrtF32 "sqrt.f32" (F32) -> (F32) [Pure] = f32_sqrt;
                /// Clears the sign bit.
                27 AbsF64 "abs.f64" (F64) -> (F64) [Pure] = f64_abs;
                /// Flips the sign bit.
                28 NegF64 "neg.f64" (F64) -> (F64) [Pure] = f64_neg;
                /// Rounds towards positive infinity.
                29 CeilF64 "ceil.f64" (F64) -> (F64) [Pure] = f64_ceil;
                /// Rounds towards negative infinity.
                30 FloorF64 "floor.f64" (F64) -> (F64) [Pure] = f64_floor;
                /// Rounds towards zero.
                31 TruncF64 "trunc.f64" (F64) -> (F64) [Pure] = f64_trunc;
                /// Rounds to the nearest integer, ties to even.
                32 NearestF64 "nearest.f64" (F64) -> (F64) [Pure] = f64_nearest;
                /// Square root.
                33 SqrtF64 "sqrt.f64" (F64) -> (F64) [Pure] = f64_sqrt;
                /// The low 32 bits.
                34 WrapI32I64 "wrap.i32.i64" (I64) -> (I32) [Pure] = i32_wrap_i64;
                /// Sign-extends.
                35 ExtendSI64I32 "extend_s.i64.i32" (I32) -> (I64) [Pure] = i64_extend_i32_s;
                /// Zero-extends.
                36 ExtendUI64I32 "extend_u.i64.i32" (I32) -> (I64) [Pure] = i64_extend_i32_u;
                /// Rounds towards zero to a signed integer; traps on NaN and when out of range.
                37 TruncSI32F32 "trunc_s.i32.f32" (F32) -> (I32) [Traps] = i32_trunc_f32_s;
                /// Rounds towards zero to an unsigned integer; traps on NaN and when out of range.
                38 TruncUI32F32 "trunc_u.i32.f32" (F32) -> (I32) [Traps] = i32_trunc_f32_u;
                /// Rounds towards zero to a signed integer; traps on NaN and when out of range.
                39 TruncSI32F64 "trunc_s.i32.f64" (F64) -> (I32) [Traps] = i32_trunc_f64_s;
                /// Rounds towards zero to an unsigned integer; traps on NaN and when out of range.
                40 TruncUI32F64 "trunc_u.i32.f64" (F64) -> (I32) [Traps] = i32_trunc_f64_u;
                /// Rounds towards zero to a signed integer; traps on NaN and when out of range.
                41 TruncSI64F32 "trunc_s.i64.f32" (F32) -> (I64) [Traps] = i64_trunc_f32_s;
                /// Rounds towards zero to an unsigned integer; traps on NaN and when out of range.
                42 TruncUI64F32 "trunc_u.i64.f32" (F32) -> (I64) [Traps] = i64_trunc_f32_u;
                /// Rounds towards zero to a signed integer; traps on NaN and when out of range.
                43 TruncSI64F64 "trunc_s.i64.f64" (F64) -> (I64) [Traps] = i64_trunc_f64_s;
                /// Rounds towards zero to an unsigned integer; traps on NaN and when out of range.
                44 TruncUI64F64 "trunc_u.i64.f64" (F64) -> (I64) [Traps] = i64_trunc_f64_u;
                /// Rounds towards zero to a signed integer; saturates, NaN gives 0.
                45 TruncSatSI32F32 "trunc_sat_s.i32.f32" (F32) -> (I32) [Pure] = i32_trunc_sat_f32_s;
                /// Rounds towards zero to an unsigned integer; saturates, NaN gives 0.
                46 TruncSatUI32F32 "trunc_sat_u.i32.f32" (F32) -> (I32) [Pure] = i32_trunc_sat_f32_u;
                /// Rounds towards zero to a signed integer; saturates, NaN gives 0.
                47 TruncSatSI32F64 "trunc_sat_s.i32.f64" (F64) -> (I32) [Pure] = i32_trunc_sat_f64_s;
                /// Rounds towards zero to an unsigned integer; saturates, NaN gives 0.
                48 TruncSatUI32F64 "trunc_sat_u.i32.f64" (F64) -> (I32) [Pure] = i32_trunc_sat_f64_u;
                /// Rounds towards zero to a signed integer; saturates, NaN gives 0.
                49 TruncSatSI64F32 "trunc_sat_s.i64.f32" (F32) -> (I64) [Pure] = i64_trunc_sat_f32_s;
                /// Rounds towards zero to an unsigned integer; saturates, NaN gives 0.
                50 TruncSatUI64F32 "trunc_sat_u.i64.f32" (F32) -> (I64) [Pure] = i64_trunc_sat_f32_u;
                /// Rounds towards zero to a signed integer; saturates, NaN gives 0.
                51 TruncSatSI64F64 "trunc_sat_s.i64.f64" (F64) -> (I64) [Pure] = i64_trunc_sat_f64_s;
                /// Rounds towards zero to an unsigned integer; saturates, NaN gives 0.
                52 TruncSatUI64F64 "trunc_sat_u.i64.f64" (F64) -> (I64) [Pure] = i64_trunc_sat_f64_u;
                /// Nearest float to a signed integer.
                53 ConvertSF32I32 "convert_s.f32.i32" (I32) -> (F32) [Pure] = f32_convert_i32_s;
                /// Nearest float to an unsigned integer.
                54 ConvertUF32I32 "convert_u.f32.i32" (I32) -> (F32) [Pure] = f32_convert_i32_u;
                /// Nearest float to a signed integer.
                55 ConvertSF32I64 "convert_s.f32.i64" (I64) -> (F32) [Pure] = f32_convert_i64_s;
                /// Nearest float to an unsigned integer.
                56 ConvertUF32I64 "convert_u.f32.i64" (I64) -> (F32) [Pure] = f32_convert_i64_u;
                /// Nearest float to a signed integer.
                57 ConvertSF64I32 "convert_s.f64.i32" (I32) -> (F64) [Pure] = f64_convert_i32_s;
                /// Nearest float to an unsigned integer.
                58 ConvertUF64I32 "convert_u.f64.i32" (I32) -> (F64) [Pure] = f64_convert_i32_u;
                /// Nearest float to a signed integer.
                59 ConvertSF64I64 "convert_s.f64.i64" (I64) -> (F64) [Pure] = f64_convert_i64_s;
                /// Nearest float to an unsigned integer.
                60 ConvertUF64I64 "convert_u.f64.i64" (I64) -> (F64) [Pure] = f64_convert_i64_u;
                /// Nearest f32.
                61 DemoteF32F64 "demote.f32.f64" (F64) -> (F32) [Pure] = f32_demote_f64;
                /// The same value.
                62 PromoteF64F32 "promote.f64.f32" (F32) -> (F64) [Pure] = f64_promote_f32;
                /// The same bits.
                63 ReinterpretI32F32 "reinterpret.i32.f32" (F32) -> (I32) [Pure] = i32_reinterpret_f32;
                /// The same bits.
                64 ReinterpretI64F64 "reinterpret.i64.f64" (F64) -> (I64) [Pure] = i64_reinterpret_f64;
                /// The same bits.
                65 ReinterpretF32I32 "reinterpret.f32.i32" (I32) -> (F32) [Pure] = f32_reinterpret_i32;
                /// The same bits.
                66 ReinterpretF64I64 "reinterpret.f64.i64" (I64) -> (F64) [Pure] = f64_reinterpret_i64;
            }

            /// `dst = a op b`.
            Binary(BinaryOp) visit_binary { dst: Def, a: Use, b: Use } "{dst} = {op} {a}, {b}" {
                /// Sum, wrapping.
                67 AddI32 "add.i32" (I32, I32) -> (I32) [Pure] = i32_add;
                /// Difference, wrapping.
                68 SubI32 "sub.i32" (I32, I32) -> (I32) [Pure] = i32_sub;
                /// Product, wrapping.
                69 MulI32 "mul.i32" (I32, I32) -> (I32) [Pure] = i32_mul;
                /// Signed quotient towards zero; traps when `b` is zero or the quotient overflows.
                70 DivSI32 "div_s.i32" (I32, I32) -> (I32) [Traps] = i32_div_s;
                /// Unsigned quotient; traps when `b` is zero.
                71 DivUI32 "div_u.i32" (I32, I32) -> (I32) [Traps] = i32_div_u;
                /// Signed remainder with the sign of `a`; traps when `b` is zero.
                72 RemSI32 "rem_s.i32" (I32, I32) -> (I32) [Traps] = i32_rem_s;
                /// Unsigned remainder; traps when `b` is zero.
                73 RemUI32 "rem_u.i32" (I32, I32) -> (I32) [Traps] = i32_rem_u;
                /// Bitwise and.
                74 AndI32 "and.i32" (I32, I32) -> (I32) [Pure] = i32_and;
                /// Bitwise or.
                75 OrI32 "or.i32" (I32, I32) -> (I32) [Pure] = i32_or;
                /// Bitwise exclusive or.
                76 XorI32 "xor.i32" (I32, I32) -> (I32) [Pure] = i32_xor;
                /// Shift left; the count is taken modulo the width.
                77 ShlI32 "shl.i32" (I32, I32) -> (I32) [Pure] = i32_shl;
                /// Arithmetic shift right; the count is taken modulo the width.
                78 ShrSI32 "shr_s.i32" (I32, I32) -> (I32) [Pure] = i32_shr_s;
                /// Logical shift right; the count is taken modulo the width.
                79 ShrUI32 "shr_u.i32" (I32, I32) -> (I32) [Pure] = i32_shr_u;
                /// Rotates left.
                80 RotlI32 "rotl.i32" (I32, I32) -> (I32) [Pure] = i32_rotl;
                /// Rotates right.
                81 RotrI32 "rotr.i32" (I32, I32) -> (I32) [Pure] = i32_rotr;
                /// 1 if equal.
                82 EqI32 "eq.i32" (I32, I32) -> (I32) [Pure] = i32_eq;
                /// 1 if not equal.
                83 NeI32 "ne.i32" (I32, I32) -> (I32) [Pure] = i32_ne;
                /// 1 if less, signed.
                84 LtSI32 "lt_s.i32" (I32, I32) -> (I32) [Pure] = i32_lt_s;
                /// 1 if less, unsigned.
                85 LtUI32 "lt_u.i32" (I32, I32) -> (I32) [Pure] = i32_lt_u;
                /// 1 if greater, signed.
                86 GtSI32 "gt_s.i32" (I32, I32) -> (I32) [Pure] = i32_gt_s;
                /// 1 if greater, unsigned.
                87 GtUI32 "gt_u.i32" (I32, I32) -> (I32) [Pure] = i32_gt_u;
                /// 1 if less or equal, signed.
                88 LeSI32 "le_s.i32" (I32, I32) -> (I32) [Pure] = i32_le_s;
                /// 1 if less or equal, unsigned.
                89 LeUI32 "le_u.i32" (I32, I32) -> (I32) [Pure] = i32_le_u;
                /// 1 if greater or equal, signed.
                90 GeSI32 "ge_s.i32" (I32, I32) -> (I32) [Pure] = i32_ge_s;
                /// 1 if greater or equal, unsigned.
                91 GeUI32 "ge_u.i32" (I32, I32) -> (I32) [Pure] = i32_ge_u;
                /// Sum, wrapping.
                92 AddI64 "add.i64" (I64, I64) -> (I64) [Pure] = i64_add;
                /// Difference, wrapping.
                93 SubI64 "sub.i64" (I64, I64) -> (I64) [Pure] = i64_sub;
                /// Product, wrapping.
                94 MulI64 "mul.i64" (I64, I64) -> (I64) [Pure] = i64_mul;
                /// Signed quotient towards zero; traps when `b` is zero or the quotient overflows.
                95 DivSI64 "div_s.i64" (I64, I64) -> (I64) [Traps] = i64_div_s;
                /// Unsigned quotient; traps when `b` is zero.
                96 DivUI64 "div_u.i64" (I64, I64) -> (I64) [Traps] = i64_div_u;
                /// Signed remainder with the sign of `a`; traps when `b` is zero.
                97 RemSI64 "rem_s.i64" (I64, I64) -> (I64) [Traps] = i64_rem_s;
                /// Unsigned remainder; traps when `b` is zero.
                98 RemUI64 "rem_u.i64" (I64, I64) -> (I64) [Traps] = i64_rem_u;
                /// Bitwise and.
                99 AndI64 "and.i64" (I64, I64) -> (I64) [Pure] = i64_and;
                /// Bitwise or.
                100 OrI64 "or.i64" (I64, I64) -> (I64) [Pure] = i64_or;
                /// Bitwise exclusive or.
                101 XorI64 "xor.i64" (I64, I64) -> (I64) [Pure] = i64_xor;
                /// Shift left; the count is taken modulo the width.
                102 ShlI64 "shl.i64" (I64, I64) -> (I64) [Pure] = i64_shl;
                /// Arithmetic shift right; the count is taken modulo the width.
                103 ShrSI64 "shr_s.i64" (I64, I64) -> (I64) [Pure] = i64_shr_s;
                /// Logical shift right; the count is taken modulo the width.
                104 ShrUI64 "shr_u.i64" (I64, I64) -> (I64) [Pure] = i64_shr_u;
                /// Rotates left.
                105 RotlI64 "rotl.i64" (I64, I64) -> (I64) [Pure] = i64_rotl;
                /// Rotates right.
                106 RotrI64 "rotr.i64" (I64, I64) -> (I64) [Pure] = i64_rotr;
                /// 1 if equal.
                107 EqI64 "eq.i64" (I64, I64) -> (I32) [Pure] = i64_eq;
                /// 1 if not equal.
                108 NeI64 "ne.i64" (I64, I64) -> (I32) [Pure] = i64_ne;
                /// 1 if less, signed.
                109 LtSI64 "lt_s.i64" (I64, I64) -> (I32) [Pure] = i64_lt_s;
                /// 1 if less, unsigned.
                110 LtUI64 "lt_u.i64" (I64, I64) -> (I32) [Pure] = i64_lt_u;
                /// 1 if greater, signed.
                111 GtSI64 "gt_s.i64" (I64, I64) -> (I32) [Pure] = i64_gt_s;
                /// 1 if greater, unsigned.
                112 GtUI64 "gt_u.i64" (I64, I64) -> (I32) [Pure] = i64_gt_u;
                /// 1 if less or equal, signed.
                113 LeSI64 "le_s.i64" (I64, I64) -> (I32) [Pure] = i64_le_s;
                /// 1 if less or equal, unsigned.
                114 LeUI64 "le_u.i64" (I64, I64) -> (I32) [Pure] = i64_le_u;
                /// 1 if greater or equal, signed.
                115 GeSI64 "ge_s.i64" (I64, I64) -> (I32) [Pure] = i64_ge_s;
                /// 1 if greater or equal, unsigned.
                116 GeUI64 "ge_u.i64" (I64, I64) -> (I32) [Pure] = i64_ge_u;
                /// Sum.
                117 AddF32 "add.f32" (F32, F32) -> (F32) [Pure] = f32_add;
                /// Difference.
                118 SubF32 "sub.f32" (F32, F32) -> (F32) [Pure] = f32_sub;
                /// Product.
                119 MulF32 "mul.f32" (F32, F32) -> (F32) [Pure] = f32_mul;
                /// Quotient.
                120 DivF32 "div.f32" (F32, F32) -> (F32) [Pure] = f32_div;
                /// Lesser operand; NaN if either is, and -0 < +0.
                121 MinF32 "min.f32" (F32, F32) -> (F32) [Pure] = f32_min;
                /// Greater operand; NaN if either is, and -0 < +0.
                122 MaxF32 "max.f32" (F32, F32) -> (F32) [Pure] = f32_max;
                /// `a` with the sign of `b`.
                123 CopysignF32 "copysign.f32" (F32, F32) -> (F32) [Pure] = f32_copysign;
                /// 1 if equal.
                124 EqF32 "eq.f32" (F32, F32) -> (I32) [Pure] = f32_eq;
                /// 1 if not equal.
                125 NeF32 "ne.f32" (F32, F32) -> (I32) [Pure] = f32_ne;
                /// 1 if less.
                126 LtF32 "lt.f32" (F32, F32) -> (I32) [Pure] = f32_lt;
                /// 1 if greater.
                127 GtF32 "gt.f32" (F32, F32) -> (I32) [Pure] = f32_gt;
                /// 1 if less or equal.
                128 LeF32 "le.f32" (F32, F32) -> (I32) [Pure] = f32_le;
                /// 1 if greater or equal.
                129 GeF32 "ge.f32" (F32, F32) -> (I32) [Pure] = f32_ge;
                /// Sum.
                130 AddF64 "add.f64" (F64, F64) -> (F64) [Pure] = f64_add;
                /// Difference.
                131 SubF64 "sub.f64" (F64, F64) -> (F64) [Pure] = f64_sub;
                /// Product.
                132 MulF64 "mul.f64" (F64, F64) -> (F64) [Pure] = f64_mul;
                /// Quotient.
                133 DivF64 "div.f64" (F64, F64) -> (F64) [Pure] = f64_div;
                /// Lesser operand; NaN if either is, and -0 < +0.
                134 MinF64 "min.f64" (F64, F64) -> (F64) [Pure] = f64_min;
                /// Greater operand; NaN if either is, and -0 < +0.
                135 MaxF64 "max.f64" (F64, F64) -> (F64) [Pure] = f64_max;
                /// `a` with the sign of `b`.
                136 CopysignF64 "copysign.f64" (F64, F64) -> (F64) [Pure] = f64_copysign;
                /// 1 if equal.
                137 EqF64 "eq.f64" (F64, F64) -> (I32) [Pure] = f64_eq;
                /// 1 if not equal.
                138 NeF64 "ne.f64" (F64, F64) -> (I32) [Pure] = f64_ne;
                /// 1 if less.
                139 LtF64 "lt.f64" (F64, F64) -> (I32) [Pure] = f64_lt;
                /// 1 if greater.
                140 GtF64 "gt.f64" (F64, F64) -> (I32) [Pure] = f64_gt;
                /// 1 if less or equal.
                141 LeF64 "le.f64" (F64, F64) -> (I32) [Pure] = f64_le;
                /// 1 if greater or equal.
                142 GeF64 "ge.f64" (F64, F64) -> (I32) [Pure] = f64_ge;
            }

            /// `dst = a op constant`.
            BinaryImm(BinaryImmOp) visit_binary_imm { dst: Def, a: Use, b: Imm64 } "{dst} = {op} {a}, {b}" {
                /// Sum, wrapping.
                143 AddI32Imm "add.i32" (I32, I32) -> (I32) [Pure] = i32_add;
                /// Difference, wrapping.
                144 SubI32Imm "sub.i32" (I32, I32) -> (I32) [Pure] = i32_sub;
                /// Product, wrapping.
                145 MulI32Imm "mul.i32" (I32, I32) -> (I32) [Pure] = i32_mul;
                /// Signed quotient towards zero; traps when `b` is zero or the quotient overflows.
                146 DivSI32Imm "div_s.i32" (I32, I32) -> (I32) [Traps] = i32_div_s;
                /// Unsigned quotient; traps when `b` is zero.
                147 DivUI32Imm "div_u.i32" (I32, I32) -> (I32) [Traps] = i32_div_u;
                /// Signed remainder with the sign of `a`; traps when `b` is zero.
                148 RemSI32Imm "rem_s.i32" (I32, I32) -> (I32) [Traps] = i32_rem_s;
                /// Unsigned remainder; traps when `b` is zero.
                149 RemUI32Imm "rem_u.i32" (I32, I32) -> (I32) [Traps] = i32_rem_u;
                /// Bitwise and.
                150 AndI32Imm "and.i32" (I32, I32) -> (I32) [Pure] = i32_and;
                /// Bitwise or.
                151 OrI32Imm "or.i32" (I32, I32) -> (I32) [Pure] = i32_or;
                /// Bitwise exclusive or.
                152 XorI32Imm "xor.i32" (I32, I32) -> (I32) [Pure] = i32_xor;
                /// Shift left; the count is taken modulo the width.
                153 ShlI32Imm "shl.i32" (I32, I32) -> (I32) [Pure] = i32_shl;
                /// Arithmetic shift right; the count is taken modulo the width.
                154 ShrSI32Imm "shr_s.i32" (I32, I32) -> (I32) [Pure] = i32_shr_s;
                /// Logical shift right; the count is taken modulo the width.
                155 ShrUI32Imm "shr_u.i32" (I32, I32) -> (I32) [Pure] = i32_shr_u;
                /// Rotates left.
                156 RotlI32Imm "rotl.i32" (I32, I32) -> (I32) [Pure] = i32_rotl;
                /// Rotates right.
                157 RotrI32Imm "rotr.i32" (I32, I32) -> (I32) [Pure] = i32_rotr;
                /// 1 if equal.
                158 EqI32Imm "eq.i32" (I32, I32) -> (I32) [Pure] = i32_eq;
                /// 1 if not equal.
                159 NeI32Imm "ne.i32" (I32, I32) -> (I32) [Pure] = i32_ne;
                /// 1 if less, signed.
                160 LtSI32Imm "lt_s.i32" (I32, I32) -> (I32) [Pure] = i32_lt_s;
                /// 1 if less, unsigned.
                161 LtUI32Imm "lt_u.i32" (I32, I32) -> (I32) [Pure] = i32_lt_u;
                /// 1 if greater, signed.
                162 GtSI32Imm "gt_s.i32" (I32, I32) -> (I32) [Pure] = i32_gt_s;
                /// 1 if greater, unsigned.
                163 GtUI32Imm "gt_u.i32" (I32, I32) -> (I32) [Pure] = i32_gt_u;
                /// 1 if less or equal, signed.
                164 LeSI32Imm "le_s.i32" (I32, I32) -> (I32) [Pure] = i32_le_s;
                /// 1 if less or equal, unsigned.
                165 LeUI32Imm "le_u.i32" (I32, I32) -> (I32) [Pure] = i32_le_u;
                /// 1 if greater or equal, signed.
                166 GeSI32Imm "ge_s.i32" (I32, I32) -> (I32) [Pure] = i32_ge_s;
                /// 1 if greater or equal, unsigned.
                167 GeUI32Imm "ge_u.i32" (I32, I32) -> (I32) [Pure] = i32_ge_u;
                /// Sum, wrapping.
                168 AddI64Imm "add.i64" (I64, I64) -> (I64) [Pure] = i64_add;
                /// Difference, wrapping.
                169 SubI64Imm "sub.i64" (I64, I64) -> (I64) [Pure] = i64_sub;
                /// Product, wrapping.
                170 MulI64Imm "mul.i64" (I64, I64) -> (I64) [Pure] = i64_mul;
                /// Signed quotient towards zero; traps when `b` is zero or the quotient overflows.
                171 DivSI64Imm "div_s.i64" (I64, I64) -> (I64) [Traps] = i64_div_s;
                /// Unsigned quotient; traps when `b` is zero.
                172 DivUI64Imm "div_u.i64" (I64, I64) -> (I64) [Traps] = i64_div_u;
                /// Signed remainder with the sign of `a`; traps when `b` is zero.
                173 RemSI64Imm "rem_s.i64" (I64, I64) -> (I64) [Traps] = i64_rem_s;
                /// Unsigned remainder; traps when `b` is zero.
                174 RemUI64Imm "rem_u.i64" (I64, I64) -> (I64) [Traps] = i64_rem_u;
                /// Bitwise and.
                175 AndI64Imm "and.i64" (I64, I64) -> (I64) [Pure] = i64_and;
                /// Bitwise or.
                176 OrI64Imm "or.i64" (I64, I64) -> (I64) [Pure] = i64_or;
                /// Bitwise exclusive or.
                177 XorI64Imm "xor.i64" (I64, I64) -> (I64) [Pure] = i64_xor;
                /// Shift left; the count is taken modulo the width.
                178 ShlI64Imm "shl.i64" (I64, I64) -> (I64) [Pure] = i64_shl;
                /// Arithmetic shift right; the count is taken modulo the width.
                179 ShrSI64Imm "shr_s.i64" (I64, I64) -> (I64) [Pure] = i64_shr_s;
                /// Logical shift right; the count is taken modulo the width.
                180 ShrUI64Imm "shr_u.i64" (I64, I64) -> (I64) [Pure] = i64_shr_u;
                /// Rotates left.
                181 RotlI64Imm "rotl.i64" (I64, I64) -> (I64) [Pure] = i64_rotl;
                /// Rotates right.
                182 RotrI64Imm "rotr.i64" (I64, I64) -> (I64) [Pure] = i64_rotr;
                /// 1 if equal.
                183 EqI64Imm "eq.i64" (I64, I64) -> (I32) [Pure] = i64_eq;
                /// 1 if not equal.
                184 NeI64Imm "ne.i64" (I64, I64) -> (I32) [Pure] = i64_ne;
                /// 1 if less, signed.
                185 LtSI64Imm "lt_s.i64" (I64, I64) -> (I32) [Pure] = i64_lt_s;
                /// 1 if less, unsigned.
                186 LtUI64Imm "lt_u.i64" (I64, I64) -> (I32) [Pure] = i64_lt_u;
                /// 1 if greater, signed.
                187 GtSI64Imm "gt_s.i64" (I64, I64) -> (I32) [Pure] = i64_gt_s;
                /// 1 if greater, unsigned.
                188 GtUI64Imm "gt_u.i64" (I64, I64) -> (I32) [Pure] = i64_gt_u;
                /// 1 if less or equal, signed.
                189 LeSI64Imm "le_s.i64" (I64, I64) -> (I32) [Pure] = i64_le_s;
                /// 1 if less or equal, unsigned.
                190 LeUI64Imm "le_u.i64" (I64, I64) -> (I32) [Pure] = i64_le_u;
                /// 1 if greater or equal, signed.
                191 GeSI64Imm "ge_s.i64" (I64, I64) -> (I32) [Pure] = i64_ge_s;
                /// 1 if greater or equal, unsigned.
                192 GeUI64Imm "ge_u.i64" (I64, I64) -> (I32) [Pure] = i64_ge_u;
                /// Sum.
                193 AddF32Imm "add.f32" (F32, F32) -> (F32) [Pure] = f32_add;
                /// Difference.
                194 SubF32Imm "sub.f32" (F32, F32) -> (F32) [Pure] = f32_sub;
                /// Product.
                195 MulF32Imm "mul.f32" (F32, F32) -> (F32) [Pure] = f32_mul;
                /// Quotient.
                196 DivF32Imm "div.f32" (F32, F32) -> (F32) [Pure] = f32_div;
                /// Sum.
                197 AddF64Imm "add.f64" (F64, F64) -> (F64) [Pure] = f64_add;
                /// Difference.
                198 SubF64Imm "sub.f64" (F64, F64) -> (F64) [Pure] = f64_sub;
                /// Product.
                199 MulF64Imm "mul.f64" (F64, F64) -> (F64) [Pure] = f64_mul;
                /// Quotient.
                200 DivF64Imm "div.f64" (F64, F64) -> (F64) [Pure] = f64_div;
            }

            /// `dst = cond ? a : b`, of any one type.
            Select(SelectOp) visit_select { dst: Def, a: Use, b: Use, cond: Use } "{dst} = {op} {cond}, {a}, {b}" {
                /// `a` if `cond` is not zero, else `b`.
                201 Select "select" (T, T, I32) -> (T) [Pure] = select;
            }

            /// Goes to `target`.
            Jump(JumpOp) visit_jump { target: Target, feedback: Feedback } "{op} {target}" {
                /// Always.
                202 Jump "jump" () -> () [Safepoint Ends] = jump;
            }

            /// Goes to `target` if `op a`.
            BranchUnary(BranchUnaryOp) visit_branch_unary { a: Use, target: Target, feedback: Feedback } "{op} {a}, {target}" {
                /// If not zero.
                203 BrNez "br.nez.i32" (I32) -> () [Safepoint] = i32_nez;
                /// If zero.
                204 BrEqz "br.eqz.i32" (I32) -> () [Safepoint] = i32_eqz;
            }

            /// Goes to `target` if `a op b`.
            Branch(BranchOp) visit_branch { a: Use, b: Use, target: Target, feedback: Feedback } "{op} {a}, {b}, {target}" {
                /// If equal.
                205 BrEqI32 "br.eq.i32" (I32, I32) -> () [Safepoint] = i32_eq;
                /// If not equal.
                206 BrNeI32 "br.ne.i32" (I32, I32) -> () [Safepoint] = i32_ne;
                /// If less, signed.
                207 BrLtSI32 "br.lt_s.i32" (I32, I32) -> () [Safepoint] = i32_lt_s;
                /// If less, unsigned.
                208 BrLtUI32 "br.lt_u.i32" (I32, I32) -> () [Safepoint] = i32_lt_u;
                /// If greater, signed.
                209 BrGtSI32 "br.gt_s.i32" (I32, I32) -> () [Safepoint] = i32_gt_s;
                /// If greater, unsigned.
                210 BrGtUI32 "br.gt_u.i32" (I32, I32) -> () [Safepoint] = i32_gt_u;
                /// If less or equal, signed.
                211 BrLeSI32 "br.le_s.i32" (I32, I32) -> () [Safepoint] = i32_le_s;
                /// If less or equal, unsigned.
                212 BrLeUI32 "br.le_u.i32" (I32, I32) -> () [Safepoint] = i32_le_u;
                /// If greater or equal, signed.
                213 BrGeSI32 "br.ge_s.i32" (I32, I32) -> () [Safepoint] = i32_ge_s;
                /// If greater or equal, unsigned.
                214 BrGeUI32 "br.ge_u.i32" (I32, I32) -> () [Safepoint] = i32_ge_u;
                /// If any bit of `a & b` is set.
                215 BrAnyI32 "br.any.i32" (I32, I32) -> () [Safepoint] = i32_any;
                /// If no bit of `a & b` is set.
                216 BrNoneI32 "br.none.i32" (I32, I32) -> () [Safepoint] = i32_none;
                /// If equal.
                217 BrEqI64 "br.eq.i64" (I64, I64) -> () [Safepoint] = i64_eq;
                /// If not equal.
                218 BrNeI64 "br.ne.i64" (I64, I64) -> () [Safepoint] = i64_ne;
                /// If less, signed.
                219 BrLtSI64 "br.lt_s.i64" (I64, I64) -> () [Safepoint] = i64_lt_s;
                /// If less, unsigned.
                220 BrLtUI64 "br.lt_u.i64" (I64, I64) -> () [Safepoint] = i64_lt_u;
                /// If greater, signed.
                221 BrGtSI64 "br.gt_s.i64" (I64, I64) -> () [Safepoint] = i64_gt_s;
                /// If greater, unsigned.
                222 BrGtUI64 "br.gt_u.i64" (I64, I64) -> () [Safepoint] = i64_gt_u;
                /// If less or equal, signed.
                223 BrLeSI64 "br.le_s.i64" (I64, I64) -> () [Safepoint] = i64_le_s;
                /// If less or equal, unsigned.
                224 BrLeUI64 "br.le_u.i64" (I64, I64) -> () [Safepoint] = i64_le_u;
                /// If greater or equal, signed.
                225 BrGeSI64 "br.ge_s.i64" (I64, I64) -> () [Safepoint] = i64_ge_s;
                /// If greater or equal, unsigned.
                226 BrGeUI64 "br.ge_u.i64" (I64, I64) -> () [Safepoint] = i64_ge_u;
                /// If any bit of `a & b` is set.
                227 BrAnyI64 "br.any.i64" (I64, I64) -> () [Safepoint] = i64_any;
                /// If no bit of `a & b` is set.
                228 BrNoneI64 "br.none.i64" (I64, I64) -> () [Safepoint] = i64_none;
                /// If equal.
                229 BrEqF32 "br.eq.f32" (F32, F32) -> () [Safepoint] = f32_eq;
                /// If not equal.
                230 BrNeF32 "br.ne.f32" (F32, F32) -> () [Safepoint] = f32_ne;
                /// If less.
                231 BrLtF32 "br.lt.f32" (F32, F32) -> () [Safepoint] = f32_lt;
                /// If greater.
                232 BrGtF32 "br.gt.f32" (F32, F32) -> () [Safepoint] = f32_gt;
                /// If less or equal.
                233 BrLeF32 "br.le.f32" (F32, F32) -> () [Safepoint] = f32_le;
                /// If greater or equal.
                234 BrGeF32 "br.ge.f32" (F32, F32) -> () [Safepoint] = f32_ge;
                /// If not less (so also on NaN).
                235 BrNltF32 "br.nlt.f32" (F32, F32) -> () [Safepoint] = f32_nlt;
                /// If not greater (so also on NaN).
                236 BrNgtF32 "br.ngt.f32" (F32, F32) -> () [Safepoint] = f32_ngt;
                /// If not less or equal (so also on NaN).
                237 BrNleF32 "br.nle.f32" (F32, F32) -> () [Safepoint] = f32_nle;
                /// If not greater or equal (so also on NaN).
                238 BrNgeF32 "br.nge.f32" (F32, F32) -> () [Safepoint] = f32_nge;
                /// If equal.
                239 BrEqF64 "br.eq.f64" (F64, F64) -> () [Safepoint] = f64_eq;
                /// If not equal.
                240 BrNeF64 "br.ne.f64" (F64, F64) -> () [Safepoint] = f64_ne;
                /// If less.
                241 BrLtF64 "br.lt.f64" (F64, F64) -> () [Safepoint] = f64_lt;
                /// If greater.
                242 BrGtF64 "br.gt.f64" (F64, F64) -> () [Safepoint] = f64_gt;
                /// If less or equal.
                243 BrLeF64 "br.le.f64" (F64, F64) -> () [Safepoint] = f64_le;
                /// If greater or equal.
                244 BrGeF64 "br.ge.f64" (F64, F64) -> () [Safepoint] = f64_ge;
                /// If not less (so also on NaN).
                245 BrNltF64 "br.nlt.f64" (F64, F64) -> () [Safepoint] = f64_nlt;
                /// If not greater (so also on NaN).
                246 BrNgtF64 "br.ngt.f64" (F64, F64) -> () [Safepoint] = f64_ngt;
                /// If not less or equal (so also on NaN).
                247 BrNleF64 "br.nle.f64" (F64, F64) -> () [Safepoint] = f64_nle;
                /// If not greater or equal (so also on NaN).
                248 BrNgeF64 "br.nge.f64" (F64, F64) -> () [Safepoint] = f64_nge;
            }

            /// Goes to `target` if `a op constant`; the constant is sign-extended.
            BranchImm(BranchImmOp) visit_branch_imm { a: Use, b: Imm32, target: Target, feedback: Feedback } "{op} {a}, {b}, {target}" {
                /// If equal.
                249 BrEqI32Imm "br.eq.i32" (I32, I32) -> () [Safepoint] = i32_eq;
                /// If not equal.
                250 BrNeI32Imm "br.ne.i32" (I32, I32) -> () [Safepoint] = i32_ne;
                /// If less, signed.
                251 BrLtSI32Imm "br.lt_s.i32" (I32, I32) -> () [Safepoint] = i32_lt_s;
                /// If less, unsigned.
                252 BrLtUI32Imm "br.lt_u.i32" (I32, I32) -> () [Safepoint] = i32_lt_u;
                /// If greater, signed.
                253 BrGtSI32Imm "br.gt_s.i32" (I32, I32) -> () [Safepoint] = i32_gt_s;
                /// If greater, unsigned.
                254 BrGtUI32Imm "br.gt_u.i32" (I32, I32) -> () [Safepoint] = i32_gt_u;
                /// If less or equal, signed.
                255 BrLeSI32Imm "br.le_s.i32" (I32, I32) -> () [Safepoint] = i32_le_s;
                /// If less or equal, unsigned.
                256 BrLeUI32Imm "br.le_u.i32" (I32, I32) -> () [Safepoint] = i32_le_u;
                /// If greater or equal, signed.
                257 BrGeSI32Imm "br.ge_s.i32" (I32, I32) -> () [Safepoint] = i32_ge_s;
                /// If greater or equal, unsigned.
                258 BrGeUI32Imm "br.ge_u.i32" (I32, I32) -> () [Safepoint] = i32_ge_u;
                /// If any bit of `a & b` is set.
                259 BrAnyI32Imm "br.any.i32" (I32, I32) -> () [Safepoint] = i32_any;
                /// If no bit of `a & b` is set.
                260 BrNoneI32Imm "br.none.i32" (I32, I32) -> () [Safepoint] = i32_none;
                /// If equal.
                261 BrEqI64Imm "br.eq.i64" (I64, I64) -> () [Safepoint] = i64_eq;
                /// If not equal.
                262 BrNeI64Imm "br.ne.i64" (I64, I64) -> () [Safepoint] = i64_ne;
                /// If less, signed.
                263 BrLtSI64Imm "br.lt_s.i64" (I64, I64) -> () [Safepoint] = i64_lt_s;
                /// If less, unsigned.
                264 BrLtUI64Imm "br.lt_u.i64" (I64, I64) -> () [Safepoint] = i64_lt_u;
                /// If greater, signed.
                265 BrGtSI64Imm "br.gt_s.i64" (I64, I64) -> () [Safepoint] = i64_gt_s;
                /// If greater, unsigned.
                266 BrGtUI64Imm "br.gt_u.i64" (I64, I64) -> () [Safepoint] = i64_gt_u;
                /// If less or equal, signed.
                267 BrLeSI64Imm "br.le_s.i64" (I64, I64) -> () [Safepoint] = i64_le_s;
                /// If less or equal, unsigned.
                268 BrLeUI64Imm "br.le_u.i64" (I64, I64) -> () [Safepoint] = i64_le_u;
                /// If greater or equal, signed.
                269 BrGeSI64Imm "br.ge_s.i64" (I64, I64) -> () [Safepoint] = i64_ge_s;
                /// If greater or equal, unsigned.
                270 BrGeUI64Imm "br.ge_u.i64" (I64, I64) -> () [Safepoint] = i64_ge_u;
                /// If any bit of `a & b` is set.
                271 BrAnyI64Imm "br.any.i64" (I64, I64) -> () [Safepoint] = i64_any;
                /// If no bit of `a & b` is set.
                272 BrNoneI64Imm "br.none.i64" (I64, I64) -> () [Safepoint] = i64_none;
            }

            /// Goes to the target at `index`, or to the last one when `index` is at or beyond it.
            BranchTable(BranchTableOp) visit_branch_table { index: Use, targets: Targets, feedback: Feedback } "{op} {index}, [{targets}]" {
                /// Multiway branch; the last target is the default.
                273 BrTable "br.table" (I32) -> () [Safepoint Ends] = br_table;
            }

            /// `dst` = memory at `addr + offset`.
            Load(LoadOp) visit_load { dst: Def, addr: Use, memory: Memory, offset: Offset } "{dst} = {op} [{addr}{offset}]" {
                /// Reads 32 bits.
                274 LoadI32 "load.i32" (I32) -> (I32) [Reads Traps] = i32_load;
                /// Reads 8 bits, sign-extended.
                275 Load8SI32 "load8_s.i32" (I32) -> (I32) [Reads Traps] = i32_load8_s;
                /// Reads 8 bits, zero-extended.
                276 Load8UI32 "load8_u.i32" (I32) -> (I32) [Reads Traps] = i32_load8_u;
                /// Reads 16 bits, sign-extended.
                277 Load16SI32 "load16_s.i32" (I32) -> (I32) [Reads Traps] = i32_load16_s;
                /// Reads 16 bits, zero-extended.
                278 Load16UI32 "load16_u.i32" (I32) -> (I32) [Reads Traps] = i32_load16_u;
                /// Reads 64 bits.
                279 LoadI64 "load.i64" (I32) -> (I64) [Reads Traps] = i64_load;
                /// Reads 8 bits, sign-extended.
                280 Load8SI64 "load8_s.i64" (I32) -> (I64) [Reads Traps] = i64_load8_s;
                /// Reads 8 bits, zero-extended.
                281 Load8UI64 "load8_u.i64" (I32) -> (I64) [Reads Traps] = i64_load8_u;
                /// Reads 16 bits, sign-extended.
                282 Load16SI64 "load16_s.i64" (I32) -> (I64) [Reads Traps] = i64_load16_s;
                /// Reads 16 bits, zero-extended.
                283 Load16UI64 "load16_u.i64" (I32) -> (I64) [Reads Traps] = i64_load16_u;
                /// Reads 32 bits, sign-extended.
                284 Load32SI64 "load32_s.i64" (I32) -> (I64) [Reads Traps] = i64_load32_s;
                /// Reads 32 bits, zero-extended.
                285 Load32UI64 "load32_u.i64" (I32) -> (I64) [Reads Traps] = i64_load32_u;
                /// Reads 32 bits.
                286 LoadF32 "load.f32" (I32) -> (F32) [Reads Traps] = f32_load;
                /// Reads 64 bits.
                287 LoadF64 "load.f64" (I32) -> (F64) [Reads Traps] = f64_load;
            }

            /// `dst` = memory at `(base + (index << shift)) mod 2^32 + offset`.
            LoadIndexed(LoadIndexedOp) visit_load_indexed { dst: Def, base: Use, index: Use, offset: Offset, shift: Shift, memory: Memory } "{dst} = {op} [{base} + {index}{shift}{offset}]" {
                /// Reads 32 bits.
                288 LoadI32Indexed "load.i32" (I32, I32) -> (I32) [Reads Traps] = i32_load;
                /// Reads 8 bits, sign-extended.
                289 Load8SI32Indexed "load8_s.i32" (I32, I32) -> (I32) [Reads Traps] = i32_load8_s;
                /// Reads 8 bits, zero-extended.
                290 Load8UI32Indexed "load8_u.i32" (I32, I32) -> (I32) [Reads Traps] = i32_load8_u;
                /// Reads 16 bits, sign-extended.
                291 Load16SI32Indexed "load16_s.i32" (I32, I32) -> (I32) [Reads Traps] = i32_load16_s;
                /// Reads 16 bits, zero-extended.
                292 Load16UI32Indexed "load16_u.i32" (I32, I32) -> (I32) [Reads Traps] = i32_load16_u;
                /// Reads 64 bits.
                293 LoadI64Indexed "load.i64" (I32, I32) -> (I64) [Reads Traps] = i64_load;
                /// Reads 8 bits, sign-extended.
                294 Load8SI64Indexed "load8_s.i64" (I32, I32) -> (I64) [Reads Traps] = i64_load8_s;
                /// Reads 8 bits, zero-extended.
                295 Load8UI64Indexed "load8_u.i64" (I32, I32) -> (I64) [Reads Traps] = i64_load8_u;
                /// Reads 16 bits, sign-extended.
                296 Load16SI64Indexed "load16_s.i64" (I32, I32) -> (I64) [Reads Traps] = i64_load16_s;
                /// Reads 16 bits, zero-extended.
                297 Load16UI64Indexed "load16_u.i64" (I32, I32) -> (I64) [Reads Traps] = i64_load16_u;
                /// Reads 32 bits, sign-extended.
                298 Load32SI64Indexed "load32_s.i64" (I32, I32) -> (I64) [Reads Traps] = i64_load32_s;
                /// Reads 32 bits, zero-extended.
                299 Load32UI64Indexed "load32_u.i64" (I32, I32) -> (I64) [Reads Traps] = i64_load32_u;
                /// Reads 32 bits.
                300 LoadF32Indexed "load.f32" (I32, I32) -> (F32) [Reads Traps] = f32_load;
                /// Reads 64 bits.
                301 LoadF64Indexed "load.f64" (I32, I32) -> (F64) [Reads Traps] = f64_load;
            }

            /// Memory at `addr + offset` = `value`.
            Store(StoreOp) visit_store { addr: Use, value: Use, memory: Memory, offset: Offset } "{op} [{addr}{offset}], {value}" {
                /// Writes 32 bits.
                302 StoreI32 "store.i32" (I32, I32) -> () [Writes Traps] = i32_store;
                /// Writes the low 8 bits.
                303 Store8I32 "store8.i32" (I32, I32) -> () [Writes Traps] = i32_store8;
                /// Writes the low 16 bits.
                304 Store16I32 "store16.i32" (I32, I32) -> () [Writes Traps] = i32_store16;
                /// Writes 64 bits.
                305 StoreI64 "store.i64" (I32, I64) -> () [Writes Traps] = i64_store;
                /// Writes the low 8 bits.
                306 Store8I64 "store8.i64" (I32, I64) -> () [Writes Traps] = i64_store8;
                /// Writes the low 16 bits.
                307 Store16I64 "store16.i64" (I32, I64) -> () [Writes Traps] = i64_store16;
                /// Writes the low 32 bits.
                308 Store32I64 "store32.i64" (I32, I64) -> () [Writes Traps] = i64_store32;
                /// Writes 32 bits.
                309 StoreF32 "store.f32" (I32, F32) -> () [Writes Traps] = f32_store;
                /// Writes 64 bits.
                310 StoreF64 "store.f64" (I32, F64) -> () [Writes Traps] = f64_store;
            }

            /// Memory at `(base + (index << shift)) mod 2^32 + offset` = `value`.
            StoreIndexed(StoreIndexedOp) visit_store_indexed { base: Use, index: Use, value: Use, offset: Offset, shift: Shift, memory: Memory } "{op} [{base} + {index}{shift}{offset}], {value}" {
                /// Writes 32 bits.
                311 StoreI32Indexed "store.i32" (I32, I32, I32) -> () [Writes Traps] = i32_store;
                /// Writes the low 8 bits.
                312 Store8I32Indexed "store8.i32" (I32, I32, I32) -> () [Writes Traps] = i32_store8;
                /// Writes the low 16 bits.
                313 Store16I32Indexed "store16.i32" (I32, I32, I32) -> () [Writes Traps] = i32_store16;
                /// Writes 64 bits.
                314 StoreI64Indexed "store.i64" (I32, I32, I64) -> () [Writes Traps] = i64_store;
                /// Writes the low 8 bits.
                315 Store8I64Indexed "store8.i64" (I32, I32, I64) -> () [Writes Traps] = i64_store8;
                /// Writes the low 16 bits.
                316 Store16I64Indexed "store16.i64" (I32, I32, I64) -> () [Writes Traps] = i64_store16;
                /// Writes the low 32 bits.
                317 Store32I64Indexed "store32.i64" (I32, I32, I64) -> () [Writes Traps] = i64_store32;
                /// Writes 32 bits.
                318 StoreF32Indexed "store.f32" (I32, I32, F32) -> () [Writes Traps] = f32_store;
                /// Writes 64 bits.
                319 StoreF64Indexed "store.f64" (I32, I32, F64) -> () [Writes Traps] = f64_store;
            }

            /// Size of the memory.
            MemorySize(MemorySizeOp) visit_memory_size { dst: Def, memory: Memory } "{dst} = {op}" {
                /// Pages of 64 KiB.
                320 MemorySize "memory.size" () -> (I32) [Reads] = memory_size;
            }

            /// Grows the memory.
            MemoryGrow(MemoryGrowOp) visit_memory_grow { dst: Def, delta: Use, memory: Memory } "{dst} = {op} {delta}" {
                /// Adds `delta` pages; the old size, or -1 where that is not possible.
                321 MemoryGrow "memory.grow" (I32) -> (I32) [Writes] = memory_grow;
            }

            /// Fills a range of memory.
            MemoryFill(MemoryFillOp) visit_memory_fill { to: Use, value: Use, len: Use, memory: Memory } "{op} {to}, {value}, {len}" {
                /// Sets `len` bytes to the low 8 bits of `value`.
                322 MemoryFill "memory.fill" (I32, I32, I32) -> () [Writes Traps] = memory_fill;
            }

            /// Copies a range of memory.
            MemoryCopy(MemoryCopyOp) visit_memory_copy { to: Use, from: Use, len: Use, memory: Memory, from_memory: Memory } "{op} {to}, {from}, {len}" {
                /// Copies `len` bytes; the ranges may overlap.
                323 MemoryCopy "memory.copy" (I32, I32, I32) -> () [Reads Writes Traps] = memory_copy;
            }

            /// Copies from a data segment.
            MemoryInit(MemoryInitOp) visit_memory_init { to: Use, from: Use, len: Use, memory: Memory, data: Data } "{op} {data}, {to}, {from}, {len}" {
                /// Copies `len` bytes from offset `from` of the segment.
                324 MemoryInit "memory.init" (I32, I32, I32) -> () [Writes Traps] = memory_init;
            }

            /// Gives up a data segment.
            DataDrop(DataDropOp) visit_data_drop { data: Data } "{op} {data}" {
                /// The segment is empty from now on.
                325 DataDrop "data.drop" () -> () [Writes] = data_drop;
            }

            /// Reads a table.
            TableGet(TableGetOp) visit_table_get { dst: Def, index: Use, table: Table } "{dst} = {op} {table}[{index}]" {
                /// The element at `index`.
                326 TableGet "table.get" (I32) -> (R) [Reads Traps] = table_get;
            }

            /// Writes a table.
            TableSet(TableSetOp) visit_table_set { index: Use, value: Use, table: Table } "{op} {table}[{index}], {value}" {
                /// Sets the element at `index`.
                327 TableSet "table.set" (I32, R) -> () [Writes Traps] = table_set;
            }

            /// Size of a table.
            TableSize(TableSizeOp) visit_table_size { dst: Def, table: Table } "{dst} = {op} {table}" {
                /// Number of elements.
                328 TableSize "table.size" () -> (I32) [Reads] = table_size;
            }

            /// Grows a table.
            TableGrow(TableGrowOp) visit_table_grow { dst: Def, value: Use, delta: Use, table: Table } "{dst} = {op} {table}, {value}, {delta}" {
                /// Adds `delta` elements set to `value`; the old size, or -1 where that is not possible.
                329 TableGrow "table.grow" (R, I32) -> (I32) [Writes] = table_grow;
            }

            /// Fills a range of a table.
            TableFill(TableFillOp) visit_table_fill { to: Use, value: Use, len: Use, table: Table } "{op} {table}[{to}], {value}, {len}" {
                /// Sets `len` elements to `value`.
                330 TableFill "table.fill" (I32, R, I32) -> () [Writes Traps] = table_fill;
            }

            /// Copies a range of a table.
            TableCopy(TableCopyOp) visit_table_copy { to: Use, from: Use, len: Use, table: Table, from_table: Table } "{op} {table}[{to}], {from_table}[{from}], {len}" {
                /// Copies `len` elements; the ranges may overlap.
                331 TableCopy "table.copy" (I32, I32, I32) -> () [Reads Writes Traps] = table_copy;
            }

            /// Copies from an element segment.
            TableInit(TableInitOp) visit_table_init { to: Use, from: Use, len: Use, table: Table, elem: Elem } "{op} {table}[{to}], {elem}[{from}], {len}" {
                /// Copies `len` elements from offset `from` of the segment.
                332 TableInit "table.init" (I32, I32, I32) -> () [Writes Traps] = table_init;
            }

            /// Gives up an element segment.
            ElemDrop(ElemDropOp) visit_elem_drop { elem: Elem } "{op} {elem}" {
                /// The segment is empty from now on.
                333 ElemDrop "elem.drop" () -> () [Writes] = elem_drop;
            }

            /// The null reference.
            RefNull(RefNullOp) visit_ref_null { dst: Def } "{dst} = {op}" {
                /// Null, of the type of `dst`.
                334 RefNull "ref.null" () -> (R) [Pure] = ref_null;
            }

            /// Tests for null.
            RefIsNull(RefIsNullOp) visit_ref_is_null { dst: Def, a: Use } "{dst} = {op} {a}" {
                /// 1 if null.
                335 RefIsNull "ref.is_null" (R) -> (I32) [Pure] = ref_is_null;
            }

            /// A reference to a function.
            RefFunc(RefFuncOp) visit_ref_func { dst: Def, func: Func } "{dst} = {op} {func}" {
                /// The function, defined or imported.
                336 RefFunc "ref.func" () -> (FuncRef) [Pure] = ref_func;
            }

            /// Reads a global.
            GlobalGet(GlobalGetOp) visit_global_get { dst: Def, global: Global } "{dst} = {op} {global}" {
                /// The global's value.
                337 GlobalGet "global.get" () -> (T) [Reads] = global_get;
            }

            /// Writes a global.
            GlobalSet(GlobalSetOp) visit_global_set { value: Use, global: GlobalMut } "{op} {global}, {value}" {
                /// Sets a mutable global.
                338 GlobalSet "global.set" (T) -> () [Writes] = global_set;
            }

            /// Calls a function of this module.
            Call(CallOp) visit_call { args: Uses, func: FuncDefined, results: Defs } "{results} = {op} {func}({args})" {
                /// Calls a function of this module.
                339 Call "call" () -> () [Traps Calls Safepoint] = call;
            }

            /// Calls an imported function.
            CallImport(CallImportOp) visit_call_import { args: Uses, func: FuncImport, results: Defs } "{results} = {op} {func}({args})" {
                /// Calls an imported function, of the host or of another instance.
                340 CallImport "call" () -> () [Traps Calls Safepoint] = call_import;
            }

            /// Calls through a table.
            CallIndirect(CallIndirectOp) visit_call_indirect { index: Use, args: Uses, results: Defs, ty: Type, table: Table, feedback: Feedback } "{results} = {op} {ty} {table}[{index}]({args})" {
                /// Calls the function at `index`; traps when null or of another type.
                341 CallIndirect "call_indirect" (I32) -> () [Traps Calls Safepoint] = call_indirect;
            }

            /// Calls a function of this module in place of this one.
            TailCall(TailCallOp) visit_tail_call { args: Uses, func: FuncDefined } "{op} {func}({args})" {
                /// Returns what the function returns, in constant space.
                342 TailCall "tail_call" () -> () [Traps Calls Safepoint Ends] = tail_call;
            }

            /// Calls an imported function in place of this one.
            TailCallImport(TailCallImportOp) visit_tail_call_import { args: Uses, func: FuncImport } "{op} {func}({args})" {
                /// Returns what the function returns, in constant space.
                343 TailCallImport "tail_call" () -> () [Traps Calls Safepoint Ends] = tail_call_import;
            }

            /// Calls through a table in place of this function.
            TailCallIndirect(TailCallIndirectOp) visit_tail_call_indirect { index: Use, args: Uses, ty: Type, table: Table, feedback: Feedback } "{op} {ty} {table}[{index}]({args})" {
                /// Returns what the function returns, in constant space; traps when null or of another type.
                344 TailCallIndirect "tail_call_indirect" (I32) -> () [Traps Calls Safepoint Ends] = tail_call_indirect;
            }

            /// Returns to the caller.
            Ret(RetOp) visit_ret { values: Uses } "{op} {values}" {
                /// Returns the values.
                345 Ret "ret" () -> () [Ends] = ret;
            }
        }
    };
}
