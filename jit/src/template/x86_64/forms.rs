//! Instructions by the form of their operands: dynasm wants an arm for each.

/// Emits into the buffer.
macro_rules! x64 {
    ($self:ident, $($code:tt)*) => {
        dynasm!($self.0; .arch x64; $($code)*)
    };
}

/// One instruction whose last operand is in memory; the frame and the memory are known by name, which makes it shorter.
macro_rules! from_memory {
    ($self:ident, $at:expr, $op:tt $bank:ident($r:expr) $(, $size:ident)?) => {
        match $at {
            Addr { base: RBX, index: None, disp } if is_byte(disp) => x64!($self, $op $bank($r), $($size)? [BYTE rbx + disp as i8]),
            Addr { base: RBX, index: None, disp } => x64!($self, $op $bank($r), $($size)? [DWORD rbx + disp]),
            Addr { base: R14, index: Some((i, 0)), disp: 0 } => x64!($self, $op $bank($r), $($size)? [r14 + Rq(i.0)]),
            Addr { base: R14, index: Some((i, 0)), disp } if is_byte(disp) => {
                x64!($self, $op $bank($r), $($size)? [BYTE r14 + Rq(i.0) + disp as i8])
            }
            Addr { base: R14, index: Some((i, 0)), disp } => x64!($self, $op $bank($r), $($size)? [DWORD r14 + Rq(i.0) + disp]),
            Addr { base, index: None, disp } if is_byte(disp) => {
                x64!($self, $op $bank($r), $($size)? [BYTE Rq(base.0) + disp as i8])
            }
            Addr { base, index: None, disp } => x64!($self, $op $bank($r), $($size)? [DWORD Rq(base.0) + disp]),
            Addr { base, index: Some((i, 0)), disp } => x64!($self, $op $bank($r), $($size)? [DWORD Rq(base.0) + Rq(i.0) + disp]),
            Addr { base, index: Some((i, 1)), disp } => {
                x64!($self, $op $bank($r), $($size)? [DWORD Rq(base.0) + 2 * Rq(i.0) + disp])
            }
            Addr { base, index: Some((i, 2)), disp } => {
                x64!($self, $op $bank($r), $($size)? [DWORD Rq(base.0) + 4 * Rq(i.0) + disp])
            }
            Addr { base, index: Some((i, _)), disp } => {
                x64!($self, $op $bank($r), $($size)? [DWORD Rq(base.0) + 8 * Rq(i.0) + disp])
            }
        }
    };
}

/// One instruction whose first operand is in memory.
macro_rules! to_memory {
    ($self:ident, $at:expr, $op:tt $($size:ident)?, $($operand:tt)*) => {
        match $at {
            Addr { base: RBX, index: None, disp } if is_byte(disp) => {
                x64!($self, $op $($size)? [BYTE rbx + disp as i8], $($operand)*)
            }
            Addr { base: RBX, index: None, disp } => x64!($self, $op $($size)? [DWORD rbx + disp], $($operand)*),
            Addr { base: R14, index: Some((i, 0)), disp: 0 } => x64!($self, $op $($size)? [r14 + Rq(i.0)], $($operand)*),
            Addr { base: R14, index: Some((i, 0)), disp } if is_byte(disp) => {
                x64!($self, $op $($size)? [BYTE r14 + Rq(i.0) + disp as i8], $($operand)*)
            }
            Addr { base: R14, index: Some((i, 0)), disp } => {
                x64!($self, $op $($size)? [DWORD r14 + Rq(i.0) + disp], $($operand)*)
            }
            Addr { base, index: None, disp } if is_byte(disp) => {
                x64!($self, $op $($size)? [BYTE Rq(base.0) + disp as i8], $($operand)*)
            }
            Addr { base, index: None, disp } => x64!($self, $op $($size)? [DWORD Rq(base.0) + disp], $($operand)*),
            Addr { base, index: Some((i, 0)), disp } => {
                x64!($self, $op $($size)? [DWORD Rq(base.0) + Rq(i.0) + disp], $($operand)*)
            }
            Addr { base, index: Some((i, 1)), disp } => {
                x64!($self, $op $($size)? [DWORD Rq(base.0) + 2 * Rq(i.0) + disp], $($operand)*)
            }
            Addr { base, index: Some((i, 2)), disp } => {
                x64!($self, $op $($size)? [DWORD Rq(base.0) + 4 * Rq(i.0) + disp], $($operand)*)
            }
            Addr { base, index: Some((i, _)), disp } => {
                x64!($self, $op $($size)? [DWORD Rq(base.0) + 8 * Rq(i.0) + disp], $($operand)*)
            }
        }
    };
}

/// `dst op= operand` for a register, slot or 32-bit immediate.
macro_rules! two_operands {
    ($self:ident, $op:tt, $width:expr, $dst:expr, $operand:expr) => {
        match ($width, $operand) {
            (W32, Reg(r)) => x64!($self, $op Rd($dst.0), Rd(r.0)),
            (W64, Reg(r)) => x64!($self, $op Rq($dst.0), Rq(r.0)),
            (W32, Mem(at)) => from_memory!($self, at, $op Rd($dst.0)),
            (W64, Mem(at)) => from_memory!($self, at, $op Rq($dst.0)),
            (width, Imm(bits)) => {
                let value = immediate(width, bits).expect("a large immediate is in a register");
                match width {
                    W32 if is_byte(value) => x64!($self, $op Rd($dst.0), BYTE value as i8),
                    W32 => x64!($self, $op Rd($dst.0), DWORD value),
                    W64 if is_byte(value) => x64!($self, $op Rq($dst.0), BYTE value as i8),
                    W64 => x64!($self, $op Rq($dst.0), DWORD value),
                }
            }
        }
    };
}

/// A scalar float instruction with a register or slot as its second operand.
macro_rules! scalar {
    ($self:ident, $width:expr, $single:tt $double:tt, $dst:expr, $operand:expr) => {
        match ($width, $operand) {
            (W32, Reg(r)) => x64!($self, $single Rx($dst.0), Rx(r.0)),
            (W64, Reg(r)) => x64!($self, $double Rx($dst.0), Rx(r.0)),
            (W32, Mem(at)) => from_memory!($self, at, $single Rx($dst.0)),
            (W64, Mem(at)) => from_memory!($self, at, $double Rx($dst.0)),
            (_, Imm(_)) => unreachable!("float immediates are in a register"),
        }
    };
}
